"""Chord symbols as a track of voiced chords, and back. Times are in ticks.

The voicing is fixed, so that it can be read back exactly: the bass from C2 to B2, above it the root from C3
to B3, and on that the other notes of the chord by their intervals. A chord is struck where its symbol stands,
and again at each bar line, so that the bars of the track can be read and written one by one; it lasts to the
next strike. Symbols that repeat the one before are not kept.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from symusic import Score, Track

from musegen.music.chord_symbols import NO_CHORD, QUALITIES, ChordSymbol, chord_symbols, put_symbols
from musegen.music.metre import bar_ticks
from musegen.music.notes import Ints, note_arrays, put_notes

NAME = "chords"
"""Of the track, and its role."""
LOWEST_BASS, LOWEST_ROOT = 36, 48
VELOCITY = 64
BLOCK = 3
"""Least number of notes of a block chord that begin together."""
SHARE = 0.8
"""Share of the onsets of a track of chords that are block chords, and of these that are voiced as here."""
Symbols = list[tuple[int, ChordSymbol]]
"""Chord symbols by tick; each holds until the next."""


class Strike(NamedTuple):
    """What sounds from the onset of a note to the next onset of one, or to the end of all."""

    begin: int
    end: int
    pitches: tuple[int, ...]
    """In ascending order."""


def voicing(symbol: ChordSymbol) -> list[int]:
    """The MIDI pitches of a chord, the bass first; none for `NO_CHORD`."""
    if symbol == NO_CHORD:
        return []
    bass = symbol.root if symbol.bass is None else symbol.bass
    return [LOWEST_BASS + bass, *(LOWEST_ROOT + symbol.root + each for each in symbol.intervals)]


def chord_track(symbols: Iterable[tuple[int, ChordSymbol]], bars: Ints) -> Track:
    """The track of some chord symbols.

    Args:
        symbols: by tick; of several at one tick the last counts, and those beyond the last bar line are left
            out.
        bars: bar lines of the piece, (bars + 1,).
    """
    end, at = int(bars[-1]), dict(without_repeats(symbols))
    times = sorted({*at, *bars.tolist()})
    rows, current = [], NO_CHORD
    for begin, stop in pairwise(time for time in times if time <= end):
        current = at.get(begin, current)
        rows += [(begin, stop - begin, pitch, VELOCITY) for pitch in voicing(current)]
    track = Track(NAME, 0, is_drum=False)
    put_notes(track, *np.array(rows, np.int64).reshape(-1, 4).T)
    return track


def symbols_of_track(track: Track, bars: Ints) -> Symbols:
    """The chord symbols of a track of chords: the inverse of `chord_track`, but for a rest at the end.

    Other block chords are read as the triad, seventh or sixth chord nearest to what sounds from each onset
    on; in such a track, a chord holds through rests of less than a bar.

    Args:
        track: of chords.
        bars: bar lines of the piece, (bars + 1,).
    """
    strikes = list(_strikes(track))
    if not strikes:
        return []
    voiced = [_voiced_symbol(strike.pitches) for strike in strikes]
    is_voiced = sum(each is not None for each in voiced) >= SHARE * len(strikes)
    shortest_rest = 1 if is_voiced else int(np.diff(bars).min(initial=bars[-1]))
    found: Symbols = []
    for strike, symbol, after in zip(strikes, voiced, [*strikes[1:], None], strict=True):
        found.append((strike.begin, symbol if symbol and is_voiced else _nearest(strike.pitches)))
        if after is not None and after.begin - strike.end >= shortest_rest:
            found.append((strike.end, NO_CHORD))
    return without_repeats(found)


def without_repeats(symbols: Iterable[tuple[int, ChordSymbol]]) -> Symbols:
    """The symbols that differ from the one before, by tick; a rest before the first chord is none.

    Of several at one tick the last counts.
    """
    kept, last = Symbols(), NO_CHORD
    for time, symbol in dict(sorted(symbols, key=lambda each: each[0])).items():
        if symbol != last:
            kept.append((time, symbol))
        last = symbol
    return kept


def chords_of_score(score: Score, melody: int = -1) -> Symbols:
    """The chords of a tidy Score: its chord symbols, else those of its track of chords; none without either.

    Args:
        score: tidy.
        melody: number of the track that is not looked at, -1 for none.
    """
    if symbols := chord_symbols(score):
        return without_repeats(symbols)
    number = find_chord_track(score, melody)
    return [] if number is None else symbols_of_track(score.tracks[number], bar_ticks(score))


def with_chord_track(score: Score, melody: int = -1) -> Score:
    """The Score with the track of its chords in place of the one it has, else as the last track.

    Args:
        score: tidy; without chords it stays as it is.
        melody: number of the track that is kept whatever it plays, -1 for none.
    """
    symbols = chords_of_score(score, melody)
    if not symbols:
        return score
    named = (i for i, t in enumerate(score.tracks) if i != melody and t.name.strip().casefold() == NAME)
    replaced = next(named, None) if chord_symbols(score) else find_chord_track(score, melody)
    score, track = score.copy(), chord_track(symbols, bar_ticks(score))
    tracks = list(score.tracks)
    at = len(tracks) if replaced is None else replaced
    tracks[at : at + 1] = [track]
    score.tracks = tracks
    put_symbols(score, symbols)  # one per tick: markers at one tick lose their order in a file
    return score


def find_chord_track(score: Score, melody: int = -1) -> int | None:
    """The number of the track of chords, the first of those that nearly always play block chords, or None."""
    tracks = ((i, t) for i, t in enumerate(score.tracks) if i != melody and not t.is_drum)
    return next((number for number, track in tracks if _is_block_chords(track)), None)


def is_voiced_from(track: Track, symbols: Symbols, bars: Ints) -> bool:
    """Whether a track sounds these symbols, note for note, so that it can be written as symbols alone."""
    rows = (
        zip(*(c.tolist() for c in note_arrays(t)[:3]), strict=True)
        for t in (track, chord_track(symbols, bars))
    )
    own, voiced = (sorted(each) for each in rows)
    return own == voiced


def _is_block_chords(track: Track) -> bool:
    _, counts = np.unique(note_arrays(track)[0], return_counts=True)
    return len(counts) > 0 and bool((counts >= BLOCK).mean() >= SHARE)


def _strikes(track: Track) -> Iterator[Strike]:
    onsets, durations, pitches, _ = note_arrays(track)
    begins: list[int | None] = [*np.unique(onsets).tolist(), None]
    for begin, after in pairwise(begins):
        assert begin is not None
        sounds = (onsets <= begin) & (begin < onsets + durations)
        if sounds.any():
            end = int((onsets + durations)[sounds].max())
            yield Strike(
                begin, end if after is None else min(end, after), tuple(np.unique(pitches[sounds]).tolist())
            )


def _voiced_symbol(pitches: tuple[int, ...]) -> ChordSymbol | None:
    """The symbol that is voiced so, in any register; None if there is none."""
    bass, *upper = pitches
    quality = _BY_INTERVALS.get(tuple(pitch - upper[0] for pitch in upper)) if upper else None
    if quality is None:
        return None
    symbol = ChordSymbol(upper[0] % 12, quality, None if (bass - upper[0]) % 12 == 0 else bass % 12)
    low, *own = voicing(symbol)
    return symbol if own[0] - low == upper[0] - bass else None


_BY_INTERVALS = {intervals: quality for quality, intervals in QUALITIES.items()}
_SIMPLE = [quality for quality, intervals in QUALITIES.items() if len(intervals) in (3, 4)]


def _nearest(pitches: tuple[int, ...]) -> ChordSymbol:
    """The triad, seventh or sixth chord most similar to some pitches; of equal ones, that on the lowest."""
    sounding, bass = {pitch % 12 for pitch in pitches}, pitches[0] % 12
    candidates = [ChordSymbol((bass + up) % 12, quality) for up in range(12) for quality in _SIMPLE]
    found = min(candidates, key=lambda symbol: len(symbol.tones ^ sounding))
    return found if found.root == bass else found._replace(bass=bass)
