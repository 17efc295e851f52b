"""The bars of a user's file that are the input of a VAE, and remarks on what was taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from symusic.core import ScoreTick

from musegen.data.clips import as_lines
from musegen.data.selection import fill_bars
from musegen.errors import DataError
from musegen.metrics.note_f1 import note_scores
from musegen.music.excerpt import excerpt
from musegen.music.melody import how_found, melody_track, skyline
from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import all_onsets
from musegen.music.odd_bars import Filled, fill_odd_bars, filled_like, lasting_metres
from musegen.tokenizers import GridTokenizer, LineTokenizer, Tokenizer
from musegen.tokenizers.tables import Ints

Metre = tuple[int, int]
"""Beats and their unit."""


@dataclass(frozen=True)
class Clip:
    """A few bars in one metre."""

    score: ScoreTick
    """The user's own notes, from tick 0."""
    ids: Ints
    """(T,) from BOS to EOS: the model's input."""
    metre: Metre
    words: list[str]
    """What was taken and what was left out, as sentences for the user."""


def take_clip(
    score: ScoreTick,
    tokenizer: Tokenizer,
    bars: int,
    *,
    from_bar: int | None = None,
    one_line: bool = True,
    melody: str | None = None,
    drums: bool = True,
    metres: Mapping[str, int] | None = None,
) -> Clip:
    """Take a clip of `bars` bars from a tidy score; if the score ends earlier, silence follows.

    Args:
        score: of any length.
        tokenizer: the model's.
        bars: of the clip.
        from_bar: its first bar, from 1; None: the first bar in which a note begins.
        one_line: take the melody alone, and of simultaneous notes the highest.
        melody: its track, by name or by number from 1; None: detected and reported.
        drums: keep drum tracks, unless it is one line.
        metres: training clips by metre, such as {"6/8": 1200}; None: unknown.

    Raises:
        DataError: there is no such bar or no note, the metre changes, or the tokenizer lacks the metre.
        TokenError: the tokenizer cannot encode the clip.
    """
    remarks: list[str] = []
    music = _tune(score, melody, remarks) if one_line else _with_drums(score, keep=drums)
    count = len(bar_ticks(score)) - 1
    first = _first_bar(music, from_bar, count)
    stop = min(first + bars, count)
    filled = _in_one_metre(score, first, stop)
    metre = _metre(filled.score, first, stop)
    _check_metre(metre, tokenizer, metres, remarks)
    clip = excerpt(filled_like(music, *filled), first, first + bars)
    if not clip.tracks:
        raise DataError(
            f"no note begins in bars {first + 1} to {first + bars}; in bar {_begins(music, first)} one does: "
            "choose the clip's first bar with ⟨from-bar⟩"
        )
    begin, end = bar_ticks(score)[[first, stop]].tolist()
    odd = sum(begin <= rest.time <= end for rest in filled.rests)
    if odd:
        remarks.append(f"{odd} short bar{'s' * (odd > 1)} filled up with a rest to {metre[0]}/{metre[1]}")
    if count > bars or from_bar is not None:
        remarks.append(f"bars {first + 1} to {min(first + bars, count)} of {count} taken")
    silent = first + bars - count
    if silent > 0:
        remarks.append(f"{silent} bar{'s' * (silent > 1)} of silence added: the model's clips have {bars}")
    return _encoded(clip, tokenizer, bars, metre, remarks, one_line=one_line)


def _encoded(
    clip: ScoreTick, tokenizer: Tokenizer, bars: int, metre: Metre, remarks: list[str], *, one_line: bool
) -> Clip:
    line = skyline(clip) if one_line else clip
    dropped = clip.note_num() - line.note_num()
    if dropped:
        remarks.append(f"the model writes one note at a time: {dropped} notes below the tune left out")
        clip = line
    ids = encode_clip(line, tokenizer, bars, metre)
    kept = note_scores(clip, tokenizer.decode(ids)).recall
    if kept < 1:
        remarks.append(f"{kept:.0%} of the notes lie on the model's grid; the others are moved to it")
    return Clip(clip, ids, metre, remarks)


def encode_clip(clip: ScoreTick, tokenizer: Tokenizer, bars: int, metre: Metre) -> Ints:
    """Ids of a clip from BOS to EOS, (T,): exactly `bars` bars, silent ones included.

    Raises:
        TokenError: the tokenizer cannot encode the clip.
    """
    if isinstance(tokenizer, LineTokenizer):
        ids = encode_clip(clip, tokenizer.events, bars, metre)
        line: Ints = as_lines(ids, np.array([0, len(ids)]), tokenizer, bars)[0]
        return line
    if isinstance(tokenizer, GridTokenizer):
        ids = tokenizer.encode(clip, lossy=True)
    else:
        ids = tokenizer.encode(clip)
    ids = fill_bars(ids, tokenizer, [f"TimeSig_{metre[0]}/{metre[1]}"] * bars)
    lines = np.flatnonzero(ids == ids[1])  # the first id after BOS is a bar line
    # A note rounded up past the end may begin one bar more.
    return ids if len(lines) == bars else np.append(ids[: lines[bars]], ids[-1])


def _tune(score: ScoreTick, wanted: str | None, remarks: list[str]) -> ScoreTick:
    found = melody_track(score, wanted)
    if message := how_found(score, found):
        remarks.append(message)
    alone = score.copy()
    alone.tracks = [score.tracks[found.track]]
    return alone


def _with_drums(score: ScoreTick, *, keep: bool) -> ScoreTick:
    music = score.copy()
    music.tracks = [track for track in score.tracks if keep or not track.is_drum]
    if not music.tracks:
        raise DataError("there are only drums, which the model does not write: name a file with other notes")
    return music


def _first_bar(music: ScoreTick, from_bar: int | None, count: int) -> int:
    """The clip's first bar, from 0."""
    if from_bar is None:
        return _begins(music, 0) - 1
    if not 1 <= from_bar <= count:
        raise DataError(f"⟨from-bar⟩ is {from_bar}: the bars are numbered from 1 to {count}")
    return from_bar - 1


def _begins(music: ScoreTick, first: int) -> int:
    """The bar (from 1) after the first `first` bars in which a note begins, else the last before."""
    bars = np.unique(np.searchsorted(bar_ticks(music), all_onsets(music), side="right"))
    later = bars[bars > first]
    return int(later[0] if len(later) else bars[-1])


def _in_one_metre(score: ScoreTick, first: int, stop: int) -> Filled:
    """The score with odd bars filled up to the commonest metre of its bars `first` to `stop`."""
    metres, lasting = metres_at(score, bar_ticks(score)[first:stop]), lasting_metres(score)
    return fill_odd_bars(score, [max(metres, key=lambda metre: (metre in lasting, metres.count(metre)))])


def _metre(score: ScoreTick, first: int, stop: int) -> Metre:
    """The metre of bars `first` (from 0) up to `stop`, in which it must not change."""
    lines = bar_ticks(score)
    changes = [(t.time, (t.numerator, t.denominator)) for t in score.time_signatures] or [(0, (4, 4))]
    _, metre = [change for change in changes if change[0] <= lines[first]][-1]
    for time, other in changes:
        if lines[first] < time < lines[stop]:
            bar = int(np.searchsorted(lines, time)) + 1
            raise DataError(
                f"the time signature changes from {metre[0]}/{metre[1]} to {other[0]}/{other[1]} in bar "
                f"{bar}, and a clip has one: choose its first bar with ⟨from-bar⟩"
            )
    return metre


def _check_metre(
    metre: Metre, tokenizer: Tokenizer, trained: Mapping[str, int] | None, remarks: list[str]
) -> None:
    """Refuse a metre that the tokenizer lacks, and remark if no training clip has it."""
    name = f"{metre[0]}/{metre[1]}"
    if metre not in tokenizer.time_signatures:
        known = ", ".join(f"{n}/{d}" for n, d in tokenizer.time_signatures)
        raise DataError(f"the clip is in {name}, which the model does not write; it writes {known}")
    if trained and name not in trained:
        known = ", ".join(sorted(trained, key=lambda each: -trained[each])[:5])
        remarks.append(f"no training clip is in {name} (they are in {known}): expect poor results")
