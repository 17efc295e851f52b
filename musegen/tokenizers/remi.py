"""REMI tokens (Huang and Yang 2020, arXiv:2002.00212) as MidiTok has them, behind the facade musegen uses.

The vocabulary and decoding are MidiTok's own; encoding is ours, vectorised, and writes the same ids.

MidiTok's grid is per beat of the metre, so 24 positions a beat are 12 a quarter in 2/2, 24 in 4/4
and 48 in 6/8: triplets and 16ths are exact in each. A stream is
BOS (Bar TimeSig (Position Tempo? ([Program] Pitch [Velocity] Duration)+)*)+ EOS.
With `lengths` there is a BOS for each number of bars too, which MidiTok does not have: a model that is told
at the start how long a piece is brings it to its end there. `encode` leaves it open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from symusic.core import ScoreTick, TrackTick

from musegen.config.settings import TokenizerConfig
from musegen.errors import MusegenError, TokenError, attempt
from musegen.tokenizers.parts import Metre, Part, match_parts, reading_saved, sort_metres, with_common
from musegen.tokenizers.remi_encoder import RemiIds, encode_music
from musegen.tokenizers.remi_grid import GridPiece, RemiGrid, Scale
from musegen.tokenizers.tables import DRUMS, POSITIONS_PER_BEAT, Ints, Kind, Tables, build_tables

MOST_BARS = 128
"""Bars up to which the length of a piece can be told."""

TOGETHER_IDS = 32
"""Pieces encoded at once: enough to share the cost of each call, few enough to stay in the cache."""


class RemiTokenizer:
    """Scores to ids and back. `build` makes one for a dataset, `from_dict` loads a saved one.

    Tracks of one program share it in the stream and come back as one track, unless the tokenizer has
    `parts`: then the program tokens stand for these, so that four voices of one choir stay four.
    """

    kind = "remi"

    def __init__(
        self, config: TokenizerConfig, time_signatures: Iterable[Metre], parts: Sequence[Part] = ()
    ) -> None:
        """Make the tokenizer of `config` (its `programs` set) that knows `time_signatures`."""
        import miditok

        self.config = config
        self.parts = tuple(parts)
        self.time_signatures = sort_metres(time_signatures)
        numerators = {
            d: [n for n, unit in self.time_signatures if unit == d] for _, d in self.time_signatures
        }
        self._remi = miditok.REMI(
            miditok.TokenizerConfig(
                pitch_range=(0, 127),
                # Exact to 4 beats; longer notes to a quarter of a beat, and beyond 16 to the beat.
                beat_res={(0, 4): POSITIONS_PER_BEAT, (4, 16): 4, (16, 64): 1},
                special_tokens=["PAD", "BOS", "EOS"],
                use_velocities=config.velocity,
                num_velocities=32,
                use_tempos=config.tempo,
                num_tempos=64,
                tempo_range=(30, 300),
                log_tempos=True,
                use_time_signatures=True,
                time_signature_range=numerators,
                use_programs=bool(config.programs),
                one_token_stream_for_programs=True,
                use_pitchdrum_tokens=bool(config.programs),
                drums_pitch_range=(0, 127),
                remove_duplicated_notes=True,
                use_sustain_pedals=False,
                use_pitch_bends=False,
            )
        )
        ids = self._remi.vocab
        self.vocab: list[str] = sorted(ids, key=lambda token: int(ids[token]))
        if config.lengths:
            self.vocab += [f"BOS_{bars}" for bars in range(1, MOST_BARS + 1)]
        self.vocab_size = len(self.vocab)
        self.tables: Tables = build_tables(self.vocab)
        self.pad_id, self.bos_id, self.eos_id = (ids[f"{name}_None"] for name in ("PAD", "BOS", "EOS"))
        self._ids = RemiIds.of(self.tables, self.time_signatures)
        if self.parts:  # programs beyond the parts mean nothing, drums aside
            unused = (self.tables.program >= len(self.parts)) & (self.tables.program < DRUMS)
            self.tables = self.tables._replace(program=np.where(unused, -1, self.tables.program))
        self._grid = RemiGrid(
            durations=Scale.of(self.tables.duration[self._ids.duration]),
            velocities=Scale.of(self._remi.velocities),
            tempos=Scale.of(60e6 / self._remi.tempos if config.tempo else []),
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
            config: `programs` unset means: only where `programs` holds drums or several.
            time_signatures: metres of the dataset, added to the common ones up to `LONGEST_BAR` beats;
                a piece in a longer metre cannot be encoded.
            programs: programs of the dataset, -1 for drums.
            parts: named tracks that share programs, if the dataset has such; used unless `programs` of
                the configuration is off.
        """
        several = len(programs) > 1 or -1 in programs or bool(parts)
        wanted = several if config.programs is None else config.programs
        config = replace(config, kind="remi", programs=wanted, lengths=bool(config.lengths))
        return cls(config, with_common(time_signatures), parts if config.programs else ())

    def bos_of(self, bars: int) -> int:
        """The id with which a piece of so many bars begins; that of any length where it cannot be told."""
        found = np.flatnonzero(self.tables.bars == bars)
        return int(found[0]) if len(found) else int(self.bos_id)

    def encode(self, score: ScoreTick) -> Ints:
        """Ids of a tidy score, from BOS to EOS, (T,).

        Onsets and durations are rounded to the grid; without programs, drums are left out and all
        other tracks share one stream. What MidiTok does and one might not expect: of notes that fall
        together in one voice on one pitch the shortest is kept; bars in which the last note only rings
        on are not written; where tempos are, one stands at the start (120 if the score has none there),
        and a mark that repeats the tempo is written again.

        Raises:
            TokenError: a metre this tokenizer does not know, or nothing to encode.
        """
        return encode_music(self._grid.place([self._read(score)]), self._ids)[0]

    def encode_all(self, scores: Iterable[ScoreTick | MusegenError]) -> list[Ints | MusegenError]:
        """As `encode`, of many scores: several times faster where they are short.

        Returns:
            the ids of each score, or why it has none; what is an error already stays it.
        """
        read = [each if isinstance(each, MusegenError) else attempt(self._read, each) for each in scores]
        pieces = [piece for piece in read if not isinstance(piece, MusegenError)]
        streams: list[Ints] = []
        for begin in range(0, len(pieces), TOGETHER_IDS):
            streams += encode_music(self._grid.place(pieces[begin : begin + TOGETHER_IDS]), self._ids)
        encoded = iter(streams)
        return [piece if isinstance(piece, MusegenError) else next(encoded) for piece in read]

    def _read(self, score: ScoreTick) -> GridPiece:
        """What goes into the stream.

        Raises:
            TokenError: a metre this tokenizer does not know, or nothing to encode.
        """
        changes = tuple((mark.time, mark.numerator, mark.denominator) for mark in score.time_signatures)
        for _, beats, unit in changes:
            if (beats, unit) not in self._ids.metre:
                raise TokenError(f"time signature {beats}/{unit} is not one that the tokenizer knows")
        tracks = [track for track in score.tracks if len(track.notes)]
        if not self.config.programs:
            voices = [(0, track.notes.numpy()) for track in tracks if not track.is_drum]
        else:
            numbers = self.stream_programs(tracks)
            voices = [(number, track.notes.numpy()) for number, track in zip(numbers, tracks, strict=True)]
        if not voices:
            raise TokenError("the score has no notes that this tokenizer writes (drums need programs)")
        tempos = score.tempos.numpy() if self.config.tempo else {}
        return GridPiece(score.ticks_per_quarter, changes, tempos, voices)

    def stream_programs(self, tracks: Sequence[TrackTick]) -> list[int]:
        """The number under which each track stands in the stream: `DRUMS`, its part's, or its program.

        A part is found by name and program, else by name, else it is the first free one of the program.

        Raises:
            TokenError: a track is none of the parts.
        """
        if not self.parts:
            return [DRUMS if track.is_drum else track.program for track in tracks]
        numbers = iter(match_parts([track for track in tracks if not track.is_drum], self.parts))
        return [DRUMS if track.is_drum else next(numbers) for track in tracks]

    def decode(self, ids: npt.ArrayLike, *, ticks_per_quarter: int = 480) -> ScoreTick:
        """The score that a stream of ids says, BOS, EOS and padding ignored.

        Args:
            ids: (T,).
            ticks_per_quarter: of the score returned.

        Raises:
            TokenError: an id outside the vocabulary.
        """
        score = self._remi.decode(self._sequence(self.tables.checked(ids)))
        score.tracks = sorted(score.tracks, key=lambda track: (track.is_drum, track.program))
        for track in score.tracks:
            if self.parts and not track.is_drum and track.program < len(self.parts):
                track.name, track.program = self.parts[track.program]
        return score.resample(ticks_per_quarter, min_dur=1)

    def count_errors(self, ids: npt.ArrayLike) -> float:
        """MidiTok's own share of wrong successions (type, time, doubled note) in a stream, 0 to 1."""
        errors = self._remi.tokens_errors(self._sequence(np.asarray(ids, dtype=np.int64)))
        return float(errors if isinstance(errors, int | float) else sum(errors))

    def _sequence(self, ids: Ints) -> Any:
        """Ids as MidiTok takes them: without BOS, EOS and padding."""
        from miditok import TokSequence

        sequence = TokSequence(ids=ids[self.tables.kind[ids] >= Kind.BAR].tolist())
        return sequence if self._remi.config.one_token_stream_for_programs else [sequence]

    def to_dict(self) -> dict[str, Any]:
        """The whole tokenizer for tokenizer.json, its vocabulary included."""
        return {
            "format_version": 1,
            "kind": self.kind,
            "programs": bool(self.config.programs),
            "velocity": self.config.velocity,
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
            config = TokenizerConfig(kind="remi", lengths=bool(saved.get("lengths")), **written)
            tokenizer = cls(config, metres, parts)
            vocab = saved["vocab"]
        if tokenizer.vocab != vocab:
            raise TokenError(
                "the installed miditok builds another vocabulary than the saved one; install miditok 3.1"
            )
        return tokenizer
