"""Gaps with a requested number of notes per bar: the rhythm is sampled so that those left fit into the bar.

Wherever the model chooses when the next note starts, or how long a note of a single line is, each choice is
weighted by how probable the requested number of notes is after it. That is known of a renewal process
(Feller 1968, chapter XIII), in which the times from note to note are independent: here with the frequencies
of the given music, drawn towards the requested mean. The model says what is usual at this place, the process
what is still possible.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from musegen.generation.machine import Run
from musegen.generation.sampling import GREEDY_BELOW, draw_from
from musegen.music.gaps import Gap
from musegen.music.notes import Floats
from musegen.tokenizers.tables import Ints, Kind, Tables

MISS = 3.0
"""Nats that each note too many or too few costs."""
REST = 3.0
"""Nats that silence in place of a note costs."""
RARE = 0.2
"""Share, all together, of durations whatever the given music has."""
EVEN = 0.5
"""Standard deviation of the logarithm of the times in a line, around their requested mean."""
WEIGHT = 3.0
"""By how much the process counts more than the model, which is too sure of its own rhythm."""
MORE = 8
"""Notes above the requested number that are considered."""
CHORDS = 0.1
"""Share of the notes that may start together with another one in a single line."""
STAY = -1
"""In place of an id: another note at the same time, which the machine samples."""


class Options(NamedTuple):
    """Choices of time."""

    ids: Ints
    """(N,) ids, or `STAY`."""
    fit: Floats
    """(N,) log-weight of each."""


class Fits(NamedTuple):
    """How well the rest of a bar takes the notes that are left, in nats.

    Row n, column t: the log-probability that n notes fill t units of time. Other numbers of notes count, too,
    at `MISS` nats for each note.
    """

    starting: Floats
    """(notes + 1, units + 1) if a note starts now; so there is at least one."""
    any: Floats
    """(notes + 1, units + 1) if one may start now, or none may follow."""


def notes_wanted(density: float, gap: Gap) -> int:
    """The number of notes for a gap at `density` notes per bar; at least one."""
    return max(1, round(density * gap.bars))


def fits(step: Floats, density: float, units: int, *, is_line: bool) -> Fits:
    """The fits of a bar.

    Args:
        step: (D,) frequencies of the times from a note to the next, in units from 0.
        density: notes per bar.
        units: length of the bar.
        is_line: whether notes come one after another, as evenly as requested; chords are not even.
    """
    mean, times = units / density, np.arange(len(step))
    if is_line:
        step = step * np.exp(-0.5 * (np.log((times + 0.5) / (mean + 0.5)) / EVEN) ** 2)
    step = step / step.sum()
    wanted = 2 * round(density) + 1
    filled = np.zeros((wanted + MORE + 1, units + 1))
    filled[0] = np.exp(-REST * np.arange(units + 1) / mean)
    for notes in range(1, len(filled)):
        for time in np.flatnonzero(step).tolist():
            filled[notes, min(time, units) :] += step[time] * filled[notes - 1, : max(1, units + 1 - time)]
    counts = np.arange(len(filled))
    weights = np.exp(-MISS * np.abs(np.arange(wanted + 1)[:, None] - counts))
    tiny = np.finfo(np.float64).tiny
    return Fits(*(WEIGHT * np.log(each @ filled + tiny) for each in (weights * (counts > 0), weights)))


class DensityGuide:
    """A `Guide`: the rhythm of gaps with a requested number of notes per bar.

    Args:
        tables: of a stream of events.
        metre_ids: of each bar of the piece.
        gaps: its gaps.
        density: notes per bar.
        given: (T,) the stream of the given music.
        temperature: of the durations, which are weighted after it. Top-k and its like do not hold for these
            choices: they would leave out what a density needs.
    """

    def __init__(
        self,
        tables: Tables,
        metre_ids: Sequence[int],
        gaps: Sequence[Gap],
        *,
        density: float,
        given: Ints,
        temperature: float,
    ) -> None:
        self._tables, self._gaps, self._density, self._temperature = tables, gaps, density, temperature
        metres = np.array(metre_ids, np.int64)
        self._ticks, self._positions = tables.position_ticks[metres], tables.bar_positions[metres]
        self._lines = np.append(0, np.cumsum(self._ticks * self._positions))
        self._before_duration = tables.note_kinds[-2]
        steps = self._steps(given)
        chords = np.count_nonzero(steps == 0)
        self._is_line = bool(not tables.has_programs and chords <= CHORDS * len(steps))
        self._fits = {
            metre: self._fits_of(steps, metre)
            for metre in {metre_ids[bar] for gap in gaps for bar in range(gap.first - 1, gap.last)}
        }
        self._metres = metre_ids

    def __call__(self, run: Run, rows: Sequence[list[int]], forced: Ints, uniform: Floats) -> Ints:
        """Choose durations, and when the next notes start."""
        found = [
            self._options(np.array(ids)) if own < 0 else None for ids, own in zip(rows, forced, strict=True)
        ]
        if not any(found):
            return forced
        chosen, logits = forced.copy(), run.logits()
        for row, options in enumerate(found):
            if options is not None:
                chosen[row] = self._draw(logits[row], options, uniform[row : row + 1])
        return chosen

    def _steps(self, ids: Ints) -> Ints:
        """The ticks from note to note in a stream, those across a gap left out."""
        places = np.flatnonzero(self._tables.kind[ids] == Kind.PITCH)
        bar = np.cumsum(self._tables.kind[ids] == Kind.BAR)[places] - 1
        onsets = self._lines[bar] + self._tables.positions(ids)[places] * self._ticks[bar]
        steps = np.diff(onsets)
        kept: Ints = steps[steps <= np.diff(self._lines).max()]
        return kept

    def _fits_of(self, steps: Ints, metre: int) -> Fits:
        """The fits of a bar of a metre, in its positions."""
        tables = self._tables
        lengths = tables.duration[tables.ids(Kind.DURATION)]
        counts = [np.bincount(each) for each in (steps // tables.position_ticks[metre], np.unique(lengths))]
        size = max(map(len, counts))
        usual, rare = (np.pad(each, (0, size - len(each))) / max(1, each.sum()) for each in counts)
        step = (1 - RARE) * usual + RARE * rare
        return fits(step, self._density, int(tables.bar_positions[metre]), is_line=self._is_line)

    def _options(self, ids: Ints) -> Options | None:
        """The choices after a stream, where they are of time."""
        kind, tables = self._tables.kind[ids], self._tables
        lines = np.flatnonzero(kind == Kind.BAR)
        bar, last = len(lines), kind[-1]
        here, is_duration = ids[lines[-1] :], last == self._before_duration
        if is_duration and self._is_line:
            own = tables.ids(Kind.DURATION)
            at = tables.positions(here)[-1] + tables.duration[own]
        elif last in (Kind.TIME_SIGNATURE, Kind.DURATION):
            own, at = self._onsets(here, bar)
        else:
            return None
        starting, any_ = self._fits[self._metres[bar - 1]]
        left = min(max(0, self._left(kind, lines, bar)), len(any_) - 1)
        rest = np.maximum(0, self._positions[bar - 1] - at)
        starts = (tables.kind[own] == Kind.POSITION) | (own == STAY)
        return Options(own, np.where(starts, starting[left, rest], any_[left, rest]))

    def _left(self, kind: Ints, lines: Ints, bar: int) -> int:
        """How many notes are left for a bar; more if the bars of the gap before it had too few."""
        gap = next(gap for gap in self._gaps if gap.first <= bar <= gap.last)
        is_note = kind == Kind.PITCH
        before, here = is_note[lines[gap.first - 1] : lines[-1]].sum(), is_note[lines[-1] :].sum()
        wanted = round(self._density * (bar - gap.first + 1)) - before
        return int(max(wanted, self._density // 2) - here)

    def _onsets(self, here: Ints, bar: int) -> tuple[Ints, Ints]:
        """What can come next in a bar, or begin the next, and its positions; `here` are the bar's ids."""
        tables, position = self._tables, int(self._tables.positions(here)[-1])
        own = tables.ids(Kind.POSITION)
        own = own[(tables.position[own] > position) & (tables.position[own] < self._positions[bar - 1])]
        at = tables.position[own]
        has_note = tables.kind[here[-1]] == Kind.DURATION
        is_last = bar == len(self._ticks)
        if not is_last or has_note:  # something starts in the last bar of a piece
            next_bar = tables.ids(Kind.EOS if is_last else Kind.BAR)[0]
            own, at = np.append(own, next_bar), np.append(at, self._positions[bar - 1])
        if has_note and not self._is_line:
            own, at = np.append(own, STAY), np.append(at, position)
        return own, at

    def _draw(self, logits: Floats, options: Options, uniform: Floats) -> int:
        """One of the options, by the logits of the next id, (V,), and a random number, (1,)."""
        kind, warm = self._tables.kind, self._temperature
        together = np.logaddexp.reduce(logits[np.isin(kind, (Kind.PROGRAM, Kind.PITCH))])
        own = np.where(options.ids == STAY, together, logits[options.ids])
        if kind[options.ids[0]] == Kind.DURATION and warm >= GREEDY_BELOW:
            own = own / warm
        weights = own + options.fit
        if warm < GREEDY_BELOW:
            return int(options.ids[weights.argmax()])
        return int(options.ids[draw_from(weights[None], uniform)[0]])
