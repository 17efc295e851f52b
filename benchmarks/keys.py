"""Tunes in a requested key: by the label of a model that knows keys, beside rejection and no key at all.

    python -m benchmarks.keys CKPT [--num 200] [--bars 32] [--keys "G major" "E minor"] [--guidance 1.0]
        [--seed 0] [--json]

Each row has as many tunes in each of the keys, with the settings of the checkpoint. "no key": tunes as
`generate` writes them. "label alone": given the label, none is rejected. "by label": as `generate --key`
does: given the label, tunes that are not in the key or do not end on its tonic are rejected, and those in
its mode transposed. "by rejection": the same without the label (guidance 0), as of models that know no keys.
Seconds are those of a core per tune, all rows in one run. A tune loops if of some 16 bars in a row at most 3
are different, or of some 8 at most 2. Targets: by label at least as many tunes in the key as by rejection, in
at most 1.3 times the time of no key; loops no more often than without a key.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from symusic import Score

from benchmarks.runner import benchmark, need_lm
from musegen.api.text import key_of
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts, print_rows
from musegen.console import progress
from musegen.errors import ConfigError
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.generation.guidance import LabelRequest
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.repetition import bar_keys
from musegen.music.key import tonic_in
from musegen.tokenizers.label_ids import key_label

LONGER = 1.3
"""The most time by label, relative to no key."""
WINDOWS = ((16, 3), (8, 2))
"""Bars in a row, and the most different ones among them if they loop."""
Key = tuple[int, str]


def loops(score: Score) -> bool:
    """Whether a tune repeats a few bars again and again."""
    keys = bar_keys(score)
    return any(
        len(set(keys[first : first + bars])) <= different
        for bars, different in WINDOWS
        for first in range(len(keys) - bars + 1)
    )


def written(checkpoint: Checkpoint, **wanted: Any) -> list[Score]:
    """Tunes as `generate` writes them."""
    return [each.score for each in generate_pieces(checkpoint, Wanted(**wanted)).results]


def row(keys: Sequence[Key], write: Callable[[Key], list[Score]], seed: int) -> dict[str, Any]:
    """The figures of the tunes in some keys."""
    begin, scores = time.process_time(), [(key, write(key)) for key in keys]
    seconds = time.process_time() - begin
    hits = [tonic_in(score, mode) == tonic for (tonic, mode), own in scores for score in own]
    looping = [loops(score) for _, own in scores for score in own]
    share, again = (bootstrap_mean(np.array(each, np.float64), seed=seed) for each in (hits, looping))
    return {
        "tunes": len(hits),
        "in key, on tonic": share.mean,
        "loop": again.mean,
        "loop low": again.low,
        "loop high": again.high,
        "seconds": seconds / len(hits),
    }


def verdicts(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Whether the targets are met."""
    label, free, rejected = (rows[name] for name in ("by label", "no key", "by rejection"))
    longer = label["seconds"] / free["seconds"]
    is_right = label["in key, on tonic"] >= rejected["in key, on tonic"]
    return {
        "in key as often as by rejection": "met" if is_right else "NOT MET",
        "time relative to no key": f"{longer:.2f}, {'met' if longer <= LONGER else 'NOT MET'}",
        "loops no more often than without": "met" if label["loop low"] <= free["loop"] else "NOT MET",
        "time of rejection relative to no key": f"{rejected['seconds'] / free['seconds']:.2f}",
    }


def show(found: dict[str, Any]) -> None:
    """Print the rows, and the verdicts below."""
    print_rows(found["rows"])
    print_facts(found["verdicts"])


@benchmark(show, threads=1)
def main(
    checkpoint: Checkpoint,
    /,
    *,
    num: int = 200,
    bars: int = 32,
    keys: Sequence[str] = ("G major", "D major", "E minor", "A dorian"),
    guidance: float = 1.0,
    seed: int = 0,
) -> dict[str, Any]:
    """All rows.

    Args:
        checkpoint: the folder of a language model trained with --labels key
        num: tunes of each row
        bars: of each tune
        keys: in which they are to be
        guidance: of the label
        seed: random seed
    """
    need_lm(checkpoint)
    parsed = [key for text in keys if (key := key_of(text)) is not None]
    unknown = [
        text
        for text, key in zip(keys, parsed, strict=True)
        if key_label(*key) not in checkpoint.config.model.labels
    ]
    if unknown:
        raise ConfigError(
            f"{checkpoint.path.name} does not know {', '.join(unknown)}: train with ⟨labels⟩ key"
        )
    each = -(-num // len(parsed))
    more = {"num": each, "bars": bars, "seed": seed}

    def alone(key: Key) -> list[Score]:
        label = LabelRequest((key_label(*key),), guidance)
        return written(checkpoint, labels=label, candidates=1, **more)

    ways: dict[str, Callable[[Key], list[Score]]] = {
        "no key": lambda key: written(checkpoint, **more | {"seed": seed + parsed.index(key)}),
        "label alone": alone,
        "by label": lambda key: written(checkpoint, key=key, labels=LabelRequest((), guidance), **more),
        "by rejection": lambda key: written(checkpoint, key=key, labels=LabelRequest((), 0.0), **more),
    }
    rows = {name: row(parsed, way, seed) for name, way in progress(ways.items(), len(ways), "Writing")}
    return {"rows": rows, "verdicts": verdicts(rows)}
