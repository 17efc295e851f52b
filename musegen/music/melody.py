"""Finding the melody track of a Score."""

import re

import numpy as np
from numpy.typing import NDArray
from symusic import Note, Score
from symusic.core import TrackTick

from musegen.errors import DataError
from musegen.music.notes import last_end, note_arrays

_NAMES = re.compile(r"\b(melod\w*|vocals?|vox|sing(er|ing)?|soprano|cantus|lead vocals?)\b", re.IGNORECASE)
_BASSES = re.compile(r"\b(double|contra)?bass(es|o|\d+)?\b", re.IGNORECASE)
MELODY_PROGRAMS = (52, 53, 54, 85)
"""General MIDI programs (from 0) of voices: choir aahs, voice oohs, synth voice, lead voice."""

BASS_PROGRAMS = range(32, 40)
"""General MIDI basses (from 0): monophonic, frequent and repeated like a melody, but hardly ever it."""

LOWEST, HIGHEST = 55, 84
"""Singable pitches (G3 to C6)."""
MAX_FRAMES = 50_000
SPARSE = 0.4
"""A track with a smaller share of the median number of notes is no melody, unless its name says so."""


def melody_track(score: Score, requested: str | None = None) -> tuple[int, str]:
    """The index of the melody track (from 0) and how it was found; never a drum track.

    Args:
        score: in ticks.
        requested: a track's name (in any case) or its number from 1; None: detected.

    Returns:
        index, and "only track", "name", "number", "program" or "inferred" (the last two: no track of
        few notes; the last: no bass, unless there is nothing else).

    Raises:
        DataError: no such track, or only drums; the message lists the tracks.
    """
    candidates = [i for i, t in enumerate(score.tracks) if not t.is_drum and len(t.notes)]
    if not candidates:
        raise DataError(
            f"no pitched track for a melody, there are {track_names(score)}: what is on MIDI's channel 10 is "
            "drums, whatever its pitches; move a melody to another channel"
        )
    if requested is not None:
        return _find_requested(score, candidates, requested)
    if len(candidates) == 1:
        return candidates[0], "only track"
    named = [i for i in candidates if _NAMES.search(score.tracks[i].name)]
    if len(named) == 1:
        return named[0], "name"
    busy = _busy(score, candidates)
    sung = [i for i in busy if score.tracks[i].program in MELODY_PROGRAMS]
    if len(sung) == 1:
        return sung[0], "program"
    above = [i for i in busy if not _is_bass(score.tracks[i])]
    return infer_melody(score, above or busy), "inferred"


def _busy(score: Score, candidates: list[int]) -> list[int]:
    """The candidates without those that have few notes beside the others, as effects and pads have."""
    counts = {i: len(score.tracks[i].notes) for i in candidates}
    least = SPARSE * float(np.median([*counts.values()]))
    return [i for i in candidates if counts[i] >= least]


def _is_bass(track: TrackTick) -> bool:
    """Whether a track is a bass, by its program or name."""
    return track.program in BASS_PROGRAMS or _BASSES.search(track.name) is not None


def track_names(score: Score) -> str:
    """The tracks of a Score for a message: `1 "MELODY", 2 "PIANO" (drums)`."""
    return ", ".join(
        f'{i} "{t.name}"' + (" (drums)" if t.is_drum else "") for i, t in enumerate(score.tracks, start=1)
    )


def _find_requested(score: Score, candidates: list[int], requested: str) -> tuple[int, str]:
    named = [i for i in candidates if score.tracks[i].name.strip().lower() == requested.strip().lower()]
    if named:
        return named[0], "name"
    if requested.strip().isdecimal() and int(requested) - 1 in candidates:
        return int(requested) - 1, "number"
    raise DataError(f"no melody track {requested!r}; there are: {track_names(score)}")


def infer_melody(score: Score, candidates: list[int]) -> int:
    """The most melody-like of the tracks `candidates`, regardless of names and programs.

    A melody is monophonic, frequent, high, in a narrow singable range, and repeats notes.
    The weights find MELODY among MELODY, BRIDGE and PIANO in 98% of 886 pop songs (POP909).
    """
    highest, single = _frames(score, candidates)
    active = highest >= 0
    some = np.maximum(1, active.any(axis=0).sum())
    on_top = (active & (highest == highest.max(axis=0))).sum(axis=1) / some
    coverage = active.sum(axis=1) / some
    monophony = single.sum(axis=1) / np.maximum(1, active.sum(axis=1))
    likeness = 2 * on_top + 2 * coverage + 6 * monophony
    for row, index in enumerate(candidates):
        onsets, _, pitches, _ = note_arrays(score.tracks[index])
        order = np.lexsort((pitches, onsets))
        last = np.append(np.diff(onsets[order]) > 0, True)  # the highest note of each onset
        line = pitches[order][last]
        repeated = (np.diff(line) == 0).mean() if len(line) > 1 else 0.0
        singable = ((pitches >= LOWEST) & (pitches <= HIGHEST)).mean()
        likeness[row] += 4 * repeated + 2 * singable - 5 * pitches.std() / 12
    return candidates[int(np.argmax(likeness))]


def _frames(score: Score, candidates: list[int]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Highest pitch (-1: silent) and whether it is the only one, per track and 16th, (tracks, frames)."""
    step = max(1, score.tpq // 4, last_end(score) // MAX_FRAMES + 1)
    count = last_end(score) // step + 1
    highest = np.full((len(candidates), count), -1, np.int8)
    voices = np.zeros((len(candidates), count), np.int16)
    for row, index in enumerate(candidates):
        onsets, durations, pitches, _ = note_arrays(score.tracks[index])
        begins = onsets // step
        ends = np.maximum((onsets + durations) // step, begins + 1)
        for begin, end, pitch in zip(begins.tolist(), ends.tolist(), pitches.tolist(), strict=True):
            np.maximum(highest[row, begin:end], pitch, out=highest[row, begin:end])
            voices[row, begin:end] += 1
    return highest, voices == 1


def skyline(score: Score) -> Score:
    """The score reduced to one track: the highest note at each time, each cut where the next starts.

    A note that starts below a higher one that lasts for at least half of it is an inner voice and dropped;
    a shorter overlap is legato.
    """
    notes = (note for track in score.tracks for note in track.notes if not track.is_drum)
    rows = sorted((n.time, -n.pitch, n.end, n.velocity) for n in notes)
    line: list[tuple[int, int, int, int]] = []
    for onset, low, end, velocity in rows:
        if line:
            above, top, until, _ = line[-1]
            if above == onset or (top < low and until - onset >= (end - onset) / 2):
                continue
            line[-1] = (above, top, min(until, onset), line[-1][3])
        line.append((onset, low, end, velocity))
    single = score.copy()
    single.tracks = single.tracks[:1]
    single.tracks[0].notes = [Note(onset, end - onset, -low, v) for onset, low, end, v in line]
    return single
