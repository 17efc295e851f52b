"""The Python API of a model. The command line only calls it and prints the results."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from musegen.api.cells import cells_of
from musegen.api.chord_cells import filled_results
from musegen.api.functions import function_of
from musegen.api.gaps import changed_words
from musegen.api.generated import wanted_of
from musegen.api.inputs import (
    Music,
    read_clip,
    read_described,
    read_ends,
    read_melody,
    read_taps,
    say_misfits,
)
from musegen.api.measured import likeness, of_interpolation, of_variations
from musegen.api.piece import Piece, Pieces, numbered
from musegen.api.scores import read_score_file, taken_results
from musegen.api.signatures import with_options
from musegen.api.text import requested_accompaniment
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.checkpoint.names import find_checkpoint
from musegen.config.autoencoder import VAEConfig
from musegen.config.options import Options, SamplingOptions, VerbOptions, make_options
from musegen.config.verbs import (
    AccompanyArguments,
    AccompanyOptions,
    FillArguments,
    FillOptions,
    GenerateArguments,
    GenerateOptions,
    HumanizeArguments,
    HumanizeOptions,
    InterpolateArguments,
    InterpolateOptions,
    ReconstructArguments,
    ReconstructOptions,
    VaryArguments,
    VaryOptions,
)
from musegen.console import say
from musegen.generation.assemble import join
from musegen.generation.clip_verbs import as_result
from musegen.generation.clips import Clip
from musegen.generation.fill import Controls
from musegen.generation.guidance import LabelRequest
from musegen.music.chord_symbols import chord_symbols

if TYPE_CHECKING:
    from musegen.evaluation.labelling import Classified


@dataclass(frozen=True, repr=False)
class Model:
    """A loaded model.

    Its family determines what it can do: "lm" and "frames" generate pieces, "lm" fills gaps too; "seq2seq"
    accompanies; "vae" generates, reconstructs, interpolates and varies clips; "classifier" classifies;
    "performer" plays scores (humanizes). Any other method raises a CheckpointError that names the right one.
    With the same seed, a method returns the same music as its verb on the command line, byte for byte;
    without one, a random seed is stored in the result. Options left out default to the checkpoint's settings.
    """

    checkpoint: Checkpoint

    @classmethod
    def load(cls, name: str | Path, *, device: str = "cpu") -> "Model":
        """See `musegen.load`."""
        return cls(load_checkpoint(find_checkpoint(str(name)), device=device))

    @property
    def name(self) -> str:
        """Name of the checkpoint folder."""
        return self.checkpoint.path.name

    @property
    def family(self) -> str:
        """One of "lm", "seq2seq", "vae", "classifier", "performer" and "frames"."""
        return self.checkpoint.config.family

    @property
    def clip_bars(self) -> int:
        """Number of bars in a clip; only for clip models (VAE)."""
        return cast(VAEConfig, self.checkpoint.config.model).clip_bars

    def __repr__(self) -> str:
        return f"<model {self.name}, family {self.family}>"

    @overload
    def generate(self, *, num: None = None, **arguments: Unpack[GenerateArguments]) -> Piece: ...
    @overload
    def generate(self, *, num: int, **arguments: Unpack[GenerateArguments]) -> Pieces: ...
    @with_options(GenerateOptions)
    def generate(self, *, num: int | None = None, **arguments: Unpack[GenerateArguments]) -> Piece | Pieces:
        """Generate a new piece or clip, or continue a `prompt` (a file, a Score or a Piece).

        The prompt is kept unchanged. Of its tracks, a model of one line continues the melody alone.

        Returns:
            One `Piece`, or `Pieces` if `num` is set.

        Raises:
            MusegenError: the model is an accompaniment model, or does not support what is requested.
        """
        verb, options, sampling, seed = self._call(
            "generate", GenerateOptions, {"num": 1 if num is None else num, **arguments}
        )
        wanted, finish = wanted_of(self.checkpoint, options, sampling, seed)
        written = finish(verb(self.checkpoint, wanted))
        pieces = numbered(written.results, seed, words=written.words, precision=sampling.precision)
        return pieces if num else self._only(pieces)

    @overload
    def accompany(
        self, tune: Music, *, num: None = None, **arguments: Unpack[AccompanyArguments]
    ) -> Piece: ...
    @overload
    def accompany(self, tune: Music, *, num: int, **arguments: Unpack[AccompanyArguments]) -> Pieces: ...
    @with_options(AccompanyOptions)
    def accompany(
        self, tune: Music, *, num: int | None = None, **arguments: Unpack[AccompanyArguments]
    ) -> Piece | Pieces:
        """Generate accompaniments to a melody, which stays unchanged, note for note; or a kit for a rhythm.

        Args:
            tune: the melody: a file, a Score or a Piece.
            num: number of accompaniments, returned as `Pieces`. Default: one `Piece`.
            **arguments: see below.

        Returns:
            One `Piece`, or `Pieces` if `num` is set, the most likely first.

        Raises:
            MusegenError: the model is not an accompaniment model, or does not support what is requested.
        """
        verb, options, sampling, seed = self._call(
            "accompany", AccompanyOptions, {"num": 1 if num is None else num, **arguments}
        )
        is_kit = self.checkpoint.config.data.taps
        melody = (read_taps if is_kit else read_melody)(tune, options.melody)
        say_misfits("the tune", melody.melody, self.checkpoint.tokenizer)
        results = verb(
            self.checkpoint,
            melody.melody,
            requested_accompaniment(melody, options, self.checkpoint.tokenizer),
            num=options.num,
            prompt=melody.others,
            sampling=sampling,
            seed=seed,
        )
        if chord_symbols(melody.verbatim) and any(chord_symbols(each.score) for each in results):
            say("the chord symbols of the tune are replaced by those of the accompaniment")
        joined = (join(melody.verbatim, each, melody.pad, keeps_tune=not is_kit) for each in results)
        pieces = numbered(joined, seed, precision=sampling.precision)
        return pieces if num else self._only(pieces)

    @overload
    def fill(self, tune: Music, *, num: None = None, **arguments: Unpack[FillArguments]) -> Piece: ...
    @overload
    def fill(self, tune: Music, *, num: int, **arguments: Unpack[FillArguments]) -> Pieces: ...
    @with_options(FillOptions)
    def fill(
        self, tune: Music, *, num: int | None = None, **arguments: Unpack[FillArguments]
    ) -> Piece | Pieces:
        """Fill bars or tracks of a piece with new music; everything else stays unchanged, event for event.

        Args:
            tune: a file, a Score or a Piece.
            num: number of pieces, returned as `Pieces`. Default: one `Piece`.
            **arguments: see below.

        Returns:
            One `Piece`, or `Pieces` if `num` is set, the best first: see `musegen.generation.ranking`.

        Raises:
            MusegenError: the model fills nothing, or does not support what is requested.
        """
        verb, options, sampling, seed = self._call(
            "fill", FillOptions, {"num": 1 if num is None else num, **arguments}
        )
        source, gapped = cells_of(tune, options, self.checkpoint)
        filled = verb(
            self.checkpoint,
            gapped,
            num=options.num,
            rank=options.rank,
            controls=Controls(options.rhythm == "keep", options.contour == "keep", options.density),
            labels=LabelRequest(options.label, options.guidance),
            sampling=sampling,
            seed=seed,
        )
        results = filled_results(source, gapped, filled, density=options.density)
        pieces = numbered(results, seed, words=changed_words(filled), precision=sampling.precision)
        return pieces if num else self._only(pieces)

    @with_options(ReconstructOptions)
    def reconstruct(self, clip: Music, **arguments: Unpack[ReconstructArguments]) -> Piece:
        """Reconstruct a clip of a file, a Score or a Piece; the clip selected from it is reported.

        Raises:
            MusegenError: the model is not a clip model (VAE), or there is no such clip.
        """
        verb, options, sampling, seed = self._call("reconstruct", ReconstructOptions, arguments)
        source = self._clip(clip, options)
        result = verb(self.checkpoint, source, sampling=sampling, seed=seed)
        return Piece(
            f"{self.name}, reconstruction",
            result,
            seed,
            source=self._own("yours", source),
            measured=likeness(source.score, result.score),
            precision=sampling.precision,
        )

    @with_options(InterpolateOptions)
    def interpolate(self, first: Music, last: Music, **arguments: Unpack[InterpolateArguments]) -> Pieces:
        """Interpolate between two clips: both ends are the user's clips, those between are the model's.

        Args:
            first: the first clip: a file, a Score or a Piece.
            last: the last, in the same metre.

        Raises:
            MusegenError: the model is not a clip model (VAE), or the clips differ in metre.
        """
        verb, options, sampling, seed = self._call("interpolate", InterpolateOptions, arguments)
        ends = read_ends(first, last, self.checkpoint, from_bar=options.from_bar, melody=options.melody)
        steps = verb(self.checkpoint, *ends, options.num, path=options.path, sampling=sampling, seed=seed)
        begin, end = (self._own(name, clip) for name, clip in zip("AB", ends, strict=True))
        between = (Piece(str(step), result, seed) for step, result in enumerate(steps.between, start=2))
        pieces = [begin, *between, end]
        reconstructions = [steps.first.score, steps.last.score]
        measured = of_interpolation(
            [piece.score for piece in pieces], [begin.score, end.score], reconstructions
        )
        return Pieces(pieces, seed=seed, measured=measured, precision=sampling.precision)

    @with_options(VaryOptions)
    def vary(self, clip: Music, **arguments: Unpack[VaryArguments]) -> Pieces:
        """Generate variations of a clip, random or with attributes changed by sliders.

        Args:
            clip: a file, a Score or a Piece; the clip selected from it is reported.

        Raises:
            MusegenError: the model is not a clip model (VAE) or has no such slider, or there is no such clip.
        """
        verb, options, sampling, seed = self._call("vary", VaryOptions, arguments)
        source = self._clip(clip, options)
        results = verb(
            self.checkpoint,
            source,
            num=options.num,
            amount=options.amount,
            moves=options.moves,
            sampling=sampling,
            seed=seed,
        )
        measured = of_variations([source.score, *(each.score for each in results)], self.clip_bars)
        own = self._own("yours", source)
        return numbered(results, seed, source=own, measured=measured, precision=sampling.precision)

    def classify(self, music: Music) -> "Classified":
        """The most likely label of music, and the probability of each label.

        Long music is read in windows, whose probabilities are averaged.

        Args:
            music: a file, a Score or a Piece.

        Raises:
            MusegenError: the model is not a classifier, or the music cannot be read.
        """
        classify = function_of(self.checkpoint, "classify")
        return cast("Classified", classify(self.checkpoint, read_described(music)))

    @with_options(HumanizeOptions)
    def humanize(self, score: Music, **arguments: Unpack[HumanizeArguments]) -> Pieces:
        """Play a score: takes of it, in which each note has a shift, a velocity and a length.

        Args:
            score: a file with its notes on the grid, a Score or a Piece; all but its notes stays unchanged.

        Raises:
            MusegenError: the model is not a performer or knows no instrument of the score, or the score was
                played already.
        """
        verb, options, _, seed = self._call("humanize", HumanizeOptions, arguments)
        source = read_score_file(score, self.checkpoint, options.only)
        return numbered(taken_results(source, self.checkpoint, verb, options, seed), seed)

    def _call(
        self, verb: str, kind: type[Options], arguments: Mapping[str, Any]
    ) -> tuple[Callable[..., Any], Options, SamplingOptions, int]:
        """The function of a verb, its options, the sampling settings, and the seed.

        Raises:
            CheckpointError: the family does not have this verb.
            ConfigError: an option is not allowed.
        """
        function, options = function_of(self.checkpoint, verb), make_options(kind, arguments)
        own = options.sampling if isinstance(options, VerbOptions) else {}
        sampling = replace(self.checkpoint.config.sampling, **own)
        if sampling.compiled:
            say("⟨compiled⟩ is no longer needed, and is ignored: the steps of a model are exported instead")
        seed = secrets.randbelow(2**31) if options.seed is None else options.seed
        return function, options, sampling, seed

    def _clip(self, music: Music, options: ReconstructOptions | VaryOptions) -> Clip:
        return read_clip(music, self.checkpoint, from_bar=options.from_bar, melody=options.melody)

    def _own(self, title: str, clip: Clip) -> Piece:
        """The user's clip, unchanged."""
        return Piece(title, as_result(clip, self.clip_bars), None)

    def _only(self, pieces: Pieces) -> Piece:
        """The only piece, titled with the name of the model."""
        return replace(pieces[0], title=self.name)
