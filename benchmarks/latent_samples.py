"""Whether clips sampled from the latent space of a VAE are like real clips, and whether they are copies.

    python -m benchmarks.latent_samples CKPT DATA [--num 1000] [--split test] [--seed 0] [--json]

Compared with the same number of real clips: clips sampled from the mixture fitted to the training clips
("mixture", the default of `musegen generate`), clips sampled from the standard normal prior (of VAEs), and
reconstructions of real ones. Overlap of pitches (MIDI), durations (quarter notes) and melodic intervals
(semitones), pooled over the clips: the sum over values of the smaller share. Two halves of twice as many
real clips are the reference. Longest run of notes copied from training pieces, in any key: mean over clips,
and the share of clips that are one such run.
"""

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.data.training_index import open_training_index
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.latent_samples import FEATURES, measure_samples

WANTED = 0.95
"""The target, as a share of the overlap of two halves of the real clips."""


def show(rows: dict[str, dict[str, float]]) -> None:
    """Print the rows, and whether the samples meet the target."""
    print_rows(rows)
    halves = rows["real, other half"]
    for name in ("mixture", "prior") if "prior" in rows else ("mixture",):
        met = all(rows[name][feature] >= WANTED * halves[feature] for feature in FEATURES)
        said = "met" if met else "NOT MET"
        print(f"{name}: {said} (every overlap at least {WANTED} of that of two halves)")


@benchmark(show)
def main(
    checkpoint: Checkpoint, data: Dataset, /, *, num: int = 1000, split: str = "test", seed: int = 0
) -> dict[str, dict[str, float]]:
    """Sample clips, and compare them with real ones.

    Args:
        checkpoint: a checkpoint of family vae
        data: the dataset it was trained on
        num: clips of each kind
        split: split of the real clips
        seed: random seed
    """
    return measure_samples(
        ClipSet(checkpoint, data, split), open_training_index(data).known, num=num, seed=seed
    )
