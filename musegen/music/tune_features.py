"""What speaks for a track as the tune of its piece: its name, its program, and measures of its notes.

Its line is the highest note at each onset. The weights are fitted to labelled files: see
benchmarks/melody_weights.py.
"""

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from symusic import Score
from symusic.core import TrackTick

from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats, Ints, last_end, note_arrays

Bools = NDArray[np.bool_]

BASS_PROGRAMS = range(32, 40)
"""General MIDI basses (from 0)."""
SOLOISTS = frozenset({29, 52, 53, 54, *range(56, 88)})
"""Overdriven guitar, voices, brass, reeds, pipes and synth leads: programs that mostly play a line."""
RUN = 5
"""Notes of a run by which lines are compared."""
DOUBLED = 0.8
"""Two tracks with a larger share of runs in common are one line."""
DEFAULT_VOLUME = 100
"""Of a track without MIDI's controller 7; of 127."""
MAX_FRAMES = 50_000
WEIGHTS = {
    "name": 5.4,
    "accompaniment": -3.3,
    "soloist": 1.9,
    "bass": -2.1,
    "below": -1.2,
    "alone": 3.6,
    "scarce": -3.1,
    "busy": -2.4,
    "slow": -3.8,
    "height": 0.4,
    "low": -2.3,
    "narrow": -3.8,
    "variety": 0.7,
    "same": -4.2,
    "new": -3.3,
    "steps": 2.4,
    "loud": 3.5,
    "mix": 3.3,
}
"""Log-odds for a track by each of its features."""
NO_TUNE = 1.1
"""The log-odds that no track is the tune."""

_TUNE = re.compile(
    r"\b(m[eé]lod\w*|vocals?|vox|voz|voce|voix|gesang|cant[oa]|chant|sing(er|ing|stimme)?|sopran\w*|cantus|tunes?"
    r"|theme|thema|tema|aria|solo\w*|lead(?! ?\d)|旋律|メロディー?|主旋律|мелоди\w*|вокал|голос)\b",
    re.IGNORECASE,
)
_CALLED_MELODY = re.compile(
    r"\b(m[eé]lod\w*|vocals?|gesang|singstimme|旋律|メロディー?|主旋律|мелоди\w*|вокал)\b", re.IGNORECASE
)
_MAYBE = re.compile(r"\b(voice|stimme|right|rh|main)\b", re.IGNORECASE)
_ACCOMPANIMENT = re.compile(
    r"\b(chords?|akkord\w*|acord\w*|accord[si]?|arp(eggi\w*)?|bass\w*|walk\w*|pads?|rhythm|accomp\w*|comp|strum\w*"
    r"|plectrum|left|lh|back(up|ing)?|harmony|counter|drone|begleitung|effects?|fx|sus|low)\b",
    re.IGNORECASE,
)


def tune_features(score: Score, candidates: list[int]) -> dict[str, Floats]:
    """The features in `WEIGHTS` of the pitched tracks `candidates`, at least two, each (candidates,)."""
    tracks, lines = [score.tracks[i] for i in candidates], bar_ticks(score)
    rows = [_of_names(track) | _of_line(track, lines, score.tpq) for track in tracks]
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    highest, single = _frames(score, tracks)
    sounds = highest >= 0  # (candidates, frames)
    time = np.maximum(1, sounds.sum(axis=1))
    found["below"] = _below(highest)
    found["alone"] = (sounds & single).sum(axis=1) / time
    found["scarce"] = np.maximum(0, np.log2(0.5 * found["bars"].max() / found.pop("bars")))
    found["loud"] -= found["loud"].mean()
    found["mix"] -= found["mix"].max()
    return {name: found[name] for name in WEIGHTS}


def tune_odds(score: Score, candidates: list[int]) -> Floats:
    """The probability that each of `candidates` is the tune, and that none is, (candidates + 1,)."""
    columns = tune_features(score, candidates)
    likeness = sum((WEIGHTS[name] * column for name, column in columns.items()), np.zeros(len(candidates)))
    odds = np.exp(np.append(likeness, NO_TUNE) - max(NO_TUNE, likeness.max()))
    shares: Floats = odds / odds.sum()
    return shares


def same_lines(score: Score, candidates: list[int]) -> Bools:
    """Whether two of `candidates` play the same line, (candidates, candidates): in any octave, at any delay.

    They double each other, echo each other or are a canon.
    """
    runs = [_runs(score.tracks[i], score.tpq) for i in candidates]
    kinds = [set(each) for each in runs]
    shares = [[np.mean([run in kind for run in each] or [False]) for kind in kinds] for each in runs]
    common = np.array(shares)
    same: Bools = (np.minimum(common, common.T) > DOUBLED) | np.eye(len(candidates), dtype=bool)
    return same


def _runs(track: TrackTick, quarter: int) -> list[bytes]:
    """Each run of `RUN` notes of a track's line: pitch classes, and 16ths until the next note."""
    onsets, pitches = _line(track)
    notes = np.stack([pitches[:-1] % 12, np.rint(np.diff(onsets) * 4 / quarter).astype(np.int64)], axis=1)
    return [notes[first : first + RUN].tobytes() for first in range(len(notes) - RUN + 1)]


def says_bass(name: str) -> bool:
    """Whether a track's name says that it is a bass."""
    return re.search(r"\b(double|contra)?bass(es|o)?\b", _words(name), re.IGNORECASE) is not None


def _words(name: str) -> str:
    """A track's name with spaces between its words and numbers: `LeadVocal_2` is `Lead Vocal 2`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|[\W_]+", " ", name)


def says_melody(name: str) -> bool:
    """Whether a track is called the melody, or the vocals: of one such track there is no doubt."""
    words = _words(name)
    return _CALLED_MELODY.search(words) is not None and not _ACCOMPANIMENT.search(words)


def says_tune(name: str) -> float:
    """Whether a track's name says that it is the tune: 1 yes, 0.5 perhaps, 0 no."""
    words = _words(name)
    if _TUNE.search(words) and not _ACCOMPANIMENT.search(words):
        return 1.0
    return 0.5 if _MAYBE.search(words) else 0.0


def _of_names(track: TrackTick) -> dict[str, float]:
    return {
        "name": says_tune(track.name),
        "accompaniment": float(_ACCOMPANIMENT.search(_words(track.name)) is not None),
        "soloist": float(track.program in SOLOISTS),
        "bass": float(track.program in BASS_PROGRAMS),
    }


def _line(track: TrackTick) -> tuple[Ints, Ints]:
    """Onsets, and the highest pitch at each, (onsets,)."""
    onsets, _, pitches, _ = note_arrays(track)
    order = np.lexsort((pitches, onsets))
    order = order[np.append(np.diff(onsets[order]) > 0, True)]
    return onsets[order], pitches[order]


def _of_line(track: TrackTick, bar_lines: Ints, quarter: int) -> dict[str, float]:
    """Features of a track's notes alone; octaves of pitch, powers of 2 of time, shares."""
    onsets, pitches = _line(track)
    bars = np.searchsorted(bar_lines, onsets, side="right") - 1
    edges = np.flatnonzero(np.diff(bars)) + 1
    in_bars = np.split(np.stack([onsets - bar_lines[bars], pitches], axis=1), edges)
    patterns = [each.tobytes() for each in in_bars]
    per_bar, height = len(pitches) / len(patterns), float(np.median(pitches))
    low, high = np.percentile(pitches, [5, 95])
    _, counts = np.unique(pitches, return_counts=True)
    shares = counts / counts.sum()
    runs = _runs(track, quarter)
    velocity = float(track.notes.numpy()["velocity"].mean())
    return {
        "bars": len(patterns) / (len(bar_lines) - 1),
        "busy": max(0.0, float(np.log2(per_bar / 8))),
        "slow": max(0.0, float(np.log2(2.5 / per_bar))),
        "height": height / 12,
        "low": max(0.0, (60 - height) / 12),
        "narrow": max(0.0, (7 - (high - low)) / 7),
        "variety": float(-(shares * np.log2(shares)).sum()),
        "same": float(np.mean([a == b for a, b in pairwise(patterns)] or [False])),
        "new": len(set(runs)) / len(runs) if runs else 1.0,
        "steps": float(np.mean(np.abs(np.diff(pitches)) <= 2)) if len(pitches) > 1 else 0.0,
        "loud": velocity / 32,
        "mix": float(np.log2(max(0.02, velocity / 127 * _volume(track)))),
    }


def _volume(track: TrackTick) -> float:
    """The volume of a track, from 0 to 1: the greatest of controller 7 times the mean of controller 11."""
    controls = track.controls.numpy()
    volume, expression = (controls["value"][controls["number"] == number] for number in (7, 11))
    expression = expression[expression > 0]
    loudest = float(volume.max()) if len(volume) else DEFAULT_VOLUME
    return loudest / 127 * (float(expression.mean()) / 127 if len(expression) else 1.0)


def _below(highest: Ints) -> Floats:
    """By how many octaves each track is below the highest of the others, (tracks,): the median frame."""
    second, top = np.partition(highest, -2, axis=0)[-2:]
    found = []
    for own in highest:
        others = np.where(own == top, second, top)
        gaps = (others - own)[(own >= 0) & (others >= 0)]
        found.append(max(0.0, float(np.median(gaps))) / 12 if len(gaps) else 0.0)
    return np.array(found)


def _frames(score: Score, tracks: list[TrackTick]) -> tuple[Ints, Ints]:
    """Highest pitch (-1: silent) and whether it is the only one, per track and 16th, (tracks, frames)."""
    step = max(1, score.tpq // 4, last_end(score) // MAX_FRAMES + 1)
    count = last_end(score) // step + 1
    highest = np.full((len(tracks), count), -1, np.int64)
    voices = np.zeros((len(tracks), count), np.int64)
    for row, track in enumerate(tracks):
        onsets, durations, pitches, _ = note_arrays(track)
        begins = onsets // step
        ends = np.maximum((onsets + durations) // step, begins + 1)
        for begin, end, pitch in zip(begins.tolist(), ends.tolist(), pitches.tolist(), strict=True):
            np.maximum(highest[row, begin:end], pitch, out=highest[row, begin:end])
            voices[row, begin:end] += 1
    return highest, voices == 1
