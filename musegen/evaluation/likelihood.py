"""How well a model predicts music: nats per token, nats per beat, bits per note."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress, say
from musegen.data.batches import fill_batches
from musegen.data.dataset import SPLITS, Dataset
from musegen.data.piece_labels import piece_label_ids
from musegen.data.views import TokenView, config_view
from musegen.errors import DataError
from musegen.models.losses import stream_nats
from musegen.models.protocol import first_state
from musegen.models.seq2seq import Seq2Seq
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.chord_plan import UNKNOWN, stream_plan
from musegen.tokenizers.tables import TICKS_PER_QUARTER

BATCH_TOKENS = 16384
PERFORMANCE = (Kind.TEMPO, Kind.VELOCITY, Kind.SHIFT)
"""Kinds of token that not every model has; figures without them can be compared with those of any model."""
WITHOUT = "without_velocity_and_tempo"
"""The figures without the tokens of `PERFORMANCE`."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Likelihood(NamedTuple):
    """The likelihood of some pieces, each array with a row per piece."""

    indices: list[int]
    """The indices of the pieces in their view."""
    kind_nats: Floats
    """Negative log-likelihood in nats of the ids after the first, by `Kind`, (pieces, kinds)."""
    kind_counts: Ints
    """The number of these ids, by `Kind`, (pieces, kinds)."""
    notes: Floats
    """Notes of the piece."""
    beats: Floats
    """Quarter notes from the first onset of a pickup, or the first bar line, to the last bar line."""
    plan_nats: Floats
    """Of the chords and numbers of notes that the model plans; 0 without a plan."""
    spans: int = 0
    """Half bars with a plan, over all pieces."""

    @property
    def nats(self) -> Floats:
        """Negative log-likelihood of all ids after the first and of the plan, in nats."""
        return np.asarray(self.kind_nats.sum(axis=1) + self.plan_nats)

    @property
    def tokens(self) -> Ints:
        """Ids after the first."""
        return np.asarray(self.kind_counts.sum(axis=1))

    @property
    def kinds(self) -> dict[str, tuple[float, int]]:
        """Nats and count of each kind of token over all pieces; for plans the count of half bars."""
        nats, counts = self.kind_nats.sum(axis=0), self.kind_counts.sum(axis=0)
        found = {kind.name.lower(): (float(nats[kind]), int(counts[kind])) for kind in Kind if counts[kind]}
        return found | ({"plan": (float(self.plan_nats.sum()), self.spans)} if self.spans else {})

    def without(self, kinds: Sequence[Kind]) -> "Likelihood":
        """The same without the tokens of some kinds."""
        nats, counts = self.kind_nats.copy(), self.kind_counts.copy()
        nats[:, kinds], counts[:, kinds] = 0, 0
        return self._replace(kind_nats=nats, kind_counts=counts)


def model_view(checkpoint: Checkpoint, dataset: Dataset) -> TokenView:
    """A dataset's pieces as a checkpoint's model sees them; of other music than its own, a line the melody.

    Raises:
        DataError: nothing can be encoded.
    """
    config, data = checkpoint.config, checkpoint.config.data
    is_own = dataset.sha256 == checkpoint.data.get("dataset_sha256") or dataset.name == checkpoint.dataset
    if checkpoint.is_line and not is_own and (several := dataset.with_several_tracks):
        name = checkpoint.path.name
        say(f"{name} writes one line: of {several} pieces of {dataset.name} with several tracks the melody")
        data = replace(data, tracks="melody")
    return config_view(config, dataset, checkpoint.tokenizer, data)


def heading(checkpoint: Checkpoint, dataset: Dataset, split: str) -> dict[str, Any]:
    """What is evaluated on what, the first entries of a result."""
    return {"family": checkpoint.config.family, "dataset": dataset.name, "split": split}


def total_figures(found: Likelihood) -> dict[str, Any]:
    """Ratios of totals: long pieces weigh more.

    Bits per note is the negative log2-likelihood of all ids after the first of each stream, divided by the
    notes of the scores; so it can be compared across tokenizers, and includes bars, positions and EOS. Nats
    per beat is the same per quarter note, bits per bar per bar. Where the tokens include velocities or
    tempos, the ratios are also given without these. The costs are also given by kind of token, and for
    accompaniment models with a chord planner with those of the plan.
    """
    total = float(found.nats.sum())
    figures: dict[str, Any] = {
        "pieces": len(found.indices),
        "notes": int(found.notes.sum()),
        "tokens": int(found.tokens.sum()),
        **_ratios(found),
    }
    if found.kind_counts[:, PERFORMANCE].any():
        figures[WITHOUT] = _ratios(found.without(PERFORMANCE))
    figures["by_kind"] = {
        kind: {"count": count, "nats_each": nats / count, "share_of_nats": nats / total}
        for kind, (nats, count) in found.kinds.items()
    }
    return figures


def _ratios(found: Likelihood) -> dict[str, float]:
    nats, tokens, bars = found.nats.sum(), found.tokens.sum(), found.kind_counts[:, Kind.BAR].sum()
    return {
        "nats_per_token": float(nats / tokens),
        "perplexity": math.exp(nats / tokens),
        "nats_per_beat": float(nats / found.beats.sum()),
        "bits_per_note": float(nats / math.log(2) / found.notes.sum()),
        "bits_per_bar": float(nats / math.log(2) / bars),
    }


def split_likelihood(checkpoint: Checkpoint, dataset: Dataset, view: TokenView, split: str) -> Likelihood:
    """The likelihood of each piece of a split, in the order of the dataset.

    Whole pieces with a carried state, without masks; given their labels if the model reads labels.

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
        raise no_pieces(dataset, split)
    model, tables = checkpoint.model, checkpoint.tokenizer.tables
    nats, counts = np.zeros((len(view.pieces), len(Kind))), np.zeros((len(view.pieces), len(Kind)), np.int64)
    plan_nats, spans = np.zeros(len(view.pieces)), 0
    is_planned = checkpoint.config.plans(tables.voices)
    labels = piece_label_ids(
        dataset, view.pieces, checkpoint.config.model.labels, checkpoint.config.data, checkpoint.data
    )
    device = next(model.parameters()).device
    batches = length_batches(view, indices)
    for batch in progress(batches, len(batches), "Evaluating"):
        source_ids, ids = padded(view, batch, device)
        plan = _plans(view, batch, tables).to(device) if is_planned else None
        given = None if labels is None else torch.from_numpy(labels[batch]).to(device)
        with torch.no_grad():
            state = first_state(model, len(batch), source_ids, plan, given)
        found = stream_nats(model, state, ids).cpu().double().numpy()
        nats[batch], counts[batch] = by_kind(tables.kind[ids[:, 1:].cpu().numpy()], found)
        if plan is not None:
            with torch.no_grad():
                plan_nats[batch] = cast(Seq2Seq, model).plan_nats(state).cpu().double().numpy()
            spans += int((plan[..., 0] != UNKNOWN).sum())
    return Likelihood(
        indices=indices,
        kind_nats=nats[indices],
        kind_counts=counts[indices],
        notes=view.notes[indices].astype(np.float64),
        beats=np.array([_beats(view, index, tables) for index in indices]),
        plan_nats=plan_nats[indices],
        spans=spans,
    )


def no_pieces(dataset: Dataset, split: str) -> DataError:
    """The error that a split has no pieces, with the sizes of all splits."""
    sizes = ", ".join(f"{name} ({len(dataset.split(name))})" for name in SPLITS)
    return DataError(f"dataset {dataset.name} has no {split} pieces; its splits are {sizes}")


def by_kind(kinds: Ints, nats: Floats) -> tuple[Floats, Ints]:
    """The nats and the number of ids of each `Kind` in each row, (B, kinds) each; padding has no count.

    Args:
        kinds: `Kind` of each id, (B, T).
        nats: of each id, (B, T).
    """
    cells = (np.arange(len(kinds))[:, None] * len(Kind) + kinds).ravel()  # one for each row and kind
    size = len(kinds) * len(Kind)
    counts: Ints = np.bincount(cells, minlength=size).reshape(-1, len(Kind)).astype(np.int64)
    counts[:, Kind.PAD] = 0
    return np.asarray(np.bincount(cells, nats.ravel(), size).reshape(-1, len(Kind))), counts


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
    return float(bar_quarters(view, index, tables)[0] - pickup) if pickup else 0.0


def _beats(view: TokenView, index: int, tables: Tables) -> float:
    return float(bar_quarters(view, index, tables).sum()) - filled_up(view, index, tables)


def bar_quarters(view: TokenView, index: int, tables: Tables) -> Floats:
    """The length of each bar of a stream in quarter notes, (bars,)."""
    ids = view.stream(index)
    metres = ids[tables.kind[ids] == Kind.TIME_SIGNATURE]
    ticks = tables.bar_positions[metres] * tables.position_ticks[metres]
    return np.asarray(ticks / TICKS_PER_QUARTER, np.float64)
