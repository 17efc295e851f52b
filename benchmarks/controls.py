"""Do --density and --contour of musegen fill do what they say? Measured in the MIDI files, by mido.

    python -m benchmarks.controls CKPT DATASET [--fills 60] [--rank 8] [--split valid] [--seed 0] [--json]

Gaps of 4 bars, one in each of some tunes of a split. For the density, fill N requests one of `DENSITIES`
notes per bar by turns: printed are Spearman's rank correlation of the requested and the written number, that
of the same gaps without a request, and the mean difference. For the contour: how many directions (up, down,
the same) from note to note are those of the old notes, from the note before the gap to the one after it, and
how many if only the rhythm is kept. The exit code is 1 if the correlation is below 0.8 or one differs.
"""

import io
from typing import Any, Literal

import numpy as np
from symusic import Score

from benchmarks.fills import Music, Note, bar_lines, directions, last_end, read, split
from benchmarks.runner import benchmark, need_lm
from musegen.api.model import Model
from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.metrics.bootstrap import spearman
from musegen.music.metre import bar_ticks
from musegen.music.writing.midi import midi_bytes

DENSITIES = (1, 2, 3, 4, 6, 8, 10, 12)
"""Notes per bar."""
BARS = 4
LEAST = 0.8


def gaps_of(dataset: Dataset, which: str, fills: int, seed: int) -> list[tuple[Score, int]]:
    """Tunes of one line, each with the first bar of a gap, from 1."""
    rng, found = np.random.default_rng(seed), list[tuple[Score, int]]()
    pieces = dataset.split(which)
    for index in rng.permutation(len(pieces)).tolist():
        score = dataset.score(pieces[index])
        bars = len(bar_ticks(score)) - 1
        if len(found) == fills:
            break
        if len(score.tracks) == 1 and bars >= BARS + 4:
            found.append((score, int(rng.integers(2, bars - BARS))))
    return found


def notes_of(music: Music) -> list[Note]:
    """All notes of a file with one part."""
    return [note for track in music.tracks for notes in split(track).notes.values() for note in notes]


def near(music: Music, first: int) -> tuple[list[Note], list[Note]]:
    """The notes in a gap, and these with the one before and the one after."""
    lines = bar_lines(music, last_end(music))
    assert lines is not None
    begin, end = lines[first - 1], lines[first - 1 + BARS]
    notes = notes_of(music)
    inside = [note for note in notes if begin <= note[0] < end]
    before = [note for note in notes if note[0] < begin][-1:]
    return inside, [*before, *inside, *[note for note in notes if note[0] >= end][:1]]


def show(found: dict[str, Any]) -> None:
    """Two lines."""
    print(
        f"density, {found['fills']} fills: rank correlation of requested and written "
        f"{found['correlation']:.3f} (without a request {found['without']:.3f}), "
        f"mean difference {found['difference']:.2f} notes per bar"
    )
    print(
        f"contour: {found['same']} of {found['directions']} directions as before "
        f"(with the rhythm alone {found['same_with_rhythm']})"
    )


@benchmark(show, is_good=lambda found: found["correlation"] >= LEAST and found["same"] == found["directions"])
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    fills: int = 60,
    rank: int = 8,
    split: Literal["valid", "test"] = "valid",
    seed: int = 0,
) -> dict[str, Any]:
    """Requested and written.

    Args:
        checkpoint: the folder of a language model of one line
        dataset: the dataset it was trained on
        fills: number of gaps
        rank: candidates of each fill
        split: split of the pieces
        seed: random seed
    """
    need_lm(checkpoint)
    own = dataset.as_recorded({piece["name"] for piece in checkpoint.data["train"]})
    model, found = Model(checkpoint), gaps_of(own, split, fills, seed)
    wanted, written, free = [], [], []
    same = {"contour": 0, "rhythm": 0}
    total = 0
    for number, (score, first) in enumerate(progress(found, len(found), "Filling")):
        density = DENSITIES[number % len(DENSITIES)]
        bars, common = f"{first}:{first + BARS - 1}", {"rank": rank, "seed": seed + number}

        def filled(bars: str = bars, score: Score = score, **options: Any) -> Music:
            return read(io.BytesIO(model.fill(score, bars=bars, **options).result.midi or b""))

        wanted.append(density)
        written.append(len(near(filled(density=density, **common), first)[0]) / BARS)
        free.append(len(near(filled(**common), first)[0]) / BARS)
        old = near(read(io.BytesIO(midi_bytes(score))), first)
        if not old[0]:
            continue
        moves = directions(old[1])
        total += len(moves)
        for kept in same:
            new = directions(near(filled(**{kept: "keep"}, **common), first)[1])
            same[kept] += sum(a == b for a, b in zip(moves, new, strict=True))
    return {
        "fills": len(wanted),
        "correlation": spearman(wanted, written),
        "without": spearman(wanted, free),
        "difference": float(np.abs(np.array(wanted) - written).mean()),
        "directions": total,
        "same": same["contour"],
        "same_with_rhythm": same["rhythm"],
    }
