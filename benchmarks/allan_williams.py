"""Bach's chorales of Allan and Williams (2005) as MIDI files under the canonical split.

    python -m benchmarks.allan_williams DATA OUT     DATA/{music,mapping-to-jsb16th.csv}, DATA/../jsb-chorales

Writes OUT/{train,valid,test}/bchNNN.mid, four tracks with true onsets and holds, for `musegen prepare`.
The texts of DATA/music have one line per sixteenth note and one column per voice: a pitch where a note
begins (octaves from C3, H is B), P for a rest, nothing where a note continues. The mapping names, for each
piece of Jsb16thSeparated.json, the canonical split, the text with the same music.
"""

import csv
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from symusic import Note, Score, Tempo, TimeSignature, Track

from benchmarks.runner import benchmark
from benchmarks.runs import write_score
from musegen.music.metre import express

VOICES = ("Soprano", "Alto", "Tenor", "Bass")
CHOIR = 52
"""The General MIDI program, from 0."""
TICKS_PER_QUARTER = 480
FRAME = TICKS_PER_QUARTER // 4
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 10, "H": 11}
Grid = Literal["notes", "quarter", "sixteenth"]
"""The notes of the score; or what sounds at each quarter or sixteenth, equal neighbours held."""
Pitches = npt.NDArray[np.int64]


class Span(NamedTuple):
    """A note, in sixteenths."""

    voice: int
    onset: int
    duration: int
    pitch: int


class Chorale(NamedTuple):
    """A piece of the canonical split."""

    name: str
    split: str
    is_minor: bool
    metre: tuple[int, int]
    pickup: int
    """Sixteenths before the first bar line."""
    frames: Pitches
    """(sixteenths, 4) MIDI pitches, -1 for a rest."""
    notes: list[Span]


def read_chorales(data: Path) -> Iterator[Chorale]:
    """All pieces of the canonical split.

    Args:
        data: Allan and Williams' folder, with the mapping in it and jsb-chorales next to it.
    """
    canon = json.loads((data.parent / "jsb-chorales" / "Jsb16thSeparated.json").read_text("utf-8"))
    with (data / "mapping-to-jsb16th.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        frames = np.array(canon[row["split"]][int(row["index"])], np.int64)
        text = (data / "music" / f"bch{row['bch_id']}.txt").read_text("latin-1")
        metre, pickup, notes = parse_chorale(text, len(frames))
        is_minor = row["key"].lower().endswith("moll")
        yield Chorale(f"bch{row['bch_id']}", row["split"], is_minor, metre, pickup, frames, notes)


def parse_chorale(text: str, frames: int) -> tuple[tuple[int, int], int, list[Span]]:
    """Metre, pickup in sixteenths, and notes of a text whose first `frames` lines are music."""
    head, _, body = text.replace("\r", "").partition("HARMONIK\n")
    found = re.search(r"^Takt = (\d+)/(\d+)$", head, re.MULTILINE)
    assert found, "no metre"
    rows = [(line.split("\t") + [""] * 6)[:6] for line in body.split("\n")[1 : frames + 1]]
    bar_lines = [frame for frame, row in enumerate(rows) if row[1].strip()]
    bar = 16 * int(found[1]) // int(found[2])
    assert all(line % bar == bar_lines[0] % bar for line in bar_lines), "a bar of another length"
    notes = []
    for voice in range(4):
        marks = [(frame, row[2 + voice].strip()) for frame, row in enumerate(rows) if row[2 + voice].strip()]
        ends = [*(frame for frame, _ in marks[1:]), frames]
        for (frame, mark), end in zip(marks, ends, strict=True):
            notes += [] if mark == "P" else [Span(voice, frame, end - frame, _pitch(mark))]
    return (int(found[1]), int(found[2])), bar_lines[0] % bar, notes


def _pitch(mark: str) -> int:
    """The MIDI pitch of a mark such as C#2 or "A -1"."""
    found = re.fullmatch(r"([A-H])(#*|b*) *(-?\d+)", mark)
    assert found, f"no pitch: {mark!r}"
    return 48 + 12 * int(found[3]) + SEMITONES[found[1]] + found[2].count("#") - found[2].count("b")


def sounding_spans(frames: Pitches, step: int) -> list[Span]:
    """What sounds at every `step`-th sixteenth as notes, equal neighbours held."""
    notes = []
    for voice in range(frames.shape[1]):
        row = frames[::step, voice]
        changes = [*np.flatnonzero(np.diff(row, prepend=-2)).tolist(), len(row)]
        for begin, end in pairwise(changes):
            if row[begin] >= 0:
                notes.append(Span(voice, begin * step, (end - begin) * step, int(row[begin])))
    return notes


def chorale_score(chorale: Chorale, grid: Grid = "notes") -> Score:
    """The piece with one track per voice; the pickup is a short first bar."""
    step = 4 if grid == "quarter" else 1
    spans = chorale.notes if grid == "notes" else sounding_spans(chorale.frames, step)
    score = Score(TICKS_PER_QUARTER)
    score.tempos.append(Tempo(0, 100))
    if chorale.pickup and (first := express(chorale.pickup * FRAME, TICKS_PER_QUARTER)):
        score.time_signatures.append(TimeSignature(0, *first))
    score.time_signatures.append(TimeSignature(chorale.pickup * FRAME, *chorale.metre))
    score.tracks = [Track(name, CHOIR, is_drum=False) for name in VOICES]
    for span in spans:
        note = Note(span.onset * FRAME, span.duration * FRAME, span.pitch, 80)
        score.tracks[span.voice].notes.append(note)
    return score


@benchmark()
def main(data: Path, out: Path, /) -> None:
    """Write the MIDI files.

    Args:
        data: Allan and Williams' folder
        out: folder for the MIDI files
    """
    for chorale in read_chorales(data):
        write_score(chorale_score(chorale), out / chorale.split / f"{chorale.name}.mid")
