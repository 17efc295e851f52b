"""Models by name: which come with musegen, where a checkpoint's name leads, and what each model is.

Those that come with musegen lie in `checkpoints/` of the repository, and in an installed musegen in the
package itself, where the wheel has that folder (see pyproject.toml). Whatever is there is installed: nothing
lists it.
"""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from musegen.errors import CheckpointError

CHECKPOINTS = Path("checkpoints")
"""The user's own, in the current folder."""
_PACKAGE = Path(__file__).parent.parent
_REPOSITORY = _PACKAGE.parent
FIGURES = ("bits_per_note", "note_f1", "overlap")
"""What is shown of metrics.json, where a family has it: see `musegen evaluate`."""


def released_folder() -> Path:
    """Where the models that come with musegen lie; there may be none."""
    is_checkout = (_REPOSITORY / "pyproject.toml").is_file()
    return (_REPOSITORY if is_checkout else _PACKAGE) / "checkpoints"


def released_models() -> dict[str, Path]:
    """The models that come with musegen, by name: every whole checkpoint folder."""
    return {sums.parent.name: sums.parent for sums in sorted(released_folder().glob("*/SHA256SUMS"))}


def checkpoint_places(name: str) -> list[Path]:
    """Where a checkpoint of this name may lie, the nearest first: path, ./checkpoints, what is installed."""
    installed = released_models()
    return [Path(name), CHECKPOINTS / name, *([installed[name]] if name in installed else [])]


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint: a path, a name under ./checkpoints, or an installed model's name.

    Raises:
        CheckpointError: there is none; what is installed and the nearest name are given.
    """
    for path in checkpoint_places(name):
        if (path / "dataset.json").is_file():
            raise CheckpointError(
                f"{path} is a dataset, not a checkpoint: make one with: musegen train lm {path} --out DIR"
            )
        if path.is_dir():
            return path
    if Path(name).exists():
        raise CheckpointError(f"{name} is a file: a checkpoint is a folder, as `musegen train` writes it")
    own = [str(path) for path in sorted(CHECKPOINTS.glob("*")) if path.is_dir()]
    installed = list(released_models())
    near = get_close_matches(Path(name).name, [*installed, *(Path(path).name for path in own)], n=1)
    nearest = next((known for known in [*own, *installed] if Path(known).name in near), None)
    hint = f"did you mean {nearest}?" if nearest else "make one with: musegen train lm DATA --out DIR"
    models = f"installed models are {', '.join(installed)}" if installed else "no models are installed"
    raise CheckpointError(f"no checkpoint {name}, here or under {CHECKPOINTS}/, and {models}: {hint}")


def model_facts(folder: Path) -> dict[str, Any]:
    """What a model is, from the files of its checkpoint, without loading it.

    Returns:
        name; family; writes, the first paragraph of its card; bytes, of the whole folder as it is released;
        data, the name of its dataset, and pieces, how many by split; licence, what the card has after
        "Licence:", else that of the data; split and figures, what was measured on which (see `FIGURES`).

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    try:
        config, data, metrics = (
            json.loads((folder / name).read_text("utf-8"))
            for name in ("config.json", "data.json", "metrics.json")
        )
        card = (folder / "README.md").read_text("utf-8")
        split = "test" if "test" in metrics else "valid"
        return {
            "name": folder.name,
            "family": config["family"],
            "writes": _first_paragraph(card),
            "bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
            "data": config["dataset"],
            "pieces": data["splits"],
            "licence": _line(card, "Licence:") or data.get("licence", ""),
            "split": split,
            "figures": _figures(metrics.get(split, {})),
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"checkpoint {folder} does not say what it is ({type(error).__name__}: {error}); install it again"
        ) from error


def checkpoint_facts(path: Path) -> dict[str, Any]:
    """What a checkpoint is: family, size, what was measured, what it was trained on, its settings.

    Raises:
        CheckpointError: it cannot be loaded; so what is printed is true of a checkpoint that works.
    """
    from musegen.checkpoint.folder import load_checkpoint  # with torch, which a name does without

    checkpoint = load_checkpoint(path)
    config = json.loads((path / "config.json").read_text("utf-8"))
    return {
        "kind": "checkpoint",
        "path": str(path),
        **{key: value for key, value in config.items() if not isinstance(value, dict)},
        "parameters": sum(weights.numel() for weights in checkpoint.model.parameters()),
        "vocabulary": checkpoint.tokenizer.vocab_size,
        "metrics": checkpoint.metrics,
        "data": {key: value for key, value in checkpoint.data.items() if not isinstance(value, list)},
        "settings": {key: value for key, value in config.items() if isinstance(value, dict)},
    }


def _first_paragraph(card: str) -> str:
    """The first lines of a card that are no heading, as one."""
    for block in card.split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines() if not line.startswith("#")]
        if lines:
            return " ".join(lines)
    return ""


def _line(card: str, label: str) -> str:
    return next((row.removeprefix(label).strip() for row in card.splitlines() if row.startswith(label)), "")


def _figures(measured: dict[str, Any]) -> dict[str, float]:
    """Those of `FIGURES` that were measured, wherever `musegen evaluate` puts them."""
    model = measured.get("systems", {}).get("model", {})
    means = {name: found["mean"] for name, found in model.items()}
    known = measured | means | measured.get("comparison", {})
    return {name: known[name] for name in FIGURES if isinstance(known.get(name), int | float)}
