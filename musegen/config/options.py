"""Options of the verbs that sample music: how they are declared, and those of sampling, which all share.

One frozen dataclass per verb (see `verbs`), each with the shared `SamplingOptions`. The command line is
generated from them: name, type and default of a field, the string under it as help text, its allowed values
(see `setting`) and the placeholder of its value. So are the signatures of the methods of `musegen.Model`. A
checkpoint stores sampling settings as `SamplingOptions` too: they are the defaults of every verb. Standard
library only, so that help is quick.
"""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, TypedDict, TypeVar

from musegen.config.ranges import SHARE_OR_OFF, Checked, check_range, setting


@dataclass(frozen=True)
class SamplingOptions(Checked, prefix="sampling."):
    """Sampling settings: how tokens are sampled from a model's logits."""

    temperature: float = setting(1.0, (lambda value: 0 <= value <= 100, "from 0 (greedy) to 100"))
    """Above 1 the music is bolder, below 1 safer; 0 always takes the most likely token (greedy decoding)."""
    top_k: int | None = setting(None, (lambda value: value >= 1, "1 or more"))
    """Sample from the k most likely tokens only."""
    top_p: float = setting(1.0, (lambda value: 0 < value <= 1, "above 0, up to 1 (off)"))
    """Sample from the most likely tokens whose total probability reaches this (nucleus sampling)."""
    min_p: float = setting(0.0, SHARE_OR_OFF)
    """Exclude tokens less likely than this fraction of the most likely token's probability."""
    min_p_new: float = setting(0.0, SHARE_OR_OFF)
    """min-p for pitch classes that are new in a piece, once it has seven: fewer stray accidentals."""
    diatonic: float = setting(0.0, (lambda value: 0 <= value <= 1, "from 0 (off) to 1 (every piece)"))
    """Fraction of the pieces, chosen at random, that stay in one diatonic scale, the one they begin in."""
    precision: Literal["float32", "int8"] = "float32"
    """Precision of the weights on a CPU: int8 is faster for single pieces, but approximates the model."""
    compiled: bool = False
    """No longer needed: ignored, and removed in the next version."""


class SamplingArguments(TypedDict, total=False):
    """Any of `SamplingOptions`, as keyword arguments."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    min_p_new: float
    diatonic: float
    precision: Literal["float32", "int8"]
    compiled: bool


OVERRIDES = {"group": SamplingOptions}
"""Metadata of the field that holds a verb's overrides of the checkpoint's sampling settings."""


class SeededOptions(Checked):
    """Base class of the options of a verb whose results depend on a seed."""

    seed: int | None


class VerbOptions(SeededOptions):
    """Base class of the options of a verb, which may override the checkpoint's sampling settings."""

    sampling: SamplingArguments

    def __post_init__(self) -> None:
        """Reject values that are not allowed, among the sampling settings too."""
        super().__post_init__()
        for each in dataclasses.fields(SamplingOptions):
            check_range(
                each.name.replace("_", "-"), self.sampling.get(each.name), each.metadata.get("allowed")
            )


@dataclass(frozen=True)
class LabelOptions(VerbOptions):
    """Base class of the options of a verb of language models, which may know labels."""

    label: tuple[str, ...] = ()
    """Labels that the new music should have, such as haydn, one of each kind that the model knows (`musegen
    info` lists them). Default: any."""
    guidance: float = setting(1.0, (lambda value: 0 <= value <= 100, "from 0 (any label) to 100"))
    """How closely labels are followed: 0 not at all, 1 as in the training music, above 1 beyond it."""


class LabelArguments(SamplingArguments, total=False):
    """`LabelOptions`, as keyword arguments."""

    label: str | Sequence[str]
    guidance: float


Options = TypeVar("Options", bound=SeededOptions)


def make_options(kind: type[Options], arguments: Mapping[str, Any]) -> Options:
    """Build the options of a verb from keyword arguments; most verbs also have those of `SamplingOptions`.

    Where an option takes several values, a single one is accepted too.

    Raises:
        ConfigError: a value is not allowed.
        TypeError: an argument is unknown.
    """
    own, known = dict(arguments), {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    shared = dataclasses.fields(SamplingOptions) if issubclass(kind, VerbOptions) else ()
    overrides = {each.name: own.pop(each.name, None) for each in shared}
    unknown = own.keys() - known
    if unknown:
        raise TypeError(f"unknown option {', '.join(sorted(unknown))}")
    for name, value in own.items():
        if isinstance(known[name].default, tuple):
            own[name] = (value,) if isinstance(value, str | int) else tuple(value)
    overrides = {name: value for name, value in overrides.items() if value is not None}
    options = kind(**own)
    if not isinstance(options, VerbOptions):
        return options
    return replace(options, sampling=options.sampling | overrides)  # type: ignore[type-var]


def as_arguments(options: SeededOptions) -> dict[str, Any]:
    """The options as keyword arguments of a method of `musegen.Model`: the inverse of `make_options`."""
    own = {name: value for name, value in vars(options).items() if name != "sampling"}
    return own | (options.sampling if isinstance(options, VerbOptions) else {})


@cache
def field_help(kind: type) -> dict[str, str]:
    """The help text of each field of a dataclass: the string under it, on one line; bases included."""
    texts: dict[str, str] = {}
    for base in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        [body] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(body, ast.ClassDef)
        texts |= {
            node.target.id: " ".join(after.value.value.split())
            for node, after in zip(body.body, body.body[1:], strict=False)
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        }
    return texts
