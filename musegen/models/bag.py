"""A stream as a bag of musical features: shares of pitch classes, intervals, durations and positions."""

import torch
from torch import Tensor, nn

from musegen.models.encoder import tonic_of
from musegen.models.notes import FRAME, PITCHES, NoteReader, Notes
from musegen.models.position.scans import delayed, hold
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Kind, Tables

WIDEST = 12
"""Semitones: wider steps of a line are clipped to this."""
LENGTHS = 16
"""Half powers of two, from a 32nd of a quarter note up, by which durations are counted."""
PLACES = 32
"""Sixteenths from the bar line; later ones are counted as the last."""
MOST_NOTES = 6
"""Notes that begin together: more are counted as so many."""
OCTAVES = 11
STEPS, CONTOURS = (-5, -3, -1, 0, 2, 4), 7
"""Semitones that bound the kinds of steps of a line from above: large, small and stepwise, down and up."""
RATIOS = 5
"""Kinds of the ratio of a time step to the one before, by powers of two: from a quarter to four times."""
NUMBERS = 4
"""Numbers that are no shares: see `NoteBag.forward`."""
BAGGED = (Kind.TIME_SIGNATURE.value, Kind.PROGRAM.value)
"""Kinds of which each id is counted."""


class NoteBag(nn.Module):
    """Counts features of streams; it has no weights. The same music in another key has other octaves alone.

    Args:
        tables: of events.
    """

    bagged: Tensor

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.reader = NoteReader(tables)
        ids = torch.cat([torch.from_numpy(tables.ids(Kind(kind))) for kind in BAGGED])
        self.register_buffer("bagged", ids, persistent=False)
        drums = PITCHES if self.reader.has_drums else 0
        lines = 2 * (2 * WIDEST + 1 + CONTOURS**2 + 12) + 12 + MOST_NOTES + LENGTHS + RATIOS**2
        self.size = 12 + OCTAVES + LENGTHS + PLACES + len(ids) + drums + lines + NUMBERS

    @torch.no_grad()
    def forward(self, ids: Tensor) -> Tensor:
        """Features of streams, (B, `size`); each group of shares sums to 1, or is 0 without notes.

        The numbers are notes per quarter note, the share of onsets off the sixteenths, the spread of the
        pitches in octaves, and how much of the time each note sounds.
        """
        notes = self.reader(ids)
        is_tuned = notes.is_note & ~notes.is_drum
        classes = shares(notes.pitch % 12, is_tuned, 12)  # (B, 12), C first
        tonic = tonic_of(classes)[:, None]
        turned = (tonic + torch.arange(12, device=ids.device)) % 12
        groups = [
            classes.gather(1, turned),
            shares(notes.pitch // 12, is_tuned, OCTAVES),
            shares(lengths(notes.duration), notes.is_note, LENGTHS),
            shares((notes.place // FRAME).clamp(max=PLACES - 1), notes.is_note, PLACES),
            (ids[:, :, None] == self.bagged).sum(dim=1) / (ids != 0).sum(dim=1, keepdim=True).clamp(min=1),
            *([shares(notes.pitch, notes.is_note & notes.is_drum, PITCHES)] if self.reader.has_drums else []),
            *_lines(notes, is_tuned, tonic),
            _numbers(notes, is_tuned),
        ]
        return torch.cat(groups, dim=1)


def shares(values: Tensor, counted: Tensor, size: int) -> Tensor:
    """The share of each value from 0 to `size` - 1 among those that are counted, (B, T) to (B, size)."""
    counts = torch.zeros(len(values), size, device=values.device)
    counts.scatter_add_(1, torch.where(counted, values, 0), counted.float())
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


def lengths(ticks: Tensor) -> Tensor:
    """Durations in ticks by half powers of two, from 0 to `LENGTHS` - 1."""
    powers = 2 * torch.log2(ticks.clamp(min=1) / (TICKS_PER_QUARTER / 32))
    return powers.round().long().clamp(0, LENGTHS - 1)


def _lines(notes: Notes, is_tuned: Tensor, tonic: Tensor) -> list[Tensor]:
    """Shares of what the highest and the lowest line do, of chords, and of time steps.

    Args:
        notes: of streams.
        is_tuned: (B, T) which of them have a pitch.
        tonic: (B, 1) pitch class.
    """
    minus = torch.full_like(notes.onset[:, 0], -1)
    before = delayed(hold(notes.onset, is_tuned, minus), minus)
    begins = is_tuned & (notes.onset != before)
    # The notes that begin together have the number of their chord, the others one that is not used.
    chord = torch.where(is_tuned, begins.cumsum(1) - 1, begins.shape[1])
    empty = notes.pitch.new_zeros(len(chord), chord.shape[1] + 1)
    count = empty.scatter_add(1, chord, torch.ones_like(chord))[:, :-1]
    top = (empty - 1).scatter_reduce(1, chord, notes.pitch, "amax")[:, :-1]
    low = (empty + PITCHES).scatter_reduce(1, chord, notes.pitch, "amin")[:, :-1]
    onset = (empty - 1).scatter_reduce(1, chord, notes.onset, "amax")[:, :-1]
    is_chord = count > 0
    is_next, is_third = is_chord[:, 1:], is_chord[:, 2:]
    groups = []
    for line in (top, low):
        steps = line.diff(dim=1)
        kinds = torch.bucketize(steps, torch.tensor(STEPS, device=line.device))
        groups += [
            shares(steps.clamp(-WIDEST, WIDEST) + WIDEST, is_next, 2 * WIDEST + 1),
            shares(CONTOURS * kinds[:, :-1] + kinds[:, 1:], is_third, CONTOURS**2),
            shares((line - tonic) % 12, is_chord, 12),
        ]
    times = lengths(onset.diff(dim=1))
    ratios = ((times[:, 1:] - times[:, :-1]).div(2, rounding_mode="trunc") + RATIOS // 2).clamp(0, RATIOS - 1)
    return [
        *groups,
        shares((top - low) % 12, is_chord & (count > 1), 12),
        shares((count - 1).clamp(0, MOST_NOTES - 1), is_chord, MOST_NOTES),
        shares(times, is_next, LENGTHS),
        shares(RATIOS * ratios[:, :-1] + ratios[:, 1:], is_chord[:, 3:], RATIOS**2),
    ]


def _numbers(notes: Notes, is_tuned: Tensor) -> Tensor:
    """See `NoteBag.forward`, (B, NUMBERS)."""
    count = notes.is_note.sum(dim=1).clamp(min=1)
    tuned = is_tuned.sum(dim=1).clamp(min=1)
    ends = torch.where(notes.is_note, notes.onset + notes.duration, 0).amax(dim=1).clamp(min=FRAME)
    off = (notes.is_note & (notes.place % FRAME != 0)).sum(dim=1) / count
    mean = torch.where(is_tuned, notes.pitch, 0).sum(dim=1) / tuned
    squares = torch.where(is_tuned, (notes.pitch - mean[:, None]) ** 2, 0.0).sum(dim=1) / tuned
    sounding = torch.where(notes.is_note, notes.duration, 0).sum(dim=1) / ends
    return torch.stack([count * TICKS_PER_QUARTER / ends, off, squares.sqrt() / 12, sounding], dim=1)
