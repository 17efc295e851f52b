"""The order in which printed measures are played."""

from typing import NamedTuple


class Printed(NamedTuple):
    """What a printed measure says about the order; see `unroll`."""

    start: bool = False
    """A repeat begins here."""
    end: int = 0
    """A repeat ends here: how often it is played in all (2 is usual), 0 where none ends."""
    endings: tuple[int, ...] = ()
    """The passes in which the measure is played (first and second endings), () for all."""
    section: bool = False
    """A double or final barline closes the measure."""
    jump: str = ""
    """After it: DaCapo or DalSegno, with nothing, AlFine or AlCoda behind."""
    segno: bool = False
    """A segno stands at its begin."""
    coda: bool = False
    """A coda sign stands at its begin: of two, the first is left for the second after the jump."""
    fine: bool = False
    """Fine: after the jump, the piece ends with it."""


def unroll(measures: list[Printed], *, sections_start: bool) -> list[int] | None:
    """Indices of the measures as played, or None where the endings do not fit the repeats.

    An end of repeat goes back to the last start, the end of the last repeat, or the beginning.

    Args:
        measures: as printed.
        sections_start: a double barline is a start too, as in ABC.
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
    """How often the repeat that ends at measure `i` is played: by its endings, else as it says."""
    if not measures[i].endings:
        return measures[i].end
    first = last = i
    while first > 0 and measures[first - 1].endings:
        first -= 1
    while last + 1 < len(measures) and measures[last + 1].endings:
        last += 1
    return max(max(m.endings) for m in measures[first : last + 1])


def follow_jump(measures: list[Printed], order: list[int]) -> list[int] | None:
    """The `order` of `unroll` with its jump; None where there are several, or the signs it needs are missing.

    After the jump nothing is repeated, and the last endings are taken.
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
    """Measure `i` belongs to the last of the endings it stands among."""
    return max(measures[i].endings) == _turns(measures, i)
