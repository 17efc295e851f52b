"""Clips of a few bars for a VAE: cut out of the streams of a view at every bar line, in any metre.

Nothing is encoded again: the ids of a clip are those of its bars, between BOS and EOS. Notes that cross the
end are shortened; notes that started before the clip are dropped. Everything is vectorised.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.data.views import TokenView
from musegen.metrics.attributes import attributes
from musegen.metrics.note_f1 import DRUMS, Notes
from musegen.music.notes import Floats
from musegen.tokenizers import Kind, LineTokenizer, Tables, Tokenizer, whole_tokenizer
from musegen.tokenizers.line import read_line, write_line
from musegen.tokenizers.tables import Ints


class Clips(NamedTuple):
    """C clips of one split, in the order of the music."""

    ids: npt.NDArray[np.uint16]
    """(N,) all clips concatenated, each from BOS to EOS."""
    offsets: Ints
    """(C + 1,) start of each clip."""
    piece: Ints
    """(C,) index of its piece in the view."""
    first_bar: Ints
    """(C,) its first bar in the piece, from 0."""
    metre: Ints
    """(C,) its metre id."""
    notes: Ints
    """(C,) its number of notes."""
    left_out: dict[str, int]
    """Number of rejected clips, by reason."""

    def rows(self, which: Ints) -> Ints:
        """The ids of some clips, (B, T), padded at the end with 0."""
        starts, lengths = self.offsets[which], self.offsets[which + 1] - self.offsets[which]
        steps = np.arange(int(lengths.max(initial=0)))
        inside = steps < lengths[:, None]
        at = np.minimum(starts[:, None] + steps, len(self.ids) - 1)
        return np.where(inside, self.ids[at], 0).astype(np.int64)

    def spread(self, most: int) -> Ints:
        """The indices of at most `most` clips, spread evenly over all."""
        count = len(self.piece)
        return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


class _Bars(NamedTuple):
    """The bars of a view: start and end of each in the ids, its piece and metre id, (bars,)."""

    start: Ints
    stop: Ints
    piece: Ints
    metre: Ints


def cut_clips(view: TokenView, tokenizer: Tokenizer, *, bars: int, split: str) -> Clips:
    """Every clip of `bars` bars of one metre with at least one note.

    Args:
        view: the streams.
        tokenizer: of the clips.
        bars: per clip.
        split: "train", "valid", "test" or "all".
    """
    clips = _cut(view, whole_tokenizer(tokenizer).tables, bars=bars, split=split)
    if not isinstance(tokenizer, LineTokenizer):
        return clips
    rows = as_lines(clips.ids, clips.offsets, tokenizer, bars)
    offsets = np.append(0, np.cumsum((rows != 0).sum(axis=1)))
    return clips._replace(
        ids=rows[rows != 0].astype(np.uint16), offsets=offsets, metre=tokenizer.of_events(clips.metre)
    )


def as_lines(ids: npt.NDArray[np.integer[Any]], offsets: Ints, tokenizer: LineTokenizer, bars: int) -> Ints:
    """Clips of events converted to lines, (C, T), padded at the end with 0.

    Of simultaneous notes the highest is kept, and each is cut where the next starts.

    Args:
        ids: (N,) events, concatenated.
        offsets: (C + 1,) start of each clip.
        tokenizer: of the lines.
        bars: per clip.
    """
    notes = clip_notes(ids, offsets, tokenizer.events.tables)
    order = np.lexsort((notes.pitch, notes.onset, notes.clip))
    clip, onset = notes.clip[order], notes.onset[order]
    is_top = np.append((clip[1:] != clip[:-1]) | (onset[1:] != onset[:-1]), True)[: len(order)]
    line = Notes(*(column[order][is_top] for column in notes))
    metre = tokenizer.of_events(np.asarray(ids, dtype=np.int64)[np.asarray(offsets[:-1]) + 2])
    return write_line(line, metre, bars, tokenizer.tables)


def _cut(view: TokenView, tables: Tables, *, bars: int, split: str) -> Clips:
    lines = _bars(view, tables)
    first = np.flatnonzero(np.isin(lines.piece, view.indices(split)))
    left_out = {}
    inside = first + bars <= len(lines.start)
    inside[inside] = lines.piece[first[inside]] == lines.piece[first[inside] + bars - 1]
    whole = first[inside]
    pieces_with_clips = set(lines.piece[whole].tolist())
    left_out["all there is of its piece is shorter"] = len(set(view.indices(split)) - pieces_with_clips)
    changes = np.cumsum(np.append(False, lines.metre[1:] != lines.metre[:-1]))
    same_metre = changes[whole] == changes[whole + bars - 1]
    left_out["the metre changes inside"] = int((~same_metre).sum())
    first = whole[same_metre]
    note_count = np.append(0, np.cumsum(tables.kind[view.ids] == Kind.PITCH))  # notes before each id
    notes = note_count[lines.stop[first + bars - 1]] - note_count[lines.start[first]]
    left_out["no note begins in it"] = int((notes == 0).sum())
    first, notes = first[notes > 0], notes[notes > 0]
    ids, offsets = _copied(view, tables, lines, first, bars)
    begins = np.searchsorted(lines.piece, np.arange(len(view.pieces)))  # first bar of each piece
    return Clips(
        ids=ids.astype(np.uint16),
        offsets=offsets,
        piece=lines.piece[first],
        first_bar=first - begins[lines.piece[first]],
        metre=lines.metre[first],
        notes=notes,
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def _bars(view: TokenView, tables: Tables) -> _Bars:
    start = np.flatnonzero(tables.kind[view.ids] == Kind.BAR)
    piece = np.searchsorted(view.offsets, start, side="right") - 1
    end = view.offsets[piece + 1] - 1  # index of the EOS of the piece
    following = np.append(start[1:], len(view.ids))
    return _Bars(start, np.minimum(following, end), piece, view.ids[start + 1].astype(np.int64))


def _copied(view: TokenView, tables: Tables, lines: _Bars, first: Ints, bars: int) -> tuple[Ints, Ints]:
    """The ids of clips that start with the bars `first` (C,), concatenated, and the start of each."""
    start, stop = lines.start[first], lines.stop[first + bars - 1]
    length = stop - start
    offsets = np.append(0, np.cumsum(length + 2))
    [bos_id], [eos_id] = tables.ids(Kind.BOS), tables.ids(Kind.EOS)
    ids = np.full(offsets[-1], bos_id)
    ids[offsets[1:] - 1] = eos_id
    clip = np.repeat(np.arange(len(first)), length)
    to = np.arange(len(clip)) + 1 + 2 * clip  # after the BOS of each clip
    source = to - offsets[clip] - 1 + start[clip]
    ids[to] = view.ids[source]
    if tables.voices:
        ids[to] = _without_initial_holds(ids[to], clip, tables)
    else:
        metre = lines.metre[first][clip]
        bar = np.searchsorted(lines.start, source, side="right") - 1
        left = (first[clip] + bars - bar) * tables.bar_positions[metre]  # from the start of this bar
        ids[to] = _cut_durations(ids[to], left, tables)
    return ids, offsets


def _cut_durations(ids: Ints, left: Ints, tables: Tables) -> Ints:
    """The ids with durations cut to the end of the clip, `left` positions after the bar line."""
    room = left - tables.positions(ids)
    too_long = (tables.kind[ids] == Kind.DURATION) & (tables.duration[ids] > room)
    cut = ids.copy()
    cut[too_long] = tables.durations(room[too_long])
    return cut


def _without_initial_holds(ids: Ints, clip: Ints, tables: Tables) -> Ints:
    """The ids with rests in place of holds of notes that started before the clip."""
    kind = tables.kind[ids]
    is_slot = kind >= Kind.PITCH
    # Every bar has the same number of ids per voice, so the voice follows from the index among all clips.
    voice = np.where(is_slot, (np.cumsum(is_slot) - 1) % tables.voices, -1)
    first = np.searchsorted(clip, np.arange(clip[-1] + 1 if len(clip) else 0))  # first id of each clip
    [rest_id] = tables.ids(Kind.REST)
    result = ids.copy()
    for each in range(tables.voices):
        sounded = np.cumsum((voice == each) & (kind != Kind.HOLD))
        before = sounded[first] - ((voice[first] == each) & (kind[first] != Kind.HOLD))
        result[(voice == each) & (kind == Kind.HOLD) & (sounded == before[clip])] = rest_id
    return result


def clip_notes(ids: npt.NDArray[np.integer[Any]], offsets: Ints, tables: Tables) -> Notes:
    """The notes of clips; onsets from the clip's first bar line, in ticks (192 per quarter).

    Args:
        ids: (N,) concatenated, each clip in one metre.
        offsets: (C + 1,) start of each clip.
        tables: of their tokenizer.
    """
    ids, offsets = (np.asarray(each, dtype=np.int64) for each in (ids, offsets))
    if tables.is_line:
        return read_line(ids, offsets, tables)
    kind = tables.kind[ids]
    clip = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    metre = ids[offsets[:-1] + 2]  # after BOS and Bar
    ticks = tables.position_ticks[metre][clip]
    if tables.voices:
        onset, duration, pitches = _grid_times(kind, clip, offsets, tables.voices)
    else:
        pitches, duration = tables.notes(ids, drums=True)
        bars = np.cumsum(kind == Kind.BAR)
        bar = bars - bars[offsets[:-1]][clip] - 1  # BOS comes before the first bar
        onset = (bar * tables.bar_positions[metre][clip] + tables.positions(ids))[pitches]
    found = ids[pitches]
    pitch = tables.pitch[found] + DRUMS * tables.is_drum[found]
    return Notes(clip[pitches], onset * ticks[pitches], duration * ticks[pitches], pitch)


def clip_attributes(clips: Clips, tables: Tables, bars: int) -> Floats:
    """Density, spread, complexity and pitch of every clip, (C, 4); NaN for clips of drums only."""
    notes = clip_notes(clips.ids, clips.offsets, tables)
    notes = Notes(*(column[notes.pitch < DRUMS] for column in notes))
    return attributes(notes.clip, notes.onset, notes.pitch, count=len(clips.piece), bars=bars)


def _grid_times(kind: Ints, clip: Ints, offsets: Ints, voices: int) -> tuple[Ints, Ints, Ints]:
    """Onset and duration in positions of each note of a grid, and its index in the ids."""
    is_slot = kind >= Kind.PITCH
    count = np.cumsum(is_slot)
    slot = count - 1 - count[offsets[:-1]][clip]
    found = []
    for voice in range(voices):
        slots = np.flatnonzero(is_slot & (slot % voices == voice))
        stops = np.flatnonzero((kind[slots] != Kind.HOLD) | np.append(True, np.diff(clip[slots]) > 0))
        ends = np.append(stops[1:], len(slots))
        is_note = kind[slots[stops]] == Kind.PITCH
        found.append((slots[stops[is_note]], (ends - stops)[is_note]))
    pitches = np.concatenate([at for at, _ in found])
    duration = np.concatenate([length for _, length in found])
    order = np.argsort(pitches, kind="stable")
    return slot[pitches[order]] // voices, duration[order], pitches[order]
