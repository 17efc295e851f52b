"""Pieces that do not copy: what copies too much is thrown away, and others are written instead."""

from collections.abc import Callable

from musegen.data.novelty import NoveltyIndex, max_copied_run
from musegen.errors import ConfigError
from musegen.generation.requests import Result
from musegen.music.ops import bar_ticks

TRIES = 10
"""How often what was thrown away is written anew."""
OTHER_SEEDS = 2**32
"""Beyond any seed that can be asked for."""


def generate_novel(
    write: Callable[[int, int], list[Result]],
    index: NoveltyIndex,
    *,
    max_copy: int,
    bars: int,
    num: int = 1,
    seed: int = 0,
) -> tuple[list[Result], int]:
    """Pieces whose new bars copy no longer run of notes of an index, and how many were thrown away.

    The same arguments give the same pieces; those that copy nothing are the ones that `seed` gives anyway.

    Args:
        write: makes so many pieces of a seed.
        index: of what was learnt.
        max_copy: how many notes in a row may be copied.
        bars: new bars of each piece; what stands before them, a prompt, does not count.
        num: how many pieces.
        seed: fixes everything.

    Raises:
        ConfigError: after `TRIES` rounds there are too few.
    """
    kept: list[Result] = []
    rejected = 0
    for attempt in range(TRIES):
        results = write(num - len(kept), seed + attempt * OTHER_SEEDS)
        novel = [each for each in results if copied_run(each, index, bars) <= max_copy]
        kept += novel
        rejected += len(results) - len(novel)
        if len(kept) == num:
            return kept, rejected
    raise ConfigError(
        f"--max-copy {max_copy} is kept by {len(kept)} of {num} pieces, after {rejected} were thrown away: "
        "allow longer copies, or raise --temperature"
    )


def copied_run(result: Result, index: NoveltyIndex, bars: int) -> int:
    """How many notes the longest copied run has in the last so many bars of a piece."""
    lines = bar_ticks(result.score)
    first = min(result.bars - bars, len(lines) - 1)
    return max_copied_run(result.score, index, since=int(lines[first]))
