"""Metres as people type them."""

import re

from musegen.errors import ConfigError


def metre_of(text: str | None) -> tuple[int, int] | None:
    """A --time-signature such as 6/8; None where none is given.

    Raises:
        ConfigError: it cannot be understood.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})", text.strip(), re.ASCII)
    numerator, denominator = map(int, found.groups()) if found else (0, 0)
    if not 1 <= numerator <= 64 or denominator not in (1, 2, 4, 8, 16, 32, 64):
        raise ConfigError(
            f"--time-signature is {text!r}: it must be beats/unit, as 4/4, 6/8 or 7/8, "
            "with 1 to 64 beats of a unit of 1, 2, 4, 8, 16, 32 or 64"
        )
    return numerator, denominator
