"""A function as the command line of a benchmark: its signature declares the arguments.

Parameters before a `/` are positional, the others flags: `min_p: float | None = None` is `--min-p`, a bool
is a switch, a Literal a choice, a Sequence several words. The help of each is its line under "Args:" in the
docstring. A Checkpoint or a Dataset is loaded from the named folder; `Flags` are the words that belong to
no parameter, passed on to `musegen train`.
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NewType, get_args, get_origin

from musegen.errors import ConfigError, MusegenError

Flags = NewType("Flags", list[str])
"""Words that are passed on to `musegen train`."""
Main = Callable[[Sequence[str] | None], int]


def benchmark(
    show: Callable[[Any], str | None] | None = None,
    *,
    is_good: Callable[[Any], bool] = lambda _: True,
    threads: int | None = None,
) -> Callable[[Callable[..., Any]], Main]:
    """Turn a function that measures into a `main` that takes arguments and returns the exit code.

    In the module that is run it is called at once: there it must be the last function.

    Args:
        show: prints the result of the function, or returns it as text, unless `--json` is given. None: the
            function prints by itself and returns the exit code.
        is_good: whether the result meets the targets; the exit code is 1 if it does not.
        threads: number of threads of torch; None for its default.
    """

    def made(measure: Callable[..., Any]) -> Main:
        def main(argv: Sequence[str] | None = None) -> int:
            try:
                arguments, is_json = _parsed(measure, argv, has_json=show is not None)
            except SystemExit as stop:  # help or wrong usage: argparse has printed a message
                return int(stop.code or 0)
            try:
                found = _call(measure, arguments, threads)
                if show is None:
                    return int(found or 0)
                text = json.dumps(_plain(found), indent=2) if is_json else show(found)
            except (MusegenError, OSError) as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            if text is not None:
                print(text)
            return int(not is_good(found))

        if measure.__module__ == "__main__":
            raise SystemExit(main())
        return main

    return made


def need_lm(checkpoint: Any) -> None:
    """Check that a checkpoint is a language model.

    Raises:
        ConfigError: it belongs to another family.
    """
    family = checkpoint.config.family
    if family != "lm":
        raise ConfigError(f"{checkpoint.path} is of family {family}, not lm: a language model is wanted")


def need_filler(checkpoint: Any) -> None:
    """Check that a checkpoint fills holes in single lines.

    Raises:
        ConfigError: it does not.
    """
    if not checkpoint.config.fills or checkpoint.tokenizer.config.programs:
        raise ConfigError(
            f"{checkpoint.path} does not fill single lines: a model trained with ⟨data.holes⟩ bars is wanted"
        )


def _parsed(
    measure: Callable[..., Any], argv: Sequence[str] | None, *, has_json: bool
) -> tuple[dict[str, Any], bool]:
    """The value of each parameter, and whether to print JSON."""
    parameters = inspect.signature(measure, eval_str=True).parameters.values()
    about = sys.modules[measure.__module__].__doc__ or ""
    name = f"python -m benchmarks.{Path(inspect.getfile(measure)).stem}"
    parser = argparse.ArgumentParser(prog=name, description=about.partition("\n")[0], allow_abbrev=False)
    meanings = dict(re.findall(r"^ +(\w+): (.+)$", (measure.__doc__ or "").partition("Args:")[2], re.M))
    for parameter in parameters:
        if parameter.annotation is not Flags:
            _add(parser, parameter, meanings.get(parameter.name, ""))
    if has_json:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments, words = parser.parse_known_args(argv)
    rest = {each.name: words for each in parameters if each.annotation is Flags}
    if words and not rest:
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    values = vars(arguments) | rest
    return values, values.pop("json", False)


def _kind(parameter: inspect.Parameter) -> Any:
    """The type of a parameter, without None."""
    kinds = get_args(parameter.annotation)
    return kinds[0] if NoneType in kinds else parameter.annotation


def _add(parser: argparse.ArgumentParser, parameter: inspect.Parameter, meaning: str) -> None:
    """Add a parameter to the parser."""
    kind, default, flag = _kind(parameter), parameter.default, f"--{parameter.name.replace('_', '-')}"
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=meaning)
        return
    options: dict[str, Any] = {"help": meaning}
    if get_origin(kind) is Sequence:
        options["nargs"], kind = "*" if default == () else "+", get_args(kind)[0]
    if get_origin(kind) is Literal:
        options["choices"], kind = get_args(kind), str
    options["type"] = Path if kind.__name__ in ("Checkpoint", "Dataset") else kind
    is_needed = default is parameter.empty
    if not is_needed:
        options["default"] = default
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        options["help"] += "" if shown in (None, "") else f" (default {shown})"
    if parameter.kind is parameter.POSITIONAL_ONLY:
        options |= {"metavar": parameter.name.upper()} | ({} if is_needed else {"nargs": "?"})
        parser.add_argument(parameter.name, **options)
    else:
        parser.add_argument(flag, required=is_needed, **options)


def _call(measure: Callable[..., Any], arguments: dict[str, Any], threads: int | None) -> Any:
    """Load checkpoints and datasets, and measure."""
    signature = inspect.signature(measure, eval_str=True)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    values = {name: _loaded(_kind(each), arguments[name]) for name, each in signature.parameters.items()}
    bound = inspect.BoundArguments(signature, values)  # type: ignore[arg-type]
    return measure(*bound.args, **bound.kwargs)


def _loaded(kind: Any, value: Any) -> Any:
    """A value, or the checkpoint or dataset in that folder; libraries are imported only if needed."""
    match None if value is None else getattr(kind, "__name__", ""):
        case "Checkpoint":
            from musegen.checkpoint.folder import load_checkpoint

            return load_checkpoint(value)
        case "Dataset":
            from musegen.data.dataset import Dataset

            return Dataset.open(value)
        case _:
            return value


def _plain(found: Any) -> Any:
    """Figures, or rows of figures, with named tuples as dicts."""
    found = found._asdict() if hasattr(found, "_asdict") else found
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items()}
    return [_plain(row) for row in found] if isinstance(found, list | tuple) else found
