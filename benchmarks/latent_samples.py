"""Whether what a model of clips draws from its latent space is like real clips, and whether it copies.

    python -m benchmarks.latent_samples CKPT DATA [--num 1000] [--split test] [--seed 0] [--json]

Held against as many real clips: those drawn from the mixture fitted to the training clips ("mixture", the
default of `musegen generate`), those of the plain prior, and real ones sent through the model ("given back").
Overlap of pitches (MIDI), durations (quarters) and melodic intervals (semitones), pooled over the clips: the
sum over values of the smaller share. Two halves of twice as many real clips stand beside. Notes in a row that
are copied from training pieces, in any key: mean over clips, and the share of clips that are one such run.
"""

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.data.training_index import open_training_index
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.latent_samples import FEATURES, measure_samples

WANTED = 0.95
"""Of the overlap of two halves of the real clips."""


def show(rows: dict[str, dict[str, float]]) -> None:
    """Print the rows, and whether what is drawn is as it is wanted."""
    print_rows(rows)
    halves = rows["real, other half"]
    for name in ("mixture", "prior"):
        met = all(rows[name][feature] >= WANTED * halves[feature] for feature in FEATURES)
        said = "met" if met else "NOT MET"
        print(f"{name}: {said} (every overlap at least {WANTED} of that of two halves)")


@benchmark(show)
def main(
    checkpoint: Checkpoint, data: Dataset, /, *, num: int = 1000, split: str = "test", seed: int = 0
) -> dict[str, dict[str, float]]:
    """Draw clips, and hold them against real ones.

    Args:
        checkpoint: a checkpoint of family vae
        data: the dataset that it learnt from
        num: clips of each system
        split: of the real clips
        seed: of all that is drawn
    """
    return measure_samples(
        ClipSet(checkpoint, data, split), open_training_index(data).known, num=num, seed=seed
    )


if __name__ == "__main__":
    raise SystemExit(main())
