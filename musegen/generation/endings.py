"""Pieces that come to rest: as many of them end on the tonic of their key as of the training pieces do.

Most folk tunes do, and a small model that is sampled loses sight of the key now and then. So a few candidates
are written of each piece, and where an ending on the tonic is wanted the first that has one is taken. No
token is forced, and which pieces are to have one is drawn by the share that training has.
"""

from collections.abc import Callable

from musegen.generation.requests import Result
from musegen.generation.sampling import RowStreams
from musegen.music.key import ends_on_tonic

CANDIDATES = 3
"""Of each piece: enough where every other one ends on its tonic."""
WISHES = 2**40
"""Number of the random stream from which is drawn what the first piece is to have: beyond all pieces'."""


def generate_ending(
    write: Callable[[int, int], list[Result]], share: float, *, num: int, seed: int
) -> list[Result]:
    """Pieces, a share of which ends on the tonic if their candidates do; piece i does not depend on `num`.

    Args:
        write: makes so many pieces of a seed, candidates of one piece after another.
        share: of the pieces that are to end so, 0 to 1; 0 takes them as they come.
        num: how many pieces.
        seed: fixes everything.
    """
    if not share:
        return write(num, seed)
    candidates = write(num * CANDIDATES, seed)
    wishes = (RowStreams(seed, range(WISHES, WISHES + num)).draw() < share).tolist()
    return [_chosen(candidates[i * CANDIDATES : (i + 1) * CANDIDATES], wishes[i]) for i in range(num)]


def _chosen(candidates: list[Result], wants_rest: bool) -> Result:  # noqa: FBT001 - it is what is wished for
    at_rest = (each for each in candidates if wants_rest and ends_on_tonic(each.score))
    return next(at_rest, candidates[0])
