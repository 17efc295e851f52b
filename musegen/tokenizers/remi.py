"""REMI tokens (Huang and Yang 2020, arXiv:2002.00212) of MidiTok, behind the interface of musegen.

The vocabulary, the ids of a score and the score of ids are those of MidiTok, but made here, vectorised;
MidiTok is loaded only to compare with it.

MidiTok's grid is per beat of the metre, so 24 positions per beat are 12 per quarter note in 2/2, 24 in 4/4
and 48 in 6/8: triplets and 16ths are exact in each. A stream is
BOS (Bar TimeSig (Position Tempo? ([Program] Pitch [MicroTiming] [Velocity] Duration)+)*)+ EOS.
With `shift`, the positions are those of the score, and MicroTiming, which MidiTok does not have, is where a
note is played beside its position; see `played.py`.
With `lengths` there is also a BOS for each number of bars, which MidiTok does not have: a model conditioned
on the length at the start can end the piece there. `encode` uses the BOS without a length.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from symusic.core import ScoreTick, TrackTick

from musegen.config.settings import TokenizerConfig
from musegen.errors import MusegenError, TokenError, attempt
from musegen.tokenizers.parts import Metre, Part, match_parts, reading_saved, sort_metres, with_common
from musegen.tokenizers.played import with_positions
from musegen.tokenizers.remi_decoder import RemiDecoder
from musegen.tokenizers.remi_encoder import RemiIds, encode_music
from musegen.tokenizers.remi_grid import GridPiece, RemiGrid, Scale
from musegen.tokenizers.remi_vocabulary import miditok_remi, remi_vocabulary, shifts, tempos, velocities
from musegen.tokenizers.tables import DRUMS, POSITIONS_PER_BEAT, Ints, Kind, Tables, build_tables

if TYPE_CHECKING:
    import miditok

MOST_BARS = 128
"""The largest number of bars that has a BOS of its own."""

ENCODE_BATCH = 32
"""Pieces encoded at once: enough to share the overhead of each call, few enough for the CPU cache."""


class RemiTokenizer:
    """Scores to ids and back. `build` makes one for a dataset, `from_dict` loads a saved one.

    Tracks of one program are decoded as one track, unless the tokenizer has `parts`: then the program
    tokens stand for parts, so that the four voices of a choir stay separate.
    """

    kind: ClassVar[Literal["remi", "free"]] = "remi"
    default_tempo: ClassVar[float] = 120.0
    """BPM where a stream has none."""

    def __init__(
        self, config: TokenizerConfig, time_signatures: Iterable[Metre], parts: Sequence[Part] = ()
    ) -> None:
        """Make the tokenizer of `config` (with `programs` set) with `time_signatures` in its vocabulary."""
        self.config = config
        self.parts = tuple(parts)
        self.time_signatures = sort_metres(time_signatures)
        self.vocab: list[str] = remi_vocabulary(config, self.time_signatures)
        if config.lengths:
            self.vocab += [f"BOS_{bars}" for bars in range(1, MOST_BARS + 1)]
        self.vocab_size = len(self.vocab)
        self.tables: Tables = build_tables(self.vocab)
        self.pad_id, self.bos_id, self.eos_id = map(self.vocab.index, ("PAD_None", "BOS_None", "EOS_None"))
        self._ids = RemiIds.of(self.tables, self.time_signatures)
        self._decoder = RemiDecoder.of(self.vocab, self.tables, self.default_tempo)
        if self.parts:  # program ids beyond the parts are unused, except drums
            unused = (self.tables.program >= len(self.parts)) & (self.tables.program < DRUMS)
            self.tables = self.tables._replace(program=np.where(unused, -1, self.tables.program))
        self._grid = RemiGrid(
            durations=Scale.of(self.tables.duration[self._ids.duration]),
            velocities=Scale.of(velocities() if config.velocity else []),
            tempos=Scale.of(60e6 / tempos() if config.tempo else []),
            shifts=Scale.of(shifts() if config.shift else []),
            is_exact=bool(config.shift) or config.kind == "free",
        )

    @classmethod
    def build(
        cls,
        config: TokenizerConfig,
        *,
        time_signatures: Iterable[Metre],
        programs: Sequence[int],
        parts: Sequence[Part] = (),
    ) -> "RemiTokenizer":
        """Fit a tokenizer to a dataset.

        Args:
            config: its `programs` default to whether the dataset has drums, several programs or parts.
            time_signatures: metres of the dataset, added to the common ones up to `LONGEST_BAR` beats;
                pieces in a longer metre cannot be encoded.
            programs: programs of the dataset, -1 for drums.
            parts: named tracks that share programs, if there are any; used unless `programs` of the
                configuration is off.
        """
        several = len(programs) > 1 or -1 in programs or bool(parts)
        wanted = several if config.programs is None else config.programs
        flags = {name: bool(getattr(config, name)) for name in ("velocity", "shift", "lengths")}
        config = replace(config, kind=cls.kind, programs=wanted, **flags)
        return cls(config, with_common(time_signatures), parts if config.programs else ())

    def bos_of(self, bars: int) -> int:
        """The BOS id of a piece of `bars` bars; the general BOS if there is none for this length."""
        found = np.flatnonzero(self.tables.bars == bars)
        return int(found[0]) if len(found) else int(self.bos_id)

    def encode(self, score: ScoreTick) -> Ints:
        """Ids of a tidy score, from BOS to EOS, (T,).

        Onsets and durations are rounded to the grid; without programs, drums are dropped and all other
        tracks share one stream. Less obvious behaviour of MidiTok: of notes with equal voice, onset and
        pitch the shortest is kept; bars in which the last note is only held are not written; with
        tempos, there is one at the start (120 if the score has none), and a mark that repeats the
        tempo is written again.

        Raises:
            TokenError: a metre outside the vocabulary, or nothing to encode.
        """
        return encode_music(self._grid.place([self._read(score)]), self._ids)[0]

    def encode_all(self, scores: Iterable[ScoreTick | MusegenError]) -> list[Ints | MusegenError]:
        """As `encode`, for many scores: several times faster for short ones.

        Returns:
            the ids of each score, or its error; errors among `scores` are passed on.
        """
        read = [each if isinstance(each, MusegenError) else attempt(self._read, each) for each in scores]
        pieces = [piece for piece in read if not isinstance(piece, MusegenError)]
        streams: list[Ints] = []
        for begin in range(0, len(pieces), ENCODE_BATCH):
            streams += encode_music(self._grid.place(pieces[begin : begin + ENCODE_BATCH]), self._ids)
        encoded = iter(streams)
        return [piece if isinstance(piece, MusegenError) else next(encoded) for piece in read]

    def _read(self, score: ScoreTick) -> GridPiece:
        """The content of a score that is encoded.

        Raises:
            TokenError: a metre outside the vocabulary, or nothing to encode.
        """
        changes = tuple((mark.time, mark.numerator, mark.denominator) for mark in score.time_signatures)
        for _, beats, unit in changes:
            if (beats, unit) not in self._ids.metre:
                raise TokenError(f"time signature {beats}/{unit} is not in the vocabulary of the tokenizer")
        tracks = [track for track in score.tracks if len(track.notes)]
        if not self.config.programs:
            voices = [(0, track.notes.numpy()) for track in tracks if not track.is_drum]
        else:
            numbers = self.stream_programs(tracks)
            voices = [(number, track.notes.numpy()) for number, track in zip(numbers, tracks, strict=True)]
        if not voices:
            raise TokenError("the score has no notes that this tokenizer can encode (drums need programs)")
        tempos = score.tempos.numpy() if self.config.tempo else {}
        if self.config.shift:
            parts = min(
                POSITIONS_PER_BEAT * min([4, *(unit for *_, unit in changes)]) // 4, POSITIONS_PER_BEAT
            )
            voices = with_positions(voices, score.ticks_per_quarter, parts)
        return GridPiece(score.ticks_per_quarter, changes, tempos, voices)

    def stream_programs(self, tracks: Sequence[TrackTick]) -> list[int]:
        """The number of each track in the stream: `DRUMS`, that of its part, or its program.

        Parts are matched by name and program, else by name, else the first free part of the program.

        Raises:
            TokenError: a track matches none of the parts.
        """
        if not self.parts:
            return [DRUMS if track.is_drum else track.program for track in tracks]
        numbers = iter(match_parts([track for track in tracks if not track.is_drum], self.parts))
        return [DRUMS if track.is_drum else next(numbers) for track in tracks]

    def decode(self, ids: npt.ArrayLike, *, ticks_per_quarter: int = 480) -> ScoreTick:
        """The score of a stream of ids, BOS, EOS and padding ignored.

        Args:
            ids: (T,).
            ticks_per_quarter: of the score returned.

        Raises:
            TokenError: an id outside the vocabulary.
        """
        score = self._decoder.decode(self.tables.checked(ids))
        for track in score.tracks:
            if self.parts and not track.is_drum and track.program < len(self.parts):
                track.name, track.program = self.parts[track.program]
        return score.resample(ticks_per_quarter, min_dur=1)

    def count_errors(self, ids: npt.ArrayLike) -> float:
        """MidiTok's measure of invalid successions (type, time, duplicate notes) in a stream, 0 to 1."""
        errors = self.miditok.tokens_errors(self.miditok_sequence(ids))
        return float(errors if isinstance(errors, int | float) else sum(errors))

    @cached_property
    def miditok(self) -> "miditok.REMI":
        """MidiTok's tokenizer with the same vocabulary, except shifts and BOS with a length."""
        return miditok_remi(self.config, self.time_signatures)

    def miditok_sequence(self, ids: npt.ArrayLike) -> Any:
        """Ids in MidiTok's format: without BOS, EOS, padding and shifts."""
        from miditok import TokSequence

        array = np.asarray(ids, dtype=np.int64)
        kind = self.tables.kind[array]
        sequence = TokSequence(ids=array[(kind >= Kind.BAR) & (kind != Kind.SHIFT)].tolist())
        return sequence if self.miditok.config.one_token_stream_for_programs else [sequence]

    def to_dict(self) -> dict[str, Any]:
        """The content of tokenizer.json, vocabulary included."""
        return {
            "format_version": 1,
            "kind": self.kind,
            "programs": bool(self.config.programs),
            "velocity": bool(self.config.velocity),
            **({"shift": True} if self.config.shift else {}),
            "tempo": self.config.tempo,
            "lengths": bool(self.config.lengths),
            "parts": [list(part) for part in self.parts],
            "positions_per_beat": POSITIONS_PER_BEAT,
            "time_signatures": [f"{n}/{d}" for n, d in self.time_signatures],
            "vocab": self.vocab,
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "RemiTokenizer":
        """Rebuild a saved tokenizer.

        Raises:
            TokenError: an unknown kind, or a vocabulary that this version builds differently.
        """
        with reading_saved(saved, cls.kind) as (metres, parts):
            written = {name: saved[name] for name in ("programs", "velocity", "tempo")}
            written |= {name: bool(saved.get(name)) for name in ("lengths", "shift")}
            config = TokenizerConfig(kind=cls.kind, **written)
            tokenizer = cls(config, metres, parts)
            vocab = saved["vocab"]
        if tokenizer.vocab != vocab:
            raise TokenError(
                "this musegen builds another vocabulary than the saved one; "
                "install the version of musegen that wrote it"
            )
        return tokenizer
