"""Sliders: does each move what it is named after, by as much as it says, and leave the rest?

    python -m benchmarks.sliders CKPT DATA [--clips 200] [--split test] [--seed 0]

Each slider is set to 7 values for each of some test clips, as `musegen vary` sets it: evenly from the 5th to
the 95th percentile of what the split's clips have of its attribute. Printed are

    the matrix       Spearman's correlation of what a slider (row) was set to and what the clips then have
                     of each attribute (column), pooled over clips and settings
    the corpus's own the same between attributes of the clips as they are: what cannot but move together
    missed           how far the attribute lies from what it was set to, median
    notes, onsets    what of the clip survives: F1 of its notes (onset and pitch), and of its onsets alone,
                     in what the settings gave; in brackets the same of the plain reconstruction
"""

from typing import Any

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.sliders import SETTINGS, measure_sliders


def show(measured: dict[str, Any]) -> None:
    """Print the matrices, one below the other."""
    plain = measured["reconstruction"]
    rows = {"plain": {"notes": plain["notes"], "onsets": plain["onsets"]}}
    for name, row in measured["sliders"].items():
        rows[name] = row["spearman"] | {each: row[each] for each in ("missed", "notes", "onsets")}
    print_rows(rows)
    print_rows({f"corpus {name}": row for name, row in measured["corpus"].items()})
    print(f"{measured['clips']} clips, {SETTINGS} settings each:")
    for name, row in measured["sliders"].items():
        print(f"  {name}: " + ", ".join(f"{value:.2f}" for value in row["settings"]))


@benchmark(show)
def main(
    checkpoint: Checkpoint, data: Dataset, /, *, clips: int = 200, split: str = "test", seed: int = 0
) -> dict[str, Any]:
    """Set each slider of so many clips, and measure what comes of it.

    Args:
        checkpoint: a folder of a model of clips
        data: a prepared dataset
        clips: how many
        split: of the clips
        seed: of the clips
    """
    return measure_sliders(ClipSet(checkpoint, data, split), count=clips, seed=seed)


if __name__ == "__main__":
    raise SystemExit(main())
