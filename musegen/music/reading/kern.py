"""How many notes a Humdrum text holds, counted without a parser of its pitches."""

import re
from collections import Counter

_NOTE = re.compile(r"[A-Ga-g]")


def count_kern(text: str) -> tuple[int, Counter[str]]:
    """The notes written in the **kern spines (grace notes too), and what is not played, in words."""
    written = 0
    spines: list[str] = []
    for line in text.splitlines():
        if not line or line.startswith("!"):
            continue
        cells = line.split("\t")
        if line.startswith("*"):
            spines = _follow(spines, cells)
        elif not line.startswith("="):
            kern = (cell for spine, cell in zip(spines, cells, strict=False) if spine == "**kern")
            written += sum("r" not in note and bool(_NOTE.search(note)) for c in kern for note in c.split())
    orders = len(re.findall(r"^\*>\[", text, re.MULTILINE))
    return written, Counter({"orders of sections (*>[...]) not followed": orders})


def _follow(spines: list[str], cells: list[str]) -> list[str]:
    """The kinds of the spines after a line of interpretations: begun, ended, split, joined, exchanged."""
    kinds: list[str] = []
    joining = exchanged = False
    for i, cell in enumerate(cells):
        kind = spines[i] if i < len(spines) else ""
        if cell.startswith("**"):
            kind = cell
        if not (cell == "*-" or (cell == "*v" and joining)):
            kinds += [kind, kind] if cell == "*^" else [kind, ""] if cell == "*+" else [kind]
        if cell == "*x" and exchanged:
            kinds[-2:] = kinds[:-3:-1]
        exchanged = cell == "*x" and not exchanged
        joining = cell == "*v"
    return kinds
