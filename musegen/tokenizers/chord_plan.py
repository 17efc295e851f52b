"""A chord plan: the chord of each half bar of a stream, and how many notes start in it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from musegen.errors import ConfigError
from musegen.music.chord_symbols import NO_CHORD, ChordSymbol
from musegen.tokenizers.tables import Ints, Kind, Tables

HALVES = 2
"""Spans per bar, in any metre."""
CHORDS = 25
"""0: silence; else 1 + 2 * root for a major chord, 2 + 2 * root for a minor one; roots are pitch classes."""
NOTE_COUNTS = (0, 1, 2, 3, 4, 6, 8, 11, 15)
"""Classes of the number of notes that start in a span: class i reaches from entry i up to the next."""
UNKNOWN = -1
"""In a plan: after the end of a piece."""


def relative(chords: Any, tonic: Any) -> Any:
    """Chords, (B, ...), relative to the tonics (B,), arrays or tensors; 0 and less are unchanged."""
    tonic = tonic.reshape(-1, *[1] * (chords.ndim - 1))
    return (chords > 0) * ((chords - 1 - 2 * tonic) % 24 + 1) + (chords <= 0) * chords


def absolute(chords: Any, tonic: Any) -> Any:
    """The inverse of `relative`."""
    return relative(chords, -tonic)


_SYMBOLS = [ChordSymbol(root, quality) for root in range(12) for quality in ("", "m")]
_TRIADS = np.array([[float(tone in symbol.tones) for tone in range(12)] for symbol in _SYMBOLS])


def chord_number(symbol: ChordSymbol) -> int:
    """The chord of a plan for a chord symbol: its root, and minor if its third is."""
    if symbol == NO_CHORD:
        return 0
    return 1 + 2 * symbol.root + (3 in symbol.intervals)


def planned_chords(chords: Iterable[Sequence[ChordSymbol]], bars: int) -> list[int]:
    """The chord of each half bar.

    Args:
        chords: of each bar, one or two; they are repeated.
        bars: number of bars.

    Raises:
        ConfigError: a bar has more.
    """
    halves: list[int] = []
    for number, bar in enumerate(chords, start=1):
        if len(bar) > HALVES:
            raise ConfigError(
                f"⟨chords⟩ has {len(bar)} chords in bar {number}: a plan has at most {HALVES} chords per bar"
            )
        halves += [chord_number(symbol) for symbol in bar for _ in range(HALVES // len(bar))]
    return [halves[number % len(halves)] for number in range(HALVES * bars)]


def stream_plan(ids: Ints, tables: Tables) -> Ints:
    """The chord plan of an event stream, (spans, 2): chord and class of the number of notes, without drums.

    The chord of a span is the major or minor triad most similar to its pitch classes, weighted by duration
    (cosine similarity of the profiles, Fujishima 1999); of equally similar triads, the one whose root is
    nearest above the lowest note.

    Args:
        ids: (T,) of whole bars, from a bar line or BOS on; a bar line at the end starts no bar.
        tables: of the event tokenizer.
    """
    kind = tables.kind[ids]
    metre = ids[kind == Kind.TIME_SIGNATURE]  # of each bar
    halves = tables.bar_positions[metre] * tables.position_ticks[metre] / HALVES
    ends = np.cumsum(np.repeat(halves, HALVES))  # of the spans, in ticks
    spans = len(ends)
    if not spans:
        return np.zeros((0, 2), dtype=np.int64)
    pitches, lengths = tables.notes(ids)
    bar = (np.cumsum(kind == Kind.BAR) - 1)[pitches]
    step_ticks = tables.position_ticks[metre][bar]
    onset = np.append(0, ends)[HALVES * bar] + tables.positions(ids)[pitches] * step_ticks
    duration = lengths * step_ticks
    # The span in which each note starts and ends, and how long it sounds in each of them.
    first = np.searchsorted(ends, onset, side="right").clip(max=spans - 1)
    count = np.bincount(first, minlength=spans)
    profile = np.zeros((spans, 12))
    bass = np.full(spans, 127)
    pitch = tables.pitch[ids[pitches]]
    begins = ends - np.repeat(halves, HALVES)
    last = np.searchsorted(ends, np.minimum(onset + duration, ends[-1]), side="left")
    for ahead in range(int((last - first).max(initial=0)) + 1):
        at = first + ahead
        active = at <= last
        at = at[active]
        sounds = np.minimum((onset + duration)[active], ends[at]) - np.maximum(onset[active], begins[at])
        np.add.at(profile, (at, pitch[active] % 12), np.maximum(sounds, 0))
        np.minimum.at(bass, at, pitch[active])
    # Similarity to each triad, (spans, triads); ties are decided by the distance of root and bass.
    above = (np.repeat(np.arange(12), 2) - bass[:, None]) % 12
    similarity = profile @ _TRIADS.T / np.maximum(profile.sum(axis=1, keepdims=True), 1) - 1e-6 * above
    chord = np.where(profile.any(axis=1), 1 + similarity.argmax(axis=1), 0)
    return np.stack([chord, np.searchsorted(NOTE_COUNTS, count, side="right") - 1], axis=1)
