"""The playing order of notated measures."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_JUMP = re.compile(r"(dc|dacapo|ds|dalsegno|dals)(?:al(?:la)?(fine|coda))?(?:(?:poi|then|eal|and|senza).*)?")
_LIKE_JUMP = re.compile(
    r"\bd\.? ?(?:[cs]\b|%)|\bda ?capo\b|\bdal ?segno\b|\b(?:to|da) ?coda\b|\bal(?:la)? (?:coda|segno)\b"
    r"|[𝄋%] ?al\b|\b(?:back|repeat|return) (?:to|from)\b(?! (?:a )?tempo)"
    r"|\bfrom the (?:top|beginning|start)\b|\bv(?:om|on) (?:anfang|vorne?)\b",
    re.IGNORECASE,
)
UNCLEAR = "unclear"


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
    label: str = ""
    """The name of the part of the piece that starts with it; see `in_order`."""


def merged_signs(signs: Iterable[Printed]) -> Printed:
    """The signs of a measure of which several voices or barlines have a part each."""
    return Printed(*(max(values) for values in zip(*signs, strict=True)))


def read_jump(words: str) -> str:
    """What words say about the order of playing.

    Returns:
        a jump as in `Printed`, "fine", "segno", "coda" (it begins here), "tocoda" (here one leaves for it),
        UNCLEAR for a jump that is not understood, or "".
    """
    plain = re.sub(r"[^a-z]", "", words.lower())
    found = _JUMP.fullmatch(plain)
    if found:
        goal = {"fine": "AlFine", "coda": "AlCoda"}.get(found[2] or "", "")
        return ("DaCapo" if found[1] in ("dc", "dacapo") else "DalSegno") + goal
    if plain in ("fine", "segno", "coda", "tocoda", "dacoda", "alcoda"):
        return "tocoda" if plain in ("dacoda", "alcoda") else plain
    return UNCLEAR if _LIKE_JUMP.search(words) else ""


def whole_endings(measures: Sequence[Printed]) -> list[Printed]:
    """The measures with endings as they are meant.

    A bracket that stops short of its repeat sign goes on to it, if an ending with a higher number follows or
    the sign is for more passes than the bracket. Endings with a number that is taken get the next one.
    """
    whole = list(measures)
    for i in range(1, len(whole)):
        before = whole[i - 1].endings
        if before and not whole[i].endings and not whole[i - 1].end:
            end = next(
                (k for k in range(i, len(whole)) if whole[k].end or whole[k].endings or whole[k].start), i
            )
            after = whole[end + 1].endings if end + 1 < len(whole) else ()
            is_meant = whole[end].end > max(2, *before) or (bool(after) and min(after) > max(before))
            if whole[end].end and not whole[end].endings and is_meant:
                whole[i : end + 1] = [m._replace(endings=before) for m in whole[i : end + 1]]
    return _counted(whole)


def unended(measures: Sequence[Printed]) -> int:
    """The number of repeats that begin and are never ended: they are played once."""
    count, is_open = 0, False
    for measure in measures:
        count += measure.start and is_open
        is_open = (is_open or measure.start) and not (measure.end or measure.endings)
    return count + is_open


def _counted(measures: list[Printed]) -> list[Printed]:
    """The measures; endings with a number of one before in the same repeat get the next, or all from 1."""
    counted = list(measures)
    for bracket, first in _groups(measures):
        spans = [first]
        spans += [i for i in range(first + 1, bracket.last + 1) if _begins(measures, i)]
        ends = [*spans[1:], bracket.last + 1]
        if not all(measures[end - 1].end for end in ends[:-1]):  # an ending may go on in a later bracket
            continue
        taken: set[int] = set()
        for a, b in zip(spans, ends, strict=True):
            numbers = measures[a].endings
            if taken & set(numbers) or (not taken and 1 not in numbers and _are_equal(measures, spans)):
                numbers = (max(taken, default=0) + 1,)
                counted[a:b] = [m._replace(endings=numbers) for m in measures[a:b]]
            taken |= set(numbers)
    return counted


def _are_equal(measures: Sequence[Printed], spans: Sequence[int]) -> bool:
    """Whether two endings or more, which begin with the measures `spans`, have the same numbers."""
    return len(spans) > len({measures[i].endings for i in spans})


def _begins(measures: Sequence[Printed], i: int) -> bool:
    """Whether another ending begins with measure `i` than goes on in the one before."""
    return bool(measures[i - 1].end) or measures[i].endings != measures[i - 1].endings


def in_order(measures: Sequence[Printed], parts: Sequence[str], *, sections_start: bool) -> list[int] | None:
    """Indices of the measures in playing order: each labelled part as often as `parts` names it.

    What precedes the first label is played once. None if a part is missing or is never played.
    """
    begins = [i for i, measure in enumerate(measures) if measure.label]
    ends = [*begins[1:], len(measures)]
    spans = {measures[a].label: (a, b) for a, b in zip(begins, ends, strict=True)}
    if len(spans) < len(begins) or set(spans) != set(parts):
        return None
    order: list[int] = []
    for first, last in [(0, begins[0]), *(spans[part] for part in parts)]:
        order += [first + i for i in unroll(measures[first:last], sections_start=sections_start)]
    return order


def unroll(measures: Sequence[Printed], *, sections_start: bool) -> list[int]:
    """Indices of the measures in playing order; some are missing if the endings do not match the repeats.

    A repeat goes back to the last start, the end of the last repeat, or the beginning. A first ending goes
    back even without its sign, unless a jump follows. A pass before the last without an ending takes that of
    the pass before: endings 1 and 3 are played 1, 1, 3.

    Args:
        measures: as notated.
        sections_start: outside a repeat whose start is marked, a double barline starts one, as in ABC.
    """
    order: list[int] = []
    brackets = _brackets(measures)
    start, turn, marked, i = 0, 1, False, 0
    while i < len(measures):
        measure, bracket = measures[i], brackets[i]
        before = measures[i - 1] if i > start else None
        if before and before.endings and not measure.endings:
            start, turn, marked = i, 1, measure.start
        elif before and measure.start and turn == 1:
            start, marked = i, True
        elif before and turn == 1 and sections_start and before.section and not (marked or measure.endings):
            start = i
        marked |= measure.start
        if bracket and bracket.ending(turn) not in measure.endings:
            i += 1
            continue
        order.append(i)
        if turn < _turns(measures, i, bracket):
            turn += 1
            i = start
            continue
        if measure.end and not (i + 1 < len(measures) and measures[i + 1].endings):
            start, turn, marked = i + 1, 1, False
        i += 1
    return order


class _Bracket(NamedTuple):
    """The endings of a repeat."""

    last: int
    """The last measure with an ending."""
    passes: frozenset[int]
    """The passes that they are for."""
    is_alone: bool = False
    """One ending without a repeat sign: it is played like any other measure."""

    def ending_after_jump(self) -> int:
        """The last ending; 2 for a first ending alone, which has none."""
        return max(self.passes) if self.is_alone else max(2, *self.passes)

    def ending(self, turn: int) -> int:
        """The ending that is played in a pass."""
        if self.is_alone:
            return max(self.passes)
        if turn in self.passes or turn > max(self.passes):
            return turn
        return max((n for n in self.passes if n < turn), default=turn)


def _groups(measures: Sequence[Printed]) -> list[tuple[_Bracket, int]]:
    """The endings of each repeat that has them, and the first measure of these."""
    groups: list[tuple[_Bracket, int]] = []
    first = 0
    while first < len(measures):
        last = first
        while last < len(measures) and measures[last].endings:
            last += 1
        if last > first:
            inside = measures[first:last]
            passes = frozenset(n for measure in inside for n in measure.endings)
            is_alone = len(passes) == 1 and not any(m.end for m in inside)
            groups.append((_Bracket(last - 1, passes, is_alone=is_alone), first))
        first = max(last, first + 1)
    return groups


def _brackets(measures: Sequence[Printed]) -> list[_Bracket | None]:
    """The endings to which each measure belongs, if to any."""
    brackets: list[_Bracket | None] = [None] * len(measures)
    for bracket, first in _groups(measures):
        brackets[first : bracket.last + 1] = [bracket] * (bracket.last + 1 - first)
    return brackets


def _turns(measures: Sequence[Printed], i: int, bracket: _Bracket | None) -> int:
    """Number of passes of the repeat whose end measure `i` is, by its endings or as marked; 0: of none."""
    this = measures[i]
    if bracket is None or this.end:
        return max(2, this.end, *bracket.passes) if bracket else this.end
    if bracket.is_alone:
        return 0
    goes_on = any(set(m.endings) & set(this.endings) for m in measures[i + 1 : bracket.last + 1])
    return 0 if goes_on or this.jump else max(2, *bracket.passes)


def follow_jump(measures: Sequence[Printed], order: list[int]) -> list[int] | None:
    """The `order` of `unroll` with its jump; None if there are several, or their signs are missing.

    After the jump nothing is repeated, and the last endings are played. A jump that does not say where it
    ends goes to a Fine if there is one on its way, and else to the coda if both its signs are there.
    """
    jumps, segnos, codas, fines = (
        [i for i, measure in enumerate(measures) if getattr(measure, sign)]
        for sign in ("jump", "segno", "coda", "fine")
    )
    if len(jumps) != 1:
        return None
    (jump,), goal = jumps, measures[jumps[0]].jump
    if goal in ("DaCapo", "DalSegno") and len(codas) == 2 and not fines:
        goal += "AlCoda"
    if goal.startswith("DalSegno") and not segnos:
        return None
    start = segnos[0] if goal.startswith("DalSegno") else 0
    again = list(range(start, len(measures)))
    tail: list[int] = []  # what is played for the first time after the jump, with its repeats
    ends = [fine for fine in fines if fine >= start]
    if goal.endswith("AlCoda"):
        if len(codas) != 2:
            return None
        again = [*range(start, codas[0])]
        tail = order[order.index(codas[1]) :] if codas[1] in order else []
    elif ends:
        again = list(range(start, ends[0] + 1))
    elif goal.endswith("AlFine"):
        return None
    if jump not in order:
        return None
    before = order[: len(order) - order[::-1].index(jump)]
    last_of = [bracket and bracket.ending_after_jump() for bracket in _brackets(measures)]
    played = before + [i for i in again if not last_of[i] or last_of[i] in measures[i].endings] + tail
    return played if set(played) >= set(order) else None
