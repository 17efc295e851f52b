"""Grid tokens: one id per voice and grid position, for chorales, quartets and single lines.

A stream is BOS (Bar TimeSig (id of voice 1, ..., id of voice n) x positions)+ EOS, where an id is a
pitch that starts, a hold of the previous pitch, or a rest. The voice and position of an id follow from
counting the ids since the bar line. The representation goes back to DeepBach (Hadjeres
2017, arXiv:1612.01010); positions are per quarter note, in any metre whose bar is a whole number of them.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from symusic import Score, TimeSignature, Track
from symusic.core import ScoreTick, TrackTick

from musegen.config.settings import GRID_POSITIONS, TokenizerConfig
from musegen.errors import MusegenError, TokenError, attempt
from musegen.music.metre import bar_ticks, metre_changes, metres_at
from musegen.music.notes import put_notes
from musegen.tokenizers.parts import (
    Metre,
    Part,
    match_parts,
    reading_saved,
    sort_metres,
    voice_spans,
    with_common,
)
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints, Kind, Tables, empty_columns

UNNAMED = "Voice "
"""Prefix of the parts of a dataset whose tracks have no common names: they are numbered by order."""
MAX_VOICES = 12
"""More than any music that suits a grid has; each costs one id per position."""
VELOCITY = 90
"""Of decoded notes: a grid has no velocities."""


class GridTokenizer:
    """Scores to ids and back; exact if every track is a single voice on the grid.

    Args:
        config: with `positions`; `programs` says whether the stream distinguishes tracks.
        time_signatures: metres of the vocabulary; dropped if their bar is not a whole number of positions.
        parts: the voices by name and program, in the order of the stream; empty for a single line.
    """

    kind = "grid"

    def __init__(
        self, config: TokenizerConfig, time_signatures: Iterable[Metre], parts: Sequence[Part] = ()
    ) -> None:
        assert config.positions is not None
        self.config = config
        self.positions = config.positions
        self.parts = tuple(parts)
        self.voices = max(1, len(self.parts))
        self.time_signatures = sort_metres(
            m for m in time_signatures if m[0] * 4 * self.positions % m[1] == 0
        )
        self.vocab = [
            *("PAD_None", "BOS_None", "EOS_None", "Bar_None"),
            *(f"TimeSig_{n}/{d}" for n, d in self.time_signatures),
            *(f"Pitch_{pitch}" for pitch in range(128)),
            *("Hold_None", "Rest_None"),
        ]
        self.vocab_size = len(self.vocab)
        self.pad_id, self.bos_id, self.eos_id, self.bar_id = range(4)
        self.pitch_id = self.vocab.index("Pitch_0")
        self.hold_id, self.rest_id = len(self.vocab) - 2, len(self.vocab) - 1
        self.tables = self._tables()

    @classmethod
    def build(
        cls, config: TokenizerConfig, *, time_signatures: Iterable[Metre], parts: Sequence[Part] = ()
    ) -> "GridTokenizer":
        """Fit a tokenizer to a dataset.

        Args:
            config: `positions` is by default 4 per quarter note (sixteenths).
            time_signatures: metres of the dataset, added to the common ones up to `LONGEST_BAR` beats.
            parts: the voices, at most `MAX_VOICES`; empty for single lines.

        Raises:
            TokenError: too many voices.
        """
        if len(parts) > MAX_VOICES:
            raise TokenError(
                f"{len(parts)} voices are too many for a grid; at most {MAX_VOICES} are supported"
            )
        config = replace(config, programs=bool(parts), positions=config.positions or 4)
        return cls(config, with_common(time_signatures), parts)

    def encode(self, score: ScoreTick, *, lossy: bool = False) -> Ints:
        """Ids of a tidy score, from BOS to EOS, (T,).

        Onsets and ends are rounded to the grid; drums are dropped.

        Args:
            score: each of its tracks must be a single voice.
            lossy: of several notes on one position keep the last (`False`: raise).

        Raises:
            TokenError: an unknown metre, no notes, more tracks than voices, or several notes at once.
        """
        tracks = [track for track in score.tracks if len(track.notes) and not track.is_drum]
        if not tracks:
            raise TokenError("the score has no notes that this tokenizer can encode (a grid has no drums)")
        lines, metres = self._bars(score)
        numbered = list(zip(tracks, self.stream_programs(tracks), strict=True))
        # The tracks of each voice: at most one, except that all tracks may share a single line.
        voices = [[track for track, n in numbered if n == voice] for voice in range(self.voices)]
        spans = [voice_spans(voice, score.ticks_per_quarter, self.positions, lossy=lossy) for voice in voices]
        last = max(int(ends[-1]) for _, ends, _ in spans if len(ends))
        while lines[-1] < last:  # an end that was rounded up beyond the last bar line
            lines, metres = [*lines, lines[-1] + self._bar_positions(metres[-1])], [*metres, metres[-1]]
        slots = np.full((lines[-1], self.voices), self.rest_id)  # (positions, voices)
        for voice, (onsets, ends, pitches) in enumerate(spans):
            for onset, end, pitch in zip(onsets, ends, pitches, strict=True):
                slots[onset, voice] = self.pitch_id + pitch
                slots[onset + 1 : end, voice] = self.hold_id
        bars = [
            np.concatenate([[self.bar_id, 4 + self.time_signatures.index(metre)], slots[start:stop].ravel()])
            for start, stop, metre in zip(lines[:-1], lines[1:], metres, strict=True)
        ]
        return np.concatenate([[self.bos_id], *bars, [self.eos_id]]).astype(np.int64)

    def encode_all(
        self, scores: Iterable[ScoreTick | MusegenError], *, lossy: bool = False
    ) -> list[Ints | MusegenError]:
        """As `encode`, for many scores: the ids of each, or its error; errors among them are passed on."""
        return [
            each if isinstance(each, MusegenError) else attempt(self.encode, each, lossy=lossy)
            for each in scores
        ]

    def _bars(self, score: ScoreTick) -> tuple[list[int], list[Metre]]:
        """Bar lines in positions, (bars + 1,), and the metre of each bar."""
        for _, beats, unit in metre_changes(score):
            if (beats, unit) not in self.time_signatures:
                raise TokenError(
                    f"time signature {beats}/{unit} is not in the vocabulary of the tokenizer "
                    f"({self.positions} positions per quarter note)"
                )
        metres = metres_at(score, bar_ticks(score)[:-1])
        lines = np.cumsum([0, *(self._bar_positions(metre) for metre in metres)]).tolist()
        return lines, metres

    def _bar_positions(self, metre: Metre) -> int:
        return metre[0] * 4 * self.positions // metre[1]

    def stream_programs(self, tracks: Sequence[TrackTick]) -> list[int]:
        """The voice of each track, by its name and program; 0 for a single line.

        Raises:
            TokenError: a track matches none of the parts.
        """
        if not self.parts:
            return [0] * len(tracks)
        try:
            return match_parts(tracks, self.parts)
        except TokenError:
            if not all(part.name.startswith(UNNAMED) for part in self.parts) or len(tracks) > self.voices:
                raise
            return list(range(len(tracks)))

    def decode(self, ids: npt.ArrayLike, *, ticks_per_quarter: int = 480) -> ScoreTick:
        """The score of a stream of ids, BOS, EOS and padding ignored.

        A hold without a pitch before it is a rest; an incomplete last bar ends with the stream.

        Args:
            ids: (T,).
            ticks_per_quarter: of the score returned.

        Raises:
            TokenError: an id outside the vocabulary.
        """
        array = self.tables.checked(ids)
        kind = self.tables.kind[array]
        slots, starts = self._lay_out(array, kind)
        score = Score(ticks_per_quarter, ttype="Tick")
        tick = np.round(np.arange(len(slots) + 1) * ticks_per_quarter / self.positions).astype(np.int64)
        for voice in range(self.voices):
            name, program = self.parts[voice] if self.parts else ("", 0)
            track = Track(name, program, is_drum=False, ttype="Tick")
            self._put_voice(track, slots[:, voice], tick)
            if len(track.notes):
                score.tracks.append(track)
        for start, metre_id in starts:
            n, d = self.time_signatures[metre_id - 4]
            changes = score.time_signatures
            if not len(changes) or (changes[-1].numerator, changes[-1].denominator) != (n, d):
                changes.append(TimeSignature(int(tick[start]), n, d))
        return score

    def _lay_out(self, ids: Ints, kind: Ints) -> tuple[Ints, list[tuple[int, int]]]:
        """The ids by position and voice, (positions, voices), and the start and metre id of each bar."""
        rows: list[Ints] = []
        starts: list[tuple[int, int]] = []
        position = 0
        marks = [*np.flatnonzero(kind == Kind.TIME_SIGNATURE).tolist(), len(ids)]
        for mark, following in itertools.pairwise(marks):
            bar = ids[mark + 1 : following]
            bar = bar[kind[mark + 1 : following] >= Kind.PITCH]
            length = self._bar_positions(self.time_signatures[ids[mark] - 4]) * self.voices
            missing = -len(bar) % self.voices if following == len(ids) else max(0, length - len(bar))
            bar = np.append(bar, np.full(missing, self.rest_id))[:length]
            starts.append((position, int(ids[mark])))
            rows.append(bar.reshape(-1, self.voices))
            position += len(rows[-1])
        return np.concatenate(rows) if rows else np.zeros((0, self.voices), dtype=np.int64), starts

    def _put_voice(self, track: TrackTick, slots: Ints, tick: Ints) -> None:
        """Put the notes of one voice into a track: slots (positions,), `tick` (positions + 1,)."""
        onsets = np.flatnonzero(self.tables.kind[slots] == Kind.PITCH)
        stops = np.append(np.flatnonzero(slots != self.hold_id), len(slots))
        ends = tick[stops[np.searchsorted(stops, onsets, side="right")]]
        pitches, velocities = slots[onsets] - self.pitch_id, np.full(len(onsets), VELOCITY)
        put_notes(track, tick[onsets], ends - tick[onsets], pitches, velocities)

    def to_dict(self) -> dict[str, Any]:
        """The content of tokenizer.json."""
        return {
            "format_version": 1,
            "kind": self.kind,
            "positions": self.positions,
            "parts": [list(part) for part in self.parts],
            "time_signatures": [f"{n}/{d}" for n, d in self.time_signatures],
            "vocab": self.vocab,
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "GridTokenizer":
        """Rebuild a saved tokenizer.

        Raises:
            TokenError: an unknown kind, a damaged or impossible setting.
        """
        with reading_saved(saved, cls.kind) as (metres, parts):
            positions, vocab = saved["positions"], saved["vocab"]
        if positions not in GRID_POSITIONS or len(parts) > MAX_VOICES:
            raise TokenError("tokenizer.json is damaged: its positions or parts are out of range")
        config = TokenizerConfig(kind="grid", positions=positions, programs=bool(parts))
        tokenizer = cls(config, metres, parts)
        if tokenizer.vocab != vocab:
            raise TokenError("tokenizer.json is damaged: its vocabulary is not that of its settings")
        return tokenizer

    def _tables(self) -> Tables:
        columns = empty_columns(self.vocab_size)
        columns["kind"][:4] = (Kind.PAD, Kind.BOS, Kind.EOS, Kind.BAR)
        metres = slice(4, self.pitch_id)
        columns["kind"][metres] = Kind.TIME_SIGNATURE
        columns["bar_positions"][metres] = [self._bar_positions(metre) for metre in self.time_signatures]
        columns["position_ticks"][metres] = TICKS_PER_QUARTER // self.positions
        pitches = slice(self.pitch_id, self.pitch_id + 128)
        columns["kind"][pitches] = Kind.PITCH
        columns["pitch"][pitches] = np.arange(128)
        columns["kind"][self.hold_id], columns["kind"][self.rest_id] = Kind.HOLD, Kind.REST
        return Tables(**columns, voices=self.voices)
