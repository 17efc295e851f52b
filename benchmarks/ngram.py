"""Kneser-Ney n-grams of musegen's tokens: the baseline for the bits per note of the networks.

    python -m benchmarks.ngram DATASET [--checkpoint CKPT] [--transpose 6] [--orders 2:15] [--json]

Trained on the training split in the same transpositions as the networks, evaluated on the test split.
"""

import math
from collections.abc import Iterable, Sequence

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.variations import transposition_tables
from musegen.data.views import token_view
from musegen.errors import ConfigError, DataError
from musegen.evaluation.kneser_ney import kneser_ney_nats


def measure(
    data: Dataset, checkpoint: Checkpoint | None, transpose: int, orders: Iterable[int]
) -> list[dict[str, float]]:
    """One row per order: "order", "nats_per_token", "bits_per_note".

    Args:
        data: a prepared dataset.
        checkpoint: whose tokenizer and data settings to use; None: the defaults for this dataset.
        transpose: the most semitones up or down in training, as for the networks.
        orders: of the n-grams.
    """
    if checkpoint is None:
        tokenizer, settings = fit_tokenizer(data, TokenizerConfig()), DataConfig()
    else:
        tokenizer, settings = checkpoint.tokenizer, checkpoint.config.data
    view = token_view(data, tokenizer, settings)
    train, test = ([view.stream(i) for i in view.indices(split)] for split in ("train", "test"))
    notes = int(view.notes[view.indices("test")].sum())
    if notes < 1:
        raise DataError("the test split has no notes · prepare the dataset with a test split")
    shifts = range(-transpose + 1, transpose + 1) if transpose else range(1)
    tables = list(transposition_tables(tokenizer.tables, shifts))
    nats = kneser_ney_nats(train, test, vocab_size=len(tables[0]), orders=orders, transpositions=tables)
    predicted = sum(max(len(ids) - 1, 0) for ids in test)
    bits = 1 / math.log(2) / notes
    return [
        {"order": order, "nats_per_token": total / predicted, "bits_per_note": total * bits}
        for order, total in nats.items()
    ]


def table(rows: Sequence[dict[str, float]]) -> str:
    """The rows of `measure` as text."""
    lines = [f"{'order':>5}  {'nats per token':>14}  {'bits per note':>13}"]
    lines += [f"{r['order']:>5}  {r['nats_per_token']:>14.4f}  {r['bits_per_note']:>13.4f}" for r in rows]
    return "\n".join(lines)


def parse_orders(text: str) -> range:
    """The range of "2:15" (both ends included) or "5".

    Raises:
        ConfigError: not of that form, or out of 2..127.
    """
    low, _, high = text.partition(":")
    try:
        orders = range(int(low), int(high or low) + 1)
    except ValueError:
        orders = range(0)
    if not orders or orders[0] < 2 or orders[-1] > 127:
        raise ConfigError(f"--orders {text} · must be LOW:HIGH within 2:127 · try --orders 2:15")
    return orders


@benchmark(table)
def main(
    dataset: Dataset, /, *, checkpoint: Checkpoint | None = None, transpose: int = 6, orders: str = "2:15"
) -> list[dict[str, float]]:
    """Fit and measure the n-grams of every order.

    Args:
        dataset: a prepared dataset
        checkpoint: use the tokenizer and data settings of this checkpoint
        transpose: the most semitones up or down
        orders: lowest and highest order
    """
    return measure(dataset, checkpoint, transpose, parse_orders(orders))
