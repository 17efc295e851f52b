"""A checkpoint as it is released: its weights in half precision, then evaluated as stored.

    python -m benchmarks.release CKPT DATASET OUT [evaluate's flags]

OUT is a new folder whose name is that of the model. Its content goes into `checkpoints/` of the repository,
with a model card (README.md) that says what the model writes, on whose music it was trained, under which
licence it is, and how good it is.
"""

from pathlib import Path

from benchmarks.runner import Flags, benchmark
from musegen.checkpoint.folder import load_checkpoint, save_checkpoint
from musegen.cli.evaluate import main as evaluate
from musegen.errors import ConfigError


def halve(source: Path, out: Path) -> None:
    """Write a copy of a checkpoint with weights of half precision.

    Raises:
        CheckpointError: the source cannot be loaded.
        ConfigError: `out` exists already.
    """
    if out.exists():
        raise ConfigError(f"{out} exists already: name a new folder")
    found = load_checkpoint(source)
    save_checkpoint(
        out,
        config=found.config,
        dataset=found.dataset,
        tokenizer=found.tokenizer,
        model=found.model.half(),
        data=found.data,
        metrics=found.metrics,
    )


@benchmark()
def main(ckpt: Path, dataset: str, out: Path, /, *, flags: Flags) -> None:
    """Write the copy, evaluate it, print its size.

    Args:
        ckpt: the folder of a checkpoint
        dataset: the dataset to evaluate it on
        out: a new folder
        flags: passed on to `musegen evaluate`
    """
    halve(ckpt, out)
    evaluate([str(out), dataset, *flags])
    size = sum(file.stat().st_size for file in out.iterdir() if file.is_file())
    print(f"{out}: {size / 2**20:.1f} MiB")
