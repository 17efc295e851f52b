"""What each setting may be, in code and in words."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from musegen.errors import ConfigError

Check = tuple[Callable[[Any], bool], str]
"""Whether a value fits, and in words which do."""

ONE_UP: Check = (lambda value: value >= 1, "1 or more")
ZERO_UP: Check = (lambda value: value >= 0, "0 or more")
POSITIVE: Check = (lambda value: value > 0, "above 0")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
GRID_POSITIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Positions a quarter that a grid may have, each a divisor of the ticks a quarter written."""
LIMIT: Check = (
    lambda value: value > 0 and (isinstance(value, int) or value <= 1),
    "a share above 0, up to 1.0, or a whole number from 1",
)

RANGES: dict[str, Check] = {
    "--seed": (lambda value: 0 <= value < 2**32, "from 0 to 4294967295"),
    "--data.window": (lambda value: value >= 16, "16 or more"),
    "--data.transpose": (lambda value: 0 <= value <= 12, "from 0 (off) to 12"),
    "--tokenizer.positions": (lambda value: value in GRID_POSITIONS, "1, 2, 3, 4, 6, 8, 12, 16 or 24"),
    "--model.embedding-dim": ONE_UP,
    "--model.hidden-size": ONE_UP,
    "--model.num-layers": ONE_UP,
    "--model.dropout": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "--model.lookback": (lambda bars: all(1 <= bar <= 64 for bar in bars), "numbers of bars from 1 to 64"),
    "--model.clip-bars": (lambda value: 1 <= value <= 64, "from 1 to 64"),
    "--model.latent-dim": (lambda value: value >= 8, "8 or more"),
    "--model.weight-dropout": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "--model.input-dropout": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "--latent.beta": ZERO_UP,
    "--latent.free-bits": ZERO_UP,
    "--latent.cycles": ONE_UP,
    "--latent.sliders": (lambda value: value >= 0, "0 (off) or more"),
    "--encoder.num-layers": ONE_UP,
    "--encoder.reach": (lambda value: 0 <= value <= 16, "from 0 to 16 bars"),
    "--optim.lr": POSITIVE,
    "--optim.weight-decay": ZERO_UP,
    "--optim.warmup": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "--optim.clip": (lambda value: value >= 0, "0 (off) or more"),
    "--optim.batch-tokens": ONE_UP,
    "--optim.patience": ONE_UP,
    "--trainer.max-steps": ONE_UP,
    "--trainer.accelerator": (lambda value: value in ACCELERATORS, f"one of {', '.join(ACCELERATORS)}"),
    "--trainer.devices": (
        lambda value: bool(re.fullmatch(r"auto|-1|[1-9]\d*|\d+(,\d+)+", value, re.ASCII)),
        "auto, a number from 1, -1 (all) or a list such as 0,1",
    ),
    "--trainer.num-nodes": ONE_UP,
    "--trainer.precision": (lambda value: value in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
    "--trainer.limit-train-batches": LIMIT,
    "--trainer.limit-val-batches": LIMIT,
    "--trainer.val-check-interval": ONE_UP,
    "--sampling.temperature": (lambda value: 0 <= value <= 100, "from 0 (always the likeliest) to 100"),
    "--sampling.top-k": ONE_UP,
    "--sampling.top-p": (lambda value: 0 < value <= 1, "above 0, up to 1 (off)"),
    "--sampling.min-p": (lambda value: 0 <= value <= 1, "from 0 (off) to 1"),
    "--sampling.min-p-new": (lambda value: 0 <= value <= 1, "from 0 (off) to 1"),
    "--sampling.diatonic": (lambda value: 0 <= value <= 1, "from 0 (off) to 1 (every piece)"),
}
"""By flag, as typed; a flag that is not here takes every value of its type."""


def check_range(flag: str, value: Any, ranges: Mapping[str, Check] = RANGES) -> None:
    """Refuse a value outside the range of its flag; None stands for "not given".

    Raises:
        ConfigError: the value is out of range, infinite or not a number.
    """
    if value is None or flag not in ranges:
        return
    fits, allowed = ranges[flag]
    if (isinstance(value, float) and not math.isfinite(value)) or not fits(value):
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        raise ConfigError(f"{flag} is {shown}: it must be {allowed}")


def check_group(group: Any, prefix: str) -> None:
    """Refuse what is out of range in a group of settings, whose flags begin with the prefix."""
    for setting in fields(group):
        check_range(f"--{prefix}{setting.name}".replace("_", "-"), getattr(group, setting.name))
