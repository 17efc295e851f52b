"""A checkpoint: a folder with a model, its tokenizer, its settings, its data and its metrics.

config.json, tokenizer.json, model.safetensors, data.json, metrics.json, README.md, SHA256SUMS.
Generation needs nothing but this folder. Loading it executes nothing in it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musegen import __version__
from musegen.checkpoint.sizes import expected_sizes
from musegen.checkpoint.weights import check_sizes, load_weights
from musegen.config.from_json import parse_config
from musegen.config.settings import TrainConfig
from musegen.errors import CheckpointError, ConfigError, TokenError
from musegen.families import example_of, family_of
from musegen.files import resume_command, write_atomic, write_json
from musegen.tokenizers import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    from torch import nn

FORMAT_VERSION = 1
_TEXTS = ("config.json", "tokenizer.json", "data.json", "metrics.json")
_HEAD = ("format_version", "musegen_version", "dataset", "family")
"""Keys of config.json that are not settings."""
WEIGHTS = "model.safetensors"
GRAPHS = "graphs"
"""Folder of the exported graphs of a bundled model: see generation/graph_store.py."""
MAX_DOUBLED = 1.1
"""Notes per onset up to which training pieces are lines, with a double stop now and then."""
_SUMMED = (*_TEXTS, WEIGHTS)
MAX_TEXT = 1 << 25
"""Maximum bytes of a JSON file; the list of a hundred thousand pieces takes half of it."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint folder. Its weights are checked, but read only on first use of `model`."""

    path: Path
    config: TrainConfig
    dataset: str
    """Name of the training dataset."""
    tokenizer: Tokenizer
    data: dict[str, Any]
    metrics: dict[str, Any]
    sha256: str
    """Of model.safetensors."""
    device: str = "cpu"
    """Of the model."""
    module: "nn.Module | None" = field(default=None, repr=False)
    """The model, where it is in memory already."""

    @property
    def is_line(self) -> bool:
        """Whether its pieces are single lines: of a piece with several tracks it takes the melody."""
        # Older checkpoints do not record it; most that have no programs write one line, as `folk` does.
        is_doubled = self.data.get("notes_per_onset", 1.0) > MAX_DOUBLED
        is_pitched = self.data.get("program", 0) >= 0
        return (
            (self.config.writes == "pieces" or self.config.fills)
            and is_pitched
            and not (self.tokenizer.config.programs or is_doubled)
        )

    @cached_property
    def model(self) -> "nn.Module":
        """The model; read from the folder on first use, with torch, in eval mode on `device`.

        Raises:
            CheckpointError: the weights do not fit the model.
        """
        if self.module is not None:
            return self.module
        from musegen.checkpoint.build import build_model  # imports torch, which the rest does without

        model = build_model(self.config, self.tokenizer)
        load_weights(model, self.path / WEIGHTS)
        return model.to(self.device).eval()


def save_checkpoint(
    path: Path,
    *,
    config: TrainConfig,
    dataset: str,
    tokenizer: Tokenizer,
    model: "nn.Module",
    data: dict[str, Any],
    metrics: dict[str, Any],
) -> None:
    """Write the folder, each file atomically, SHA256SUMS last.

    Raises:
        OSError: the folder cannot be written to.
    """
    from safetensors.torch import save

    head = {"format_version": FORMAT_VERSION, "family": config.family, "musegen_version": __version__}
    write_json(path / "config.json", head | {"dataset": dataset} | asdict(config))
    write_json(path / "tokenizer.json", tokenizer.to_dict())
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomic(path / WEIGHTS, save(weights))
    write_json(path / "data.json", data)
    write_metrics(path, metrics)
    if not (path / "README.md").exists():
        write_atomic(path / "README.md", _card(path.name, dataset, config, data).encode())


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Replace metrics.json, and update SHA256SUMS."""
    write_json(path / "metrics.json", metrics)
    graphs = sorted(each.relative_to(path).as_posix() for each in (path / GRAPHS).glob("*.onnx"))
    sums = "".join(f"{_sha256(path / name)}  {name}\n" for name in (*_SUMMED, *graphs))
    write_atomic(path / "SHA256SUMS", sums.encode())


def is_intact(folder: Path, name: str) -> bool:
    """Whether a file of a checkpoint is the one that SHA256SUMS lists."""
    return _listed(folder).get(name) == _sha256(folder / name)


def load_checkpoint(path: Path, *, device: str = "cpu") -> Checkpoint:
    """Load and check a checkpoint folder; nothing here imports torch, only its `model` does.

    Args:
        path: the folder.
        device: of the model, such as "cpu" or "cuda".

    Raises:
        CheckpointError: a file is missing, damaged, of an unknown format, or inconsistent with another.
    """
    if not path.is_dir():
        raise CheckpointError(f"there is no checkpoint folder {path}; train one with musegen train")
    missing = [name for name in (*_SUMMED, "SHA256SUMS") if not (path / name).is_file()]
    if missing:
        refuse_unfinished(path)
        raise CheckpointError(
            f"checkpoint {path} lacks {', '.join(missing)}; copy the whole folder or train it again"
        )
    _check_sums(path, _TEXTS)
    raw = _read_json(path / "config.json")
    if raw.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {path} has format version {raw.get('format_version')}; "
            f"this musegen reads version {FORMAT_VERSION}; install the version of musegen that wrote it"
        )
    try:
        config, dataset = parse_checkpoint_config(raw)
        tokenizer = load_tokenizer(_read_json(path / "tokenizer.json"))
    except (ConfigError, TokenError) as error:
        raise CheckpointError(f"checkpoint {path} cannot be used: {error}") from error
    data = _read_data(path / "data.json")
    check_sizes(path / WEIGHTS, expected_sizes(config, tokenizer))
    [sha256] = _check_sums(path, (WEIGHTS,))
    return Checkpoint(
        path=path,
        config=config,
        dataset=dataset,
        tokenizer=tokenizer,
        data=data,
        metrics=_read_json(path / "metrics.json"),
        sha256=sha256,
        device=device,
    )


def refuse_unfinished(path: Path) -> None:
    """Refuse a folder without a checkpoint, whose training can be resumed.

    Raises:
        CheckpointError: with the command that resumes it.
    """
    if command := resume_command(path):
        raise CheckpointError(
            f"{path} has no checkpoint yet: its training stopped before the first validation; "
            f"resume it with: {command}"
        )


def parse_checkpoint_config(raw: dict[str, Any]) -> tuple[TrainConfig, str]:
    """Parse a checkpoint's config.json: the training configuration, and the name of the dataset.

    Raises:
        ConfigError: an unknown key or a value of the wrong type.
    """
    family = family_of(raw.get("family", "lm"))
    settings = {name: value for name, value in raw.items() if name not in _HEAD}
    return parse_config(family.config, settings), str(raw.get("dataset", ""))


def _read_data(path: Path) -> dict[str, Any]:
    data = _read_json(path)
    data.setdefault("ranges", [])
    required = {"tempo": int | float, "program": int, "train": list, "dataset_sha256": str, "splits": dict}
    wrong = [name for name, kind in required.items() if not isinstance(data.get(name), kind)]
    if wrong or not all(isinstance(entry, dict) and "programs" in entry for entry in data["train"]):
        raise CheckpointError(
            f"{path} lacks {', '.join(wrong) or 'programs of its pieces'}; train the checkpoint again"
        )
    return data


def _check_sums(path: Path, names: Sequence[str]) -> list[str]:
    """Check files against SHA256SUMS; returns the SHA-256 of each."""
    large = [name for name in (*_TEXTS, "SHA256SUMS") if (path / name).stat().st_size > MAX_TEXT]
    if large:
        raise CheckpointError(
            f"{path / large[0]} is larger than {MAX_TEXT >> 20} MB: not a file of a checkpoint"
        )
    listed = _listed(path)
    found_all = [_sha256(path / name) for name in names]
    for name, found in zip(names, found_all, strict=True):
        if listed.get(name) != found:
            raise CheckpointError(
                f"{path / name} is not the file that SHA256SUMS lists ({found[:12]}, not "
                f"{listed.get(name, 'any')[:12]}): it was changed, damaged or belongs to another model; "
                "restore it or train the checkpoint again"
            )
    return found_all


def _listed(folder: Path) -> dict[str, str]:
    """The sums of the files, by name."""
    text = (folder / "SHA256SUMS").read_bytes().decode("utf-8", errors="replace")
    lines = (line.partition(" ") for line in text.splitlines())
    # "*" marks binary files, as in the output of sha256sum
    return {name.strip().lstrip("*"): digest for digest, _, name in lines}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object")
    return value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _card(name: str, dataset: str, config: TrainConfig, data: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in data["splits"].items())
    family = family_of(config.family)
    return (
        f"# {name}\n\n"
        f"A musegen {family.noun} trained on {dataset}: {counts} pieces; "
        f"{config.model.num_layers} {config.model.cell} layers of {config.model.hidden_size}.\n\n"
        f"    musegen {(example_of(config) if config.fills else family.card_example).format(name)}\n\n"
        f"Data: {(data.get('licence') or 'licensed by the owner of the music').rstrip('.')}.\n"
        "Metrics are in metrics.json; data.json lists every training piece.\n"
    )
