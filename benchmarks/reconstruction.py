"""How many notes of unheard clips a VAE gives back, beside the nearest training clip and all holds.

    python -m benchmarks.reconstruction CKPT DATASET [--split test] [--limit 1000] [--json]

Clips of the split that stand nowhere in the training pieces at any transposition, evenly spread; encoded to
the mean of their posterior, decoded greedily under the grammar, each note fed back. Also how many clips a
second this machine decodes of points drawn from the latent space, in 4/4.
"""

import time
from typing import Any

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts, print_systems
from musegen.data.dataset import Dataset
from musegen.evaluation.reconstruction import CLIPS, MEASURES, measure_reconstruction
from musegen.generation.latent import ClipDecoder, draw_latents
from musegen.generation.sampling import RowStreams
from musegen.models.vae import VAE

TIMED = 512
"""Clips whose decoding is timed."""


def decoded_per_second(checkpoint: Checkpoint) -> float:
    """Clips of points of the latent space that are decoded in a second, greedily."""
    assert isinstance(checkpoint.model, VAE)
    z = draw_latents(checkpoint.model, RowStreams(0, range(TIMED)))
    began = time.perf_counter()
    ClipDecoder(checkpoint.model, checkpoint.tokenizer).decode(z)
    return TIMED / (time.perf_counter() - began)


def show(figures: dict[str, Any]) -> None:
    """Print the figures, and the systems side by side."""
    print_facts({name: value for name, value in figures.items() if name != "systems"})
    print_systems(figures["systems"], MEASURES)


@benchmark(show)
def main(
    checkpoint: Checkpoint, dataset: Dataset, /, *, split: str = "test", limit: int = CLIPS
) -> dict[str, Any]:
    """Measure what is given back, and how fast.

    Args:
        checkpoint: the folder of a VAE
        dataset: the folder of the dataset it was trained on
        split: of the clips
        limit: clips at most
    """
    figures = measure_reconstruction(checkpoint, dataset, split, limit=limit)
    return figures | {"decoded_clips_per_second": decoded_per_second(checkpoint)}


if __name__ == "__main__":
    raise SystemExit(main())
