"""Music changed before it is learnt from: streams transposed, and clips of one line in an attribute each.

From the changed clips a VAE learns its sliders. A slider must change a clip though all else in z still says
what the clip was. So the model is given a clip that was made sparser, wider, more uneven or higher (or the
opposite), and told by the sliders' dimensions alone what the clip had been, and has to give that back. All
of it is done on whole arrays.
"""

import numpy as np

from musegen.data.clips import clip_notes
from musegen.metrics.note_f1 import Notes
from musegen.music.notes import Floats
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.line import write_line
from musegen.tokenizers.tables import Ints

SHORTEST = 48
"""Ticks (of 192 a quarter) of the shortest note that is made: a 16th, whole positions in every metre."""
WAYS = 6
"""In which a clip may be changed: see `vary`."""


def changed_lines(ids: Ints, bars: int, tables: Tables, rng: np.random.Generator) -> Ints:
    """Clips of one line, each changed in one way, as ids again, (C, S).

    Args:
        ids: (C, T), padded at the end with 0.
        bars: of a clip.
        tables: of the tokenizer, which writes nothing but pitch and duration of a note.
        rng: decides how and by how much.
    """
    offsets = np.append(0, np.cumsum((ids != 0).sum(axis=1)))
    metre = ids[:, 2]  # behind BOS and Bar
    lengths = bars * tables.bar_positions[metre] * tables.position_ticks[metre]
    notes = vary(clip_notes(ids[ids != 0], offsets, tables), lengths, rng)
    write = write_line if tables.is_line else line_ids
    return write(notes, metre, bars, tables)


def vary(notes: Notes, lengths: Ints, rng: np.random.Generator) -> Notes:
    """Change each clip in one way, drawn at random.

    Notes left out, the one before lasting on; notes split in two; pitches drawn together or apart about
    their mean; rhythms made even; rhythms made uneven; transposed.

    Args:
        notes: of lines: no two notes of a clip begin together.
        lengths: of the clips in ticks, (C,).
        rng: decides how and by how much.
    """
    count = len(lengths)
    way, amount = rng.integers(WAYS, size=count), rng.random(count)
    notes = _split(notes, (way == 1) * amount, rng)
    notes = _thin(notes, (way == 0) * amount * 0.7, rng)
    notes = _spread(notes, np.where(way == 2, np.exp(2 * amount - 1), 1.0))
    shares = np.where(way == 3, 0.5, rng.choice([0.25, 0.75, 1 / 3, 2 / 3], size=count))
    notes = _shift(notes, lengths, np.isin(way, (3, 4)) * (0.3 + 0.7 * amount), shares, rng)
    steps = np.where(way == 5, rng.integers(-9, 10, size=count), 0)
    return notes._replace(pitch=np.clip(notes.pitch + steps[notes.clip], 0, 127))


def _thin(notes: Notes, share: Floats, rng: np.random.Generator) -> Notes:
    """Leave out notes, the first of a clip aside; what sounded before sounds on."""
    is_first = np.append(True, notes.clip[1:] != notes.clip[:-1])
    kept = is_first | (rng.random(len(notes.clip)) >= share[notes.clip])
    last = np.append(np.flatnonzero(kept)[1:], len(kept)) - 1  # the last note that each one swallows
    duration = notes.onset[last] + notes.duration[last] - notes.onset[kept]
    return Notes(notes.clip[kept], notes.onset[kept], duration, notes.pitch[kept])


def _split(notes: Notes, share: Floats, rng: np.random.Generator) -> Notes:
    """Split notes in two halves, the second of which has the pitch of this note or of the next one."""
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
    """Draw pitches apart by a factor a clip, about the clip's mean."""
    counts = np.bincount(notes.clip, minlength=len(factor))
    mean = np.bincount(notes.clip, notes.pitch, len(factor)) / np.maximum(counts, 1)
    centre = np.round(mean)[notes.clip]
    pitch = np.round(centre + (notes.pitch - centre) * factor[notes.clip])
    return notes._replace(pitch=np.clip(pitch, 0, 127).astype(np.int64))


def _shift(notes: Notes, lengths: Ints, share: Floats, where: Floats, rng: np.random.Generator) -> Notes:
    """Move every other note to a share of the way between its neighbours, which stay."""
    first = np.searchsorted(notes.clip, notes.clip)
    is_odd = (np.arange(len(notes.clip)) - first) % 2 == 1
    chosen = np.flatnonzero(is_odd & (rng.random(len(notes.clip)) < share[notes.clip]))
    before = notes.onset[chosen - 1]
    is_last = np.append(notes.clip[1:] != notes.clip[:-1], True)[chosen]
    after = np.where(is_last, lengths[notes.clip[chosen]], np.append(notes.onset, 0)[chosen + 1])
    steps = np.round((after - before) * where[notes.clip[chosen]] / SHORTEST).astype(np.int64)
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
    """The streams of clips of one line written as events, (C, T), padded at the end with 0.

    Args:
        notes: none of which crosses the clip's end.
        metre: id of each clip's metre, (C,).
        bars: of a clip.
        tables: of the tokenizer, which writes nothing but pitch and duration of a note.
    """
    count, step = len(metre), tables.position_ticks[metre]
    bar_ticks = tables.bar_positions[metre] * step
    bar = notes.onset // bar_ticks[notes.clip]
    of_clip = np.bincount(notes.clip, minlength=count)
    number = np.arange(len(notes.clip)) - (np.cumsum(of_clip) - of_clip)[notes.clip]  # in its clip
    ids = np.zeros((count, 2 + 2 * bars + 3 * int(of_clip.max(initial=0))), dtype=np.int64)
    ids[:, 0] = tables.ids(Kind.BOS)[0]
    ids[np.arange(count), 1 + 2 * bars + 3 * of_clip] = tables.ids(Kind.EOS)[0]
    before = np.zeros((count, bars + 1), dtype=np.int64)  # notes of a clip before each of its bars
    np.add.at(before, (notes.clip, bar + 1), 1)
    lines = 1 + 2 * np.arange(bars) + 3 * before.cumsum(axis=1)[:, :bars]
    np.put_along_axis(ids, lines, tables.ids(Kind.BAR)[0], axis=1)
    np.put_along_axis(ids, lines + 1, metre[:, None], axis=1)
    at = 3 + 2 * bar + 3 * number
    position = (notes.onset - bar * bar_ticks[notes.clip]) // step[notes.clip]
    ids[notes.clip, at] = tables.by_value(Kind.POSITION, tables.position)[position]
    ids[notes.clip, at + 1] = tables.by_value(Kind.PITCH, tables.pitch)[notes.pitch]
    ids[notes.clip, at + 2] = tables.durations(notes.duration // step[notes.clip])
    return ids


def transposition_tables(tables: Tables, shifts: range) -> Ints:
    """For each shift in semitones, the id that each id becomes.

    Returns:
        (shifts, V); -1 where a pitch would leave 0 to 127. Drums and all other ids stay.
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
    """Transpose streams that sound together, all by the same row of their `transposition_tables`.

    They stay as they are where a pitch of any would not fit.
    """
    moved = [table[row][ids] for ids, table in zip(streams, tables, strict=True)]
    return streams if any((ids < 0).any() for ids in moved) else moved
