"""Which built-in tunes change when accidentals hold through the bar, and do other readers agree?

    python -m benchmarks.accidentals [--out FILE] [--judged 50] [--abcjs FOLDER]

Every tune of the books of `folk` is read with accidentals that end with their note, and with those that hold
as the corpus says. Prints the tunes and notes that differ, by book; --out gets each of them with the pitches
that change, a line a tune. So many of them, spread evenly, are read by abc2midi and abcjs too, as printed
(`benchmarks.judges`), and what differs is printed.
"""

import json
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import judges
from benchmarks.comparable import printed_abc
from benchmarks.judges import JudgeError
from benchmarks.reading import compared, notes_of
from benchmarks.runner import benchmark
from musegen.data.corpora import CORPORA, PROPAGATE
from musegen.errors import MidiError
from musegen.music.reading.abc.tune import parse_abc
from musegen.music.reading.abc.tunebook import split_abc


class Change(NamedTuple):
    """A tune whose pitches change."""

    tune: str
    text: str
    old: list[int]
    new: list[int]
    at: list[int]
    """The notes that change, by number from 0, in the order of print."""


def changes(book: str) -> list[Change]:
    """The tunes of a book that change."""
    folder = Path(str(distribution("music21").locate_file("music21"))) / "corpus" / book
    found = []
    for path in sorted(folder.glob("*.abc")):
        for number, text in enumerate(split_abc(path.read_text("utf-8", errors="replace")), start=1):
            flat = printed_abc(text)
            try:
                old, new = (_pitches(flat, mode) for mode in ("not", PROPAGATE[book]))
            except MidiError:
                continue
            at = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
            if at:
                found.append(Change(f"{book}/{path.stem}#{number}", flat, old, new, at))
    return found


def _pitches(text: str, propagate: str) -> list[int]:
    score = parse_abc(text, propagate).score
    return [
        n.pitch for track in score.tracks for n in sorted(track.notes, key=lambda n: (n.time, n.duration))
    ]


def verdicts(change: Change, propagate: str, abcjs: Path | None) -> dict[str, str]:
    """How each other reader compares with ours on a tune."""
    said = change.text.replace("\nK:", f"\n%%propagate-accidentals {propagate}\nK:", 1)
    ours = notes_of(parse_abc(change.text, propagate).score, has_drums=True)
    found = {}
    for name in ("abc2midi", "abcjs")[: 2 if abcjs else 1]:
        try:
            theirs = (
                judges.by_abc2midi(said) if name == "abc2midi" else judges.by_abcjs(said, abcjs or Path())
            )
            found[name] = " ".join(compared(ours, theirs)).strip()
        except JudgeError as error:
            found[name] = str(error)
    return found


def show(found: dict[str, Any]) -> str:
    """The counts, and what differs."""
    lines = [f"{book}: {tunes} tunes, {notes} notes" for book, (tunes, notes) in found["books"].items()]
    lines += [f"{name}: {dict(counts)}" for name, counts in found["judged"].items()]
    lines += [f"    {tune} {name}: {words}" for tune, name, words in found["differ"]]
    return "\n".join(lines)


@benchmark(show)
def main(*, out: Path | None = None, judged: int = 50, abcjs: Path | None = None) -> dict[str, Any]:
    """List the tunes that change, and have some read by others.

    Args:
        out: a file for the tunes that change, with their pitches
        judged: how many of them others read
        abcjs: the folder of the npm package abcjs
    """
    found = {book: changes(book) for book in CORPORA["folk"].books}
    everything = [change for book in found.values() for change in book]
    if out:
        rows = [
            {"tune": c.tune, "changes": [[i, c.old[i], c.new[i]] for i in c.at], "old": c.old, "new": c.new}
            for c in everything
        ]
        out.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    counts: dict[str, Counter[str]] = {}
    differ = []
    for change in everything[:: max(1, len(everything) // max(1, judged))][:judged]:
        for name, words in verdicts(change, PROPAGATE[change.tune.split("/")[0]], abcjs).items():
            counts.setdefault(name, Counter())[words.split(" ")[0]] += 1
            if words != "same":
                differ.append((change.tune, name, words))
    return {
        "books": {book: (len(rows), sum(len(row.at) for row in rows)) for book, rows in found.items()},
        "judged": counts,
        "differ": differ,
    }
