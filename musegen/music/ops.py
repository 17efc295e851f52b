"""Pure functions on a Score (times in ticks), gathered from the files of this package by name.

None changes the Score it is given.
"""

from musegen.music.fingerprint import fingerprint, off_grid_share
from musegen.music.melody import melody_track, skyline
from musegen.music.metre import bar_ticks, tidy_metre
from musegen.music.notes import normalise_notes, transpose

__all__ = [
    "bar_ticks",
    "fingerprint",
    "melody_track",
    "normalise_notes",
    "off_grid_share",
    "skyline",
    "tidy_metre",
    "transpose",
]
