"""A model as Python users hold it. The command line does nothing but call it and print."""

import inspect
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, Unpack, cast, overload

from musegen.api.datasets import training_dataset
from musegen.api.inputs import GivenTune, Music, read_clip, read_ends, read_melody, read_music
from musegen.api.measured import likeness, of_interpolation, of_variations
from musegen.api.piece import Piece, Pieces
from musegen.api.text import allowed_pitches, chords_of, common_pitches, key_of, metre_of, part_pitches
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.checkpoint.names import find_checkpoint
from musegen.config.options import (
    AccompanyArguments,
    AccompanyOptions,
    GenerateArguments,
    GenerateOptions,
    InterpolateArguments,
    InterpolateOptions,
    Options,
    ReconstructArguments,
    ReconstructOptions,
    SamplingOptions,
    VaryArguments,
    VaryOptions,
    field_help,
    make_options,
)
from musegen.config.settings import VAEConfig
from musegen.data.training_index import open_training_index
from musegen.errors import CheckpointError
from musegen.families import families_that, family_of, load
from musegen.generation.accompany import PLAN_TEMPERATURE, Accompaniment
from musegen.generation.assemble import join
from musegen.generation.clips import Clip
from musegen.generation.from_checkpoint import Wanted, as_result
from musegen.generation.request import Result
from musegen.music.metre import bar_ticks

F = TypeVar("F", bound=Callable[..., Any])


def _takes(kind: type) -> Callable[[F], F]:
    """Give a method the options of its verb, for `help` and for notebooks: they are declared once."""

    def with_options(method: F) -> F:
        own = [
            each for each in inspect.signature(method).parameters.values() if each.kind != each.VAR_KEYWORD
        ]
        names = {each.name for each in own}
        options = [each for each in fields(kind) if each.name not in names and "group" not in each.metadata]
        defaults = {each.name: None if each.default is MISSING else each.default for each in options}
        options += fields(SamplingOptions)
        signature = own + [
            inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults.get(each.name),
                annotation=each.type,
            )
            for each in options
        ]
        told = field_help(kind) | field_help(SamplingOptions)
        lines = [f"    {each.name}: {' '.join(told[each.name].split())}" for each in options]
        text = re.sub(r"--([a-z-]+)", lambda flag: flag[1].replace("-", "_"), "\n".join(lines))
        method.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
        method.__doc__ = f"{inspect.cleandoc(method.__doc__ or '')}\n\nOptions:\n{text}\n"
        return method

    return with_options


@dataclass(frozen=True, repr=False)
class Model:
    """A loaded model.

    Its family says what it can do: "lm" generates pieces; "seq2seq" accompanies; "vae" generates clips,
    reconstructs, interpolates and varies. Another method raises a CheckpointError that names the right one.
    With the same seed a method writes what its verb of the command line writes, byte for byte; without one, a
    seed is drawn, and kept in the result. Options left out, or None, are the checkpoint's.
    """

    checkpoint: Checkpoint

    @classmethod
    def load(cls, name: str | Path, *, device: str = "cpu") -> "Model":
        """See `musegen.load`."""
        return cls(load_checkpoint(find_checkpoint(str(name)), device=device))

    @property
    def name(self) -> str:
        """Of the checkpoint's folder."""
        return self.checkpoint.path.name

    @property
    def family(self) -> str:
        """One of "lm", "seq2seq" and "vae"."""
        return self.checkpoint.config.family

    @property
    def clip_bars(self) -> int:
        """Bars of a clip, of a model of clips."""
        return cast(VAEConfig, self.checkpoint.config.model).clip_bars

    def __repr__(self) -> str:
        return f"<model {self.name}, family {self.family}>"

    @overload
    def generate(self, *, num: None = None, **arguments: Unpack[GenerateArguments]) -> Piece: ...
    @overload
    def generate(self, *, num: int, **arguments: Unpack[GenerateArguments]) -> Pieces: ...
    @_takes(GenerateOptions)
    def generate(self, *, num: int | None = None, **arguments: Unpack[GenerateArguments]) -> Piece | Pieces:
        """Write a new piece, or a new clip, or continue a tune (`prompt`: a file, a Score or a Piece).

        Returns:
            One `Piece`, or where `num` says how many, `Pieces`.

        Raises:
            MusegenError: the model is an accompanist, or cannot write what is asked for.
        """
        verb, options, sampling, seed = self._call(
            "generate", GenerateOptions, {"num": 1 if num is None else num, **arguments}
        )
        key = key_of(options.key, scale=options.scale, prompt=options.prompt)
        known = None
        if options.max_copy:
            known = open_training_index(training_dataset(options.against or str(self.checkpoint.path))).known
        wanted = Wanted(
            seed=seed,
            num=options.num,
            bars=options.bars,
            time_signature=metre_of(options.time_signature),
            pitches=allowed_pitches(options.scale, options.pitch_range),
            tempo=options.tempo,
            program=options.program,
            prompt=None if options.prompt is None else read_music("prompt", options.prompt),
            key=key,
            prior=options.prior,
            known=known,
            max_copy=options.max_copy or 0,
            sampling=sampling,
        )
        written = verb(self.checkpoint, wanted)
        pieces = _numbered(written.results, seed, words=written.words, precision=sampling.precision)
        return pieces if num else self._only(pieces)

    @overload
    def accompany(
        self, tune: Music | GivenTune, *, num: None = None, **arguments: Unpack[AccompanyArguments]
    ) -> Piece: ...
    @overload
    def accompany(
        self, tune: Music | GivenTune, *, num: int, **arguments: Unpack[AccompanyArguments]
    ) -> Pieces: ...
    @_takes(AccompanyOptions)
    def accompany(
        self, tune: Music | GivenTune, *, num: int | None = None, **arguments: Unpack[AccompanyArguments]
    ) -> Piece | Pieces:
        """Write the rest of the music to a tune, which itself stays as it is, note for note.

        Args:
            tune: a file with it, a Score, or what another model wrote.
            num: how many, as `Pieces`. Unset: one `Piece`.
            **arguments: see below.

        Returns:
            One `Piece`, or where `num` says how many, `Pieces`, the likeliest first.

        Raises:
            MusegenError: the model is no accompanist, or cannot write what is asked for.
        """
        verb, options, sampling, seed = self._call(
            "accompany", AccompanyOptions, {"num": 1 if num is None else num, **arguments}
        )
        given = tune if isinstance(tune, GivenTune) else read_melody("tune", tune, options.melody)
        results = verb(
            self.checkpoint,
            given.melody,
            self._accompaniment(given, options),
            num=options.num,
            prompt=given.others,
            sampling=sampling,
            seed=seed,
        )
        joined = [join(given.given, each, given.pickup) for each in results]
        pieces = _numbered(joined, seed, precision=sampling.precision)
        return pieces if num else self._only(pieces)

    @_takes(ReconstructOptions)
    def reconstruct(self, clip: Music, **arguments: Unpack[ReconstructArguments]) -> Piece:
        """A clip as the model gives it back.

        Args:
            clip: a file, a Score, or what another model wrote; what is taken of it is said.

        Raises:
            MusegenError: the model is none of clips, or there is no such clip.
        """
        verb, options, sampling, seed = self._call("reconstruct", ReconstructOptions, arguments)
        taken = self._clip(clip, options)
        result = verb(self.checkpoint, taken, sampling=sampling, seed=seed)
        return Piece(
            f"{self.name}, given back",
            result,
            seed,
            source=self._own("yours", taken),
            measured=likeness(taken.score, result.score),
            precision=sampling.precision,
        )

    @_takes(InterpolateOptions)
    def interpolate(self, first: Music, last: Music, **arguments: Unpack[InterpolateArguments]) -> Pieces:
        """The way from one clip to another: both ends are the user's own, between them lie the model's.

        Args:
            first: where to begin.
            last: where to end, in the same metre.

        Raises:
            MusegenError: the model is none of clips, or the clips differ in metre.
        """
        verb, options, sampling, seed = self._call("interpolate", InterpolateOptions, arguments)
        ends = read_ends(first, last, self.checkpoint, from_bar=options.from_bar, melody=options.melody)
        way = verb(self.checkpoint, *ends, options.num, path=options.path, sampling=sampling, seed=seed)
        begin, end = (self._own(name, clip) for name, clip in zip("AB", ends, strict=True))
        between = (Piece(str(step), result, seed) for step, result in enumerate(way.between, start=2))
        pieces = [begin, *between, end]
        measured = of_interpolation(
            [piece.score for piece in pieces],
            [clip.score for clip in ends],
            [way.first.score, way.last.score],
        )
        return Pieces(pieces, seed=seed, measured=measured, precision=sampling.precision)

    @_takes(VaryOptions)
    def vary(self, clip: Music, **arguments: Unpack[VaryArguments]) -> Pieces:
        """Clips like one of the user's, or with more or less of something.

        Args:
            clip: a file, a Score, or what another model wrote; what is taken of it is said.

        Raises:
            MusegenError: the model is none of clips or has no such slider, or there is no such clip.
        """
        verb, options, sampling, seed = self._call("vary", VaryOptions, arguments)
        taken = self._clip(clip, options)
        results = verb(
            self.checkpoint,
            taken,
            num=options.num,
            amount=options.amount,
            moves=options.moves,
            sampling=sampling,
            seed=seed,
        )
        scores = [taken.score, *(result.score for result in results)]
        return _numbered(
            results,
            seed,
            source=self._own("yours", taken),
            measured=of_variations(scores, self.clip_bars),
            precision=sampling.precision,
        )

    def _call(
        self, verb: str, kind: type[Options], arguments: Mapping[str, Any]
    ) -> tuple[Callable[..., Any], Options, SamplingOptions, int]:
        """What the model's family does for a verb, the options for it, how to draw, and the seed.

        Raises:
            CheckpointError: the family has no such verb.
            ConfigError: an option is out of range.
        """
        family = family_of(self.family)
        if verb not in family.verbs:
            raise CheckpointError(
                f"checkpoint {self.checkpoint.path} is of family {self.family}, not "
                f"{' or '.join(families_that(verb))}: use musegen {family.advice}"
            )
        options = make_options(kind, arguments)
        sampling = replace(self.checkpoint.config.sampling, **options.sampling)
        seed = secrets.randbelow(2**31) if options.seed is None else options.seed
        return load(family.verbs[verb]), options, sampling, seed

    def _clip(self, music: Music, options: ReconstructOptions | VaryOptions) -> Clip:
        return read_clip("clip", music, self.checkpoint, from_bar=options.from_bar, melody=options.melody)

    def _own(self, title: str, clip: Clip) -> Piece:
        """The user's clip, as it is."""
        return Piece(title, as_result(clip, self.clip_bars), None)

    def _accompaniment(self, tune: GivenTune, options: AccompanyOptions) -> Accompaniment:
        """What accompaniment is wanted of a tune, from what was typed."""
        temperature = options.plan_temperature
        parts = [part.name for part in self.checkpoint.tokenizer.parts]
        bars = len(bar_ticks(tune.melody)) - 1
        return Accompaniment(
            pitches=common_pitches(options.scale, options.pitch_range),
            part_pitches=part_pitches(options.pitch_range, parts),
            prompt_bars=options.prompt_bars,
            chords=chords_of(options.chords, bars) if options.chords is not None else (),
            plan_temperature=PLAN_TEMPERATURE if temperature is None else temperature,
        )

    def _only(self, pieces: Pieces) -> Piece:
        """The one piece, by the model's name."""
        return replace(pieces[0], title=self.name)


def _numbered(results: Iterable[Result], seed: int, **more: Any) -> Pieces:
    pieces = (Piece(str(number), result, seed) for number, result in enumerate(results, start=1))
    return Pieces(pieces, seed=seed, **more)
