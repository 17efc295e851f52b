"""Interpolation between random pairs of test clips: is it smooth, musical and valid?

    python -m benchmarks.interpolation CKPT DATA [--pairs 200] [--num 9] [--path both] [--seed 0]

The clips of a pair are in the same time signature and from different pieces, and differ in at least one note.
Four methods interpolate between them: "verb" as `musegen interpolate` does, with both ends the input clips
themselves; "even" the same with equal steps of z; "latent" with both ends as reconstructed, too; "crossfade"
without a model (musegen/evaluation/baselines.py). For each:

    away, back       Spearman's correlation of the step and the note edit distance from the first clip, or
                     the last, mean over pairs
    jump             the largest distance between neighbours as a share of the whole, median over pairs
    in scale         share of the notes of the middle step in the best major or minor scale, mean; "ends" is
                     that of the input clips
    empty            clips without a note

Then each first clip is interpolated with itself, which must give the same clip at every step.
"""

from typing import Any

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.interpolation import measure_interpolation
from musegen.generation.interpolate import Route


def show(measured: dict[str, Any]) -> None:
    """Print the systems side by side."""
    print_rows(measured["systems"])
    print(
        f"{measured['pairs']} pairs, {measured['num']} steps, path {measured['path']}; input clips in scale "
        f"{measured.get('ends_in_scale', float('nan')):.3f}, reconstructed with note F1 "
        f"{measured['ends_note_f1']:.3f}; "
        f"identical ends: {measured['identical_ends']}"
    )


@benchmark(show)
def main(
    checkpoint: Checkpoint,
    data: Dataset,
    /,
    *,
    pairs: int = 200,
    num: int = 9,
    path: Route = "both",
    split: str = "test",
    seed: int = 0,
) -> dict[str, Any]:
    """Measure the interpolations between pairs of clips.

    Args:
        checkpoint: the folder of a VAE
        data: a prepared dataset
        pairs: number of pairs
        num: clips per interpolation, both ends included
        path: path through the latent space
        split: split of the clips
        seed: random seed
    """
    clips = ClipSet(checkpoint, data, split)
    measured = measure_interpolation(clips, pairs=pairs, num=num, path=path, seed=seed)
    if not measured["pairs"]:
        raise DataError(f"split {split} has no two different clips in one time signature")
    return measured
