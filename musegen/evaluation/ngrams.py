"""Baselines of a model's likelihood: n-grams of the same tokens, fitted to the training pieces.

A trained model that does not predict held-out pieces better than these has learned no more than how often
each token occurs, alone or after the few before it.
"""

from typing import Any, NamedTuple

import numpy as np

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.views import TokenView
from musegen.evaluation.kneser_ney import token_nats
from musegen.evaluation.likelihood import Likelihood, by_kind, heading, total_figures
from musegen.tokenizers import Tables

SHORT = range(3, 9)
"""Orders of a short n-gram, which sees the last one or two notes."""
NAMES = {1: "unigram", 2: "bigram"}
MAX_TOKENS = 8_000_000
"""Of the training pieces, spread evenly if they have more: about ten seconds and half a gigabyte."""
HELD_OUT = ("valid", "test")
"""The splits that do not include the training pieces."""
MIN_SHARE = 0.05
"""Share of the nats from which on a kind of token counts: with a few bars and ends chance decides."""


class Missed(NamedTuple):
    """A figure in which a model is not better than a baseline."""

    baseline: str
    """Its key in the baselines."""
    name: str
    """Of the baseline, for people."""
    kind: str
    """The kind of token; "token" for all of them."""
    model: float
    """Nats of the model per token of this kind."""
    other: float
    """The same of the baseline."""


def ngram_baselines(view: TokenView, tables: Tables, split: str, found: Likelihood) -> dict[str, Any]:
    """The figures of a unigram, a bigram and the best short n-gram, as those of the model.

    They are interpolated Kneser-Ney models of the training pieces, without transpositions, which make short
    ones worse (see benchmarks/RESULTS.md), and like the model without masks. The order of the short n-gram is
    the one with the fewest nats on the validation split, or on `split` itself without one.

    Args:
        view: the pieces.
        tables: of their tokenizer.
        split: "valid" or "test".
        found: the likelihood of this split under the model.

    Returns:
        training_pieces, how many they are fitted to; chosen_on, the split by which the order was chosen;
        unigram, bigram and ngram, the figures of each, and its order and name. Empty for other splits, which
        include the training pieces, and without training pieces.
    """
    train = _training_indices(view)
    if split not in HELD_OUT or not train:
        return {}
    chosen_on = "valid" if view.indices("valid") else split
    measured = [index for name in dict.fromkeys((chosen_on, split)) for index in view.indices(name)]
    nats = token_nats(
        (view.stream(index) for index in progress(train, len(train), "Fitting n-grams")),
        [view.stream(index) for index in measured],
        vocab_size=len(tables.kind),
        orders=(*NAMES, *SHORT),
    )
    count = sum(len(view.stream(index)) - 1 for index in view.indices(chosen_on))
    best = min(SHORT, key=lambda order: float(nats[order][:count].sum()))
    tested = sum(len(view.stream(index)) - 1 for index in found.indices)
    rows = {
        key: {"name": NAMES.get(order, f"{order}-gram"), "order": order}
        | total_figures(_likelihood(view, tables, found, nats[order][-tested:]))
        for key, order in (("unigram", 1), ("bigram", 2), ("ngram", best))
    }
    return {"training_pieces": len(train), "chosen_on": chosen_on, **rows}


def _training_indices(view: TokenView) -> list[int]:
    """The training pieces of a view, or some of them, evenly spread, with about `MAX_TOKENS`."""
    train = view.indices("train")
    tokens = sum(int(view.offsets[index + 1] - view.offsets[index]) for index in train)
    kept = len(train) if tokens <= MAX_TOKENS else max(1, len(train) * MAX_TOKENS // tokens)
    return [train[at] for at in np.linspace(0, len(train) - 1, kept).round().astype(int)] if train else []


def _likelihood(view: TokenView, tables: Tables, found: Likelihood, nats: np.ndarray[Any, Any]) -> Likelihood:
    """The likelihood of the pieces of `found` from the nats of all their ids, one piece after another."""
    rows, begin = [], 0
    for index in found.indices:
        kinds = tables.kind[view.stream(index)[1:]]
        rows.append(by_kind(kinds[None], nats[None, begin : begin + len(kinds)])[0][0])
        begin += len(kinds)
    return found._replace(kind_nats=np.stack(rows), plan_nats=np.zeros(len(rows)), spans=0)


def missed(figures: dict[str, Any]) -> list[Missed]:
    """What a model does not predict better than a baseline: the simplest baseline first, then the widest gap.

    Nats per token of all kinds come after those of each kind, which say more.

    Args:
        figures: of the model, with its "baselines".
    """
    result: list[Missed] = []
    for key in ("unigram", "bigram", "ngram"):
        other = figures["baselines"][key]
        gaps = []
        for kind, row in figures["by_kind"].items():
            theirs = other["by_kind"].get(kind)
            if theirs and max(row["share_of_nats"], theirs["share_of_nats"]) >= MIN_SHARE:
                gap = row["count"] * (row["nats_each"] - theirs["nats_each"])
                gaps.append((gap, Missed(key, other["name"], kind, row["nats_each"], theirs["nats_each"])))
        result += [each for gap, each in sorted(gaps, key=lambda pair: -pair[0]) if gap >= 0]
        total, theirs = figures["nats_per_token"], other["nats_per_token"]
        result += [Missed(key, other["name"], "token", total, theirs)] if total >= theirs else []
    return result


def likelihood_figures(
    checkpoint: Checkpoint, dataset: Dataset, view: TokenView, split: str, found: Likelihood
) -> dict[str, Any]:
    """The likelihood of a split under a model, and beside it the baselines and where it has not passed them.

    Args:
        checkpoint: the model and its tokenizer.
        dataset: the music.
        view: of the dataset, by `model_view`.
        split: "train", "valid", "test" or "all".
        found: by `split_likelihood`.
    """
    figures = heading(checkpoint, dataset, split) | total_figures(found)
    baselines = ngram_baselines(view, checkpoint.tokenizer.tables, split, found)
    if not baselines:
        return figures
    figures["baselines"] = baselines
    return figures | {"not_passed": [each._asdict() for each in missed(figures)]}
