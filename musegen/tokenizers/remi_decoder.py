"""Decodes REMI ids into a Score, vectorised: the same Score as that of MidiTok's decoder, for any ids.

The grid of the Score is as fine as the shortest unit of the vocabulary requires: a position is one tick in
the metres of that unit, and several in others.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from symusic import Score, Tempo, TimeSignature, Track
from symusic.core import ScoreTick, TrackTick

from musegen.music.notes import put_notes
from musegen.music.programs import miditok_name
from musegen.tokenizers.remi_grid import DEFAULT_METRE, TICK_BITS
from musegen.tokenizers.remi_vocabulary import STEPS
from musegen.tokenizers.tables import DRUMS, POSITIONS_PER_BEAT, Ints, Kind, Tables

VELOCITY = 100
"""Of notes where velocities have no tokens."""
_NOTE = (Kind.PITCH, Kind.SHIFT, Kind.VELOCITY, Kind.DURATION)


class RemiDecoder(NamedTuple):
    """What each id says."""

    tables: Tables
    velocity: Ints
    """(V,) velocity; -1 for ids of other kinds."""
    shift: Ints
    """(V,) `STEPS` per quarter note; 0 for ids of other kinds."""
    tempo: npt.NDArray[np.float64]
    """(V,) BPM; NaN for ids of other kinds."""
    metre: Ints
    """(V + 1, 2) beats and unit of each metre; the default metre in the last row."""
    default_tempo: float
    """BPM: the tempo nearest to the default that has a token."""

    @classmethod
    def of(cls, vocab: list[str], tables: Tables, default: float) -> "RemiDecoder":
        """The decoder of a vocabulary, with a default tempo in BPM."""
        velocity, tempo = np.full(len(vocab), -1), np.full(len(vocab), np.nan)
        shift = np.zeros(len(vocab), np.int64)
        metre = np.full((len(vocab) + 1, 2), DEFAULT_METRE)
        for id_, token in enumerate(vocab):
            kind, _, value = token.partition("_")
            match kind:
                case "Velocity":
                    velocity[id_] = int(value)
                case "MicroTiming":
                    shift[id_] = int(value)
                case "Tempo":
                    tempo[id_] = float(value)
                case "TimeSig":
                    metre[id_] = [int(number) for number in value.split("/")]
        known = tempo[tables.ids(Kind.TEMPO)]
        nearest = known[np.abs(known - default).argmin()] if len(known) else default
        return cls(tables, velocity, shift, tempo, metre, float(nearest))

    def decode(self, ids: Ints) -> ScoreTick:
        """The Score of a stream, (T,): tracks in the order of their programs, drums last.

        Args:
            ids: those of BOS, EOS and padding are ignored.
        """
        kind = self.tables.kind[ids]
        ids, kind = ids[kind >= Kind.BAR], kind[kind >= Kind.BAR]
        finest = int(self.metre[self.tables.ids(Kind.TIME_SIGNATURE), 1].max())
        metre = self._metres(ids, kind)
        step = finest // self.metre[metre, 1]  # (T + 1,) ticks of a position
        tick = self._ticks(ids, kind, metre, step[1:])
        score = Score(POSITIONS_PER_BEAT * finest // 4, ttype="Tick")
        changes = np.flatnonzero(np.diff(self.metre[metre], axis=0).any(axis=1))
        rows = self.metre[[metre[0], *metre[changes + 1]]].tolist()
        for time, (beats, unit) in zip([0, *tick[changes].tolist()], rows, strict=True):
            score.time_signatures.append(TimeSignature(time, beats, unit))
        marks = np.flatnonzero(kind == Kind.TEMPO)
        if not len(marks) or tick[marks[0]]:
            score.tempos.append(Tempo(0, self.default_tempo))
        for time, tempo in zip(tick[marks].tolist(), self.tempo[ids[marks]].tolist(), strict=True):
            score.tempos.append(Tempo(time, tempo))
        score.tracks = self._tracks(ids, kind, tick, step[1:], score.ticks_per_quarter)
        return score

    def _metres(self, ids: Ints, kind: Ints) -> Ints:
        """The row of `metre` before the stream and at each of its ids, (T + 1,).

        The first metre of a stream that has one before its first note holds from the start.
        """
        found = np.flatnonzero(kind == Kind.TIME_SIGNATURE)
        notes = np.flatnonzero(np.isin(kind, _NOTE))
        is_first = len(found) and (not len(notes) or found[0] < notes[0])
        rows = np.append(ids[found[0]] if is_first else len(self.metre) - 1, ids[found])
        at: Ints = rows[np.append(0, np.cumsum(kind == Kind.TIME_SIGNATURE))]
        return at

    def _ticks(self, ids: Ints, kind: Ints, metre: Ints, step: Ints) -> Ints:
        """The tick at each id, (T,)."""
        is_bar, is_position = kind == Kind.BAR, kind == Kind.POSITION
        # A bar line ends the bar before it, unless it is the first and nothing precedes it.
        lengths = np.where(is_bar, self.metre[metre[1:], 0] * step * POSITIONS_PER_BEAT, 0)
        first = np.flatnonzero(is_bar | is_position)[:1]
        lengths[first] = 0
        bar = np.cumsum(lengths)
        at = bar + np.where(is_position, self.tables.position[ids] * step, 0)
        last = np.maximum.accumulate(np.where(is_bar | is_position, np.arange(len(ids)), -1))
        return np.where(last < 0, 0, at[last])

    def _tracks(self, ids: Ints, kind: Ints, tick: Ints, step: Ints, ticks: int) -> list[TrackTick]:
        """The notes by program; a pitch that the other ids of a note do not follow is no note."""
        tables, layout = self.tables, self.tables.note_kinds
        pitches = np.flatnonzero(kind[: max(0, len(kind) - len(layout) + 1)] == Kind.PITCH)
        for offset, each in enumerate(layout):
            pitches = pitches[kind[pitches + offset] == each]
        following = {each: ids[pitches + offset] for offset, each in enumerate(layout)}
        velocities = np.full(len(pitches), VELOCITY)
        if Kind.VELOCITY in following:
            velocities = self.velocity[following[Kind.VELOCITY]]
        durations = tables.duration[following[Kind.DURATION]] * step[pitches]
        said = np.maximum.accumulate(np.where(kind == Kind.PROGRAM, np.arange(len(ids)), -1))[pitches]
        programs = np.where(said < 0, 0, tables.program[ids[said]])
        onsets, key = tick[pitches], programs * 128 + tables.pitch[ids[pitches]]
        if Kind.SHIFT in following:
            onsets = _in_order(onsets + self.shift[following[Kind.SHIFT]] * ticks // STEPS, key)
        tracks = []
        for program in np.unique(programs).tolist():
            is_drum, own = program == DRUMS, programs == program
            name = "Drums" if is_drum else miditok_name(program)
            track = Track(name, 0 if is_drum else program, is_drum, ttype="Tick")
            columns = (onsets, durations, tables.pitch[ids[pitches]], velocities)
            put_notes(track, *(column[own] for column in columns))
            tracks.append(track)
        return tracks


def _in_order(onsets: Ints, key: Ints) -> Ints:
    """Onsets, (N,), from tick 0 on: the notes of each key begin one after another as in the stream."""
    order = np.argsort(key, kind="stable")
    index = np.arange(len(order))
    begin = np.cumsum(np.append(0, np.diff(key[order]) != 0)[: len(order)]) * (1 << TICK_BITS)
    moved = np.maximum.accumulate(np.maximum(onsets[order], 0) - index + begin) + index - begin
    found = np.empty_like(onsets)
    found[order] = moved
    return found
