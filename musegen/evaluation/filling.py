"""How well a model predicts what is missing, by kind of hole, beside what needs no context."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.holes import draw_holes
from musegen.data.views import TokenView
from musegen.evaluation.likelihood import bar_quarters, filled_up, heading, length_batches, no_pieces
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.models.losses import stream_nats
from musegen.models.protocol import first_state
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.holes import Cut, Holes, count_bars, cut_holes
from musegen.tokenizers.tables import Ints, roster

GAP_BARS = 4
"""Bars of the gap of each piece."""
SEED = 0
"""Of the places of the gaps: the same for every model."""
RANDOM = "as in training"
Floats = NDArray[np.float64]
Draw = Callable[[int, Ints], Holes | None]
"""The holes of a piece, by its index and ids; None: it has no holes of this kind."""


class Filling(NamedTuple):
    """What is missing in some pieces, (pieces,) each."""

    nats: Floats
    """Under the model."""
    unigram_nats: Floats
    tokens: Ints
    notes: Ints
    quarters: Floats
    """Length of the bars with holes, in quarter notes, without the rest before a pickup."""


def evaluate_filling(checkpoint: Checkpoint, dataset: Dataset, view: TokenView, split: str) -> dict[str, Any]:
    """The likelihood of what is missing in the pieces of a split.

    Args:
        checkpoint: of a model that was trained with holes.
        dataset: the music.
        view: of the dataset, by `model_view`.
        split: "train", "valid", "test" or "all".

    Returns:
        nats_per_token and bits_per_note of holes as in training, the same in every run; and "fills": for each
        kind of hole nats per quarter note (of the bars with holes) and bits per note, totals over totals,
        with a 95% bootstrap interval over pieces of the mean of the former; and the same of a unigram of the
        training pieces by track, which knows how often each id occurs there, and so above all that notes are
        held.

    Raises:
        DataError: the split is empty.
    """
    indices = view.indices(split)
    if not indices:
        raise no_pieces(dataset, split)
    unigram, fills = unigram_nats(view, checkpoint.tokenizer.tables), dict[str, Any]()
    kinds = kinds_of_holes(checkpoint)
    for name, draw in progress(list(kinds.items()), len(kinds), "Evaluating"):
        found = measure_filling(checkpoint, view, indices, draw, unigram)
        if found.tokens.sum():
            fills[name] = _figures(found, found.nats) | {"unigram": _figures(found, found.unigram_nats)}
    total = fills.pop(RANDOM)
    figures = heading(checkpoint, dataset, split) | {"pieces": total["pieces"], "notes": total["notes"]}
    own = {name: total[name] for name in ("nats_per_token", "bits_per_note")}
    return figures | own | {"fills": fills}


def kinds_of_holes(checkpoint: Checkpoint) -> dict[str, Draw]:
    """The kinds of hole that a model was trained with, by name."""
    tokenizer, mix = checkpoint.tokenizer, checkpoint.config.data.holes
    tables, names = tokenizer.tables, [part.name for part in tokenizer.parts]

    def at_random(index: int, ids: Ints) -> Holes:
        return draw_holes(ids, tables, mix, np.random.default_rng([SEED, index]))

    kinds: dict[str, Draw] = {RANDOM: at_random}
    if mix != "tracks":
        kinds[f"{GAP_BARS} bars"] = _gap(tables)
    if mix != "bars" and names:
        kinds |= {f"{name} given the others": _tracks(tables, n, alone=True) for n, name in enumerate(names)}
        kinds |= {f"the others given {name}": _tracks(tables, n, alone=False) for n, name in enumerate(names)}
    elif mix != "bars" and tokenizer.config.programs:
        kinds["one track given the others"] = _tracks(tables, None, alone=True)
        kinds["the others given one track"] = _tracks(tables, None, alone=False)
    return kinds


def _gap(tables: Tables) -> Draw:
    """All tracks are missing in some bars in a row."""

    def draw(index: int, ids: Ints) -> Holes | None:
        bars = count_bars(ids, tables)
        if bars <= GAP_BARS:
            return None
        found = np.zeros(bars, np.bool_)
        first = int(np.random.default_rng([SEED, index]).integers(0, bars - GAP_BARS + 1))
        found[first : first + GAP_BARS] = True
        return Holes(found)

    return draw


def _tracks(tables: Tables, number: int | None, *, alone: bool) -> Draw:
    """One track is missing, or all but one; None: another one in each piece."""

    def draw(index: int, ids: Ints) -> Holes | None:
        there = roster(tables, ids)
        own = there[index % len(there)] if number is None and there else number
        others = [each for each in there if each != own]
        if own is None or own not in there or not others:
            return None
        return Holes(np.ones(count_bars(ids, tables), np.bool_), frozenset([own] if alone else others))

    return draw


def measure_filling(
    checkpoint: Checkpoint, view: TokenView, indices: list[int], draw: Draw, unigram: Floats
) -> Filling:
    """What is missing in some pieces, in the order of the indices.

    Args:
        checkpoint: the model.
        view: the pieces.
        indices: which of them.
        draw: their holes; a piece without any counts nothing.
        unigram: see `unigram_nats`.
    """
    model, tables = checkpoint.model, checkpoint.tokenizer.tables
    device = next(model.parameters()).device
    rows = {index: np.zeros(5) for index in indices}
    for batch in length_batches(view, indices):
        holes = {index: own for index in batch if (own := draw(index, view.stream(index))) is not None}
        if not holes:
            continue
        cuts = [cut_holes(view.stream(index), tables, own) for index, own in holes.items()]
        ids, source, scored = (
            pad_sequence([torch.from_numpy(cut[column]) for cut in cuts], batch_first=True)
            for column in (1, 0, 2)  # as in `Cut`
        )
        with torch.no_grad():
            state = first_state(model, len(cuts), source.to(device))
        nats = stream_nats(model, state, ids.to(device)).cpu().double()
        own_nats = torch.where(scored[:, 1:], nats, 0.0).sum(dim=1).tolist()
        for (index, own), cut, found in zip(holes.items(), cuts, own_nats, strict=True):
            quarters = _quarters(view, index, own, tables)
            rows[index] = np.array([found, *_counts(cut, unigram, tables), quarters])
    nats, unigrams, tokens, notes, quarters = np.array([rows[index] for index in indices]).T
    return Filling(nats, unigrams, tokens.astype(np.int64), notes.astype(np.int64), quarters)


def _counts(cut: Cut, unigram: Floats, tables: Tables) -> tuple[float, int, int]:
    """Nats under the unigram, number of ids and number of notes of what is missing."""
    wanted = cut.target[cut.scored]
    floor = unigram[_track_of(cut.target, tables)[cut.scored], wanted].sum()
    return float(floor), len(wanted), int((tables.kind[wanted] == Kind.PITCH).sum())


def _quarters(view: TokenView, index: int, holes: Holes, tables: Tables) -> float:
    lengths = bar_quarters(view, index, tables)[holes.bars]
    return float(lengths.sum()) - filled_up(view, index, tables) * bool(holes.bars[0])


def unigram_nats(view: TokenView, tables: Tables) -> Floats:
    """Nats of each id by voice of a grid, (voices or 1, V), from its frequency in the training pieces + 1."""
    counts = np.ones((max(1, tables.voices), tables.vocab_size))
    for index in view.indices("train"):
        ids = view.stream(index)
        np.add.at(counts, (_track_of(ids, tables), ids), 1)
    # On a grid only the ids of voices are predicted; of events also bar lines and EOS, but no metre.
    is_given = tables.kind < Kind.PITCH if tables.voices else tables.kind == Kind.TIME_SIGNATURE
    counts[:, is_given] = 1e-9
    return np.asarray(-np.log(counts / counts.sum(axis=1, keepdims=True)))


def _track_of(ids: Ints, tables: Tables) -> Ints:
    """The voice of a grid that each id belongs to, (T,); 0 for events."""
    if not tables.voices:
        return np.zeros(len(ids), np.int64)
    return np.asarray(np.maximum(np.cumsum(tables.kind[ids] >= Kind.PITCH) - 1, 0) % tables.voices)


def _figures(found: Filling, nats: Floats) -> dict[str, Any]:
    used, total = found.tokens > 0, float(nats.sum())
    return {
        "pieces": int(used.sum()),
        "notes": int(found.notes.sum()),
        "nats_per_token": total / float(found.tokens.sum()),
        "nats_per_beat": total / float(found.quarters.sum()),
        "mean_nats_per_beat": bootstrap_mean(nats[used] / found.quarters[used])._asdict(),
        "bits_per_note": total / math.log(2) / max(1, int(found.notes.sum())),
    }
