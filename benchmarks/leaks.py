"""Do held-out pieces have other versions in training? Splits with and without groups, judged by file names.

    python -m benchmarks.leaks DATASET --truth stem|folder|title|file [--group folder] [--json]

What is a version of one piece is taken from the names alone, and so not from the music that groups: files
of the same name in several folders (`stem`: nottingham/MIDI), files in one folder (`folder`: performances by
piece; "_no_repeat" and "_repeat" at its end do not count), pieces of the same title (`title`: folk; the name
of the first track), or nothing but the file itself (`file`: POP909). Prints the share of the held-out pieces
that have another version in training, when each piece is split by itself and when groups are; and how many
pieces are in a group with pieces of other names, with every such pair, its similarity (shared runs over those
needed) and the longest run of notes that one copies from the other, with its rhythm (`musegen novelty`): this
shows whether the names or the group are wrong. The seconds are those of grouping alone.
"""

import re
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from symusic import Score

from benchmarks.runner import benchmark
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.groups import group_pieces
from musegen.data.novelty import build_index, max_copied_run
from musegen.data.splits import split_by_content
from musegen.data.versions import Runs, find_versions, melodic_runs

Truth = Literal["stem", "folder", "title", "file"]
KINDS = r"\b(reel|jig|hornpipe|strathspey|clog|the|a|an|setting|\d+(st|nd|rd|th))\b"
"""Words of a title that do not tell tunes apart."""
QUOTED = 12
"""With a shorter copied run, a pair of different names is listed as doubtful."""


class Leaks(NamedTuple):
    """Held-out pieces with another version in training, by names."""

    held_out: int
    leaking: int
    valid: int
    test: int

    @property
    def share(self) -> float:
        """Of the held-out pieces, 0 to 1."""
        return self.leaking / max(1, self.held_out)


class Mixed(NamedTuple):
    """A pair of pieces of different names that were grouped."""

    one: str
    other: str
    similarity: float
    copied: int
    """The longest copied run in notes."""


def true_piece(piece: IndexEntry, score: Score, truth: Truth) -> str:
    """What the names say that a piece is."""
    folder, _, stem = piece.name.rpartition("/")
    match truth:
        case "stem":
            return stem
        case "folder":
            return re.sub("_(no|extra)_repeat$|_repeat$", "", folder)
        case "title":
            title = re.sub(KINDS, " ", score.tracks[0].name.lower().replace("'", ""))
            words = " ".join(sorted(re.findall("[a-z]+", title)))
            return words or piece.name
        case "file":
            return piece.name


def count_leaks(splits: list[str], truth: list[str]) -> Leaks:
    """How many held-out pieces have another version in training."""
    train = {name for name, split in zip(truth, splits, strict=True) if split == "train"}
    held_out = [name for name, split in zip(truth, splits, strict=True) if split != "train"]
    leaking = sum(name in train for name in held_out)
    return Leaks(len(held_out), leaking, splits.count("valid"), splits.count("test"))


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    for name in ("each piece by itself", "groups"):
        leaks = found[name]
        print(
            f"{name}: {leaks.leaking} of {leaks.held_out} held-out pieces ({leaks.share:.1%}) have another "
            f"version in training; {leaks.valid} valid, {leaks.test} test"
        )
    print(f"{found['pieces']} pieces in {found['count']} groups in {found['seconds']:.1f} s")
    print(f"largest groups: {found['largest']}")
    mixed, pieces = found["mixed"], found["pieces"]
    print(
        f"in a group with other names: {found['mixed pieces']} pieces ({found['mixed pieces'] / pieces:.1%})"
    )
    print(f"of them doubtful (no copied run of {QUOTED} notes): {found['doubtful pieces'] / pieces:.1%}")
    for pair in mixed:
        print(f"  {pair.similarity:.2f} {pair.copied:4d}  {pair.one}  |  {pair.other}")


def mixed_pairs(data: Dataset, scores: list[Score], names: list[str], runs: list[Runs]) -> list[Mixed]:
    """The pairs that are versions of one piece by their music and have different names."""
    links = find_versions(runs)
    titles = [f"{p.name} ({s.tracks[0].name})" for p, s in zip(data.pieces, scores, strict=True)]
    return [
        Mixed(
            titles[one],
            titles[other],
            round(similarity, 2),
            max_copied_run(scores[one], build_index([scores[other]], [""])),
        )
        for (one, other), similarity in zip(links.pairs.tolist(), links.similarity.tolist(), strict=True)
        if names[one] != names[other]
    ]


@benchmark(show)
def main(data: Dataset, /, *, truth: Truth, group: str | None = None) -> dict[str, Any]:
    """Split, and compare with the names.

    Args:
        data: prepared dataset
        truth: what names say
        group: as in musegen prepare
    """
    scores = [data.score(piece) for piece in data.pieces]
    names = [true_piece(piece, score, truth) for piece, score in zip(data.pieces, scores, strict=True)]
    # The index leaves out the suffixes of files, which prepare sees.
    pieces = [replace(p, name=re.sub("(?=#|$)", ".mid", p.name, count=1)) for p in data.pieces]
    begin = time.perf_counter()
    runs = [melodic_runs(score) for score in scores]
    grouping = group_pieces(pieces, runs, group)
    seconds = time.perf_counter() - begin
    prints = [piece.fingerprint for piece in pieces]
    members: dict[int, list[int]] = defaultdict(list)
    for piece, each in enumerate(grouping.groups):
        members[each].append(piece)
    mixed = mixed_pairs(data, scores, names, runs)
    certain = {name for pair in mixed if pair.copied >= QUOTED for name in pair[:2]}
    largest = sorted(members.values(), key=len, reverse=True)[:3]
    return {
        "each piece by itself": count_leaks(split_by_content(prints, list(range(len(prints)))), names),
        "groups": count_leaks(split_by_content(prints, grouping.groups), names),
        "pieces": len(pieces),
        "count": len(members),
        "largest": ", ".join(f"{len(m)} (with {data.pieces[m[0]].name})" for m in largest),
        "seconds": seconds,
        "mixed pieces": sum(len(m) for m in members.values() if len({names[i] for i in m}) > 1),
        "doubtful pieces": len({name for pair in mixed for name in pair[:2]} - certain),
        "mixed": mixed,
    }
