"""Whether copies are found: runs of training pieces planted in other music, in any key, at any speed.

    python -m benchmarks.novelty DATASET [--files 100] [--run 12] [--seed 0] [--json]

The other music consists of held-out pieces with their pitches shuffled, so that it contains no quotations
of its own. A run is transposed by -12 to 12 semitones, stretched by any factor from 0.5 to 2, rounded to
ticks, and inserted anywhere. Prints the threshold above which `musegen novelty` reports a copy, which is
determined from real held-out pieces before anything is planted, and how many other held-out pieces are
above it all the same (those of the validation split, if it was determined from the test split); how many of
the planted runs are found, with the right piece among those named; how often a run of that length is found
before anything is planted; and the seconds.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from symusic import Score, Track

from benchmarks.runner import benchmark
from musegen.data.dataset import Dataset
from musegen.data.novelty import NoveltyIndex, build_index, copied, max_copied_run
from musegen.data.training_index import open_training_index
from musegen.errors import DataError
from musegen.evaluation.copies import RARE, base_facts
from musegen.metrics.lines import Line, track_lines
from musegen.music.notes import put_notes

BEATS = 4
"""Quarter notes of rest before and after the planted run."""


class Planted(NamedTuple):
    """The result for one file."""

    before: int
    """Longest copied run without the planted one."""
    found: int
    """Longest copied run with it."""
    is_right: bool
    seconds: float


def shuffled(line: Line, rng: np.random.Generator) -> Line:
    """The line with its pitches in another order."""
    return Line(line.onsets, rng.permutation(line.pitches))


def plant(host: Line, run: Line, tpq: int, rng: np.random.Generator) -> Line:
    """The host with the run inserted, transposed and stretched at random."""
    low, high = max(-12, -int(run.pitches.min())), min(12, 127 - int(run.pitches.max()))
    times = np.round((run.onsets - run.onsets[0]) * 2.0 ** rng.uniform(-1, 1)).astype(np.int64)
    at = int(rng.integers(len(host.onsets)))
    begin = int(host.onsets[at]) + BEATS * tpq
    shift = begin + int(times[-1]) + BEATS * tpq - int(host.onsets[at])
    onsets = np.concatenate([host.onsets[: at + 1], begin + times, host.onsets[at + 1 :] + shift])
    moved = run.pitches + rng.integers(low, high + 1)
    return Line(onsets, np.concatenate([host.pitches[: at + 1], moved, host.pitches[at + 1 :]]))


def as_score(line: Line, tpq: int) -> Score:
    """A line as a score of one track."""
    score, lengths = Score(tpq), np.append(np.diff(line.onsets), tpq)
    score.tracks = [Track()]
    put_notes(score.tracks[0], line.onsets, lengths, line.pitches, np.full(len(lengths), 80))
    return score


def longest_line(score: Score) -> Line:
    """The line of a score with the most notes; an empty one if there is none."""
    nothing = Line(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return max(track_lines(score), key=lambda line: len(line.onsets), default=nothing)


def plant_all(dataset: Dataset, index: NoveltyIndex, files: int, run: int, seed: int) -> list[Planted]:
    """Plant a run in each of `files` files, and look it up in the index.

    Raises:
        DataError: there is no piece to plant in, or none to take a run from.
    """
    rng = np.random.default_rng(seed)
    hosts, sources = (dataset.split("test") or dataset.split("valid"), dataset.split("train"))
    long = [piece for piece in sources if len(longest_line(dataset.score(piece)).onsets) >= run]
    if not hosts or not long:
        raise DataError(f"dataset {dataset.name} has no held-out piece, or no line of {run} notes to plant")
    results = []
    for number in range(files):
        host, source = dataset.score(hosts[number % len(hosts)]), long[int(rng.integers(len(long)))]
        line = longest_line(dataset.score(source))
        first = int(rng.integers(len(line.onsets) - run + 1))
        chosen = Line(*(column[first : first + run] for column in line))
        ours = shuffled(longest_line(host), rng)
        before = max_copied_run(as_score(ours, host.tpq), index)
        mixed = as_score(plant(ours, chosen, host.tpq, rng), host.tpq)
        start = time.perf_counter()
        found = copied(mixed, index)
        seconds = time.perf_counter() - start
        right = found.longest >= run and source.name in found.pieces
        results.append(Planted(before, found.longest, right, seconds))
    return results


def fresh_pieces(dataset: Dataset, index: NoveltyIndex, threshold: int) -> dict[str, Any]:
    """How many validation pieces, which did not determine the threshold, are above it."""
    longest = [max_copied_run(dataset.score(piece), index) for piece in dataset.split("valid")]
    return {"split": "valid", "pieces": len(longest), "above": sum(each >= threshold for each in longest)}


def show(found: dict[str, Any]) -> None:
    """Print one line per figure."""
    for name, value in found.items():
        print(f"{name.replace('_', ' '):<26}{value}")


@benchmark(show, is_good=lambda found: found["right_piece"] == found["files"])
def main(dataset: Dataset, /, *, files: int = 100, run: int = 12, seed: int = 0) -> dict[str, Any]:
    """Plant runs, and look them up; returns everything that is printed.

    Args:
        dataset: a prepared dataset
        files: number of files to plant a run in
        run: notes of a planted run
        seed: random seed
    """
    base = open_training_index(dataset).base
    train = dataset.split("train")
    start = time.perf_counter()
    index = build_index(map(dataset.score, train), [piece.name for piece in train])
    building = time.perf_counter() - start
    threshold = base.threshold(RARE)
    results = plant_all(dataset, index, files, run, seed)
    seconds = [each.seconds for each in results]
    return {
        "dataset": dataset.name,
        "threshold": threshold,
        "false_positives": fresh_pieces(dataset, index, threshold) if base.split == "test" else None,
        "training_pieces": len(index.names),
        "motions": len(index.text),
        "seconds_to_build": building,
        "files": files,
        "run": run,
        "found": sum(each.found >= run for each in results),
        "right_piece": sum(each.is_right for each in results),
        "found_before_planting": sum(each.before >= run for each in results),
        "longest_before_planting": max(each.before for each in results),
        "seconds_a_file": {"mean": float(np.mean(seconds)), "most": max(seconds)},
        "held_out": base_facts(base, run),
    }
