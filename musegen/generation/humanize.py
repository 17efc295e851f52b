"""Play a score: the notes of a file get the onsets, velocities and lengths of a take; all else stays."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from symusic import Score

from musegen.checkpoint.folder import Checkpoint
from musegen.config.performer import PerformerTrainConfig
from musegen.generation.takes import medians, predict, sample_takes
from musegen.models.performer import Performer
from musegen.music.notes import Floats, Ints
from musegen.music.performance import (
    DRUMS,
    SIXTEENTH,
    UNITS,
    Frame,
    Notes,
    Played,
    Sheet,
    instrument_of,
    sheet_of,
)
from musegen.music.writing.midi_edit import (
    Events,
    Part,
    Struck,
    finer,
    parts_of,
    program_changes,
    replayed,
    struck_notes,
    write_events,
)

TICKS = 480
"""Per quarter note, at least, in a file whose onsets move: about a millisecond each."""
ON_POSITION = 0.05
"""Distance from a position, in twelfths of a quarter note, up to which a note stands on it."""
Keep = Literal["timing", "velocity"]
_Change = tuple[Struck, int, int, int]
"""A note with its new onset and end, in ticks, and velocity."""


class ScoreFile(NamedTuple):
    """A score in a file."""

    events: Events
    instruments: Mapping[Part, int]
    """Of the parts that are read, see `music.performance.DRUMS`."""
    played: frozenset[Part]
    """The parts whose notes are played; the others are only read."""
    frame: Frame
    """In quarter notes from the begin of the file."""


class Take(NamedTuple):
    """A score as it was played."""

    midi: bytes
    facts: dict[str, Any]
    """The number of notes, and the means of their absolute changes."""


class _Score(NamedTuple):
    """The notes of a file, and their score."""

    struck: list[Struck]
    notes: Notes
    sheet: Sheet


def humanize_file(
    checkpoint: Checkpoint,
    source: ScoreFile,
    *,
    amount: float = 1.0,
    keep: Keep | None = None,
    num: int = 1,
    seed: int = 0,
) -> list[Take]:
    """Takes of a score.

    Args:
        checkpoint: of a performer.
        source: the score, with notes to play.
        amount: the part of the way from the score to the take, 0 to 1.
        keep: "timing" leaves onsets and lengths as they are, "velocity" velocities.
        num: of takes.
        seed: of all random numbers.
    """
    model = cast(Performer, checkpoint.model)
    events = source.events
    if keep != "timing":
        events = finer(events, -(-TICKS // events.division))
    score = _score_of(events, source, cast(PerformerTrainConfig, checkpoint.config).score.positions)
    logits = predict(model, score.sheet)
    usual = medians(logits)
    takes = []
    for take in sample_takes(model, score.sheet, logits, num=num, seed=seed):
        onset, length, velocity = _between(score, take, usual, amount)
        if keep == "velocity":
            velocity = score.notes.velocity
        changed = list(_changed(events, source.played, score.struck, onset, length, velocity))
        if keep == "timing":
            changed = [(note, note.onset, note.end, louder) for note, _, _, louder in changed]
        takes.append(Take(write_events(replayed(events, changed)), _facts(changed, events, source.frame)))
    return takes


def score_file(events: Events, raw: Score, frame: Frame, numbers: Collection[int]) -> ScoreFile:
    """A score in a file, of which some tracks are played.

    Args:
        events: of the file.
        raw: the Score that was read from it.
        frame: see `ScoreFile`.
        numbers: of the tracks of `raw` whose notes are played, from 0.

    Raises:
        MidiError: a track cannot be found among the events.
    """
    places = parts_of(events, raw)
    instruments = {
        part: instrument_of(track.program, is_drum=track.is_drum)
        for own, track in zip(places, raw.tracks, strict=True)
        for part in own
    }
    played = frozenset(part for number in numbers for part in places[number])
    return ScoreFile(events, instruments, played, frame)


def _score_of(events: Events, source: ScoreFile, positions: int) -> _Score:
    struck = struck_notes(events, source.instruments.keys())
    rows = np.array([(n.onset, n.end - n.onset, n.pitch, n.velocity) for n in struck]).T
    instrument = np.array([source.instruments[note.part] for note in struck])
    notes = Notes(rows[0] / events.division, rows[1] / events.division, rows[2], rows[3], instrument)
    return _Score(struck, notes, sheet_of(notes, source.frame, positions))


def _between(score: _Score, take: Played, usual: Played, amount: float) -> tuple[Floats, Floats, Ints]:
    """Onsets and lengths in quarter notes, and velocities, in the order of the file.

    A note between two positions of the model's grid keeps its place in the score: of its shift, only the
    deviation from the median is used.
    """
    notes, order = score.notes, score.sheet.order
    position = score.sheet.position / UNITS
    is_between = np.abs(notes.onset[order] - position) * UNITS > ON_POSITION
    shift = (take.shift - np.where(is_between, usual.shift, 0.0)) * SIXTEENTH / UNITS
    moves, stretch, louder = np.zeros(len(order)), np.zeros(len(order)), np.zeros(len(order))
    moves[order], louder[order] = shift, take.velocity - notes.velocity[order]
    stretch[order] = np.where(score.sheet.features[:, 1] < DRUMS, take.stretch, 0.0)
    velocity = np.clip(np.round(notes.velocity + amount * louder), 1, 127).astype(np.int64)
    return notes.onset + amount * moves, notes.length * 2.0 ** (amount * stretch), velocity


def _changed(
    events: Events,
    played: frozenset[Part],
    struck: list[Struck],
    onset: Floats,
    length: Floats,
    velocity: Ints,
) -> Iterator[_Change]:
    """The notes with their new onsets and ends in ticks, and velocities."""
    lines: dict[tuple[Part, int], list[int]] = defaultdict(list)
    for number, note in enumerate(struck):
        if note.part in played:
            lines[note.part, note.pitch].append(number)
    begins, spans = (np.round(each * events.division).astype(np.int64) for each in (onset, length))
    for (part, _), numbers in lines.items():
        notes = [struck[number] for number in numbers]
        fitted = _fitted(notes, begins[numbers], spans[numbers], program_changes(events, part))
        for note, (begin, end), number in zip(notes, fitted, numbers, strict=True):
            yield note, begin, end, int(velocity[number])


def _fitted(notes: list[Struck], begins: Ints, spans: Ints, changes: list[int]) -> list[tuple[int, int]]:
    """The onset and end of each note of one pitch of a part, in ticks.

    They keep their order and do not run into each other unless they did; none leaves the time of its
    instrument, which `changes`, or falls before the begin of the file.
    """
    times = np.array([0, *changes, np.iinfo(np.int64).max])
    which = np.searchsorted(times[1:], [note.onset for note in notes], side="right")
    begins = np.maximum.accumulate(np.clip(begins, times[which], times[which + 1] - 1))
    shortest = np.array([min(1, note.end - note.onset) for note in notes])
    ends = begins + np.maximum(spans, shortest)
    for number, (note, after) in enumerate(pairwise(notes)):
        if note.end <= after.onset:
            begins[number + 1] = max(begins[number + 1], begins[number] + shortest[number])
            ends[number] = min(ends[number], begins[number + 1])
    ends = np.maximum(ends, begins + shortest)
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _facts(changed: list[_Change], events: Events, frame: Frame) -> dict[str, Any]:
    """Means of the absolute changes: in milliseconds, and in steps of velocity."""
    when = np.array([note.onset for note, *_ in changed]) / events.division
    which = np.maximum(np.searchsorted(frame.tempo_times, when, side="right") - 1, 0)
    moved = np.array([onset - note.onset for note, onset, *_ in changed]) / events.division
    louder = np.array([velocity - note.velocity for note, *_, velocity in changed])
    return {
        "notes": len(changed),
        "shift_ms": round(float(np.abs(moved * 60_000 / frame.tempos[which]).mean()), 3),
        "velocity_change": round(float(np.abs(louder).mean()), 3),
    }
