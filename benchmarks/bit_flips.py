"""Whether a flipped bit in a checkpoint is detected.

    python -m benchmarks.bit_flips CKPT [--flips 1000] [--seed 0]

Each flip changes one bit of one file that SHA256SUMS covers, or of SHA256SUMS itself, taking the files in
turn; the folder is a copy, and each flip is undone before the next.
"""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import load_checkpoint
from musegen.errors import CheckpointError


def flip(path: Path, at: int) -> None:
    """Flip one bit of a file in place; `at` counts the bits from its beginning."""
    data = bytearray(path.read_bytes())
    data[at // 8] ^= 1 << at % 8
    path.write_bytes(data)


def show(found: Counter[str]) -> None:
    """Print how many flips were detected in each file and in total."""
    for name, count in sorted(found.items()):
        print(f"{name:<32}{count:>6}")
    print(f"{found.total() - missed(found)} of {found.total()} detected")


def missed(found: Counter[str]) -> int:
    """How many flips were not detected."""
    return sum(count for name, count in found.items() if name.endswith("MISSED"))


@benchmark(show, is_good=lambda found: not missed(found))
def main(checkpoint: Path, /, *, flips: int = 1000, seed: int = 0) -> Counter[str]:
    """Flip bits; returns how many flips of each file were detected and MISSED.

    Args:
        checkpoint: the folder of a checkpoint
        flips: number of flips
        seed: random seed
    """
    load_checkpoint(checkpoint)  # it is intact before
    rng, found = np.random.default_rng(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(checkpoint, Path(scratch) / "copy"))
        lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
        files = [folder / "SHA256SUMS", *(folder / line.split()[1] for line in lines)]
        for count in range(flips):
            path = files[count % len(files)]
            at = int(rng.integers(8 * path.stat().st_size))
            flip(path, at)
            try:
                load_checkpoint(folder)
                found[f"{path.name}: MISSED"] += 1
            except CheckpointError:
                found[f"{path.name}: detected"] += 1
            flip(path, at)
        load_checkpoint(folder)  # and after all flips are undone
    return found
