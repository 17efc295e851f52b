"""Small files of kinds that readers get wrong, with what their notation says (faults/manifest.json).

Times are in quarter notes and hold to 0.02; all onsets may be later by one constant, the rest before a
pickup. In `expect`: `or` has other notes that are right too; a null pitch or length is any, and a pitch that
ends in .5 either neighbour; `said` with `words` is what must be said if the notes differ (with `must_say` in
any case); `may_refuse` allows to refuse the file, `refused` wants it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from symusic import Score

from musegen.errors import MidiError
from musegen.music.reading.read import read_score

FOLDER = Path(__file__).with_name("faults")
ENTRIES = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
CLOSE = 0.02
Note = list[Any]


def notes(score: Score) -> list[Note]:
    quarter = score.tpq
    return [[n.time / quarter, n.duration / quarter, n.pitch] for t in score.tracks for n in t.notes]


def is_same(wanted: Note, came: Note, later: float) -> bool:
    onset, length, pitch = wanted
    return (
        abs(came[0] - later - onset) <= CLOSE
        and (came[1] > 0 if length is None else abs(came[1] - length) <= CLOSE)
        and (pitch is None or abs(came[2] - pitch) <= (0.5 if pitch % 1 else 0))
    )


def later_by(wanted: list[Note], came: list[Note]) -> float | None:
    """The constant by which all notes come later; None if they are not the same notes."""
    if len(wanted) != len(came):
        return None
    later = min(n[0] for n in came) - min(n[0] for n in wanted)
    left = sorted(came)
    for note in sorted(wanted, key=lambda n: (n[0], n[2] or 0)):
        found = next((i for i, other in enumerate(left) if is_same(note, other, later)), None)
        if found is None or later < -CLOSE:
            return None
        del left[found]
    return later


def steps(marks: list[tuple[float, Any]], later: float, default: Any) -> list[tuple[float, Any]]:
    """A map of what holds from when on, without marks that change nothing."""
    held: dict[float, Any] = {} if default is None else {0.0: default}
    for onset, value in sorted(marks):
        held[round(onset + later, 1) if onset > CLOSE else 0.0] = value
    kept: list[tuple[float, Any]] = []
    for step in sorted(held.items()):
        if not kept or kept[-1][1] != step[1]:
            kept.append(step)
    return kept


def has_tracks(wanted: list[dict[str, Any]], score: Score) -> bool:
    left = list(score.tracks)
    for track in wanted:
        fits = (
            i
            for i, t in enumerate(left)
            if track["notes"] in (None, len(t.notes))
            and track["drums"] == t.is_drum
            and track["program"] in (None, t.program)
        )
        found = next(fits, None)
        if found is None:
            return False
        del left[found]
    return not left


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])
def test_a_file_reads_as_its_notation_says(entry: dict[str, Any]) -> None:
    expect = entry["expect"]
    try:
        score, repairs = read_score(FOLDER / entry["file"])
    except MidiError:
        assert expect.get("refused") or expect.get("may_refuse"), entry["says"]
        return
    assert not expect.get("refused"), expect["because"]
    is_said = any(word in line.lower() for word in expect.get("words", []) for line in repairs)
    if expect.get("must_say"):
        assert is_said, expect["said"]
    is_excused = is_said and "said" in expect and not expect.get("must_say")
    choices = [later_by(wanted, notes(score)) for wanted in (expect["notes"], *expect.get("or", []))]
    later = next((found for found in choices if found is not None), None)
    assert later is not None or is_excused, (entry["says"], notes(score))
    assert is_excused or "tracks" not in expect or has_tracks(expect["tracks"], score)
    if later is None:
        return
    metres = [(t.time / score.tpq, f"{t.numerator}/{t.denominator}") for t in score.time_signatures]
    tempos = [(t.time / score.tpq, round(t.qpm)) for t in score.tempos]
    keys = [(k.time / score.tpq, k.key) for k in score.key_signatures]
    for name, came, default in (
        ("time_signatures", metres, None),
        ("tempos", tempos, 120),
        ("keys", keys, 0),
    ):
        if name in expect and not is_excused:
            wanted = [tuple(mark) for mark in expect[name]]
            assert steps(came, 0.0, default) == steps(wanted, later, default), name
