"""Which values a flag may have: one table for all verbs, since a flag means the same everywhere."""

import math
from collections.abc import Callable
from typing import Any

from musegen.errors import ConfigError

Check = tuple[Callable[[Any], bool], str]

ONE_UP: Check = (lambda value: value >= 1, "1 or more")
ZERO_UP: Check = (lambda value: value >= 0, "0 or more")
POSITIVE: Check = (lambda value: value > 0, "above 0")
SHARE: Check = (lambda value: 0 <= value < 1, "from 0 to below 1")

RANGES: dict[str, Check] = {
    "--bars": (lambda value: 1 <= value <= 10_000, "from 1 to 10000"),
    "--num": (lambda value: 1 <= value <= 100_000, "from 1 to 100000"),
    "--temperature": (lambda value: 0 <= value <= 100, "from 0 (always the likeliest) to 100"),
    "--top-k": ONE_UP,
    "--top-p": (lambda value: 0 < value <= 1, "above 0, up to 1 (off)"),
    "--min-p": (lambda value: 0 <= value <= 1, "from 0 (off) to 1"),
    "--seed": (lambda value: 0 <= value < 2**63, "from 0 to 2**63 - 1"),
    "--tempo": (lambda value: 4 <= value <= 1000, "from 4 to 1000 quarters a minute"),
    "--program": (lambda value: 0 <= value <= 127, "a General MIDI program from 0 to 127"),
    "--workers": ONE_UP,
    "--limit": ONE_UP,
    "--data.window": (lambda value: value >= 16, "16 or more"),
    "--data.transpose": (lambda value: 0 <= value <= 12, "from 0 (off) to 12"),
    "--model.embedding-dim": ONE_UP,
    "--model.hidden-size": ONE_UP,
    "--model.num-layers": ONE_UP,
    "--model.dropout": SHARE,
    "--model.lookback": (lambda bars: all(1 <= bar <= 64 for bar in bars), "numbers of bars from 1 to 64"),
    "--optim.lr": POSITIVE,
    "--optim.weight-decay": ZERO_UP,
    "--optim.warmup": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "--optim.clip": POSITIVE,
    "--optim.batch-tokens": ONE_UP,
    "--optim.patience": ONE_UP,
    "--trainer.max-steps": ONE_UP,
    "--trainer.num-nodes": ONE_UP,
    "--trainer.limit-train-batches": POSITIVE,
    "--trainer.limit-val-batches": ZERO_UP,
    "--trainer.val-check-interval": ONE_UP,
}
# --sampling.temperature of `train` is the --temperature of `generate`
RANGES |= {f"--sampling.{name}": RANGES[f"--{name}"] for name in ("temperature", "top-k", "top-p", "min-p")}


def check_range(flag: str, value: Any) -> None:
    """Refuse a value outside the range of its flag; None stands for "not given".

    Raises:
        ConfigError: the value is out of range, infinite or not a number.
    """
    if value is None or flag not in RANGES:
        return
    fits, allowed = RANGES[flag]
    if (isinstance(value, float) and not math.isfinite(value)) or not fits(value):
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        raise ConfigError(f"{flag} is {shown}: it must be {allowed}")
