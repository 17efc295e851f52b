"""How well a model predicts music: nats a token, bits a note."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from musegen.checkpoint import Checkpoint
from musegen.data.dataset import Dataset
from musegen.data.views import token_view
from musegen.errors import DataError
from musegen.models.losses import stream_nats

BATCH_TOKENS = 16384


def evaluate_checkpoint(
    checkpoint: Checkpoint,
    dataset: Dataset,
    split: str = "test",
    *,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Likelihood of a split under a model, whole pieces, the state carried through, no masks.

    Bits a note is the negative log2-likelihood of all ids after the first of each stream, over the
    notes of the scores; so it can be compared across tokenizers, and counts what bars, positions
    and the end of the piece cost.

    Args:
        checkpoint: the model and its tokenizer.
        dataset: the music.
        split: "train", "valid" or "test".
        progress: called with the share done.

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    view = token_view(dataset, checkpoint.tokenizer, tracks=checkpoint.config.data.tracks)
    wanted = sorted(view.indices(split), key=lambda i: int(view.offsets[i + 1] - view.offsets[i]))
    if not wanted:
        raise DataError(f"dataset {dataset.name} has no {split} pieces; its splits are {_splits(dataset)}")
    device = next(checkpoint.model.parameters()).device
    nats, tokens, done = 0.0, 0, 0
    batch: list[np.ndarray[Any, Any]] = []
    for rank, index in enumerate(wanted):
        batch.append(view.stream(index))
        next_length = len(view.stream(wanted[rank + 1])) if rank + 1 < len(wanted) else math.inf
        if (len(batch) + 1) * next_length > BATCH_TOKENS:
            ids = torch.zeros(len(batch), len(batch[-1]), dtype=torch.int64)
            for row, stream in enumerate(batch):
                ids[row, : len(stream)] = torch.from_numpy(stream)
            state = checkpoint.model.init_state(len(batch))
            nats += float(stream_nats(checkpoint.model, state, ids.to(device)).double().sum())
            tokens += sum(len(stream) - 1 for stream in batch)
            done += len(batch)
            batch = []
            if progress:
                progress(done / len(wanted))
    notes = int(view.notes[wanted].sum())
    return {
        "family": checkpoint.config.family,
        "dataset": dataset.name,
        "split": split,
        "pieces": len(wanted),
        "notes": notes,
        "tokens": tokens,
        "nats_per_token": nats / tokens,
        "perplexity": math.exp(nats / tokens),
        "bits_per_note": nats / math.log(2) / notes,
    }


def _splits(dataset: Dataset) -> str:
    return ", ".join(f"{name} ({len(dataset.split(name))})" for name in ("train", "valid", "test"))
