"""What each setting may be, said where the setting is declared, in code and in words."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from musegen.errors import ConfigError

Check = tuple[Callable[[Any], bool], str]
"""Whether a value fits, and in words which do."""

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
SEED: Check = (lambda value: 0 <= value < 2**32, "from 0 to 4294967295")


def setting(default: Any, allowed: Check, **metadata: Any) -> Any:
    """A field of a frozen dataclass with the values that it may take.

    Args:
        default: None where it is unset.
        allowed: see `Check`.
        **metadata: what else is to be known of it, such as the name of its value in a help text.
    """
    return dataclasses.field(default=default, metadata={"allowed": allowed, **metadata})


def check_range(flag: str, value: Any, allowed: Check | None) -> None:
    """Refuse a value that is not allowed; None stands for "not given".

    Raises:
        ConfigError: the value is out of range, infinite or not a number.
    """
    if value is None or allowed is None:
        return
    fits, words = allowed
    if (isinstance(value, float) and not math.isfinite(value)) or not fits(value):
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        raise ConfigError(f"{flag} is {shown}: it must be {words}")


class Checked:
    """Base of the dataclasses of settings and options: every value is one that its field allows.

    A group of settings says with what its flags begin: `class DataConfig(Checked, prefix="data.")`.
    """

    flag_prefix = ""

    def __init_subclass__(cls, prefix: str | None = None, **more: Any) -> None:
        """Keep the prefix; without one, that of the base."""
        super().__init_subclass__(**more)
        cls.flag_prefix = cls.flag_prefix if prefix is None else prefix

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            ConfigError: see `check_range`.
        """
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            flag = f"--{self.flag_prefix}{each.name}".replace("_", "-")
            check_range(flag, getattr(self, each.name), each.metadata.get("allowed"))
