"""Which values a flag may have: one table for all verbs, since a flag means the same everywhere."""

from musegen import config
from musegen.config import ONE_UP, Check

RANGES: dict[str, Check] = config.RANGES | {
    "--bars": (lambda value: 1 <= value <= 10_000, "from 1 to 10000"),
    "--num": (lambda value: 1 <= value <= 100_000, "from 1 to 100000"),
    "--tempo": (lambda value: 4 <= value <= 1000, "from 4 to 1000 quarters a minute"),
    "--program": (lambda value: 0 <= value <= 127, "a General MIDI program from 0 to 127"),
    "--melody": (lambda value: value.strip() != "", "the name of a track, or its number"),
    "--prompt-bars": (lambda value: 0 <= value <= 10_000, "from 0 to 10000"),
    "--workers": ONE_UP,
    "--limit": ONE_UP,
    "--samples": (lambda value: 1 <= value <= 1000, "from 1 to 1000"),
}
# --temperature of `generate` is the --sampling.temperature of `train`
RANGES |= {f"--{name}": RANGES[f"--sampling.{name}"] for name in ("temperature", "top-k", "top-p", "min-p")}
