"""Is the tune of a band file found? The rule of musegen and the one before, on files labelled by hand.

    python -m benchmarks.melody_tracks WILD [--half kept] [--json]

WILD is a folder with the files that benchmarks/melody_tracks.csv names; its header says how the labels were
made. A file is right (the tune, or "none" where there is none, without a doubt), in doubt (one line says that
another track is about as likely, or that the track has few notes) or wrong without a word. The targets for
the half kept aside: 85% right, at most 10% in doubt, at most 5% wrong without a word. The wrong tracks are
counted by kind. The weights are fitted on the half for tuning, so its figures are those of seen files.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from symusic import Score

from benchmarks.runner import benchmark
from musegen.cli.tables import print_facts, print_rows
from musegen.errors import DataError
from musegen.music.melody import melody_track
from musegen.music.notes import last_end, note_arrays
from musegen.music.reading.read import read_score
from musegen.music.roles import track_role

LABELS = Path(__file__).with_suffix(".csv")
LEAST, MOST_DOUBT, MOST_WRONG = 0.85, 0.10, 0.05
"""The targets."""
FEW = 0.4
"""An effect has a smaller share of the median number of notes."""


class Labelled(NamedTuple):
    """A file and its label."""

    name: str
    score: Score
    tracks: set[int]
    """The right tracks, from 0."""
    none: bool
    """Whether "none" is right."""
    is_tuning: bool


def read_labelled(folder: Path) -> Iterator[Labelled]:
    """The labelled files in a folder.

    Raises:
        DataError: a file is missing or another.
    """
    lines = [line for line in LABELS.read_text("utf-8").splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        path = folder / row["file"]
        if not path.exists() or not hashlib.sha256(path.read_bytes()).hexdigest().startswith(row["sha256"]):
            raise DataError(f"{path} is missing, or not the file that was labelled")
        words = row["tracks"].split()
        tracks = {int(word) - 1 for word in words if word != "-"}
        yield Labelled(
            row["file"], read_score(path)[0], tracks, "-" in words, int(row["sha256"][0], 16) % 2 == 0
        )


def pitched(score: Score) -> list[int]:
    """The tracks that may be a tune."""
    return [i for i, track in enumerate(score.tracks) if not track.is_drum and len(track.notes)]


def now(score: Score) -> tuple[int | None, bool]:
    """The track that musegen takes (None: "none"), and whether it says that it is in doubt."""
    found = melody_track(score)
    return (None if found.how == "unlikely" else found.track), found.how in ("uncertain", "sparse")


def before(score: Score) -> tuple[int | None, bool]:
    """The rule before: one named track, one voice, else weights fitted to POP909; never in doubt."""
    candidates = pitched(score)
    names = re.compile(r"\b(melod\w*|vocals?|vox|sing(er|ing)?|soprano|cantus|lead vocals?)\b", re.IGNORECASE)
    named = [i for i in candidates if names.search(score.tracks[i].name)]
    if len(candidates) == 1 or len(named) == 1:
        return [*named, *candidates][0], False
    counts = {i: len(score.tracks[i].notes) for i in candidates}
    busy = [i for i in candidates if counts[i] >= FEW * np.median([*counts.values()])]
    sung = [i for i in busy if score.tracks[i].program in (52, 53, 54, 85)]
    if len(sung) == 1:
        return sung[0], False
    bass = re.compile(r"\b(double|contra)?bass(es|o|\d+)?\b", re.IGNORECASE)
    above = [
        i
        for i in busy
        if not bass.search(score.tracks[i].name) and score.tracks[i].program not in range(32, 40)
    ]
    return _likest(score, above or busy), False


def _likest(score: Score, candidates: list[int]) -> int:
    """The most melody-like track of the rule before."""
    step = max(1, score.tpq // 4, last_end(score) // 50_000 + 1)
    highest = np.full((len(candidates), last_end(score) // step + 1), -1)
    voices, likeness = np.zeros(highest.shape), np.zeros(len(candidates))
    for row, index in enumerate(candidates):
        onsets, durations, pitches, _ = note_arrays(score.tracks[index])
        for onset, end, pitch in zip(onsets, onsets + durations, pitches, strict=True):
            part = slice(onset // step, max(end // step, onset // step + 1))
            highest[row, part] = np.maximum(highest[row, part], pitch)
            voices[row, part] += 1
        order = np.lexsort((pitches, onsets))
        line = pitches[order][np.append(np.diff(onsets[order]) > 0, True)]
        repeated = (np.diff(line) == 0).mean() if len(line) > 1 else 0.0
        likeness[row] = 4 * repeated + 2 * ((pitches >= 55) & (pitches <= 84)).mean() - 5 * pitches.std() / 12
    sounds, some = highest >= 0, max(1, (highest >= 0).any(axis=0).sum())
    likeness += 2 * ((sounds & (highest == highest.max(axis=0))).sum(axis=1) + sounds.sum(axis=1)) / some
    likeness += 6 * (voices == 1).sum(axis=1) / np.maximum(1, sounds.sum(axis=1))
    return candidates[int(np.argmax(likeness))]


def _kind(score: Score, index: int | None) -> str:
    """What a wrong track is."""
    if index is None:
        return "none, though there is a tune"
    track = score.tracks[index]
    onsets, durations, _, _ = note_arrays(track)
    if track_role(track) == "bass":
        return "bass"
    if len(onsets) < FEW * np.median([len(score.tracks[i].notes) for i in pitched(score)]):
        return "effect"
    is_long = np.median(durations) >= 2 * score.tpq
    if is_long or len(onsets) >= 1.5 * len(np.unique(onsets)):
        return "pad or chords"
    return "counter-melody or riff"


def shares(files: list[Labelled], rule: Any) -> dict[str, Any]:
    """The shares of files by outcome, and the kinds of the wrong tracks."""
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for each in files:
        index, in_doubt = rule(each.score)
        is_right = each.none if index is None else index in each.tracks
        outcomes["right in all"] += is_right
        outcomes["in doubt" if in_doubt else "right" if is_right else "wrong"] += 1
        if not is_right:
            kind = "of a file without a tune" if not each.tracks else _kind(each.score, index)
            kinds[f"{kind}{', in doubt' * in_doubt}"] += 1
    share = {name: outcomes[name] / len(files) for name in ("right", "in doubt", "wrong", "right in all")}
    return {**share, "kinds": dict(kinds.most_common())}


def show(found: dict[str, Any]) -> None:
    """Print the shares in one table, the wrong kinds below."""
    rules = {name: found[name] for name in ("before", "now")}
    print_rows(
        {name: {k: v for k, v in row.items() if k != "kinds"} for name, row in rules.items()},
        f"the tune of {found['files']} files, {found['half']}: shares",
    )
    print_facts({f"wrong, {name}": row["kinds"] for name, row in rules.items()})


def _is_good(found: dict[str, Any]) -> bool:
    row = found["now"]
    return bool(row["right"] >= LEAST and row["in doubt"] <= MOST_DOUBT and row["wrong"] <= MOST_WRONG)


@benchmark(show, is_good=_is_good)
def main(folder: Path, /, *, half: Literal["kept", "tuning"] = "kept") -> dict[str, Any]:
    """The shares of both rules.

    Args:
        folder: of the labelled files
        half: of the files
    """
    files = [each for each in read_labelled(folder) if each.is_tuning == (half == "tuning")]
    measured = {rule.__name__: shares(files, rule) for rule in (before, now)}
    return {"half": half, "files": len(files), **measured}
