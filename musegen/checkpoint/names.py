"""Models by name: the bundled models, how the name of a checkpoint is resolved, and facts about a model.

Bundled models are in `checkpoints/` of the repository, or, in an installed musegen, in the same folder of the
package (see pyproject.toml). Every checkpoint there is a bundled model; there is no other list.
"""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from musegen.errors import CheckpointError

CHECKPOINTS = Path("checkpoints")
"""The user's own checkpoints, in the current folder."""
_PACKAGE = Path(__file__).parent.parent
_REPOSITORY = _PACKAGE.parent
FIGURES = ("bits_per_note", "note_f1", "overlap", "accuracy", "macro_f1")
"""The metrics that are listed, if a family has them: see `musegen evaluate`."""


def released_folder() -> Path:
    """The folder of the bundled models; it may be missing."""
    is_checkout = (_REPOSITORY / "pyproject.toml").is_file()
    return (_REPOSITORY if is_checkout else _PACKAGE) / "checkpoints"


def released_models() -> dict[str, Path]:
    """The bundled models by name: every complete checkpoint folder."""
    return {sums.parent.name: sums.parent for sums in sorted(released_folder().glob("*/SHA256SUMS"))}


def checkpoint_places(name: str) -> list[Path]:
    """Candidate folders for the name of a checkpoint, in order: the path, ./checkpoints, bundled models."""
    bundled = released_models()
    return [Path(name), CHECKPOINTS / name, *([bundled[name]] if name in bundled else [])]


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint: a path, a name under ./checkpoints, or a bundled model's name.

    Raises:
        CheckpointError: there is none; the message lists the bundled models and the nearest name.
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
    bundled = list(released_models())
    near = get_close_matches(Path(name).name, [*bundled, *(Path(path).name for path in own)], n=1)
    nearest = next((known for known in [*own, *bundled] if Path(known).name in near), None)
    hint = f"did you mean {nearest}?" if nearest else "make one with: musegen train lm DATA --out DIR"
    models = f"bundled models are {', '.join(bundled)}" if bundled else "there are no bundled models"
    raise CheckpointError(f"no checkpoint {name}, here or under {CHECKPOINTS}/; {models}: {hint}")


def model_facts(folder: Path) -> dict[str, Any]:
    """Facts about a model, from the files of its checkpoint, without loading it.

    Returns:
        name; family; writes, the first paragraph of its card; bytes, of the whole folder; data, the name of
        its dataset, and pieces, their number by split; licence, the text after "Licence:" in the card, else
        that of the data; figures, its metrics (see `FIGURES`), and split, on which they were measured.

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
        licence = [row for row in card.splitlines() if row.startswith("Licence:")]
        return {
            "name": folder.name,
            "family": config["family"],
            "writes": _first_paragraph(card),
            "bytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
            "data": config["dataset"],
            "pieces": data["splits"],
            "licence": licence[0].removeprefix("Licence:").strip() if licence else data.get("licence", ""),
            "split": split,
            "figures": main_figures(metrics.get(split, {})),
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"checkpoint {folder} cannot be described ({type(error).__name__}: {error}); install it again"
        ) from error


def checkpoint_facts(path: Path) -> dict[str, Any]:
    """Facts about a checkpoint: family, size, metrics, training data, settings.

    Raises:
        CheckpointError: it cannot be loaded.
    """
    # Slower imports, which resolving a name does not need.
    from musegen.checkpoint.folder import WEIGHTS, load_checkpoint
    from musegen.checkpoint.sizes import expected_sizes
    from musegen.checkpoint.weights import count_parameters

    checkpoint = load_checkpoint(path)
    sizes = expected_sizes(checkpoint.config, checkpoint.tokenizer)
    config = json.loads((path / "config.json").read_text("utf-8"))
    return {
        "kind": "checkpoint",
        "path": str(path),
        **{key: value for key, value in config.items() if not isinstance(value, dict)},
        "parameters": count_parameters(path / WEIGHTS, sizes),
        "vocabulary": checkpoint.tokenizer.vocab_size,
        "metrics": checkpoint.metrics,
        "data": {key: value for key, value in checkpoint.data.items() if not isinstance(value, list)},
        "settings": {key: value for key, value in config.items() if isinstance(value, dict)},
    }


def _first_paragraph(card: str) -> str:
    """The first paragraph of a card that is not a heading, on one line."""
    for block in card.split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines() if not line.startswith("#")]
        if lines:
            return " ".join(lines)
    return ""


def main_figures(measured: dict[str, Any]) -> dict[str, float]:
    """Those of `FIGURES` that were measured, from any level of the metrics."""
    model = measured.get("systems", {}).get("model", {})
    means = {name: found["mean"] for name, found in model.items()}
    known = measured | means | measured.get("comparison", {})
    return {name: known[name] for name in FIGURES if isinstance(known.get(name), int | float)}
