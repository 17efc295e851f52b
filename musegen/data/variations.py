"""Data augmentation: transposed streams, and clips of one line changed in one attribute.

Changed clips train the sliders of a VAE. A slider must change a clip although the rest of z still describes
the original. So the input is a clip made sparser, wider, more uneven or higher (or the opposite); only the
dimensions of the sliders describe the original clip, which the model must reconstruct. Everything is
vectorised.
"""

import numpy as np

from musegen.data.clips import clip_notes
from musegen.metrics.note_f1 import Notes
from musegen.music.notes import Floats
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.line import write_line
from musegen.tokenizers.tables import Ints

SHORTEST = 48
"""Ticks (192 per quarter) of the shortest new note: a 16th, whole positions in every metre."""
CHANGES = 6
"""Number of changes to a clip: see `vary`."""


def changed_lines(ids: Ints, bars: int, tables: Tables, rng: np.random.Generator) -> Ints:
    """Apply one random change to each clip of one line, (C, S).

    Args:
        ids: (C, T), padded at the end with 0.
        bars: per clip.
        tables: of the tokenizer; its notes have only pitch and duration.
        rng: of the kind and strength of the change.
    """
    offsets = np.append(0, np.cumsum((ids != 0).sum(axis=1)))
    metre = ids[:, 2]  # after BOS and Bar
    lengths = bars * tables.bar_positions[metre] * tables.position_ticks[metre]
    notes = vary(clip_notes(ids[ids != 0], offsets, tables), lengths, rng)
    write = write_line if tables.is_line else line_ids
    return write(notes, metre, bars, tables)


def vary(notes: Notes, lengths: Ints, rng: np.random.Generator) -> Notes:
    """Apply one random change to each clip.

    Notes removed, the one before extended; notes split in two; pitches compressed or stretched around
    their mean; rhythms made even; rhythms made uneven; transposed.

    Args:
        notes: of lines: no two notes of a clip have the same onset.
        lengths: of the clips in ticks, (C,).
        rng: of the kind and strength of the change.
    """
    count = len(lengths)
    change, amount = rng.integers(CHANGES, size=count), rng.random(count)
    notes = _split(notes, (change == 1) * amount, rng)
    notes = _thin(notes, (change == 0) * amount * 0.7, rng)
    notes = _spread(notes, np.where(change == 2, np.exp(2 * amount - 1), 1.0))
    shares = np.where(change == 3, 0.5, rng.choice([0.25, 0.75, 1 / 3, 2 / 3], size=count))
    notes = _shift(notes, lengths, np.isin(change, (3, 4)) * (0.3 + 0.7 * amount), shares, rng)
    steps = np.where(change == 5, rng.integers(-9, 10, size=count), 0)
    return notes._replace(pitch=np.clip(notes.pitch + steps[notes.clip], 0, 127))


def _thin(notes: Notes, share: Floats, rng: np.random.Generator) -> Notes:
    """Remove notes except the first of a clip; the note before is extended."""
    is_first = np.append(True, notes.clip[1:] != notes.clip[:-1])
    kept = is_first | (rng.random(len(notes.clip)) >= share[notes.clip])
    last = np.append(np.flatnonzero(kept)[1:], len(kept)) - 1  # the last removed note after each
    duration = notes.onset[last] + notes.duration[last] - notes.onset[kept]
    return Notes(notes.clip[kept], notes.onset[kept], duration, notes.pitch[kept])


def _split(notes: Notes, share: Floats, rng: np.random.Generator) -> Notes:
    """Split notes in halves, the second with the pitch of this note or of the next one."""
    chosen = (rng.random(len(notes.clip)) < share[notes.clip]) & (notes.duration % (2 * SHORTEST) == 0)
    half = np.where(chosen, notes.duration // 2, notes.duration)
    following = np.append(notes.pitch[1:], notes.pitch[-1:])
    pitch = np.where(rng.random(len(following)) < 0.5, notes.pitch, following)
    second = Notes(notes.clip[chosen], (notes.onset + half)[chosen], half[chosen], pitch[chosen])
    first = notes._replace(duration=half)
    joined = Notes(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
    order = np.lexsort((joined.onset, joined.clip))
    return Notes(*(column[order] for column in joined))


def _spread(notes: Notes, factor: Floats) -> Notes:
    """Stretch the pitches of each clip by a factor around their mean."""
    counts = np.bincount(notes.clip, minlength=len(factor))
    mean = np.bincount(notes.clip, notes.pitch, len(factor)) / np.maximum(counts, 1)
    centre = np.round(mean)[notes.clip]
    pitch = np.round(centre + (notes.pitch - centre) * factor[notes.clip])
    return notes._replace(pitch=np.clip(pitch, 0, 127).astype(np.int64))


def _shift(notes: Notes, lengths: Ints, share: Floats, fraction: Floats, rng: np.random.Generator) -> Notes:
    """Move every other note to a fraction of the time between its neighbours, which stay."""
    first = np.searchsorted(notes.clip, notes.clip)
    is_odd = (np.arange(len(notes.clip)) - first) % 2 == 1
    chosen = np.flatnonzero(is_odd & (rng.random(len(notes.clip)) < share[notes.clip]))
    before = notes.onset[chosen - 1]
    is_last = np.append(notes.clip[1:] != notes.clip[:-1], True)[chosen]
    after = np.where(is_last, lengths[notes.clip[chosen]], np.append(notes.onset, 0)[chosen + 1])
    steps = np.round((after - before) * fraction[notes.clip[chosen]] / SHORTEST).astype(np.int64)
    moved = before + steps * SHORTEST
    fits = (moved > before) & (moved < after)
    chosen, before, after, moved = chosen[fits], before[fits], after[fits], moved[fits]
    onset, end = notes.onset.copy(), notes.onset + notes.duration
    touched = end[chosen - 1] >= notes.onset[chosen]
    end[chosen - 1] = np.where(touched, moved, np.minimum(end[chosen - 1], moved))
    end[chosen] = np.minimum(np.maximum(end[chosen], moved + SHORTEST), after)
    onset[chosen] = moved
    return notes._replace(onset=onset, duration=end - onset)


def line_ids(notes: Notes, metre: Ints, bars: int, tables: Tables) -> Ints:
    """Encode clips of one line as event streams, (C, T), padded at the end with 0.

    Args:
        notes: none crosses the end of its clip.
        metre: metre id of each clip, (C,).
        bars: per clip.
        tables: of the tokenizer; its notes have only pitch and duration.
    """
    count, step = len(metre), tables.position_ticks[metre]
    bar_ticks = tables.bar_positions[metre] * step
    bar = notes.onset // bar_ticks[notes.clip]
    of_clip = np.bincount(notes.clip, minlength=count)
    number = np.arange(len(notes.clip)) - (np.cumsum(of_clip) - of_clip)[notes.clip]  # index in its clip
    # (C, T): BOS, then two ids per bar and three per note, EOS.
    ids = np.zeros((count, 2 + 2 * bars + 3 * int(of_clip.max(initial=0))), dtype=np.int64)
    ids[:, 0] = tables.ids(Kind.BOS)[0]
    ids[np.arange(count), 1 + 2 * bars + 3 * of_clip] = tables.ids(Kind.EOS)[0]
    before = np.zeros((count, bars + 1), dtype=np.int64)  # number of notes before each bar of a clip
    np.add.at(before, (notes.clip, bar + 1), 1)
    lines = 1 + 2 * np.arange(bars) + 3 * before.cumsum(axis=1)[:, :bars]
    np.put_along_axis(ids, lines, tables.ids(Kind.BAR)[0], axis=1)
    np.put_along_axis(ids, lines + 1, metre[:, None], axis=1)
    # The three ids of each note: position, pitch, duration.
    at = 3 + 2 * bar + 3 * number
    position = (notes.onset - bar * bar_ticks[notes.clip]) // step[notes.clip]
    ids[notes.clip, at] = tables.by_value(Kind.POSITION, tables.position)[position]
    ids[notes.clip, at + 1] = tables.by_value(Kind.PITCH, tables.pitch)[notes.pitch]
    ids[notes.clip, at + 2] = tables.durations(notes.duration // step[notes.clip])
    return ids


def transposition_tables(tables: Tables, shifts: range) -> Ints:
    """For each shift in semitones, the id that replaces each id.

    Returns:
        (shifts, V); -1 if a pitch would leave 0 to 127. Drums and all other ids are unchanged.
    """
    by_pitch = np.full(128, -1, dtype=np.int64)
    melodic = (tables.kind == Kind.PITCH) & (tables.is_drum == 0)
    by_pitch[tables.pitch[melodic]] = np.flatnonzero(melodic)
    result = np.tile(np.arange(tables.vocab_size), (len(shifts), 1))
    for row, shift in enumerate(shifts):
        moved = tables.pitch[melodic] + shift
        inside = (moved >= 0) & (moved <= 127)
        result[row, melodic] = np.where(inside, by_pitch[np.clip(moved, 0, 127)], -1)
    return result


def transpose_together(streams: list[Ints], tables: list[Ints], row: int) -> list[Ints]:
    """Transpose simultaneous streams, all by the same row of their `transposition_tables`.

    They are unchanged if a pitch of any stream would leave 0 to 127.
    """
    transposed = [table[row][ids] for ids, table in zip(streams, tables, strict=True)]
    return streams if any((ids < 0).any() for ids in transposed) else transposed
