"""Melodies by how they move, so that one is known again in any key, at any speed, at any place.

A motion is a step from a note of a line to the next: its interval in semitones, and how much longer or
shorter the time to the note after that is. Times are compared by their ratio, whose logarithm is rounded to
sevenths of an octave: there the ratios of 2 and 3 that notation writes lie within 0.1 of a whole number, and
those of 5 within 0.25, so that times which had to be rounded to ticks are known again, up to 4% (5: 2%) off.
How long the notes sound does not matter.
"""

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.lines import Line, top_line, track_lines
from musegen.music.fingerprint import off_grid_share
from musegen.music.quantise import ON_GRID, quantise

Codes = NDArray[np.int32]
RATIOS = 512
"""A motion's code is its interval (from -127 up) times this, plus its ratio (from -200 up, at 56)."""
_LARGEST = 200
_STEPS = 7
"""Of a ratio, in an octave."""
OPEN, SHUT = 0, RATIOS - 1
"""In place of the last ratio of a line, which has no note after it: OPEN in what is searched, SHUT in what is
looked for. They differ, so that nothing that is alike runs on from one line into the next."""


def motions(line: Line, *, last: int = OPEN) -> Codes:
    """The motions of a line, (notes - 1,).

    Args:
        line: at least one note.
        last: OPEN or SHUT.
    """
    octaves = np.diff(np.log2(np.diff(line.onsets)))
    ratios = np.clip(np.round(_STEPS * octaves), -_LARGEST, _LARGEST).astype(np.int32) + RATIOS // 2
    steps = np.diff(line.pitches).astype(np.int32) + 127
    return np.asarray(steps * RATIOS + np.append(ratios, last)[: len(steps)], np.int32)


def readings(score: Score) -> list[list[Line]]:
    """The lines of a score: its tracks', and that of all together; if it was played, once more as written.

    Music that lies off the grid of notation is read a second time with its notes put there (see
    `quantise`), since that is how a model learns it and writes it. Lines of a single note are left out.
    """
    scores = [score]
    if off_grid_share(score) > 1 - ON_GRID:
        scores.append(quantise(score)[0])
    return [[line for line in _lines(each) if len(line.onsets) > 1] for each in scores]


def _lines(score: Score) -> list[Line]:
    lines = track_lines(score)
    return [*lines, top_line(score)] if len(lines) > 1 else lines
