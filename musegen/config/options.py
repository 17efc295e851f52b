"""What can be asked for when music is made, each option declared once.

One frozen dataclass a verb, all over `SamplingOptions`. The command line is made from them: name, type,
default, the text under a field as its help, what is allowed (see `setting`), and the name of its value. So
are the methods of `musegen.Model`, whose arguments the TypedDicts here name for type checkers; a test holds
the two equal. A checkpoint's own sampling settings are `SamplingOptions` too: what a verb is not given is the
checkpoint's.

Standard library only, so that `musegen --help` loads nothing heavy.
"""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

from musegen.config.ranges import SEED, SHARE_OR_OFF, Check, Checked, check_range, setting
from musegen.errors import ConfigError


@dataclass(frozen=True)
class SamplingOptions(Checked, prefix="sampling."):
    """How ids are drawn from a model's logits."""

    temperature: float = setting(
        1.0, (lambda value: 0 <= value <= 100, "from 0 (always the likeliest) to 100")
    )
    """Above 1 bolder, below 1 safer; 0 always takes the likeliest."""
    top_k: int | None = setting(None, (lambda value: value >= 1, "1 or more"))
    """Draw from the k likeliest ids only."""
    top_p: float = setting(1.0, (lambda value: 0 < value <= 1, "above 0, up to 1 (off)"))
    """Draw from the likeliest ids that together hold this much probability (nucleus sampling)."""
    min_p: float = setting(0.0, SHARE_OR_OFF)
    """Leave out ids less likely than this share of the likeliest."""
    min_p_new: float = setting(0.0, SHARE_OR_OFF)
    """The same of pitch classes that a piece has not had yet, from its eighth on: fewer stray accidentals."""
    diatonic: float = setting(0.0, (lambda value: 0 <= value <= 1, "from 0 (off) to 1 (every piece)"))
    """Share of the pieces, drawn at random, that keep to one diatonic scale: whichever they begin in."""
    precision: Literal["float32", "bfloat16", "int8"] = "float32"
    """Of the weights, on a processor: bfloat16 and int8 are faster, and no longer quite the model."""
    compiled: bool = False
    """Compile the steps (needs a C++ compiler): a minute at first, then single pieces take half the time."""


class SamplingArguments(TypedDict, total=False):
    """Some of `SamplingOptions`, by name."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    min_p_new: float
    diatonic: float
    precision: Literal["float32", "bfloat16", "int8"]
    compiled: bool


DRAWN = {"group": SamplingOptions}
"""Marks the field of a verb with what it was given of the options of sampling."""


def _greedy() -> SamplingArguments:
    """What verbs have that are given a clip: the likeliest id each time."""
    return {"temperature": 0.0}


class VerbOptions(Checked):
    """Base of the options of a verb, which may have its own values of the options of sampling."""

    sampling: SamplingArguments
    seed: int | None

    def __post_init__(self) -> None:
        """Refuse what is out of range, among the options of sampling too."""
        super().__post_init__()
        for each in dataclasses.fields(SamplingOptions):
            flag = f"--{each.name}".replace("_", "-")
            check_range(flag, self.sampling.get(each.name), each.metadata.get("allowed"))


MELODY: Check = (lambda value: value.strip() != "", "the name of a track, or its number")
FROM_BAR: Check = (lambda bar: bar >= 1, "1 or more")
NUM: Check = (lambda value: 1 <= value <= 100_000, "from 1 to 100000")
SEMITONES = 127


@dataclass(frozen=True)
class GenerateOptions(VerbOptions):
    """New pieces, or the continuation of one."""

    bars: int | None = setting(None, (lambda value: 1 <= value <= 10_000, "from 1 to 10000"))
    """How many new bars each piece has. Unset: 16, or what a model of clips writes."""
    num: int = setting(1, NUM)
    """How many pieces."""
    prompt: Any = field(default=None, metadata={"typed": Path})
    """A music file to continue; it stands unchanged before the new bars."""
    sampling: SamplingArguments = field(default_factory=SamplingArguments, metadata=DRAWN)
    seed: int | None = setting(None, SEED)
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""
    time_signature: str | None = field(default=None, metadata={"metavar": "N/D"})
    """Such as 6/8. Unset: the prompt's, or as the model likes, piece by piece."""
    scale: str | None = None
    """Keep to a scale, such as "D dorian" or "A minor". Unset: any pitch."""
    key: str | None = None
    """A key to be in and to end on the tonic of, such as "D major" or "E dorian": what comes out in another
    mode is thrown away. Unset: any key."""
    pitch_range: str | None = field(default=None, metadata={"metavar": "LO:HI"})
    """Keep to a range of pitches, both ends included: 60:84 or C4:C6."""
    tempo: float | None = setting(
        None, (lambda value: 4 <= value <= 1000, "from 4 to 1000 quarters a minute")
    )
    """Quarters a minute. Unset: the prompt's, or the training data's median."""
    program: int | None = setting(
        None, (lambda value: 0 <= value <= 127, "a General MIDI program from 0 to 127")
    )
    """The General MIDI program that plays, from 0. Unset: the prompt's, or as in the training data."""
    prior: bool = field(default=False, metadata={"switch": True})
    """Of a model of clips: draw from all of its latent space, not only from where the training clips lie."""
    max_copy: int | None = setting(None, (lambda value: 1 <= value <= 10_000, "from 1 to 10000 notes"))
    """Throw away what copies more notes in a row from a training piece, in any key and at any speed, and
    write others; wants the dataset. Half of all real folk tunes have 12 in a row from another."""
    against: str | None = None
    """For --max-copy: the dataset that must not be copied, where it is not ./datasets/NAME any more."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        super().__post_init__()
        if self.against and not self.max_copy:
            raise ConfigError(
                "--against says what --max-copy is held against: add it, or leave --against out"
            )


class GenerateArguments(SamplingArguments, total=False):
    """`GenerateOptions` but `num`, as `Model.generate` takes them."""

    bars: int | None
    prompt: Any
    seed: int | None
    time_signature: str | None
    scale: str | None
    key: str | None
    pitch_range: str | None
    tempo: float | None
    program: int | None
    prior: bool
    max_copy: int | None
    against: str | None


@dataclass(frozen=True)
class AccompanyOptions(VerbOptions):
    """The rest of the music to a given tune."""

    melody: str | None = setting(None, MELODY)
    """The tune's track, by name or by number from 1. Unset: found out, and said."""
    num: int = setting(1, NUM)
    """How many accompaniments."""
    prompt_bars: int = setting(0, (lambda value: 0 <= value <= 10_000, "from 0 to 10000"))
    """Keep the file's own accompaniment in so many bars at the beginning, and go on from there."""
    sampling: SamplingArguments = field(default_factory=SamplingArguments, metadata=DRAWN)
    chords: str | None = None
    """The chords, one a bar or two with a comma between, such as "C Am F,G C"; from the first again after the
    last. Unset: the model's choice."""
    plan_temperature: float | None = setting(
        None, (lambda value: 0 <= value <= 100, "from 0 (the likeliest) to 100")
    )
    """How freely a model that plans chords draws them. Unset: 0, the likeliest; 0.5 and 1 are bolder."""
    seed: int | None = setting(None, SEED)
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""
    scale: str | None = None
    """Keep to a scale, such as "D dorian" or "A minor". Unset: any pitch."""
    pitch_range: tuple[str, ...] = field(default=(), metadata={"metavar": "[PART=]LO:HI"})
    """Keep to a range of pitches, for all or for a part: 36:84, bass=36:60, alto=G3:C5."""


class AccompanyArguments(SamplingArguments, total=False):
    """`AccompanyOptions` but `num`, as `Model.accompany` takes them."""

    melody: str | None
    prompt_bars: int
    chords: str | None
    plan_temperature: float | None
    seed: int | None
    scale: str | None
    pitch_range: str | Sequence[str]


@dataclass(frozen=True)
class ReconstructOptions(VerbOptions):
    """A clip as a model of clips gives it back."""

    from_bar: int | None = setting(None, FROM_BAR)
    """The clip's first bar, from 1; a pickup is bar 1. Unset: the first in which the tune has a note."""
    melody: str | None = setting(None, MELODY)
    """The tune's track, by name or by number from 1. Unset: found out, and said."""
    sampling: SamplingArguments = field(default_factory=_greedy, metadata=DRAWN)
    seed: int | None = setting(None, SEED)
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""


class ReconstructArguments(SamplingArguments, total=False):
    """`ReconstructOptions`, as `Model.reconstruct` takes them."""

    from_bar: int | None
    melody: str | None
    seed: int | None


@dataclass(frozen=True)
class InterpolateOptions(VerbOptions):
    """From one clip to another, step by step."""

    num: int = setting(9, (lambda value: 2 <= value <= 128, "from 2 to 128, both ends included"))
    """How many clips, both ends included: from 2 to 128."""
    from_bar: tuple[int, ...] = setting((), (lambda bars: min(bars, default=1) >= 1, "1 or more"))
    """The first bar of both clips, or of each, from 1; a pickup is bar 1. Unset: the first with a note."""
    melody: str | None = setting(None, MELODY)
    """The tune's track in both files, by name or by number from 1. Unset: found out, and said."""
    path: Literal["both", "spherical", "linear"] = "both"
    """Go along the arc (spherical), the straight line, or whichever leads on more evenly, step by step."""
    sampling: SamplingArguments = field(default_factory=_greedy, metadata=DRAWN)
    seed: int | None = setting(None, SEED)
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""


class InterpolateArguments(SamplingArguments, total=False):
    """`InterpolateOptions`, as `Model.interpolate` takes them."""

    num: int
    from_bar: int | Sequence[int]
    melody: str | None
    path: Literal["both", "spherical", "linear"]
    seed: int | None


def _at_most(bound: float, words: str) -> Check:
    return (lambda move: abs(move) <= bound, words)


@dataclass(frozen=True)
class VaryOptions(VerbOptions):
    """Clips like a given one, or with more or less of something."""

    amount: float | None = setting(
        None, (lambda value: 0 <= value <= 1, "from 0 (the clip as the model hears it) to 1 (any clip)")
    )
    """How far to go: 0 is the clip as the model gives it back, 1 any clip. Unset: 0.3, or 0 with sliders."""
    num: int | None = setting(None, NUM)
    """How many variations. Unset: 4, or 1 where nothing is drawn."""
    density: float | None = setting(None, _at_most(1000, "a number of notes a bar, as +2 or -1.5"))
    """So many notes a bar more, or fewer: +2, -1.5."""
    spread: float | None = setting(None, _at_most(SEMITONES, "a number of semitones, as +5 or -5"))
    """So many semitones more from the lowest note to the highest, or fewer: +5, -5."""
    complexity: float | None = setting(None, _at_most(1, "a share of the rhythm, as +0.3 or -0.3"))
    """So much more of the rhythm uneven, from 0 (all notes as long) to 1, or less: +0.3, -0.3."""
    pitch: float | None = setting(None, _at_most(SEMITONES, "a number of semitones, as +7 or -7"))
    """So many semitones higher, or lower, on the whole: +7, -7."""
    from_bar: int | None = setting(None, FROM_BAR)
    """The clip's first bar, from 1; a pickup is bar 1. Unset: the first in which the tune has a note."""
    melody: str | None = setting(None, MELODY)
    """The tune's track, by name or by number from 1. Unset: found out, and said."""
    sampling: SamplingArguments = field(default_factory=_greedy, metadata=DRAWN)
    seed: int | None = setting(None, SEED)
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""

    @property
    def moves(self) -> dict[str, float]:
        """By how many units each slider that was named is to move."""
        values = {name: getattr(self, name) for name in SLIDERS}
        return {name: value for name, value in values.items() if value is not None}


SLIDERS = {
    "density": "notes a bar",
    "spread": "semitones from the lowest note to the highest",
    "complexity": "of the steps uneven",
    "pitch": "mean MIDI pitch",
}
"""What each slider moves."""


class VaryArguments(ReconstructArguments, total=False):
    """`VaryOptions`, as `Model.vary` takes them."""

    amount: float | None
    num: int | None
    density: float | None
    spread: float | None
    complexity: float | None
    pitch: float | None


Options = TypeVar("Options", bound=VerbOptions)


def make_options(kind: type[Options], arguments: Mapping[str, Any]) -> Options:
    """The options of a verb from keyword arguments, its own and those of `SamplingOptions` side by side.

    A single value for an option that takes several stands for itself.

    Raises:
        ConfigError: a value is out of range.
        TypeError: there is no such option.
    """
    own, known = dict(arguments), {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    drawing = {each.name: own.pop(each.name, None) for each in dataclasses.fields(SamplingOptions)}
    unknown = own.keys() - known
    if unknown:
        raise TypeError(f"there is no option {', '.join(sorted(unknown))}")
    for name, value in own.items():
        if isinstance(known[name].default, tuple):
            own[name] = (value,) if isinstance(value, str | int) else tuple(value)
    given = {name: value for name, value in drawing.items() if value is not None}
    options = kind(**own)
    return replace(options, sampling=options.sampling | given)  # type: ignore[type-var]


def as_arguments(options: VerbOptions) -> dict[str, Any]:
    """What `make_options` makes these options of: keyword arguments of a method of `musegen.Model`."""
    own = {name: value for name, value in vars(options).items() if name != "sampling"}
    return own | options.sampling


@cache
def field_help(kind: type) -> dict[str, str]:
    """The text under each field of a dataclass."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    return {
        node.target.id: inspect.cleandoc(after.value.value)
        for node, after in zip(body.body, body.body[1:], strict=False)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
