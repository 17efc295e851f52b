"""What a vocabulary keeps of played music: files encoded and decoded, compared with mido's reading of them.

    python -m benchmarks.round_trip FOLDER --timing free|beats [--limit N] [--json]

FOLDER has MIDI files, as of the Groove MIDI Dataset or of ASAP (Foscarin et al. 2020). Each is read as
`musegen prepare` reads it, encoded and decoded. A note lasts until its key is released or struck again.
Errors are in milliseconds, and in steps of velocity; those of the sustain pedal are of the begins and ends of
its presses. Notes that are in the file and not in what is decoded are counted by the reasons given for them.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

import mido
import numpy as np
from symusic import Score, Tempo
from symusic.core import ScoreTick

from benchmarks.runner import benchmark
from musegen.cli.tables import print_table
from musegen.config.settings import TokenizerConfig
from musegen.console import progress
from musegen.data.sources import Source, read_source
from musegen.music.free_time import as_recording, seconds_at
from musegen.music.notes import Floats, note_arrays
from musegen.music.reading.midi_file import parse_midi
from musegen.tokenizers import RemiTokenizer
from musegen.tokenizers.free import METRE, FreeTokenizer

Timing = Literal["free", "beats"]
LIMITS = {"free": {"onset": 5.0, "length": 10.0, "pedal": 10.0}, "beats": {}}
"""In milliseconds; in beats an onset is exact to half of 1/96 of a quarter note."""
VELOCITY = 2
"""Half a step."""


class Read(NamedTuple):
    """What is in a file."""

    notes: dict[int, Floats]
    """By pitch: onset, end and velocity of each note, (N, 3), in seconds."""
    presses: Floats
    """(P, 2) begin and end of each press, in seconds."""
    count: int
    """Number of note-ons."""


def by_mido(path: Path) -> Read:
    """A file as mido reads it."""
    now, count, down = 0.0, 0, None
    notes: dict[int, list[list[float]]] = defaultdict(list)
    presses: list[tuple[float, float]] = []
    for message in mido.MidiFile(path):
        now += message.time
        is_on = message.type == "note_on" and message.velocity > 0
        if is_on or message.type in ("note_off", "note_on"):
            own = notes[message.note]
            if own and np.isnan(own[-1][1]):
                own[-1][1] = now
            if is_on:
                own.append([now, np.nan, message.velocity])
                count += 1
        elif message.type == "control_change" and message.control == 64:
            if message.value >= 64 and down is None:
                down = now
            elif message.value < 64 and down is not None:
                presses, down = [*presses, (down, now)], None
    last = max((row[1] for own in notes.values() for row in own if not np.isnan(row[1])), default=now)
    presses += [(down, last)] if down is not None and down < last else []
    kept = {pitch: np.array(own) for pitch, own in notes.items() if own}
    return Read(kept, np.array([each for each in presses if each[1] > each[0]]).reshape(-1, 2), count)


def tokenizer_of(timing: Timing) -> RemiTokenizer:
    """The tokenizer of recordings, or of music played to beats."""
    if timing == "free":
        return FreeTokenizer.build(TokenizerConfig(programs=True), time_signatures=[METRE], programs=[])
    config = TokenizerConfig(programs=True, velocity=True, shift=True)
    return RemiTokenizer.build(config, time_signatures=[], programs=[])


def decoded(path: Path, tokenizer: RemiTokenizer, timing: Timing) -> tuple[ScoreTick | None, list[str]]:
    """A file as it comes back, in its own tempo, and the repairs; else None and the reason."""
    read = read_source(Source(path.name, path, None, timing=timing))
    if read.piece is None:
        return None, [read.reason]
    score = parse_midi(read.data)[0]
    back = tokenizer.decode(tokenizer.encode(score))
    if timing == "free":
        return as_recording(back), list(read.repairs)
    back.tempos = [Tempo(each.time * back.tpq // score.tpq, mspq=each.mspq) for each in score.tempos]
    return back, list(read.repairs)


def of_score(score: Score) -> Read:
    """A Score as `by_mido` reads a file; a note lasts at most until its key is struck again."""
    rows: dict[int, list[Floats]] = defaultdict(list)
    changes: list[tuple[float, bool]] = []
    for track in score.tracks:
        onsets, durations, pitches, velocities = note_arrays(track)
        begins, ends = (seconds_at(score, each) for each in (onsets, onsets + durations))
        for pitch in np.unique(pitches).tolist():
            own = pitches == pitch
            rows[pitch].append(np.stack([begins[own], ends[own], velocities[own]], axis=1))
        times = seconds_at(score, np.array([each.time for each in track.controls], np.int64))
        changes += [(time, each.value >= 64) for time, each in zip(times, track.controls, strict=True)]
    notes = {pitch: np.concatenate(own) for pitch, own in rows.items()}
    notes = {pitch: own[np.argsort(own[:, 0], kind="stable")] for pitch, own in notes.items()}
    for own in notes.values():
        own[:-1, 1] = np.minimum(own[:-1, 1], own[1:, 0])
    presses = np.array([time for time, _ in changes]).reshape(-1, 2)
    return Read(notes, presses, sum(map(len, notes.values())))


def errors(real: Read, back: Read) -> dict[str, Floats]:
    """Absolute errors of the notes and presses that are in both, in milliseconds and steps of velocity."""
    found: dict[str, list[Floats]] = {"onset": [], "length": [], "velocity": [], "pedal": []}
    for pitch, own in real.notes.items():
        other = back.notes.get(pitch, np.zeros((0, 3)))
        # Of notes that are missing, those that fit worst.
        pairs = [(own, other)] if len(own) == len(other) else [_nearest(own, other)]
        for a, b in pairs:
            found["onset"].append(np.abs(a[:, 0] - b[:, 0]) * 1000)
            found["length"].append(np.abs((a[:, 1] - a[:, 0]) - (b[:, 1] - b[:, 0])) * 1000)
            found["velocity"].append(np.abs(a[:, 2] - b[:, 2]))
    if real.presses.shape == back.presses.shape:
        found["pedal"].append(np.abs(real.presses - back.presses).ravel() * 1000)
    return {name: np.concatenate([np.zeros(0), *each]) for name, each in found.items()}


def _nearest(own: Floats, other: Floats) -> tuple[Floats, Floats]:
    """The notes of one key that are decoded, each with the nearest of the file."""
    at = np.abs(own[:, 0][None] - other[:, 0][:, None]).argmin(1) if len(other) else np.zeros(0, np.int64)
    return own[at], other


def show(found: dict[str, Any]) -> None:
    """Print the errors, and what is missing."""
    rows = [
        [name, *(f"{row[each]:.3f}" for each in ("mean", "99%", "most"))]
        for name, row in found["errors"].items()
    ]
    lines = [f"{found['files']} files, {found['note_ons']:,} note-ons, {found['notes']:,} notes decoded"]
    lines += [f"{count} x {reason}" for reason, count in found["reasons"].items()]
    lines += [f"{found['presses_lost']} files with another number of presses of the pedal"]
    print_table(["error", "mean", "99%", "most"], rows, lines)


@benchmark(show, is_good=lambda found: not found["beyond"])
def main(folder: Path, /, *, timing: Timing, limit: int | None = None) -> dict[str, Any]:
    """Encode and decode every file.

    Args:
        folder: with MIDI files, in folders or not.
        timing: free for recordings without beats, beats for music that is played to those of its file.
        limit: only so many files.
    """
    tokenizer, counts = tokenizer_of(timing), Counter[str]()
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))[:limit]
    gathered: dict[str, list[Floats]] = defaultdict(list)
    note_ons = notes = lost = 0
    for path in progress(paths, len(paths), "Comparing"):
        real = by_mido(path)
        note_ons += real.count
        back, repairs = decoded(path, tokenizer, timing)
        for repair in repairs:
            number, _, what = repair.partition(" ")
            counts[what if number.isdigit() else repair] += int(number) if number.isdigit() else 1
        if back is None:
            continue
        read = of_score(back)
        notes += read.count
        lost += timing == "free" and real.presses.shape != read.presses.shape
        for name, each in errors(real, read).items():
            gathered[name].append(each)
    figures = {}
    for name, each in gathered.items():
        values = np.concatenate([*each, np.zeros(1)])
        figures[name] = {
            "mean": float(values.mean()),
            "99%": float(np.quantile(values, 0.99)),
            "most": float(values.max()),
            "beyond": int((values > LIMITS[timing].get(name, np.inf)).sum()),
        }
    return {
        "files": len(paths),
        "note_ons": note_ons,
        "notes": notes,
        "presses_lost": lost,
        "reasons": dict(counts.most_common()),
        "errors": figures,
        "beyond": {name: row["beyond"] for name, row in figures.items() if row["beyond"]},
    }
