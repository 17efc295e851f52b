"""Roles of tracks, the instruments of their programs, and choosing tracks by them."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from symusic import Score
from symusic.core import TrackTick

from musegen.errors import DataError
from musegen.music.notes import note_arrays
from musegen.music.tune_features import says_bass

_FAMILIES = (
    "piano", "mallets", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "lead", "pad", "effects", "ethnic", "percussion", "effects",
)  # fmt: skip
"""The role of each of General MIDI's families of 8 programs; the ensembles are divided further."""
ROLES = (*dict.fromkeys([each for each in _FAMILIES if each != "ensemble"]), "voice", "drums")
DEEP = 43
"""A track whose median pitch is lower (below G2) is a bass, unless it has the program of a guitar."""
_PROGRAM = re.compile(r"program:(\d{1,3})", re.IGNORECASE)


def program_role(program: int) -> str:
    """The role of a General MIDI program from 0; -1 for drums."""
    if program < 0:
        return "drums"
    if _FAMILIES[program // 8] != "ensemble":
        return _FAMILIES[program // 8]
    return "strings" if program < 52 else "voice" if program < 55 else "effects"


def track_role(track: TrackTick) -> str:
    """The role of a track with notes, one of `ROLES`."""
    if track.is_drum:
        return "drums"
    role = program_role(track.program)
    is_deep = role != "guitar" and float(np.median(note_arrays(track)[2])) < DEEP
    return "bass" if is_deep or says_bass(track.name) else role


def listed(texts: Iterable[str]) -> list[str]:
    """The names, roles and programs in some texts, each of which may list several with commas."""
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def fits(track: TrackTick, text: str) -> bool:
    """Whether a track with notes has a name (in any case), a role, or a program such as "program:73"."""
    program = -1 if track.is_drum else track.program
    return is_called(text, name=track.name, role=track_role(track), program=program)


def is_called(text: str, *, name: str, role: str, program: int) -> bool:
    """Whether a text names a track by its name (in any case), its role or its program (-1: drums)."""
    text = text.strip().casefold()
    return text in (name.strip().casefold(), role) or (program >= 0 and program_of(text) == program)


def program_of(text: str) -> int | None:
    """The program in a text such as "program:73", numbered from 0; None in others.

    Raises:
        DataError: there is no such program.
    """
    match = _PROGRAM.fullmatch(text.strip())
    if match is None:
        return None
    if int(match[1]) > 127:
        raise DataError(f"{text}: General MIDI's programs are numbered from 0 to 127")
    return int(match[1])


def top_track(score: Score, candidates: Sequence[int]) -> int:
    """The candidate that sounds highest, by the median of its notes."""
    return max(candidates, key=lambda i: float(np.median(note_arrays(score.tracks[i])[2])))
