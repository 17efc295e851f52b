"""Whether a flipped bit in a checkpoint is noticed.

    python -m benchmarks.bit_flips CKPT [--flips 1000] [--seed 0]

Each flip is one bit of one file that SHA256SUMS covers, or of SHA256SUMS itself, the files in turn; the
folder is a copy, and the flip is taken back before the next.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from musegen.checkpoint.folder import load_checkpoint
from musegen.errors import CheckpointError


def flip(path: Path, at: int) -> None:
    """Turn one bit, counted over the whole file, in place."""
    with path.open("r+b") as file:
        file.seek(at // 8)
        byte = file.read(1)[0]
        file.seek(at // 8)
        file.write(bytes([byte ^ 1 << at % 8]))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bit_flips", description=__doc__.split("\n")[0]
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint's folder")
    parser.add_argument("--flips", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the flips (default 0)")
    arguments = parser.parse_args(argv)
    load_checkpoint(arguments.checkpoint)  # it is whole before
    rng, found = np.random.default_rng(arguments.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(arguments.checkpoint, Path(scratch) / "copy"))
        lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
        files = [folder / "SHA256SUMS", *(folder / line.split()[1] for line in lines)]
        for count in range(arguments.flips):
            path = files[count % len(files)]
            at = int(rng.integers(8 * path.stat().st_size))
            flip(path, at)
            try:
                load_checkpoint(folder)
                found[f"{path.name}: MISSED"] += 1
            except CheckpointError:
                found[f"{path.name}: noticed"] += 1
            flip(path, at)
        load_checkpoint(folder)  # and after
    for name, count in sorted(found.items()):
        print(f"{name:<32}{count:>6}")
    missed = sum(count for name, count in found.items() if name.endswith("MISSED"))
    print(f"{arguments.flips - missed} of {arguments.flips} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
