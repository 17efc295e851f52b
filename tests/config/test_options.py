"""An option is declared once: the API, the command line and the type checker all have it from there."""

import ast
import inspect
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import musegen
from musegen.api.model import Model
from musegen.cli.parse import _flags, _flat
from musegen.config import options, verbs
from musegen.config.options import SamplingOptions, VerbOptions

ROOT = Path(musegen.__file__).parent
VERBS = ("generate", "accompany", "fill", "reconstruct", "interpolate", "vary", "humanize")
OWN = {"out", "no_picture", "force", "json"}
"""Of the command line alone: what becomes of the files."""
SAMPLING = [each.name for each in fields(SamplingOptions)]
USERS = {"config/options.py", "generation/machine.py", "generation/step.py"}
GRAPHS = {"generation/export.py", "generation/exported.py"}
"""Where an exported step is given values that change nothing: to trace it, and to read a prompt."""
ELSEWHERE = {
    # all of these stand above the filters: whoever chooses greedy decoding or weights must read them
    "temperature": "greedy verbs, whether variations are drawn, and the accompaniment's plan",
    "precision": "which weights are loaded and which likelihood is reported",
    "compiled": "what older checkpoints and commands say; nothing reads it any more",
    "diatonic": "a scale of the user's takes its place, and a row is drawn to keep to one or not",
}
"""Options of sampling with more users, and why."""


def shared_options(verb: str) -> set[str]:
    """Those of sampling, if the verb samples tokens."""
    kind = getattr(verbs, f"{verb.capitalize()}Options")
    return set(SAMPLING) if issubclass(kind, VerbOptions) else set()


def own_options(verb: str) -> set[str]:
    """Of a verb, without those of sampling."""
    kind = getattr(verbs, f"{verb.capitalize()}Options")
    return {each.name for each in fields(kind)} - {"sampling"}


def test_the_typed_dict_of_sampling_has_its_fields() -> None:
    hints, found = get_type_hints(SamplingOptions), get_type_hints(options.SamplingArguments)
    assert list(found) == SAMPLING
    for name, hint in found.items():
        assert hint == hints[name] or hint in get_args(hints[name])


@pytest.mark.parametrize("verb", VERBS)
def test_typed_dicts_have_the_fields_of_their_dataclasses(verb: str) -> None:
    kind, arguments = (getattr(verbs, f"{verb.capitalize()}{end}") for end in ("Options", "Arguments"))
    hints, found = get_type_hints(kind), get_type_hints(arguments)
    # `num` decides between a piece and pieces, so some methods have it as an argument of their own
    assert shared_options(verb) | own_options(verb) == set(found) | ({"num"} & own_options(verb))
    for name in set(found) - set(SAMPLING):
        # several values may be given as one, or as any sequence of them
        several = get_origin(hints[name]) is tuple
        assert several or found[name] == hints[name], name


@pytest.mark.parametrize("verb", VERBS)
def test_flags_are_the_options(verb: str) -> None:
    kind = getattr(import_module(f"musegen.cli.{verb}"), verb.capitalize())
    flags = {flag for flag, _ in _flags(_flat(kind))}
    wanted = (
        own_options(verb)
        | shared_options(verb)
        | OWN - (set() if verb in ("accompany", "fill") else {"no_picture"})
    )
    assert flags == {f"--{name}".replace("_", "-") for name in wanted}


@pytest.mark.parametrize("verb", VERBS)
def test_methods_show_every_option(verb: str) -> None:
    method = getattr(Model, verb)
    parameters = inspect.signature(method).parameters
    assert own_options(verb) | shared_options(verb) <= set(parameters)
    assert not any(each.kind == each.VAR_KEYWORD for each in parameters.values())
    for name in [*own_options(verb) - {"num"}, *shared_options(verb)]:
        assert f"    {name}: " in method.__doc__, name


@cache
def sources() -> dict[str, ast.AST]:
    """Every source of musegen, parsed, by its path."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py")
    }


def uses(tree: ast.AST, name: str) -> bool:
    """Whether a source reads or declares an option; a value for it in `SamplingOptions(...)` is neither."""
    chosen = {
        keyword
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "SamplingOptions"
        for keyword in call.keywords
    }
    named: list[Any] = [
        each.attr if isinstance(each, ast.Attribute) else
        each.id if isinstance(each, ast.Name) else
        each.arg if isinstance(each, ast.arg | ast.keyword) and each not in chosen else
        each.value if isinstance(each, ast.Constant) else
        None
        for each in ast.walk(tree)
    ]  # fmt: skip
    return name in named


@pytest.mark.parametrize("name", [name for name in SAMPLING if name not in ELSEWHERE])
def test_an_option_of_sampling_touches_three_files(name: str) -> None:
    """So whoever adds one declares it, hands it to the step and uses it there, and nowhere else."""
    assert {path for path, tree in sources().items() if uses(tree, name)} - GRAPHS == USERS


@pytest.mark.parametrize(
    ("line", "is_use"),
    [
        ("config.top_k", True),
        ("draw(top_k=3)", True),
        ('getattr(config, "top_k")', True),
        ("SamplingOptions(top_k=3)", False),
        ("logits.topk(3)", False),
    ],
)
def test_a_use_is_noticed(line: str, is_use: bool) -> None:
    assert uses(ast.parse(line), "top_k") is is_use
