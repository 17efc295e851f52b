"""musegen's REMI encoder compared with MidiTok's: are the ids equal, and how many files per CPU-second?

    python -m benchmarks.encoding --data datasets/folk [FOLDER ...] [--limit 500]

DATA are prepared datasets, or folders of files that are read first. Prints one row for each of them and each
configuration: files, files that cannot be encoded, files with identical ids (and the name of the first that
differs), files per CPU-second of MidiTok, of musegen one by one (`encode`) and together (`encode_all`, as
datasets are encoded), and the ratio of the last to MidiTok, all in one run. MidiTok receives scores whose
tracks are already in order.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from symusic.core import ScoreTick

from benchmarks.runner import benchmark
from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import shared_parts
from musegen.errors import MusegenError, TokenError
from musegen.music.reading.read import read_score
from musegen.tokenizers import RemiTokenizer
from tests.tokenizers.oracle import miditok_encode, miditok_ready

CONFIGS = {
    "plain": TokenizerConfig(programs=False),
    "programs": TokenizerConfig(programs=True),
    "all": TokenizerConfig(programs=True, velocity=True, tempo=True),
}
READ = {".mid", ".midi", ".mxl", ".musicxml"}
TURN = 256
"""Files that one encoder processes before the other has its turn."""

T = TypeVar("T")


class Count(NamedTuple):
    """Counts of one corpus in one configuration, and CPU-seconds."""

    files: int
    same: int
    refused: int
    ids: int
    theirs: float
    single: float
    ours: float
    first: str = ""


def scores_of(path: Path, limit: int | None) -> Iterator[tuple[str, ScoreTick]]:
    """Names and scores of a dataset, or of the readable files in a folder and its subfolders."""
    if (path / "dataset.json").is_file():
        dataset = Dataset.open(path)
        yield from ((piece.name, dataset.score(piece)) for piece in dataset.pieces[:limit])
        return
    found = (file for file in sorted(path.rglob("*")) if file.suffix.lower() in READ and file.is_file())
    yield from islice(filter(None, map(_readable, found)), limit)


def _readable(file: Path) -> tuple[str, ScoreTick] | None:
    try:
        return file.name, read_score(file)[0]
    except MusegenError:
        return None


def timed(encode: Callable[[list[ScoreTick]], list[T]], scores: list[ScoreTick]) -> tuple[list[T], float]:
    """The result of `encode` for the scores, and the CPU-seconds it took."""
    begin = time.process_time()
    results = encode(scores)
    return results, time.process_time() - begin


def compare(tokenizer: RemiTokenizer, pieces: list[tuple[str, ScoreTick]]) -> Count:
    """Encode all pieces by MidiTok, by `encode` and by `encode_all`."""
    names, scores, ready, differing = [], [], [], []
    for name, score in pieces:
        with suppress(TokenError):
            ready.append(miditok_ready(tokenizer, score))
            names.append(name)
            scores.append(score)
    seconds, ids = np.zeros(3), 0
    for turn in (slice(begin, begin + TURN) for begin in range(0, len(scores), TURN)):
        found = [
            timed(lambda each: [miditok_encode(tokenizer, score) for score in each], ready[turn]),
            timed(lambda each: [tokenizer.encode(score) for score in each], scores[turn]),
            timed(tokenizer.encode_all, scores[turn]),
        ]
        seconds += [taken for _, taken in found]
        for name, a, b, c in zip(names[turn], *(results for results, _ in found), strict=True):
            ids += len(b)
            if not (np.array_equal(a, b[1:-1]) and np.array_equal(b, c)):
                differing.append(name)
    same, refused = len(names) - len(differing), len(pieces) - len(names)
    return Count(len(names), same, refused, ids, *seconds.tolist(), first="".join(differing[:1]))


def tokenizer_of(config: TokenizerConfig, pieces: list[tuple[str, ScoreTick]]) -> RemiTokenizer:
    """A tokenizer with the time signatures of the pieces, and the parts that most of them have."""
    metres = {(mark.numerator, mark.denominator) for _, score in pieces for mark in score.time_signatures}
    parts = shared_parts([score for _, score in pieces])
    return RemiTokenizer.build(config, time_signatures=metres, programs=[], parts=parts)


def report(corpus: str, config: str, count: Count) -> None:
    """Print a row."""
    differing = f"; {count.files - count.same} differ, first: {count.first}" if count.first else ""
    print(
        f"{corpus:>16.16} {config:>9} {count.files:>6} {count.refused:>7} {count.same:>6}"
        f" {count.ids / max(1, count.files):>10.0f} {count.files / (count.theirs or 1):>9.0f}"
        f" {count.files / (count.single or 1):>10.0f} {count.files / (count.ours or 1):>6.0f}"
        f" {count.theirs / (count.ours or 1):>6.1f}{differing}",
        flush=True,
    )


@benchmark()
def main(*, data: Sequence[Path], limit: int | None = None) -> None:
    """Print the table.

    Args:
        data: prepared datasets, or folders of files
        limit: the most files of each corpus
    """
    print(f"{'corpus':>16} {'tokens of':>9} {'files':>6} {'failed':>7} {'same':>6} {'ids/file':>10}"
          f" {'MidiTok/s':>9} {'one by one':>10} {'all':>6} {'ratio':>6}")  # fmt: skip
    totals = []
    for path in data:
        pieces = list(scores_of(path, limit))
        for name, config in CONFIGS.items():
            totals.append(compare(tokenizer_of(config, pieces), pieces))
            report(path.name, name, totals[-1])
    report("all", "", Count(*map(sum, list(zip(*totals, strict=True))[:-1])))
