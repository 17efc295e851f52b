"""How many notes of held-out clips a VAE reconstructs, compared with two baselines.

    python -m benchmarks.reconstruction CKPT DATASET [--split test] [--limit 1000] [--json]

Clips of the split that do not occur in the training pieces in any transposition, evenly spread, are encoded
to the mean of their posterior and decoded greedily under the grammar, without teacher forcing. The
baselines are the nearest training clip, and a hold at every position. Also measures how many clips per
second this machine decodes from points sampled from the latent space, in 4/4.
"""

import time
from typing import Any

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts, print_systems
from musegen.config.autoencoder import VAEConfig
from musegen.data.dataset import Dataset
from musegen.evaluation.reconstruction import CLIPS, MEASURES, measure_reconstruction
from musegen.generation.backends import machine_of
from musegen.generation.latent import ClipDecoder, draw_latents
from musegen.generation.sampling import RowStreams

TIMED = 512
"""Clips whose decoding is timed."""


def decoded_per_second(checkpoint: Checkpoint) -> float:
    """Clips decoded greedily per second, from points sampled from the latent space."""
    machine, settings = machine_of(checkpoint), checkpoint.config.model
    assert isinstance(settings, VAEConfig)
    z = draw_latents(machine, RowStreams(0, range(TIMED)))
    decoder = ClipDecoder(machine, checkpoint.tokenizer, settings.clip_bars)
    began = time.perf_counter()
    decoder.decode(z)
    return TIMED / (time.perf_counter() - began)


def show(figures: dict[str, Any]) -> None:
    """Print the figures, and the systems side by side."""
    print_facts({name: value for name, value in figures.items() if name != "systems"})
    print_systems(figures["systems"], MEASURES)


@benchmark(show)
def main(
    checkpoint: Checkpoint, dataset: Dataset, /, *, split: str = "test", limit: int = CLIPS
) -> dict[str, Any]:
    """Measure the reconstructions, and the speed of decoding.

    Args:
        checkpoint: the folder of a VAE
        dataset: the dataset it was trained on
        split: split of the clips
        limit: the most clips
    """
    figures = measure_reconstruction(checkpoint, dataset, split, limit=limit)
    return figures | {"decoded_clips_per_second": decoded_per_second(checkpoint)}
