"""Attribute sliders: does each change its attribute by the requested amount, and leave the rest unchanged?

    python -m benchmarks.sliders CKPT DATA [--clips 200] [--split test] [--seed 0]

For each of some test clips, each slider is set to 7 values as by `musegen vary`, evenly from the 5th to the
95th percentile of its attribute in the clips of the split. Printed are

    the matrix       Spearman's correlation of the value a slider (row) was set to and the resulting values
                     of each attribute (column), pooled over clips and settings
    the corpus's own the same between attributes of the original clips: the correlation that is unavoidable
    missed           absolute difference between the attribute and the value it was set to, median
    notes, onsets    what survives of the clip: F1 of its notes (onset and pitch), and of its onsets alone,
                     over all settings; the row "plain" is the same for the plain reconstruction
"""

from typing import Any

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.sliders import SETTINGS, measure_sliders


def show(measured: dict[str, Any]) -> None:
    """Print the matrices, one below another."""
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
    """Set each slider for some clips, and measure the results.

    Args:
        checkpoint: the folder of a VAE
        data: a prepared dataset
        clips: number of clips
        split: split of the clips
        seed: random seed
    """
    return measure_sliders(ClipSet(checkpoint, data, split), count=clips, seed=seed)
