"""Versions of one piece, recognised by their music: performances, keys, tempos, arrangements.

A piece is the set of its runs: `RUN` consecutive intervals of a line, the top note at each onset of a track
and of all tracks together. Runs do not depend on key or tempo, and a wrong note or an ornament of a
performance changes only the few runs around it. Two pieces are versions of one piece if they share
`shared_runs_needed`. How the numbers were chosen stands in benchmarks/RESULTS.md ("Versions across splits").
Drums have no intervals: pieces of drums alone have no runs, since different pieces share patterns as much as
versions of one do.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.music.notes import Floats, Ints, note_arrays

Runs = NDArray[np.uint32]
NO_RUNS = np.zeros(0, np.uint32)
RUN = 6
"""Intervals in a run: it has seven notes."""
FEWEST_INTERVALS = 4
"""Different intervals in a run; scales, trills and repeated notes have fewer, and belong to no piece."""
CHORD_SECONDS, CHORD_QUARTERS = 0.05, 0.1
"""Onsets that follow each other faster than both are of one chord: pianists spread chords."""
BASE, SHARE = 16, 0.08
"""See `shared_runs_needed`."""
NEIGHBOURS = 32
"""A piece is compared with so many others that have a run: enough to chain any number of versions, and the
time stays linear where all pieces are alike."""
BLOCK = 2_000_000
"""Runs that are compared at once, to save memory."""


class Links(NamedTuple):
    """Pairs of pieces that are versions of one piece, the likest first."""

    pairs: Ints
    """(pairs, 2) indices of the pieces, the lower first."""
    similarity: Floats
    """(pairs,) shared runs over those needed, 1 or more."""


def shared_runs_needed(runs: Ints) -> Floats:
    """The number of runs that two pieces must share to be versions of one piece.

    Args:
        runs: the number of runs of the smaller piece. Long pieces share some by chance, hence a share; of
            short ones nearly all are needed, and those of fewer than about 25 notes are too short to tell.
    """
    return np.asarray(BASE + SHARE * runs, np.float64)


def melodic_runs(score: Score) -> Runs:
    """The runs of a score as sorted hashes, each once, (runs,)."""
    columns = [note_arrays(track) for track in score.tracks if not track.is_drum and len(track.notes)]
    lines = [(onsets, pitches) for onsets, _, pitches, _ in columns]
    if len(lines) > 1:
        lines.append((np.concatenate([o for o, _ in lines]), np.concatenate([p for _, p in lines])))
    apart = _chord_ticks(score)
    hashes = [_hashes(_top_notes(onsets, pitches, apart)) for onsets, pitches in lines]
    return np.unique(np.concatenate([NO_RUNS, *hashes]))


def _chord_ticks(score: Score) -> float:
    """The largest time in ticks between the onsets of a chord."""
    qpm = float(np.median([tempo.qpm for tempo in score.tempos])) if len(score.tempos) else 120.0
    return float(score.tpq * min(CHORD_QUARTERS, CHORD_SECONDS * qpm / 60))


def _top_notes(onsets: Ints, pitches: Ints, apart: float) -> Ints:
    """The highest pitch of each chord, (chords,)."""
    order = np.argsort(onsets, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(onsets[order]) > apart))
    return np.asarray(np.maximum.reduceat(pitches[order], starts), np.int64)


def _hashes(pitches: Ints) -> Runs:
    """The hash of each run of a line, without those of few different intervals, (runs,)."""
    intervals = np.diff(pitches)
    if len(intervals) < RUN:
        return NO_RUNS
    windows = np.lib.stride_tricks.sliding_window_view(intervals, RUN)  # (runs, RUN)
    different = 1 + (np.diff(np.sort(windows, axis=1), axis=1) != 0).sum(axis=1)
    hashes = np.zeros(len(windows), np.uint64)
    for column in windows.T:
        hashes = (hashes ^ (column + 128).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return np.asarray((hashes >> np.uint64(32))[different >= FEWEST_INTERVALS], np.uint32)


def find_versions(runs: list[Runs]) -> Links:
    """The pairs of pieces that are versions of one piece by the runs of each, (pieces,)."""
    pairs, shared = _shared_runs(runs)
    sizes = np.array([len(each) for each in runs], np.int64)
    needed = shared_runs_needed(sizes[pairs].min(axis=1, initial=np.iinfo(np.int64).max))
    similarity = shared / needed
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -similarity))
    order = order[similarity[order] >= 1]
    return Links(pairs[order], similarity[order])


def _shared_runs(runs: list[Runs]) -> tuple[Ints, Ints]:
    """The pairs of pieces with a common run, (pairs, 2), and the number of their common runs, (pairs,)."""
    keys, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    blocks = 1 + sum(map(len, runs)) // BLOCK
    for block in range(blocks):
        chosen = [each[each % blocks == block] for each in runs]
        pieces = np.repeat(np.arange(len(runs), dtype=np.int64), [len(each) for each in chosen])
        hashes = np.concatenate([NO_RUNS, *chosen])
        order = np.argsort(hashes, kind="stable")
        hashes, pieces = hashes[order], pieces[order]
        for offset in range(1, NEIGHBOURS + 1):
            # Pieces that are `offset` apart among those with this run.
            at = np.flatnonzero(hashes[offset:] == hashes[:-offset])
            if not len(at):
                break
            key, count = np.unique(pieces[at] * len(runs) + pieces[at + offset], return_counts=True)
            keys.append(key)
            counts.append(count)
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    pairs = np.stack(np.divmod(key, max(1, len(runs))), axis=1)
    return pairs, np.bincount(inverse, np.concatenate(counts), len(key)).astype(np.int64)
