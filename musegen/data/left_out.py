"""Why music is left out, in a line."""

import re
from collections import Counter
from collections.abc import Mapping

_VARIES = re.compile(r"\d[\d.]*|'[^']*'|(?<=sound at once in )[^;]*")
"""Numbers and names of tracks."""
_UNKNOWN_METRE = re.compile(r"time signature (\d+/\d+) is not in the vocabulary")


def in_words(counts: Mapping[str, int]) -> str:
    """The reasons with their numbers; those that differ in a number or a name alone are one.

    Args:
        counts: how often each reason applies.
    """
    metres: Counter[str] = Counter()
    groups: dict[str, Counter[str]] = {}
    for reason, count in counts.items():
        if unknown := _UNKNOWN_METRE.match(reason):
            metres[unknown[1]] += count
        else:
            groups.setdefault(_VARIES.sub("N", reason), Counter())[reason] += count
    words = []
    if metres:
        [(most, count)] = metres.most_common(1)
        which = f"{len(metres)} unusual time signatures, most often"
        words.append(f"{which if len(metres) > 1 else 'unusual time signature'} {most} (x{count})")
    for group in groups.values():
        [(reason, _)] = group.most_common(1)
        words.append(f"{reason}{' and the like' if len(group) > 1 else ''} (x{group.total()})")
    return "; ".join(words)
