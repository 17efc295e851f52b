"""Allowed values: declared with the setting itself, as a predicate and in words."""

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

from musegen.errors import ConfigError

Check = tuple[Callable[[Any], bool], str]
"""A predicate over values, and in words the values that satisfy it."""

ONE_UP: Check = (lambda value: value >= 1, "1 or more")
ZERO_UP: Check = (lambda value: value >= 0, "0 or more")
ZERO_OFF: Check = (lambda value: value >= 0, "0 (off) or more")
POSITIVE: Check = (lambda value: value > 0, "above 0")
SHARE: Check = (lambda value: 0 <= value <= 1, "from 0 to 1")
SHARE_OR_OFF: Check = (lambda value: 0 <= value <= 1, "from 0 (off) to 1")
BELOW_ONE: Check = (lambda value: 0 <= value < 1, "from 0 to below 1")
LIMIT: Check = (
    lambda value: value > 0 and (isinstance(value, int) or value <= 1),
    "a share above 0, up to 1.0, or a whole number from 1",
)
DEVICES: Check = (
    lambda value: bool(re.fullmatch(r"auto|-1|[1-9]\d*|\d+(,\d+)+", value, re.ASCII)),
    "auto, a number from 1, -1 (all) or a list such as 0,1",
)
DURATION: Check = (lambda value: seconds_in(value) > 0, "a time above 0, such as 90s, 8m or 1h30m")
SEED: Check = (lambda value: 0 <= value < 2**32, "from 0 to 4294967295")


def one_of(values: tuple[str, ...]) -> Check:
    """A predicate over names, and the names."""
    return (lambda value: value in values, f"one of {', '.join(values)}")


def seconds_in(duration: str) -> float:
    """Seconds in hours, minutes and seconds, such as 1h30m or 90s; 0 if it is none."""
    parts = re.fullmatch(
        r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", duration, re.ASCII
    )
    hours, minutes, seconds = (float(part or 0) for part in parts.groups()) if parts else (0.0,) * 3
    return 3600 * hours + 60 * minutes + seconds


def duration(seconds: float) -> str:
    """Seconds as `seconds_in` reads them, rounded up: 46s, 8m."""
    return f"{math.ceil(seconds)}s" if seconds < 120 else f"{math.ceil(seconds / 60)}m"


def setting(default: Any, allowed: Check, **metadata: Any) -> Any:
    """A field of a frozen dataclass, with its allowed values.

    Args:
        default: its default value; None where the default depends on other settings.
        allowed: see `Check`.
        **metadata: more metadata of the field, such as the placeholder of its value in a help text.
    """
    return dataclasses.field(default=default, metadata={"allowed": allowed, **metadata})


def check_range(name: str, value: Any, allowed: Check | None) -> None:
    """Reject a value that is not allowed; None means that the option was left out.

    Args:
        name: of the option, with dashes: `time-signature`.
        value: as parsed.
        allowed: see `Check`; None allows everything.

    Raises:
        ConfigError: the value is out of range, infinite or not a number.
    """
    if value is None or allowed is None:
        return
    is_allowed, description = allowed
    if (isinstance(value, float) and not math.isfinite(value)) or not is_allowed(value):
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        raise ConfigError(f"⟨{name}⟩ is {shown}: it must be {description}")


class Checked:
    """Base class of all dataclasses of settings and options: rejects values that a field does not allow.

    A group of settings passes the prefix of its flags: `class DataConfig(Checked, prefix="data.")`.
    """

    flag_prefix = ""

    def __init_subclass__(cls, prefix: str | None = None, **more: Any) -> None:
        """Set the prefix of the flags; by default that of the base class."""
        super().__init_subclass__(**more)
        cls.flag_prefix = cls.flag_prefix if prefix is None else prefix

    def __post_init__(self) -> None:
        """Reject values that are not allowed.

        Raises:
            ConfigError: see `check_range`.
        """
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            name = f"{self.flag_prefix}{each.name}".replace("_", "-")
            check_range(name, getattr(self, each.name), each.metadata.get("allowed"))


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their whole names, such as "model.hidden_size"."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
