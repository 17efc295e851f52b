"""The verbs that sample: one frozen dataclass of options for each, each option declared once.

See `options` for how the command line, the Python API and the manifest are made from them. The TypedDicts
list the same arguments for type checkers, and a test compares the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from musegen.config.options import (
    OVERRIDES,
    LabelArguments,
    LabelOptions,
    SamplingArguments,
    SeededOptions,
    VerbOptions,
)
from musegen.config.ranges import SEED, Check, setting
from musegen.errors import ConfigError

MELODY: Check = (lambda value: value.strip() != "", "the name of a track, or its number")
GROUP: Check = (lambda value: value.strip() != "", "folder, name, or a regular expression")
BEATS: Check = (lambda value: value.strip() != "" and "/" not in value, "the name of a file, or *_beats.txt")
LABELS: Check = (lambda value: value.strip() != "", "folders, composer, or a CSV file of lines file,label")
FROM_BAR: Check = (lambda bar: bar >= 1, "1 or more")
NUM: Check = (lambda value: 1 <= value <= 100_000, "from 1 to 100000")
SEMITONES = 127


def _greedy() -> SamplingArguments:
    """Default of the verbs that decode a latent vector: the most likely token at each step."""
    return {"temperature": 0.0}


@dataclass(frozen=True)
class GenerateOptions(LabelOptions):
    """New pieces, or continuations of a prompt."""

    bars: int | None = setting(None, (lambda value: 1 <= value <= 10_000, "from 1 to 10000"))
    """Number of new bars per piece. Default: 16; a clip model (VAE) has a fixed number."""
    seconds: float | None = setting(None, (lambda value: 1 <= value <= 3600, "from 1 to 3600"))
    """Length of new music, for models in free time, which have no bars. Default: 30."""
    num: int = setting(1, NUM)
    """Number of pieces."""
    prompt: Any = field(default=None, metadata={"typed": Path})
    """A music file to continue; it stays unchanged before the new bars."""
    sampling: SamplingArguments = field(default_factory=SamplingArguments, metadata=OVERRIDES)
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""
    time_signature: str | None = field(default=None, metadata={"metavar": "N/D"})
    """Time signature, such as 6/8. Default: that of the prompt, or sampled by the model for each piece."""
    scale: str | None = None
    """Use only pitches of a scale, such as "D dorian" or "A minor". Default: all pitches."""
    key: str | None = None
    """Key, such as "D major" or "E dorian": every piece is in it and ends on its tonic; others are rejected
    and sampled again. A model that knows it as a label is given it. Default: any key."""
    pitch_range: str | None = field(default=None, metadata={"metavar": "LO:HI"})
    """Use only pitches in a range, both ends included: 60:84 or C4:C6."""
    tempo: float | None = setting(
        None, (lambda value: 4 <= value <= 1000, "from 4 to 1000 quarter notes per minute")
    )
    """Quarter notes per minute (BPM). Default: that of the prompt, or the median of the training data."""
    program: int | None = setting(
        None, (lambda value: 0 <= value <= 127, "a General MIDI program from 0 to 127")
    )
    """General MIDI program, from 0. Default: that of the prompt, or as in the training data."""
    prior: bool = field(default=False, metadata={"switch": True})
    """Clip models (VAE) only: sample z from the standard normal prior, not from a fit to training clips."""
    max_copy: int | None = setting(None, (lambda value: 1 <= value <= 10_000, "from 1 to 10000 notes"))
    """Reject pieces that copy more consecutive notes than this from a training piece, in any key and at any
    tempo, and sample others; needs the dataset. Half of all real folk
    tunes share a run of at least 12 notes with another."""
    against: str | None = None
    """For --max-copy: the dataset to compare with, if it is no longer at ./datasets/NAME."""
    candidates: int | None = setting(None, (lambda value: 1 <= value <= 100, "from 1 to 100"))
    """Language models: candidates of each piece; the first that is as dense and as repetitive as the training
    pieces is kept. Default: 3; 1 keeps any."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and `against` without `max_copy`."""
        super().__post_init__()
        if self.against and not self.max_copy:
            raise ConfigError(
                "⟨against⟩ is the dataset that ⟨max-copy⟩ compares with: add that, or leave ⟨against⟩ out"
            )


class GenerateArguments(LabelArguments, total=False):
    """`GenerateOptions` without `num`, as keyword arguments of `Model.generate`."""

    bars: int | None
    seconds: float | None
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
    candidates: int | None


@dataclass(frozen=True)
class AccompanyOptions(VerbOptions):
    """Accompaniments to a melody."""

    melody: str | None = setting(None, MELODY)
    """Melody track: name, number from 1, role (top, piano, ...) or program:N. Default: detected."""
    accompaniment: tuple[str, ...] = ()
    """Write only these parts: names, roles (bass, piano, drums, ...) or program:N, such as "bass,piano"."""
    num: int = setting(1, NUM)
    """Number of accompaniments."""
    prompt_bars: int = setting(0, (lambda value: 0 <= value <= 10_000, "from 0 to 10000"))
    """Keep the file's own accompaniment in the first N bars, and continue from there."""
    sampling: SamplingArguments = field(default_factory=SamplingArguments, metadata=OVERRIDES)
    chords: str | None = None
    """Chords, one or two (joined by a comma) per bar, such as "C Am F,G C", or with bars divided by |; the
    sequence repeats. Default: sampled by the model."""
    plan_temperature: float | None = setting(
        None, (lambda value: 0 <= value <= 100, "from 0 (greedy) to 100")
    )
    """Sampling temperature of the chord plan, if the model has one. Default: 0 (greedy)."""
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""
    scale: str | None = None
    """Use only pitches of a scale, such as "D dorian" or "A minor". Default: all pitches."""
    pitch_range: tuple[str, ...] = field(default=(), metadata={"metavar": "[PART=]LO:HI"})
    """Use only pitches in a range, for all parts or for one: 36:84, bass=36:60, alto=G3:C5."""


class AccompanyArguments(SamplingArguments, total=False):
    """`AccompanyOptions` without `num`, as keyword arguments of `Model.accompany`."""

    melody: str | None
    accompaniment: str | Sequence[str]
    prompt_bars: int
    chords: str | None
    plan_temperature: float | None
    seed: int | None
    scale: str | None
    pitch_range: str | Sequence[str]


@dataclass(frozen=True)
class FillOptions(LabelOptions):
    """New bars in the gaps of a piece."""

    bars: tuple[str, ...] = field(default=(), metadata={"metavar": "FIRST:LAST"})
    """Bars to fill, from 1, both included: 5:8, 4, or several ranges (2:3 7:8). A pickup is bar 1; repeats
    count as played. Required without --tracks; default with it: all bars."""
    tracks: tuple[str, ...] = ()
    """Tracks to fill, by name, number from 1, role (bass, drums, ...) or program:N, several with commas:
    "bass,drums"; for models trained with --data.holes. Default: all that the model writes."""
    num: int = setting(1, NUM)
    """Number of pieces."""
    rank: int | None = setting(None, (lambda value: 1 <= value <= 1000, "from 1 to 1000"))
    """Sample this many, and keep the --num most likely ones, the first bar after each gap included. Default:
    16, or --num if that is more; with models trained with holes, which read what follows, --num."""
    chords: str | None = None
    """Chords that the new music follows, such as "C Am F,G C", repeated to the end; for models trained with
    --data.chords. Default: the chord symbols of the file."""
    until: Any = field(default=None, metadata={"typed": Path})
    """A music file that comes after the tune: the bars to fill are those between the two."""
    rhythm: Literal["new", "keep"] = "new"
    """keep: new pitches to the onsets and durations that the bars have now."""
    contour: Literal["new", "keep"] = "new"
    """keep: new pitches that also rise, fall and repeat as those that the bars have now."""
    density: float | None = setting(None, (lambda value: 0 < value <= 1000, "above 0, up to 1000"))
    """Number of notes per bar in the bars to fill, on average. Default: sampled by the model."""
    melody: str | None = setting(None, MELODY)
    """Models of one line only: the track to fill, by name, number from 1, role (top, ...) or program:N.
    Default: detected."""
    sampling: SamplingArguments = field(default_factory=SamplingArguments, metadata=OVERRIDES)
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, a `rank` below `num`, and a density of a kept rhythm."""
        super().__post_init__()
        kept = [name for name in ("rhythm", "contour") if getattr(self, name) == "keep"]
        if self.density is not None and kept:
            raise ConfigError(
                f"⟨density⟩ is {self.density:g}, and ⟨{kept[0]}⟩ keep writes as many notes as there are: "
                "use only one of them"
            )
        if self.rank is not None and self.rank < self.num:
            raise ConfigError(
                f"⟨rank⟩ is {self.rank}: it must be at least ⟨num⟩, {self.num}, of which it keeps"
            )


class FillArguments(LabelArguments, total=False):
    """`FillOptions` without `num`, as keyword arguments of `Model.fill`."""

    bars: str | Sequence[str]
    tracks: str | Sequence[str]
    chords: str | None
    rank: int | None
    until: Any
    rhythm: Literal["new", "keep"]
    contour: Literal["new", "keep"]
    density: float | None
    melody: str | None
    seed: int | None


@dataclass(frozen=True)
class ReconstructOptions(VerbOptions):
    """The reconstruction of a clip by a clip model (VAE)."""

    from_bar: int | None = setting(None, FROM_BAR)
    """First bar of the clip, from 1; a pickup is bar 1. Default: the first bar with a melody note."""
    melody: str | None = setting(None, MELODY)
    """Melody track: name, number from 1, role (top, piano, ...) or program:N. Default: detected."""
    sampling: SamplingArguments = field(default_factory=_greedy, metadata=OVERRIDES)
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""


class ReconstructArguments(SamplingArguments, total=False):
    """`ReconstructOptions`, as keyword arguments of `Model.reconstruct`."""

    from_bar: int | None
    melody: str | None
    seed: int | None


@dataclass(frozen=True)
class InterpolateOptions(VerbOptions):
    """An interpolation between two clips."""

    num: int = setting(9, (lambda value: 2 <= value <= 128, "from 2 to 128, both ends included"))
    """Number of clips, both ends included: from 2 to 128."""
    from_bar: tuple[int, ...] = setting((), (lambda bars: min(bars, default=1) >= 1, "1 or more"))
    """First bar of both clips, or of each, from 1; a pickup is bar 1. Default: the first bar with a note."""
    melody: str | None = setting(None, MELODY)
    """Melody track of both files: name, number from 1, role (top, ...) or program:N. Default: detected."""
    path: Literal["both", "spherical", "linear"] = "both"
    """Path through the latent space: spherical or linear interpolation, or the smoother of both, step by
    step."""
    sampling: SamplingArguments = field(default_factory=_greedy, metadata=OVERRIDES)
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""


class InterpolateArguments(SamplingArguments, total=False):
    """`InterpolateOptions`, as keyword arguments of `Model.interpolate`."""

    num: int
    from_bar: int | Sequence[int]
    melody: str | None
    path: Literal["both", "spherical", "linear"]
    seed: int | None


def _at_most(bound: float, description: str) -> Check:
    return (lambda move: abs(move) <= bound, description)


@dataclass(frozen=True)
class VaryOptions(VerbOptions):
    """Variations of a clip, random or with attributes changed by sliders."""

    amount: float | None = setting(
        None, (lambda value: 0 <= value <= 1, "from 0 (the reconstruction) to 1 (a random clip)")
    )
    """Amount of variation: 0 is the reconstruction, 1 a random clip. Default: 0.3, or 0 with sliders."""
    num: int | None = setting(None, NUM)
    """Number of variations. Default: 4, or 1 if nothing is random."""
    density: float | None = setting(None, _at_most(1000, "a number of notes per bar, such as +2 or -1.5"))
    """Change of the number of notes per bar: +2, -1.5."""
    spread: float | None = setting(None, _at_most(SEMITONES, "a number of semitones, such as +5 or -5"))
    """Change of the interval between lowest and highest note, in semitones: +5, -5."""
    complexity: float | None = setting(None, _at_most(1, "a fraction of the rhythm, such as +0.3 or -0.3"))
    """Change of the fraction of uneven steps in the rhythm, from 0 (all durations equal) to 1: +0.3, -0.3."""
    pitch: float | None = setting(None, _at_most(SEMITONES, "a number of semitones, such as +7 or -7"))
    """Change of the mean pitch, in semitones: +7, -7."""
    from_bar: int | None = setting(None, FROM_BAR)
    """First bar of the clip, from 1; a pickup is bar 1. Default: the first bar with a melody note."""
    melody: str | None = setting(None, MELODY)
    """Melody track: name, number from 1, role (top, piano, ...) or program:N. Default: detected."""
    sampling: SamplingArguments = field(default_factory=_greedy, metadata=OVERRIDES)
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""

    @property
    def moves(self) -> dict[str, float]:
        """The requested change of each slider that was set, in its own unit."""
        values = {name: getattr(self, name) for name in SLIDERS}
        return {name: value for name, value in values.items() if value is not None}


SLIDERS = {
    "density": "notes per bar",
    "spread": "semitones from the lowest note to the highest",
    "complexity": "of the steps uneven",
    "pitch": "mean MIDI pitch",
}
"""The unit of each slider."""


class VaryArguments(ReconstructArguments, total=False):
    """`VaryOptions`, as keyword arguments of `Model.vary`."""

    amount: float | None
    num: int | None
    density: float | None
    spread: float | None
    complexity: float | None
    pitch: float | None


@dataclass(frozen=True)
class HumanizeOptions(SeededOptions):
    """Takes of a score by a performer."""

    amount: float = setting(1.0, (lambda value: 0 <= value <= 1, "from 0 (the score as it is) to 1"))
    """How far from the score to go: 0 is the score as it is, 1 the whole take."""
    keep: Literal["timing", "velocity"] | None = None
    """timing: onsets and lengths stay as they are; velocity: velocities stay. Default: neither."""
    only: tuple[str, ...] = ()
    """Play only these parts: names, roles (drums, piano, bass, ...) or program:N, such as "drums,bass"; the
    others stay as they are. Default: all whose instruments the model knows."""
    num: int = setting(1, NUM)
    """Number of takes."""
    seed: int | None = setting(None, SEED)
    """Makes a run repeatable. Default: a random seed, recorded in the manifest."""


class HumanizeArguments(TypedDict, total=False):
    """`HumanizeOptions`, as keyword arguments of `Model.humanize`."""

    amount: float
    keep: Literal["timing", "velocity"] | None
    only: str | Sequence[str]
    num: int
    seed: int | None
