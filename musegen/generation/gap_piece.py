"""A piece with gaps as a model reads it, and the new notes of a stream in the tracks they belong to."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.errors import DataError
from musegen.generation.engine import Stream
from musegen.generation.request import check_metres
from musegen.music.excerpt import bar_lines
from musegen.music.gaps import Gap, Gapped, clear_of, gap_spans, split_notes
from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import all_onsets, note_arrays, put_notes
from musegen.music.odd_bars import Rest, fill_odd_bars
from musegen.tokenizers import Kind, RemiTokenizer, WholeTokenizer
from musegen.tokenizers.holes import with_notes
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints


class GapPiece(NamedTuple):
    """A piece with gaps as the model reads it: odd bars are filled up."""

    given: Score
    """Without the notes of the gaps."""
    missing: Score
    """The notes that were in the gaps."""
    rests: list[Rest]
    gaps: Sequence[Gap]
    spans: list[tuple[int, int]]
    """Begin and end of each gap in ticks."""
    bars: int
    """Of the whole piece."""
    metre_ids: list[int]
    """Of each bar."""
    tracks: Sequence[int]
    """Numbers of the tracks that the model reads and fills."""
    pickup: int
    """Ticks at the start of the first bar in which nothing can start."""
    read: Sequence[int] = ()
    """Numbers of other tracks that the model reads."""


def read_gaps(gapped: Gapped, tokenizer: WholeTokenizer) -> GapPiece:
    """A piece with gaps, read for a model.

    Raises:
        DataError: a metre that the model does not know, or no note is given.
    """
    score, gaps, tracks, pickup, read = gapped
    whole, rests = fill_odd_bars(score, tokenizer.time_signatures)
    check_metres(whole, tokenizer, "the tune")
    bars = max(len(bar_ticks(whole)) - 1, gaps[-1].last)
    spans = gap_spans(whole, gaps)
    given, missing = split_notes(whole, spans, tracks)
    if not len(all_onsets(_seen(given, [*tracks, *read]))):
        raise DataError(
            "everything is missing: no note that the model can read is left outside the gaps; for new pieces "
            "use musegen generate"
        )
    metres = metres_at(whole, bar_lines(whole, bars)[:bars])
    ids = [tokenizer.vocab.index(f"TimeSig_{beats}/{unit}") for beats, unit in metres]
    return GapPiece(given, missing, rests, gaps, spans, bars, ids, tracks, pickup, read)


def bars_of(score: Score, piece: GapPiece, tokenizer: WholeTokenizer) -> tuple[Ints, Ints]:
    """The ids of some music in the bars of a piece, without EOS; and the index of each bar line, (bars,)."""
    ids = encoded(score, piece, tokenizer)[:-1]
    [bar_id] = tokenizer.tables.ids(Kind.BAR)
    lines = np.flatnonzero(ids == bar_id)
    silent = piece.metre_ids[len(lines) :]  # bars in which the last note is only held are not encoded
    lines = np.append(lines, len(ids) + 2 * np.arange(len(silent)))
    return np.append(ids, [[bar_id, metre] for metre in silent]).astype(np.int64), lines


def encoded(score: Score, piece: GapPiece, tokenizer: WholeTokenizer) -> Ints:
    """The ids of some music in the bars of a piece, from BOS to EOS or at most to the last of its bars."""
    ids = tokenizer.encode(_seen(score, piece.tracks))
    if isinstance(tokenizer, RemiTokenizer):
        ids[0] = tokenizer.bos_of(piece.bars)
    lines = np.flatnonzero(tokenizer.tables.kind[ids] == Kind.BAR)
    if len(lines) > piece.bars:  # an onset rounded up to the last bar line
        ids = np.append(ids[: lines[piece.bars]], tokenizer.eos_id)
    return ids


def _seen(score: Score, tracks: Sequence[int]) -> Score:
    """What the model reads of a piece."""
    seen = score.copy()
    seen.tracks = [score.tracks[number] for number in tracks]
    return seen


def new_notes(
    stream: Stream, piece: GapPiece, tokenizer: WholeTokenizer, *, keeps_rhythm: bool
) -> tuple[Score, int]:
    """The new notes of a stream, each in the track it belongs to, and how many gave way to given ones."""
    tpq = piece.given.tpq
    new, homes = piece.missing.copy(), _homes(piece, tokenizer)
    ids = np.array(stream.ids)
    bar = np.cumsum(tokenizer.tables.kind[ids] == Kind.BAR)
    rows: dict[int, list[tuple[int, int, int, int]]] = {number: [] for number in range(len(new.tracks))}
    tables, metres = tokenizer.tables, np.array(piece.metre_ids)
    exact = np.append(0, np.cumsum(tables.bar_positions[metres] * tables.position_ticks[metres]))
    for gap, (begin, end) in zip(piece.gaps, piece.spans, strict=True):
        since, stop = (int(exact[bar]) for bar in (gap.first - 1, gap.last))
        in_gap = (gap.first <= bar) & (bar <= gap.last)
        notes = with_notes(ids, tables, in_gap)
        for track in tokenizer.decode(
            notes, ticks_per_quarter=TICKS_PER_QUARTER
        ).tracks:  # in which it is exact
            number = tokenizer.stream_programs([track])[0] if tokenizer.config.programs else 0
            for note in track.notes if number in homes else ():
                # A note that is played early or late stays in its bars.
                time = min(max(note.time, since), stop - 1) if tokenizer.config.shift else note.time
                if since <= time < stop:
                    home = _nearest(homes[number], piece, note.pitch)
                    onset = min(begin + round((time - since) * tpq / TICKS_PER_QUARTER), end - 1)
                    until = begin + round((time + note.duration - since) * tpq / TICKS_PER_QUARTER)
                    rows[home].append((onset, max(1, min(until, end) - onset), note.pitch, note.velocity))
    for number, track in enumerate(new.tracks):
        columns = np.array(sorted(rows[number]), np.int64).reshape(-1, 4).T
        onsets, durations, pitches, velocities = columns
        if not tokenizer.config.velocity and len(loud := note_arrays(piece.given.tracks[number])[3]):
            velocities = np.full(len(onsets), int(np.median(loud)))
        old = note_arrays(piece.missing.tracks[number])
        if keeps_rhythm and len(old[0]) == len(onsets):  # exactly as it was, also off the grid
            onsets, durations, velocities = old[0], old[1], old[3]
        put_notes(track, onsets, durations, pitches, velocities)
    return clear_of(new, piece.given)


def _homes(piece: GapPiece, tokenizer: WholeTokenizer) -> dict[int, list[int]]:
    """The tracks that take new notes, by their number in the stream; 0 without programs."""
    if not tokenizer.config.programs:
        return {0: list(piece.tracks)}
    numbers = tokenizer.stream_programs([piece.given.tracks[number] for number in piece.tracks])
    homes: dict[int, list[int]] = {}
    for number, track in zip(numbers, piece.tracks, strict=True):
        homes.setdefault(number, [track])  # of two with the same number, the first
    return homes


def _nearest(tracks: Sequence[int], piece: GapPiece, pitch: int) -> int:
    """The one of some tracks whose given notes are nearest to a pitch."""
    if len(tracks) == 1:
        return tracks[0]
    means = {number: note_arrays(piece.given.tracks[number])[2] for number in tracks}
    return min(
        tracks, key=lambda number: abs(float(means[number].mean()) - pitch) if len(means[number]) else 128
    )
