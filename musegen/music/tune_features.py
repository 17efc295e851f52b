"""What speaks for a track as the tune of its piece: its name, its program, and measures of its notes.

Its line is the highest note at each onset. The weights are fitted to labelled files: see
benchmarks/melody_weights.py.
"""

import re
from itertools import pairwise

import numpy as np
from symusic import Score
from symusic.core import TrackTick

from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats, Ints, last_end, note_arrays

BASS_PROGRAMS = range(32, 40)
"""General MIDI basses (from 0)."""
SOLOISTS = frozenset({29, 52, 53, 54, *range(56, 88)})
"""Overdriven guitar, voices, brass, reeds, pipes and synth leads: programs that mostly play a line."""
PADS = range(88, 96)
LOWEST, HIGHEST = 55, 84
"""Singable pitches (G3 to C6)."""
MAX_FRAMES = 50_000
WEIGHTS = {
    "name": 4.5,
    "accompaniment": -4.6,
    "soloist": 2.0,
    "bass": -1.8,
    "pad": -2.3,
    "on_top": 1.1,
    "alone": 2.8,
    "scarce": -2.9,
    "notes": 0.3,
    "long": -0.5,
    "busy": -2.8,
    "slow": -1.9,
    "height": 0.4,
    "low": -1.5,
    "singable": 1.8,
    "narrow": -3.0,
    "variety": 0.5,
    "same": -2.3,
    "loud": 4.2,
}
"""Log-odds for a track by each of its features."""
NO_TUNE = 4.6
"""The log-odds that no track is the tune."""

_TUNE = re.compile(
    r"\b(m[eé]lod\w*|vocals?|vox|voz|voce|voix|gesang|cant[oa]|chant|sing(er|ing|stimme)?|sopran\w*|cantus|tunes?"
    r"|theme|thema|tema|aria|solo\w*|lead(?! ?\d)|旋律|メロディー?|主旋律|мелоди\w*|вокал|голос)\b",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"\b(voice|stimme|right|rh|main)\b", re.IGNORECASE)
_ACCOMPANIMENT = re.compile(
    r"\b(chords?|akkord\w*|acord\w*|accord[si]?|arp(eggi\w*)?|bass\w*|walk\w*|pads?|rhythm|accomp\w*|comp|strum\w*"
    r"|plectrum|left|lh|back(up|ing)?|harmony|counter|drone|begleitung|effects?|fx|sus|low)\b",
    re.IGNORECASE,
)


def tune_features(score: Score, candidates: list[int]) -> dict[str, Floats]:
    """The features in `WEIGHTS` of the pitched tracks `candidates`, each (candidates,)."""
    tracks, lines = [score.tracks[i] for i in candidates], bar_ticks(score)
    rows = [_of_names(track) | _of_line(track, lines, score.tpq) for track in tracks]
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    highest, single = _frames(score, tracks)
    sounds = highest >= 0  # (candidates, frames)
    time = np.maximum(1, sounds.sum(axis=1))
    found["on_top"] = (sounds & (highest == highest.max(axis=0))).sum(axis=1) / time
    found["alone"] = (sounds & single).sum(axis=1) / time
    found["scarce"] = np.maximum(0, np.log2(0.5 * found["bars"].max() / found.pop("bars")))
    counts = np.array([len(track.notes) for track in tracks])
    found["notes"] = np.clip(np.log2(counts / np.median(counts)), -4, 2)
    found["loud"] -= found["loud"].mean()
    return {name: found[name] for name in WEIGHTS}


def tune_odds(score: Score, candidates: list[int]) -> Floats:
    """The probability that each of `candidates` is the tune, and that none is, (candidates + 1,)."""
    columns = tune_features(score, candidates)
    likeness = sum((WEIGHTS[name] * column for name, column in columns.items()), np.zeros(len(candidates)))
    odds = np.exp(np.append(likeness, NO_TUNE) - max(NO_TUNE, likeness.max()))
    shares: Floats = odds / odds.sum()
    return shares


def says_bass(name: str) -> bool:
    """Whether a track's name says that it is a bass."""
    return re.search(r"\b(double|contra)?bass(es|o)?\b", _words(name), re.IGNORECASE) is not None


def _words(name: str) -> str:
    """A track's name with spaces between its words and numbers: `LeadVocal_2` is `Lead Vocal 2`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|[\W_]+", " ", name)


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
        "pad": float(track.program in PADS),
    }


def _of_line(track: TrackTick, bar_lines: Ints, quarter: int) -> dict[str, float]:
    """Features of a track's notes alone; octaves of pitch, powers of 2 of time, shares."""
    onsets, durations, pitches, velocities = note_arrays(track)
    order = np.lexsort((pitches, onsets))
    order = order[np.append(np.diff(onsets[order]) > 0, True)]  # the highest note of each onset
    onsets, line = onsets[order], pitches[order]
    bars = np.searchsorted(bar_lines, onsets, side="right") - 1
    edges = np.flatnonzero(np.diff(bars)) + 1
    in_bars = np.split(np.stack([onsets - bar_lines[bars], line], axis=1), edges)
    patterns = [each.tobytes() for each in in_bars]
    per_bar, height = len(line) / len(patterns), float(np.median(line))
    low, high = np.percentile(line, [5, 95])
    _, counts = np.unique(line, return_counts=True)
    shares = counts / counts.sum()
    return {
        "bars": len(patterns) / (len(bar_lines) - 1),
        "long": float(np.clip(np.log2(np.median(durations[order]) / quarter), -2, 4)),
        "busy": max(0.0, float(np.log2(per_bar / 8))),
        "slow": max(0.0, float(np.log2(2.5 / per_bar))),
        "height": height / 12,
        "low": max(0.0, (60 - height) / 12),
        "singable": float(((pitches >= LOWEST) & (pitches <= HIGHEST)).mean()),
        "narrow": max(0.0, (7 - (high - low)) / 7),
        "variety": float(-(shares * np.log2(shares)).sum()),
        "same": float(np.mean([a == b for a, b in pairwise(patterns)] or [False])),
        "loud": float(velocities.mean()) / 32,
    }


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
