"""A checkpoint as it is released: its weights in half precision, then measured as they are stored.

    python -m benchmarks.release CKPT DATASET OUT [evaluate's flags]

OUT is a new folder whose name is the model's. What it holds goes into `checkpoints/` of the repository, with
a card (README.md) that says what the model writes, of whose music, on what terms, and how good it is.
"""

from pathlib import Path

from safetensors.torch import load_file, save

from benchmarks.runner import Flags, benchmark
from musegen.checkpoint.folder import load_checkpoint, save_checkpoint, write_metrics
from musegen.cli.evaluate import main as evaluate
from musegen.errors import ConfigError
from musegen.files import write_atomic


def halve(source: Path, out: Path) -> None:
    """Write a checkpoint again, with half the bytes a weight.

    Raises:
        CheckpointError: the source cannot be loaded.
        ConfigError: `out` is there already.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already: name a new folder")
    found = load_checkpoint(source)
    save_checkpoint(
        out,
        config=found.config,
        dataset=found.dataset,
        tokenizer=found.tokenizer,
        model=found.model,
        data=found.data,
        metrics=found.metrics,
    )
    weights = load_file(out / "model.safetensors")
    halved = {name: w.half() if w.is_floating_point() else w for name, w in weights.items()}
    write_atomic(out / "model.safetensors", save(halved))
    write_metrics(out, found.metrics)


@benchmark()
def main(ckpt: Path, dataset: str, out: Path, /, *, flags: Flags) -> None:
    """Write it, measure it, print its size.

    Args:
        ckpt: a checkpoint's folder
        dataset: to measure it on
        out: a new folder
        flags: passed on to `musegen evaluate`
    """
    halve(ckpt, out)
    evaluate([str(out), dataset, *flags])
    size = sum(file.stat().st_size for file in out.iterdir() if file.is_file())
    print(f"{out}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    raise SystemExit(main())
