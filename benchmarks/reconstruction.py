"""How many notes of unheard clips a VAE gives back, beside the nearest training clip and all holds.

    python -m benchmarks.reconstruction CKPT DATASET [--split test] [--limit 1000] [--json]

Clips of the split that stand nowhere in the training pieces at any transposition, evenly spread; encoded to
the mean of their posterior, decoded greedily under the grammar, each note fed back. Also how many clips a
second this machine decodes of points drawn from the latent space, in 4/4.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from musegen.errors import MusegenError

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint

TIMED = 512
"""Clips whose decoding is timed."""


def decoded_per_second(checkpoint: Checkpoint) -> float:
    """Clips of points of the latent space that are decoded in a second, greedily."""
    from musegen.generation.latent import decode_latents, draw_latents
    from musegen.generation.sampling import RowStreams
    from musegen.models.vae import VAE

    assert isinstance(checkpoint.model, VAE)
    z = draw_latents(checkpoint.model, RowStreams(0, range(TIMED)))
    began = time.perf_counter()
    decode_latents(checkpoint.model, checkpoint.tokenizer, z, (4, 4))
    return TIMED / (time.perf_counter() - began)


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    from musegen.checkpoint.folder import load_checkpoint
    from musegen.cli.tables import print_facts, print_systems
    from musegen.data.dataset import Dataset
    from musegen.evaluation.reconstruction import CLIPS, MEASURES, measure_reconstruction

    parser = argparse.ArgumentParser(prog="benchmarks.reconstruction", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="the folder of a VAE")
    parser.add_argument("dataset", type=Path, help="the folder of the dataset it was trained on")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=CLIPS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        checkpoint, dataset = load_checkpoint(arguments.checkpoint), Dataset.open(arguments.dataset)
        figures = measure_reconstruction(checkpoint, dataset, arguments.split, limit=arguments.limit)
        figures["decoded_clips_per_second"] = decoded_per_second(checkpoint)
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return 0
    print_facts({name: value for name, value in figures.items() if name != "systems"})
    print_systems(figures["systems"], MEASURES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
