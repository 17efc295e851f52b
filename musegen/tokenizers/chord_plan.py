"""A plan: of each half of each bar of a stream, which chord it has and how many notes begin in it."""

import numpy as np

from musegen.tokenizers.tables import Ints, Kind, Tables

HALVES = 2
"""Spans of a bar, in any metre."""
CHORDS = 25
"""0: nothing sounds; else 1 + 2 * root of a major chord, 2 + 2 * root of a minor one; pitch classes."""
NOTE_COUNTS = (0, 1, 2, 3, 4, 6, 8, 11, 15)
"""How many notes begin in a span: class i is from here up to the next."""
UNKNOWN = -1
"""In a plan: beyond the end of a piece."""


_TRIADS = np.zeros((CHORDS - 1, 12))
for _root in range(12):
    for _is_minor in range(2):
        _TRIADS[2 * _root + _is_minor, [_root, (_root + 4 - _is_minor) % 12, (_root + 7) % 12]] = 1.0


def stream_plan(ids: Ints, tables: Tables) -> Ints:
    """The plan of a stream of events, (spans, 2): chord, and class of the number of notes; drums left out.

    A span's chord is the major or minor triad that lies nearest to its pitch classes, weighted by how long
    they sound (the cosine of their profile with the triad's, Fujishima 1999); of triads equally near, the one
    whose root lies nearest above the lowest note.

    Args:
        ids: (T,) of whole bars, from a bar line or BOS on; a bar line at the end opens no bar.
        tables: of the tokenizer, of events.
    """
    kind = tables.kind[ids]
    metre = ids[kind == Kind.TIME_SIGNATURE]  # of each bar
    halves = tables.bar_positions[metre] * tables.position_ticks[metre] / HALVES
    ends = np.cumsum(np.repeat(halves, HALVES))  # of the spans, in ticks
    spans = len(ends)
    if not spans:
        return np.zeros((0, 2), dtype=np.int64)
    struck, lasts = tables.notes(ids)
    bar = (np.cumsum(kind == Kind.BAR) - 1)[struck]
    step_ticks = tables.position_ticks[metre][bar]
    onset = np.append(0, ends)[HALVES * bar] + tables.positions(ids)[struck] * step_ticks
    duration = lasts * step_ticks
    first = np.searchsorted(ends, onset, side="right").clip(max=spans - 1)
    count = np.bincount(first, minlength=spans)
    profile = np.zeros((spans, 12))
    bass = np.full(spans, 127)
    pitch = tables.pitch[ids[struck]]
    begins = ends - np.repeat(halves, HALVES)
    last = np.searchsorted(ends, np.minimum(onset + duration, ends[-1]), side="left")
    for ahead in range(int((last - first).max(initial=0)) + 1):
        at = first + ahead
        there = at <= last
        at = at[there]
        sounds = np.minimum((onset + duration)[there], ends[at]) - np.maximum(onset[there], begins[at])
        np.add.at(profile, (at, pitch[there] % 12), np.maximum(sounds, 0))
        np.minimum.at(bass, at, pitch[there])
    above = (np.repeat(np.arange(12), 2) - bass[:, None]) % 12  # of each triad's root
    near = profile @ _TRIADS.T / np.maximum(profile.sum(axis=1, keepdims=True), 1) - 1e-6 * above
    chord = np.where(profile.any(axis=1), 1 + near.argmax(axis=1), 0)
    return np.stack([chord, np.searchsorted(NOTE_COUNTS, count, side="right") - 1], axis=1)
