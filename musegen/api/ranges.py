"""Which values a flag may have: one table for all verbs, since a flag means the same everywhere."""

from typing import Any

from musegen import ranges
from musegen.errors import ConfigError
from musegen.config.ranges import ONE_UP, Check, check_range

RANGES: dict[str, Check] = ranges.RANGES | {
    "--bars": (lambda value: 1 <= value <= 10_000, "from 1 to 10000"),
    "--num": (lambda value: 1 <= value <= 100_000, "from 1 to 100000"),
    "--tempo": (lambda value: 4 <= value <= 1000, "from 4 to 1000 quarters a minute"),
    "--program": (lambda value: 0 <= value <= 127, "a General MIDI program from 0 to 127"),
    "--melody": (lambda value: value.strip() != "", "the name of a track, or its number"),
    "--from-bar": (
        lambda bars: min(bars if isinstance(bars, tuple) else (bars,), default=1) >= 1,
        "1 or more",
    ),
    "--amount": (lambda value: 0 <= value <= 1, "from 0 (the clip as the model hears it) to 1 (any clip)"),
    "--density": (lambda move: abs(move) <= 1000, "a number of notes a bar, as +2 or -1.5"),
    "--spread": (lambda move: abs(move) <= 127, "a number of semitones, as +5 or -5"),
    "--complexity": (lambda move: abs(move) <= 1, "a share of the rhythm, as +0.3 or -0.3"),
    "--pitch": (lambda move: abs(move) <= 127, "a number of semitones, as +7 or -7"),
    "--prompt-bars": (lambda value: 0 <= value <= 10_000, "from 0 to 10000"),
    "--max-copy": (lambda value: 1 <= value <= 10_000, "from 1 to 10000 notes"),
    "--min-run": (lambda value: 2 <= value <= 10_000, "from 2 to 10000 notes"),
    "--workers": ONE_UP,
    "--limit": ONE_UP,
    "--samples": (lambda value: 1 <= value <= 1000, "from 1 to 1000"),
}
# --temperature of `generate` is the --sampling.temperature of `train`
RANGES |= {
    f"--{name}": RANGES[f"--sampling.{name}"]
    for name in ("temperature", "top-k", "top-p", "min-p", "min-p-new", "diatonic")
}
MOST_STEPS = 128
"""Of a way between two clips: more would fit into no picture."""


def check_ranges(**values: Any) -> None:
    """Refuse a value out of range, by the name of its flag without dashes; None stands for "not given".

    Raises:
        ConfigError: see `musegen.ranges.check_range`.
    """
    for name, value in values.items():
        check_range(f"--{name.replace('_', '-')}", value, RANGES)


def check_steps(num: int) -> None:
    """Refuse a way between two clips of too few or too many steps.

    Raises:
        ConfigError: `num` is not from 2 to `MOST_STEPS`.
    """
    if not 2 <= num <= MOST_STEPS:
        raise ConfigError(f"--num is {num}: it must be from 2 to {MOST_STEPS}, both ends included")
