"""The playing order of notated measures."""

from typing import NamedTuple


class Printed(NamedTuple):
    """The signs of a measure that determine the playing order; see `unroll`."""

    start: bool = False
    """A repeat starts here."""
    end: int = 0
    """Total number of passes of the repeat that ends here (usually 2), 0 if none ends."""
    endings: tuple[int, ...] = ()
    """The passes in which the measure is played (first and second endings); () for all."""
    section: bool = False
    """A double or final barline closes the measure."""
    jump: str = ""
    """A jump after it: DaCapo or DalSegno, optionally followed by AlFine or AlCoda."""
    segno: bool = False
    """It starts with a segno."""
    coda: bool = False
    """It starts with a coda sign: after the jump, playing goes from the first of two to the second."""
    fine: bool = False
    """Fine: after a jump, the piece ends with it."""


def unroll(measures: list[Printed], *, sections_start: bool) -> list[int] | None:
    """Indices of the measures in playing order, or None if the endings do not match the repeats.

    A repeat goes back to the last start, the end of the last repeat, or the beginning.

    Args:
        measures: as notated.
        sections_start: a double barline also starts a repeat, as in ABC.
    """
    order: list[int] = []
    start, turn, i = 0, 1, 0
    while i < len(measures):
        measure = measures[i]
        after_endings = i > 0 and bool(measures[i - 1].endings) and not measure.endings
        if i > start and turn == 1 and sections_start and measures[i - 1].section and not measure.endings:
            start = i
        if i > start and (measure.start or after_endings):
            start, turn = i, 1
        if measure.endings and turn not in measure.endings:
            i += 1
            continue
        order.append(i)
        if measure.end and turn < _turns(measures, i):
            turn += 1
            i = start
            continue
        if measure.end and not (i + 1 < len(measures) and measures[i + 1].endings):
            start, turn = i + 1, 1
        i += 1
    return order if set(order) == set(range(len(measures))) else None


def _turns(measures: list[Printed], i: int) -> int:
    """Number of passes of the repeat that ends at measure `i`: by its endings, else as marked."""
    if not measures[i].endings:
        return measures[i].end
    first = last = i
    while first > 0 and measures[first - 1].endings:
        first -= 1
    while last + 1 < len(measures) and measures[last + 1].endings:
        last += 1
    return max(max(m.endings) for m in measures[first : last + 1])


def follow_jump(measures: list[Printed], order: list[int]) -> list[int] | None:
    """The `order` of `unroll` with its jump; None if there are several, or their signs are missing.

    After the jump nothing is repeated, and the last endings are played.
    """
    jumps, segnos, codas, fines = (
        [i for i, measure in enumerate(measures) if getattr(measure, sign)]
        for sign in ("jump", "segno", "coda", "fine")
    )
    if len(jumps) != 1:
        return None
    (jump,), goal = jumps, measures[jumps[0]].jump
    if goal.startswith("DalSegno") and not segnos:
        return None
    start = segnos[0] if goal.startswith("DalSegno") else 0
    again = list(range(start, len(measures)))
    if goal.endswith("AlFine"):
        if not fines:
            return None
        again = list(range(start, fines[0] + 1))
    elif goal.endswith("AlCoda"):
        if len(codas) != 2:
            return None
        again = [*range(start, codas[0]), *range(codas[1], len(measures))]
    before = order[: len(order) - order[::-1].index(jump)]
    played = before + [i for i in again if not measures[i].endings or _is_last(measures, i)]
    return played if set(played) == set(order) else None


def _is_last(measures: list[Printed], i: int) -> bool:
    """Whether measure `i` belongs to the last ending of its repeat."""
    return max(measures[i].endings) == _turns(measures, i)
