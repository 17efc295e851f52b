"""Kneser-Ney n-grams over the product's own tokens: the yardstick in bits a note beside the networks.

    python -m benchmarks.ngram DATASET [--checkpoint CKPT] [--transpose 6] [--orders 2:15] [--json]

Trained on the training split at the same transpositions as the networks, measured on the test split.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.kneser_ney import Ids, kneser_ney_nats
from musegen.errors import ConfigError, MusegenError


class Tokens(NamedTuple):
    """What the yardstick is measured on."""

    train: Iterable[Ids]
    test: Sequence[Ids]
    notes: int  # in the scores of the test split
    transpositions: Sequence[Ids]  # tables (vocab_size,), see `token_nats`


def load_tokens(dataset: Path, checkpoint: Path | None, transpose: int) -> Tokens:
    """The product's own tokens of a prepared dataset.

    Args:
        dataset: the folder of a prepared dataset.
        checkpoint: whose tokenizer and view to use; None: the defaults for this dataset.
        transpose: at most so many semitones up or down in training, as for the networks.
    """
    from musegen.checkpoint.folder import load_checkpoint
    from musegen.config.settings import DataConfig, TokenizerConfig
    from musegen.data.dataset import Dataset
    from musegen.data.fitting import fit_tokenizer
    from musegen.data.variations import transposition_tables
    from musegen.data.views import token_view

    data = Dataset.open(dataset)
    if checkpoint is None:
        tokenizer, wanted = fit_tokenizer(data, TokenizerConfig()), DataConfig()
    else:
        loaded = load_checkpoint(checkpoint)
        tokenizer, wanted = loaded.tokenizer, loaded.config.data
    view = token_view(data, tokenizer, wanted)
    test = view.indices("test")
    shifts = range(-transpose + 1, transpose + 1) if transpose else range(1)
    return Tokens(
        train=[view.stream(i) for i in view.indices("train")],
        test=[view.stream(i) for i in test],
        notes=int(view.notes[test].sum()),
        transpositions=list(transposition_tables(tokenizer.tables, shifts)),
    )


def measure(tokens: Tokens, orders: Iterable[int]) -> list[dict[str, float]]:
    """One row an order: "order", "nats_per_token", "bits_per_note"."""
    if tokens.notes < 1:
        raise ValueError("the test split has no notes · prepare the dataset with a test split")
    nats = kneser_ney_nats(
        tokens.train,
        tokens.test,
        vocab_size=len(tokens.transpositions[0]),
        orders=orders,
        transpositions=tokens.transpositions,
    )
    predicted = sum(max(len(ids) - 1, 0) for ids in tokens.test)
    return [
        {
            "order": order,
            "nats_per_token": total / predicted,
            "bits_per_note": total / math.log(2) / tokens.notes,
        }
        for order, total in nats.items()
    ]


def table(rows: Sequence[dict[str, float]]) -> str:
    """The rows of `measure` as text."""
    lines = [f"{'order':>5}  {'nats a token':>12}  {'bits a note':>11}"]
    lines += [f"{r['order']:>5}  {r['nats_per_token']:>12.4f}  {r['bits_per_note']:>11.4f}" for r in rows]
    return "\n".join(lines)


def parse_orders(text: str) -> range:
    """The range of "2:15" (both ends belong to it) or "5".

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


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ngram", description=__doc__.split("\n")[0])
    parser.add_argument("dataset", type=Path, help="a prepared dataset")
    parser.add_argument("--checkpoint", type=Path, help="use the tokenizer and view of this checkpoint")
    parser.add_argument("--transpose", type=int, default=6, help="at most so many semitones (default 6)")
    parser.add_argument("--orders", default="2:15", help="lowest and highest order (default 2:15)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    try:
        orders = parse_orders(args.orders)
        rows = measure(load_tokens(args.dataset, args.checkpoint, args.transpose), orders)
    except (MusegenError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(rows, indent=2) if args.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
