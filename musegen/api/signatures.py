"""The signatures of the methods of `musegen.Model`, made from the options of their verbs."""

import inspect
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from musegen.config.options import SamplingOptions, VerbOptions, field_help

F = TypeVar("F", bound=Callable[..., Any])


def with_options(kind: type) -> Callable[[F], F]:
    """Add the options of a verb to the signature and docstring of its method; they are declared once."""

    def decorate(method: F) -> F:
        positional = [
            each for each in inspect.signature(method).parameters.values() if each.kind != each.VAR_KEYWORD
        ]
        names = {each.name for each in positional}
        options = [each for each in fields(kind) if each.name not in names and "group" not in each.metadata]
        defaults = {each.name: None if each.default is MISSING else each.default for each in options}
        shared = fields(SamplingOptions) if issubclass(kind, VerbOptions) else ()
        options += shared
        signature = positional + [
            inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults.get(each.name),
                annotation=each.type,
            )
            for each in options
        ]
        texts = field_help(kind) | field_help(SamplingOptions)
        lines = [f"    {each.name}: {texts[each.name]}" for each in options]
        text = re.sub(r"--([a-z-]+)", lambda flag: flag[1].replace("-", "_"), "\n".join(lines))
        method.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
        method.__doc__ = f"{inspect.cleandoc(method.__doc__ or '')}\n\nOptions:\n{text}\n"
        return method

    return decorate
