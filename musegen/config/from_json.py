"""Settings parsed from JSON values: every key must be known, every value of its declared type."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from musegen.errors import ConfigError

T = TypeVar("T")


def parse_config(cls: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Build a config dataclass from plain JSON values; every key must be known, every value of its type.

    Raises:
        ConfigError: an unknown key or a value of the wrong type, naming both.
    """
    hints = get_type_hints(cls)
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            close = get_close_matches(key, known, n=1)
            advice = f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(known)}"
            raise ConfigError(f"unknown setting {prefix}{key}; {advice}")
        parsed[key] = _parse_value(hints[key], value, f"{prefix}{key}")
    fixed = {f.name: f.default for f in fields(cls) if not f.init}  # type: ignore[arg-type]
    for key, value in fixed.items():
        if parsed.pop(key, value) != value:
            raise ConfigError(f"setting {prefix}{key} must be {value!r} here")
    return cls(**parsed)


def with_settings(default: T, settings: Mapping[str, Any]) -> T:
    """Settings by their whole names, such as "model.hidden_size", in place of those of a config.

    Raises:
        ConfigError: see `parse_config`.
    """
    values = asdict(default)  # type: ignore[call-overload]
    for name, value in settings.items():
        *groups, own = name.split(".")
        group = values
        for each in groups:
            group = group.setdefault(each, {})
        group[own] = value
    return parse_config(type(default), values)


def _parse_value(hint: Any, value: Any, name: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"setting {name} must be a group of settings, not {value!r}")
        return parse_config(hint, value, f"{name}.")
    options = get_args(hint)
    if get_origin(hint) is tuple:
        fits = isinstance(value, list | tuple) and all(type(item) is options[0] for item in value)
        value = tuple(value) if fits else value
    elif get_origin(hint) is Literal:
        fits = value in options
    else:
        allowed = options or (hint,)
        fits = type(value) in allowed
        if not fits and float in allowed and type(value) is int:
            value, fits = float(value), True
    if not fits:
        raise ConfigError(f"setting {name} cannot be {value!r}; it must be {_kind(hint)}")
    return value


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}


def _kind(hint: Any) -> str:
    """The allowed type of a setting, in words."""
    options = get_args(hint) or (hint,)
    if get_origin(hint) is tuple:
        return f"a list of {_KINDS[options[0]].split(maxsplit=1)[1]}s"
    return " or ".join(_KINDS.get(option, str(option)) for option in options)
