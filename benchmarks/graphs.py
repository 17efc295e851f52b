"""Exported graphs for bundled models, written into the folders of the checkpoints.

    python -m benchmarks.graphs CKPT [CKPT ...]

To be run whenever the steps of sampling or the models change, and for each new version of musegen: a graph of
another version is not used. It needs `pip install -e '.[export]'`.
"""

import sys
from pathlib import Path

from musegen.checkpoint.folder import load_checkpoint
from musegen.generation.graph_store import bundle


def main() -> None:
    """Write the graphs; print the size of each."""
    for name in sys.argv[1:]:
        folder = Path(name)
        bundle(load_checkpoint(folder))
        for graph in sorted((folder / "graphs").glob("*.onnx")):
            print(f"{graph}: {graph.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
