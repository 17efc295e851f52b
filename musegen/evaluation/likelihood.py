"""How well a model predicts music: nats per token, nats per beat, bits per note."""

import math
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress
from musegen.data.batches import fill_batches
from musegen.data.dataset import Dataset
from musegen.data.views import TokenView, token_view
from musegen.errors import DataError
from musegen.models.losses import stream_nats
from musegen.models.protocol import first_state
from musegen.models.seq2seq import Seq2Seq
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.chord_plan import UNKNOWN, stream_plan
from musegen.tokenizers.tables import TICKS_PER_QUARTER

BATCH_TOKENS = 16384
Floats = NDArray[np.float64]


class Likelihood(NamedTuple):
    """The likelihood of some pieces, each array (pieces,)."""

    indices: list[int]
    """The indices of the pieces in their view."""
    nats: Floats
    """Negative log-likelihood of all ids after the first, in nats."""
    tokens: Floats
    """Ids after the first."""
    notes: Floats
    """Notes of the piece."""
    beats: Floats
    """Quarter notes from the first onset of a pickup, or the first bar line, to the last bar line."""
    bars: Floats
    """Bars of the piece."""
    kinds: dict[str, tuple[float, int]]
    """Nats and count of each kind of token over all pieces; for plans the count of half bars."""


def model_view(checkpoint: Checkpoint, dataset: Dataset) -> TokenView:
    """A dataset's pieces as a checkpoint's model sees them.

    Raises:
        DataError: nothing can be encoded.
    """
    config = checkpoint.config
    return token_view(dataset, checkpoint.tokenizer, config.data, pairs=config.writes == "accompaniments")


def heading(checkpoint: Checkpoint, dataset: Dataset, split: str) -> dict[str, Any]:
    """What is evaluated on what, the first entries of a result."""
    return {"family": checkpoint.config.family, "dataset": dataset.name, "split": split}


def evaluate_checkpoint(checkpoint: Checkpoint, dataset: Dataset, split: str = "test") -> dict[str, Any]:
    """Likelihood of a split under a model: whole pieces with a carried state, without masks.

    Bits per note is the negative log2-likelihood of all ids after the first of each stream, divided by the
    notes of the scores; so it can be compared across tokenizers, and includes bars, positions and EOS. Nats
    per beat is the same per quarter note, bits per bar per bar. The costs are also given by kind of token,
    and for accompaniment models with a chord planner with those of the plan.

    Args:
        checkpoint: the model and its tokenizer.
        dataset: the music.
        split: "train", "valid", "test" or "all".

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    view = model_view(checkpoint, dataset)
    found = split_likelihood(checkpoint, dataset, view, split)
    return heading(checkpoint, dataset, split) | total_figures(found)


def total_figures(found: Likelihood) -> dict[str, Any]:
    """Ratios of totals: long pieces weigh more."""
    nats, tokens, notes = (float(values.sum()) for values in (found.nats, found.tokens, found.notes))
    bits = nats / math.log(2)
    return {
        "pieces": len(found.indices),
        "notes": int(notes),
        "tokens": int(tokens),
        "nats_per_token": nats / tokens,
        "perplexity": math.exp(nats / tokens),
        "nats_per_beat": nats / float(found.beats.sum()),
        "bits_per_note": bits / notes,
        "bits_per_bar": bits / float(found.bars.sum()),
        "by_kind": {
            kind: {"count": count, "nats_each": kind_nats / count, "share_of_nats": kind_nats / nats}
            for kind, (kind_nats, count) in found.kinds.items()
        },
    }


def split_likelihood(checkpoint: Checkpoint, dataset: Dataset, view: TokenView, split: str) -> Likelihood:
    """The likelihood of each piece of a split, in the order of the dataset.

    Args:
        checkpoint: the model.
        dataset: the music.
        view: of the dataset, by `model_view`.
        split: "train", "valid", "test" or "all".

    Raises:
        DataError: the split is empty.
    """
    indices = view.indices(split)
    if not indices:
        sizes = ", ".join(f"{name} ({len(dataset.split(name))})" for name in ("train", "valid", "test"))
        raise DataError(f"dataset {dataset.name} has no {split} pieces; its splits are {sizes}")
    model, tables = checkpoint.model, checkpoint.tokenizer.tables
    nats, bars = np.zeros(len(view.pieces)), np.zeros(len(view.pieces))
    kind_nats, kind_counts, plan_nats, spans = np.zeros(len(Kind)), np.zeros(len(Kind), np.int64), 0.0, 0
    is_planned = checkpoint.config.plans(tables.voices)
    device = next(model.parameters()).device
    # Nats and bars of each piece, (pieces,), and nats and counts of each kind of token, (kinds,).
    batches = length_batches(view, indices)
    for batch in progress(batches, len(batches), "Evaluating"):
        source_ids, ids = padded(view, batch, device)
        plan = _plans(view, batch, tables).to(device) if is_planned else None
        with torch.no_grad():
            state = first_state(model, len(batch), source_ids, plan)
        found = stream_nats(model, state, ids).cpu().double().numpy()
        kinds = tables.kind[ids[:, 1:].cpu().numpy()]
        kind_nats += np.bincount(kinds.ravel(), weights=found.ravel(), minlength=len(Kind))
        kind_counts += np.bincount(kinds.ravel(), minlength=len(Kind))
        bars[batch] = (kinds == Kind.BAR).sum(axis=1)
        nats[batch] = found.sum(axis=1)
        if plan is not None:
            with torch.no_grad():
                planned = cast(Seq2Seq, model).plan_nats(state).cpu().double()
            nats[batch] += planned.numpy()
            plan_nats += float(planned.sum())
            spans += int((plan[..., 0] != UNKNOWN).sum())
    of_kinds = {
        kind.name.lower(): (float(kind_nats[kind]), int(kind_counts[kind]))
        for kind in Kind
        if kind is not Kind.PAD and kind_counts[kind]
    }
    return Likelihood(
        indices=indices,
        nats=nats[indices],
        tokens=np.diff(view.offsets)[indices] - 1.0,
        notes=view.notes[indices].astype(np.float64),
        beats=np.array([_beats(view, index, tables) for index in indices]),
        bars=bars[indices],
        kinds=of_kinds | ({"plan": (plan_nats, spans)} if spans else {}),
    )


def length_batches(view: TokenView, indices: list[int]) -> list[list[int]]:
    """Batches of pieces, shortest first, of at most `BATCH_TOKENS` ids each, padding included."""
    lengths = np.diff(view.offsets)
    order = np.array(sorted(indices, key=lambda i: int(lengths[i])), np.int64)
    return [batch.tolist() for batch in fill_batches(order, lengths, BATCH_TOKENS)]


def padded(
    view: TokenView, batch: list[int], device: torch.device
) -> tuple[torch.Tensor | None, torch.Tensor]:
    """The melodies (B, S), None if there are none, and the streams (B, T), padded at the end with 0."""

    def rows(streams: list[NDArray[np.int64]]) -> torch.Tensor:
        return pad_sequence([torch.from_numpy(each) for each in streams], batch_first=True).to(device)

    source_ids = None if view.sources is None else rows([view.source(index) for index in batch])
    return source_ids, rows([view.stream(index) for index in batch])


def _plans(view: TokenView, batch: list[int], tables: Tables) -> torch.Tensor:
    """The plans of the streams, (B, K, 2)."""
    plans = [torch.from_numpy(stream_plan(view.stream(index), tables)) for index in batch]
    return pad_sequence(plans, batch_first=True, padding_value=UNKNOWN)


def filled_up(view: TokenView, index: int, tables: Tables) -> float:
    """Quarter notes of rest before the pickup of a piece, which fill its first bar; 0 without a pickup."""
    pickup = view.pieces[index].pickup
    return float(_bar_quarters(view, index, tables)[0] - pickup) if pickup else 0.0


def _beats(view: TokenView, index: int, tables: Tables) -> float:
    return float(_bar_quarters(view, index, tables).sum()) - filled_up(view, index, tables)


def _bar_quarters(view: TokenView, index: int, tables: Tables) -> Floats:
    """The length of each bar of a stream in quarter notes, (bars,)."""
    ids = view.stream(index)
    metres = ids[tables.kind[ids] == Kind.TIME_SIGNATURE]
    ticks = tables.bar_positions[metres] * tables.position_ticks[metres]
    return np.asarray(ticks / TICKS_PER_QUARTER, np.float64)
