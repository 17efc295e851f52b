"""Parse a command line into a dataclass with tyro; errors become one line.

tyro draws boxes around its errors. Its hook, `tyro._errors`, provides them in a structured form, but is not
yet stable, hence the narrow version range in pyproject.toml.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from difflib import get_close_matches
from itertools import takewhile
from types import UnionType
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import tyro
from tyro import _errors as tyro_errors

from musegen.config.options import field_help
from musegen.config.ranges import Check, check_range
from musegen.errors import ConfigError

T = TypeVar("T")

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]
"""A switch: --force, without --no-force."""

KINDS = {"INT": "a whole number", "FLOAT": "a number", "STR": "a text", "PATH": "a path"}
KINDS |= {f"[{metavar} [{metavar} ...]]": f"{kind}, or several" for metavar, kind in KINDS.items()}


def parse(kind: type[T], argv: Sequence[str], *, prog: str, default: T | None = None) -> T:
    """Parse `argv` into the dataclass `kind`; the strings under its fields are the help texts.

    A field whose type is a dataclass of options is flattened into its flags and rebuilt afterwards; so are
    the overrides of the sampling settings (see config/options.py).

    Raises:
        ConfigError: an invalid command line; one line that names the flag as typed.
        SystemExit: help was requested and has been printed.
    """
    flat = _flat(kind)
    paths = dict(_flags(flat, default=default))

    def refuse(event: tyro_errors.ParseErrorEvent) -> NoReturn:
        raise ConfigError(f"{_fault(event, argv, list(paths))} ({prog} --help)")

    with tyro_errors.on_parse_error(refuse):
        arguments = tyro.cli(
            flat,
            prog=prog,
            args=list(argv),
            default=flat(**_for_tyro(vars(default))) if default else tyro.MISSING_NONPROP,
            config=(tyro.conf.DisallowNone,),
        )
    for flag, path in paths.items():
        check_range(flag.removeprefix("--"), *_value_of(arguments, path))
    return _gathered(kind, vars(arguments))


def _flat(kind: type) -> type:
    """The dataclass for tyro, with the fields of its options inlined, and its docstring."""
    flat = dataclasses.make_dataclass(kind.__name__, list(_flat_fields(kind)), frozen=True)
    flat.__doc__ = kind.__doc__
    return flat


def _flat_fields(kind: type) -> Iterator[tuple[str, Any, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    texts = field_help(kind)
    for each in dataclasses.fields(kind):
        group = each.metadata.get("group")
        if dataclasses.is_dataclass(hints[each.name]):
            yield from _flat_fields(hints[each.name])
        elif group:
            yield from _overrides(group, kind().sampling)
        else:
            yield (
                each.name,
                _with_help(each, hints[each.name], texts.get(each.name), each.default),
                copy(each),
            )


def _with_help(field: "dataclasses.Field[Any]", hint: Any, text: str | None, default: Any) -> Any:
    """The type of a field for tyro, annotated with help text and placeholder."""
    marks: dict[str, Any] = {"help": text} if text else {}
    if text and (default is None or default == ()):
        marks["help_behavior_hint"] = ""  # the text has the default in words
    elif text and default is dataclasses.MISSING:  # for several values tyro would show an empty default
        marks["help_behavior_hint"] = "" if "Default: " in text else "(required)"
    marks |= {"metavar": field.metadata["metavar"]} if "metavar" in field.metadata else {}
    hint = field.metadata["typed"] | None if "typed" in field.metadata else hint
    hint = _without_bars(hint)
    conf = [tyro.conf.arg(**marks)] if marks else []
    conf += [tyro.conf.FlagCreatePairsOff] if field.metadata.get("switch") else []
    return Annotated[hint, *conf] if conf else hint


def _without_bars(hint: Any) -> Any:
    """X | Y as Union[X, Y], against which tyro checks a default without loading typeguard, which is slow."""
    return Union[get_args(hint)] if isinstance(hint, UnionType) else hint  # noqa: UP007 - see above


def _for_tyro(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, groups of settings as instances of subclasses whose fields have their help texts."""
    return {
        name: _settings_for_tyro(value) if dataclasses.is_dataclass(value) else value
        for name, value in values.items()
    }


def _settings_for_tyro(settings: Any) -> Any:
    kind: type = type(settings)
    hints, texts = get_type_hints(kind), field_help(kind)
    own = [each for each in dataclasses.fields(kind) if each.init]
    values = _for_tyro({each.name: getattr(settings, each.name) for each in own})
    fields = [
        (each.name, _with_help(each, hints[each.name], texts.get(each.name), values[each.name]), copy(each))
        for each in own
        if not dataclasses.is_dataclass(values[each.name])
    ]
    # A field that is not set by `__init__` has no flags.
    fields += [
        (each.name, Annotated[hints[each.name], tyro.conf.Fixed, tyro.conf.Suppress], copy(each))
        for each in dataclasses.fields(kind)
        if not each.init
    ]
    twin = dataclasses.make_dataclass(kind.__name__, fields, bases=(kind,), frozen=True)
    twin.__doc__ = kind.__doc__
    return twin(**values)


def _settings_from_tyro(settings: Any) -> Any:
    """The inverse of `_settings_for_tyro`; other values stay as they are."""
    if not dataclasses.is_dataclass(settings):
        return settings
    kind = type(settings).__bases__[0]
    names = [each.name for each in dataclasses.fields(kind) if each.init]
    return kind(**{name: _settings_from_tyro(getattr(settings, name)) for name in names})


def _overrides(group: type, defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The flags that override the sampling settings of a checkpoint."""
    hints, texts = get_type_hints(group), field_help(group)
    for each in dataclasses.fields(group):
        own, text, default_hint = defaults.get(each.name), texts[each.name], None
        if own is None:
            text, default_hint = f"{text} Default: the checkpoint's setting.", ""
        arg = tyro.conf.arg(help=text, help_behavior_hint=default_hint)
        default = dataclasses.field(default=own, metadata=each.metadata)
        yield each.name, Annotated[_without_bars(hints[each.name] | None), arg], default


def _gathered(kind: type[T], values: dict[str, Any]) -> T:
    """Rebuild a dataclass from the values of its flattened form."""
    hints, made = get_type_hints(kind, include_extras=True), {}
    for each in dataclasses.fields(kind):  # type: ignore[arg-type]
        group = each.metadata.get("group")
        if group:
            overrides = {option.name: values[option.name] for option in dataclasses.fields(group)}
            made[each.name] = {name: value for name, value in overrides.items() if value is not None}
        elif dataclasses.is_dataclass(hints[each.name]):
            made[each.name] = _gathered(hints[each.name], values)
        else:
            made[each.name] = _settings_from_tyro(values[each.name])
    return kind(**made)


def flags_of(kind: type, default: Any) -> set[str]:
    """All flags of a dataclass with these defaults."""
    return {flag for flag, _ in _flags(_flat(kind), default=default)}


def _flags(
    kind: Any, prefix: str = "", path: tuple[str, ...] = (), default: Any = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All flags of a dataclass, nested ones with dots, and the attribute path of each value.

    Settings may be of a subclass, of which the default is an instance.
    """
    fixed = {each.name for each in dataclasses.fields(kind) if not each.init}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        bare, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        own = getattr(default, name, None)
        if name in fixed:
            continue
        if dataclasses.is_dataclass(bare):
            inlined = any(getattr(mark, "name", None) == "" for mark in marks)
            inner = prefix if inlined else f"{prefix}{name}."
            yield from _flags(bare if own is None else type(own), inner, (*path, name), own)
        elif get_origin(hint) is not ClassVar and not any(mark is POSITIONAL for mark in marks):
            yield "--" + f"{prefix}{name}".replace("_", "-"), (*path, name)


POSITIONAL = get_args(tyro.conf.Positional[int])[1]


def _value_of(arguments: Any, path: tuple[str, ...]) -> tuple[Any, Check | None]:
    """The value of a flag, and its allowed values."""
    for name in path[:-1]:
        arguments = getattr(arguments, name)
    [field] = (each for each in dataclasses.fields(arguments) if each.name == path[-1])
    return getattr(arguments, path[-1]), field.metadata.get("allowed")


def _fault(event: tyro_errors.ParseErrorEvent, argv: Sequence[str], flags: list[str]) -> str:
    """What is wrong, the value, what is allowed."""
    match event:
        case tyro_errors.UnrecognizedArgs(tokens=[token, *_]):
            return _unknown(token, flags)
        case tyro_errors.MissingArgs(unrecognized_tokens=[token, *_]) if token.startswith("-"):
            return _unknown(token, flags)
        case tyro_errors.MissingArgs(missing_arguments=missing):
            return f"{' and '.join(_name(each.arg) for each in missing)} must be given"
        case tyro_errors.InvalidChoice(argument=argument, value=value, choices=choices):
            return f"{_name(argument)} is {value!r}: choose one of {', '.join(choices)}"
        case tyro_errors.BadValue(argument=argument, offending_value=None):
            return f"{_name(argument)} needs a value: {_kind(argument)}"
        case tyro_errors.InstantiationFailure(argument=argument) if argument is not None:
            return f"{_name(argument)} is {_typed(argument, argv)!r}: it must be {_kind(argument)}"
        case _:
            return "the command line cannot be understood"


def _unknown(token: str, flags: list[str]) -> str:
    if not token.startswith("-"):
        return f"unexpected argument {token!r}"
    flag = token.partition("=")[0]
    typed = flag.replace("_", "-")
    # --hidden-size for --model.hidden-size, --steps for --trainer.max-steps: parts that people remember
    near = [each for each in flags if typed.lstrip("-") in (last := _last(each), *last.split("-"))]
    near = near or get_close_matches(typed, flags, n=1)
    return f"unknown flag {flag}: did you mean {near[0]}?" if near else f"unknown flag {flag}"


def _last(flag: str) -> str:
    return flag.lstrip("-").rpartition(".")[2]


def _name(argument: Any) -> str:
    """A flag as typed, or the name of a positional argument: --bars, DATA."""
    return str(argument.lowered.metavar if argument.is_positional() else argument.lowered.name_or_flags[-1])


def _kind(argument: Any) -> str:
    metavar = str(argument.lowered.metavar)
    return KINDS.get(metavar, f"one of {metavar}")


def _typed(argument: Any, argv: Sequence[str]) -> str:
    """The value as it was typed after the flag, or the values of a flag that takes several."""
    several = str(argument.lowered.metavar).startswith("[")
    for index, token in enumerate(argv):
        flag, equals, value = token.partition("=")
        if flag.replace("_", "-") in argument.lowered.name_or_flags:
            words = argv[index + 1 :] if several else argv[index + 1 : index + 2]
            return value if equals else " ".join(takewhile(lambda word: not word.startswith("--"), words))
    return ""
