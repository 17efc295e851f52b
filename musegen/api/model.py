"""A model as Python users hold it: what the verbs of the command line do, with their flags as arguments."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Unpack, overload

from musegen.api.asked import AskedAccompaniment, AskedPiece, Drawing
from musegen.api.given import Music, read_clip, read_ends, read_melody, read_music
from musegen.api.metres import metre_of
from musegen.api.piece import Piece, Pieces
from musegen.api.pitches import allowed_pitches, key_of
from musegen.api.ranges import check_ranges, check_steps
from musegen.api.writing import (
    check_family,
    new_bars,
    own,
    wanted_accompaniment,
    write_accompaniments,
    write_pieces,
    write_reconstruction,
    write_variations,
)
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.generation.interpolate import interpolate_clips
from musegen.generation.request import Request, Result
from musegen.models.vae import VAE
from musegen.checkpoint.names import find_checkpoint


@dataclass(frozen=True, repr=False)
class Model:
    """A loaded model.

    Its family says what it can do: "lm" generates pieces; "seq2seq" accompanies; "vae" generates clips,
    reconstructs, interpolates and varies. Another method raises a CheckpointError that names the right one.
    With the same seed a method writes what its verb of the command line writes, byte for byte; without one, a
    seed is drawn, and kept in the result.
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

    def __repr__(self) -> str:
        return f"<model {self.name}, family {self.family}>"

    @overload
    def generate(self, *, num: None = None, **asked: Unpack[AskedPiece]) -> Piece: ...
    @overload
    def generate(self, *, num: int, **asked: Unpack[AskedPiece]) -> Pieces: ...
    def generate(
        self,
        *,
        num: int | None = None,
        bars: int | None = None,
        prompt: Music | None = None,
        seed: int | None = None,
        time_signature: str | None = None,
        scale: str | None = None,
        key: str | None = None,
        pitch_range: str | None = None,
        tempo: float | None = None,
        program: int | None = None,
        prior: bool = False,
        **drawing: Unpack[Drawing],
    ) -> Piece | Pieces:
        """Write a new piece, or a new clip, or continue a tune.

        Args:
            num: how many, as `Pieces`. Unset: one `Piece`.
            bars: how many new ones. Unset: 16, or what a model of clips writes.
            prompt: music to continue; it stands unchanged before the new bars.
            seed: repeats the piece exactly.
            time_signature: such as "6/8". Unset: the prompt's, or as the model likes.
            scale: to keep to, such as "D dorian".
            key: to be in, and to end on the tonic of, such as "E minor".
            pitch_range: to keep to, both ends included: "60:84" or "C4:C6".
            tempo: quarters a minute. Unset: the prompt's, or the training data's median.
            program: General MIDI program that plays, from 0. Unset: the prompt's, or as in the training data.
            prior: of a model of clips: draw from all of its latent space.
            **drawing: temperature, top_k, top_p, min_p, min_p_new, diatonic, precision, compiled.

        Raises:
            MusegenError: the model is an accompanist, or cannot write what is asked for.
        """
        check_family(self.checkpoint, "lm", "vae")
        check_ranges(num=num, bars=bars, seed=seed, tempo=tempo, program=program)
        bars = new_bars(self.checkpoint, bars, has_prompt=prompt is not None, prior=prior)
        metre, pitches = metre_of(time_signature), allowed_pitches(scale, pitch_range)
        wanted = key_of(key, scale=scale, prompt=prompt)
        seed = _seed(seed)
        results, _ = write_pieces(
            self.checkpoint,
            Request(bars, metre, pitches, tempo, program),
            num=num or 1,
            prompt=None if prompt is None else read_music("prompt", prompt),
            key=wanted,
            sampling=self._sampling(drawing),
            seed=seed,
            prior=prior,
        )
        return _numbered(results, seed) if num else Piece(self.name, results[0], seed)

    @overload
    def accompany(self, tune: Music, *, num: None = None, **asked: Unpack[AskedAccompaniment]) -> Piece: ...
    @overload
    def accompany(self, tune: Music, *, num: int, **asked: Unpack[AskedAccompaniment]) -> Pieces: ...
    def accompany(
        self,
        tune: Music,
        *,
        num: int | None = None,
        melody: str | None = None,
        prompt_bars: int = 0,
        chords: str | None = None,
        plan_temperature: float | None = None,
        seed: int | None = None,
        scale: str | None = None,
        pitch_range: str | Sequence[str] = (),
        **drawing: Unpack[Drawing],
    ) -> Piece | Pieces:
        """Write the rest of the music to a tune, which itself stays as it is, note for note.

        Args:
            tune: a file with it, a Score, or what another model wrote.
            num: how many, the likeliest first, as `Pieces`. Unset: one `Piece`.
            melody: the tune's track, by name or by number from 1. Unset: found out, and said.
            prompt_bars: bars of the music's own accompaniment to keep at the beginning.
            chords: one a bar, or two with a comma between, such as "C Am F,G C".
            plan_temperature: how freely a model that plans chords draws them. Unset: 0, the likeliest.
            seed: repeats the accompaniment exactly.
            scale: to keep to, such as "D dorian".
            pitch_range: for all or for a part, one or several: "36:84", "bass=36:60".
            **drawing: temperature, top_k, top_p, min_p, min_p_new, diatonic, precision, compiled.

        Raises:
            MusegenError: the model is no accompanist, or cannot write what is asked for.
        """
        check_family(self.checkpoint, "seq2seq")
        check_ranges(melody=melody, num=num, prompt_bars=prompt_bars, seed=seed)
        ranges = (pitch_range,) if isinstance(pitch_range, str) else tuple(pitch_range)
        given, seed = read_melody("tune", tune, melody), _seed(seed)
        wanted = wanted_accompaniment(
            self.checkpoint,
            given,
            scale=scale,
            pitch_range=ranges,
            prompt_bars=prompt_bars,
            chords=chords,
            plan_temperature=plan_temperature,
        )
        results = write_accompaniments(
            self.checkpoint, given, wanted, num=num or 1, sampling=self._sampling(drawing), seed=seed
        )
        return _numbered(results, seed) if num else Piece(self.name, results[0], seed)

    def reconstruct(
        self,
        clip: Music,
        *,
        from_bar: int | None = None,
        melody: str | None = None,
        seed: int | None = None,
        **drawing: Unpack[Drawing],
    ) -> Piece:
        """A clip as the model gives it back.

        Args:
            clip: a file, a Score, or what another model wrote; what is taken of it is said.
            from_bar: the clip's first bar, from 1. Unset: the first in which the tune has a note.
            melody: the tune's track, by name or by number from 1. Unset: found out, and said.
            seed: repeats what is drawn, where the temperature is above 0.
            **drawing: temperature, top_k, top_p, min_p, min_p_new, diatonic, precision, compiled.

        Raises:
            MusegenError: the model is none of clips, or there is no such clip.
        """
        check_family(self.checkpoint, "vae")
        check_ranges(from_bar=from_bar, melody=melody, seed=seed)
        taken, seed = read_clip("clip", clip, self.checkpoint, from_bar=from_bar, melody=melody), _seed(seed)
        result = write_reconstruction(
            self.checkpoint, taken, sampling=self._sampling(drawing, greedy=True), seed=seed
        )
        return Piece(f"{self.name}, given back", result, seed)

    def interpolate(
        self,
        first: Music,
        last: Music,
        *,
        num: int = 9,
        from_bar: int | Sequence[int] = (),
        melody: str | None = None,
        path: Literal["both", "spherical", "linear"] = "both",
        seed: int | None = None,
        **drawing: Unpack[Drawing],
    ) -> Pieces:
        """The way from one clip to another: both ends are the user's own, between them lie the model's.

        Args:
            first: where to begin.
            last: where to end, in the same metre.
            num: how many clips, both ends included: from 2 to 128.
            from_bar: the first bar of both clips, or of each, from 1. Unset: the first with a note.
            melody: the tune's track in both, by name or by number from 1. Unset: found out, and said.
            path: along the arc, the straight line, or whichever leads on more evenly, step by step.
            seed: repeats what is drawn, where the temperature is above 0.
            **drawing: temperature, top_k, top_p, min_p, min_p_new, diatonic, precision, compiled.

        Raises:
            MusegenError: the model is none of clips, or the clips differ in metre.
        """
        check_family(self.checkpoint, "vae")
        assert isinstance(self.checkpoint.model, VAE)
        check_steps(num)
        bars = (from_bar,) if isinstance(from_bar, int) else tuple(from_bar)
        check_ranges(from_bar=bars, melody=melody, seed=seed)
        ends = read_ends(first, last, self.checkpoint, from_bar=bars, melody=melody)
        seed = _seed(seed)
        way = interpolate_clips(
            self.checkpoint.model,
            self.checkpoint.tokenizer,
            *ends,
            num,
            path=path,
            sampling=self._sampling(drawing, greedy=True),
            seed=seed,
        )
        begin, end = (own(clip, self.checkpoint.model.clip_bars) for clip in ends)
        between = (Piece(str(step), result, seed) for step, result in enumerate(way.between, start=2))
        return Pieces([Piece("A", begin, None), *between, Piece("B", end, None)])

    def vary(
        self,
        clip: Music,
        *,
        num: int | None = None,
        amount: float | None = None,
        density: float | None = None,
        spread: float | None = None,
        complexity: float | None = None,
        pitch: float | None = None,
        from_bar: int | None = None,
        melody: str | None = None,
        seed: int | None = None,
        **drawing: Unpack[Drawing],
    ) -> Pieces:
        """Clips like one of the user's, or with more or less of something.

        Args:
            clip: a file, a Score, or what another model wrote; what is taken of it is said.
            num: how many. Unset: 4, or 1 where nothing is drawn.
            amount: how far to go: 0 is the clip as given back, 1 any clip. Unset: 0.3, or 0 with sliders.
            density: so many notes a bar more, or fewer.
            spread: so many semitones more from the lowest note to the highest, or fewer.
            complexity: so much more of the rhythm uneven, from 0 to 1, or less.
            pitch: so many semitones higher, or lower, on the whole.
            from_bar: the clip's first bar, from 1. Unset: the first in which the tune has a note.
            melody: the tune's track, by name or by number from 1. Unset: found out, and said.
            seed: repeats the variations exactly.
            **drawing: temperature, top_k, top_p, min_p, min_p_new, diatonic, precision, compiled.

        Raises:
            MusegenError: the model is none of clips or has no such slider, or there is no such clip.
        """
        check_family(self.checkpoint, "vae")
        sliders = {"density": density, "spread": spread, "complexity": complexity, "pitch": pitch}
        moves = {name: move for name, move in sliders.items() if move is not None}
        check_ranges(num=num, amount=amount, from_bar=from_bar, melody=melody, seed=seed, **moves)
        taken, seed = read_clip("clip", clip, self.checkpoint, from_bar=from_bar, melody=melody), _seed(seed)
        results = write_variations(
            self.checkpoint,
            taken,
            num=num,
            amount=amount,
            moves=moves,
            sampling=self._sampling(drawing, greedy=True),
            seed=seed,
        )
        return _numbered(results, seed)

    def _sampling(self, drawing: Drawing, *, greedy: bool = False) -> SamplingOptions:
        """The checkpoint's settings, but for what was given; greedy: with temperature 0 unless it was."""
        default = self.checkpoint.config.sampling
        return replace(replace(default, temperature=0.0) if greedy else default, **drawing)


def _numbered(results: Iterable[Result], seed: int) -> Pieces:
    return Pieces(Piece(str(number), result, seed) for number, result in enumerate(results, start=1))


def _seed(seed: int | None) -> int:
    """The seed given, or a new one."""
    return secrets.randbelow(2**31) if seed is None else seed
