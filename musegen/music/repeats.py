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
