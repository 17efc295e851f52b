"""Facts about a dataset or a checkpoint, as plain dicts ready for JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musegen.data.dataset import Dataset


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What a dataset holds: pieces by split, files by verdict and reason, metres, instruments."""
    pieces = dataset.pieces
    audit = _read_lines(dataset.path / "audit.jsonl")
    return {
        "kind": "dataset",
        "path": str(dataset.path),
        **dataset.info,
        "pieces": len(pieces),
        "notes": sum(piece.notes for piece in pieces),
        "bars": sum(piece.bars for piece in pieces),
        "splits": dict(Counter(piece.split for piece in pieces)),
        "verdicts": dict(Counter(line["verdict"] for line in audit)),
        "time_signatures": dict(
            Counter(each for piece in pieces for each in piece.time_signatures).most_common()
        ),
        "programs": dict(Counter(program for piece in pieces for program in piece.programs).most_common()),
        "melody": dict(Counter(piece.melody_how for piece in pieces)),
        "pickups": sum(piece.pickup > 0 for piece in pieces),
    }


def checkpoint_facts(path: Path) -> dict[str, Any]:
    """What a checkpoint is: family, size, what was measured, what it was trained on, its settings.

    Raises:
        CheckpointError: it cannot be loaded; so what is printed is true of a checkpoint that works.
    """
    from musegen.checkpoint.folder import load_checkpoint

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


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
