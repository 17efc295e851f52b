"""How well a model predicts music: nats a token, bits a note."""

import math
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.views import token_view
from musegen.errors import DataError
from musegen.models.losses import first_state, stream_nats

BATCH_TOKENS = 16384


def evaluate_checkpoint(checkpoint: Checkpoint, dataset: Dataset, split: str = "test") -> dict[str, Any]:
    """Likelihood of a split under a model, whole pieces, the state carried through, no masks.

    Bits a note is the negative log2-likelihood of all ids after the first of each stream, over the
    notes of the scores; so it can be compared across tokenizers, and counts what bars, positions
    and the end of the piece cost.

    Args:
        checkpoint: the model and its tokenizer.
        dataset: the music.
        split: "train", "valid" or "test".

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    pairs = checkpoint.config.family == "seq2seq"
    view = token_view(dataset, checkpoint.tokenizer, checkpoint.config.data, pairs=pairs)
    wanted = sorted(view.indices(split), key=lambda i: int(view.offsets[i + 1] - view.offsets[i]))
    if not wanted:
        raise DataError(f"dataset {dataset.name} has no {split} pieces; its splits are {_splits(dataset)}")
    device = next(checkpoint.model.parameters()).device
    nats, tokens = 0.0, 0
    batches = _batches(wanted, np.diff(view.offsets))
    for batch in progress(batches, len(batches), "Evaluating"):
        streams = [torch.from_numpy(view.stream(index)) for index in batch]
        ids = pad_sequence(streams, batch_first=True).to(device)  # (B, T)
        sources = [torch.from_numpy(view.source(index)) for index in batch] if pairs else []
        source_ids = pad_sequence(sources, batch_first=True).to(device) if pairs else None  # (B, S)
        state = first_state(checkpoint.model, len(batch), source_ids)
        nats += float(stream_nats(checkpoint.model, state, ids).double().sum())
        tokens += sum(len(stream) - 1 for stream in streams)
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


def _batches(indices: list[int], lengths: np.ndarray[Any, Any]) -> list[list[int]]:
    """Pieces, shortest first, together while they hold at most `BATCH_TOKENS` ids, padding included."""
    batches: list[list[int]] = []
    for index in indices:
        if batches and (len(batches[-1]) + 1) * int(lengths[index]) <= BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _splits(dataset: Dataset) -> str:
    return ", ".join(f"{name} ({len(dataset.split(name))})" for name in ("train", "valid", "test"))
