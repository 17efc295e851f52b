"""Ranges of training settings, from which a search samples: as they are written, and the default ones.

Standard library only, so that `musegen --help` stays fast.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from musegen.config.from_json import with_settings
from musegen.config.settings import TrainConfig
from musegen.errors import ConfigError

FORM = "NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=LOW:HIGH:STEP or NAME=A,B,C"
RATES, SIZES = 4.0, (0.5, 1.5)
"""The default ranges: learning rates up to this factor from the default, sizes in these shares of it."""
GRAIN, FINE = 16, 8
"""Steps of sizes, which suit every network; the second of defaults that are no multiples of the first."""


@dataclass(frozen=True)
class Span:
    """The values of a setting that are tried: a range, or a few values."""

    name: str
    """Such as "model.hidden_size"."""
    low: float = 0.0
    high: float = 0.0
    step: int | None = None
    """Of whole numbers; None: real numbers."""
    is_log: bool = False
    """Sampled uniformly on a logarithmic scale."""
    choices: tuple[Any, ...] = ()
    """The values; (): a range."""

    def has(self, value: Any) -> bool:
        """Whether a value is one that may be tried."""
        if self.choices:
            return value in self.choices
        is_number = isinstance(value, int | float) and self.low <= value <= self.high
        return is_number and (self.step is None or (value - self.low) % self.step == 0)


def default_spans(config: TrainConfig) -> list[Span]:
    """The settings that are searched by default, as far as the family has them."""
    settled = config.settled()
    rate, model = settled.optim.lr, settled.model
    assert rate is not None
    texts = [f"optim.lr={rate / RATES:.4g}:{rate * RATES:.4g}:log", "optim.weight_decay=0.001:0.1:log"]
    for name in ("hidden_size", "embedding_dim"):
        size = getattr(model, name)
        grain = FINE if size % GRAIN else GRAIN
        low, high = (max(grain, round(size * share / grain) * grain) for share in SIZES)
        texts += [f"model.{name}={low}:{high}:{grain}"] if low < high else []
    texts += ["model.num_layers=1:3", "model.dropout=0.0:0.5"]
    if hasattr(model, "weight_dropout") and model.cell != "transformer":
        texts.append("model.weight_dropout=0.0:0.5")
    return [read_span(text, config) for text in texts]


def read_span(text: str, config: TrainConfig) -> Span:
    """The values of a setting as a user writes them.

    Args:
        text: see `FORM`.
        config: of the runs, which says which settings there are and what they may be.

    Raises:
        ConfigError: it cannot be understood, there is no such setting, or it may not have these values.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    name = name.removeprefix("--").replace("-", "_")
    if not (name and equals and values):
        raise ConfigError(f"⟨ranges⟩ has {text!r}: it must be {FORM}")
    if ":" not in values:
        choices = tuple(map(_value, values.split(",")))
        if len(set(choices)) < 2:
            raise ConfigError(
                f"⟨ranges⟩ {text}: one value leaves nothing to choose; name several, or LOW:HIGH"
            )
        for choice in choices:
            with_settings(config, {name: choice})
        return Span(name, choices=choices)
    match = re.fullmatch(r"([^:]+):([^:]+?)(?::(log|\d+))?", values)
    low, high = (_value(match[1]), _value(match[2])) if match else ("", "")
    if not match or isinstance(low, str) or isinstance(high, str):
        raise ConfigError(f"⟨ranges⟩ has {text!r}: it must be {FORM}")
    if low >= high:
        raise ConfigError(f"⟨ranges⟩ {text} is empty: the first value must be below the second")
    if match[3] == "log" and low <= 0:
        raise ConfigError(f"⟨ranges⟩ {text}: a logarithmic range must begin above 0")
    for end in (low, high):
        with_settings(config, {name: end})
    is_whole = isinstance(low, int) and isinstance(high, int)
    step = int(match[3]) if (match[3] or "").isdigit() else 1
    return Span(name, low, high, max(1, step) if is_whole else None, match[3] == "log")


def _value(text: str) -> Any:
    """A value as it is typed: a number, true, false or null, else a text."""
    with suppress(ValueError):
        return json.loads(text.strip())
    return text.strip()
