"""How many pieces of a language model loop, repeat themselves too much or too little, or are too dense.

    python -m benchmarks.typical CKPT DATASET [--num 100] [--bars 16] [--candidates 3] [--seed 0] [--json]

For the first bars of training and of held-out pieces, and for generated pieces with one candidate each and
with several: the share outside the range that 98 of 100 training pieces have, of each figure and of any; the
share with one or two bars over and over for eight bars or more; and the share with at most three different
bars in 16. The ranges are measured on DATASET, also where the checkpoint has none; then they choose among
the candidates, too. Target: at most 4% of the pieces with several candidates are outside.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.runner import benchmark, need_lm
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.data.typical import Shape, bars_of, shape_of, typical_ranges
from musegen.data.views import TokenView
from musegen.errors import DataError
from musegen.evaluation.likelihood import model_view
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.tokenizers.tables import Ints, Tables

MOST_OUTSIDE = 0.04
"""The target."""
LONG_LOOP, FEW_BARS = 8, 3 / 16
"""Bars of a loop that a listener minds; a share of different bars that is small."""


def shapes(streams: Iterable[Ints], tables: Tables, bars: int) -> list[Shape]:
    """Those of the first bars of the streams that have as many."""
    found = [bars_of(ids, tables) for ids in streams]
    return [shape_of(keys[:bars], notes[:bars]) for keys, notes in found if len(keys) >= bars]


def figures(found: list[Shape], ranges: dict[str, list[float]], bars: int) -> dict[str, float]:
    """Shares of pieces; see above."""
    outside = {
        name: np.array([not low <= round(getattr(shape, name), 4) <= high for shape in found])
        for name, (low, high) in ranges.items()
    }
    return {
        "pieces": len(found),
        "outside": float(np.any(list(outside.values()), axis=0).mean()),
        **{name: float(each.mean()) for name, each in outside.items()},
        "loops of 8 bars": float(np.mean([shape.longest_loop * bars >= LONG_LOOP for shape in found])),
        "3 bars in 16": float(np.mean([shape.distinct_bars <= FEW_BARS for shape in found])),
    }


def split_shapes(view: TokenView, tables: Tables, bars: int, *, is_train: bool) -> list[Shape]:
    """Those of the training pieces, or of all others."""
    chosen = [i for i, piece in enumerate(view.pieces) if (piece.split == "train") == is_train]
    return shapes((view.stream(i) for i in chosen), tables, bars)


def measure(
    checkpoint: Checkpoint, dataset: Dataset, *, num: int, bars: int, candidates: int, seed: int
) -> dict[str, Any]:
    """All figures; see above.

    Raises:
        ConfigError: the checkpoint is no language model.
        DataError: there are too few training pieces.
    """
    need_lm(checkpoint)
    view, tables = model_view(checkpoint, dataset), checkpoint.tokenizer.tables
    every = typical_ranges((view.stream(i) for i in view.indices("train")), tables)
    if not every:
        raise DataError(f"{dataset.name} has too few training pieces for a range")
    checkpoint = replace(checkpoint, data=checkpoint.data | {"typical": every})
    ranges = every[min(every, key=lambda length: abs(np.log(int(length) / bars)))]
    rows = {
        "training": split_shapes(view, tables, bars, is_train=True),
        "held out": split_shapes(view, tables, bars, is_train=False),
    }
    for count in (1, candidates):
        results = generate_pieces(checkpoint, Wanted(seed, num, bars, candidates=count)).results
        streams = (np.array(result.ids, np.int64) for result in results)
        rows[f"candidates: {count}"] = shapes(streams, tables, bars)
    return {"ranges": ranges, "rows": {name: figures(found, ranges, bars) for name, found in rows.items()}}


def show(found: dict[str, Any]) -> None:
    """The ranges, then a row for each kind of piece."""
    for name, (low, high) in found["ranges"].items():
        print(f"{name}: {low:g} to {high:g}")
    print_rows(found["rows"])


@benchmark(show, is_good=lambda found: [*found["rows"].values()][-1]["outside"] <= MOST_OUTSIDE)
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    num: int = 100,
    bars: int = 16,
    candidates: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """The figures above.

    Args:
        checkpoint: the folder of a language model
        dataset: the dataset it was trained on
        num: number of generated pieces
        bars: of each
        candidates: of each piece in the last row
        seed: random seed
    """
    return measure(checkpoint, dataset, num=num, bars=bars, candidates=candidates, seed=seed)
