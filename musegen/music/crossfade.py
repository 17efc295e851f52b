"""From one clip to another without a model: the yardstick of an interpolation."""

import numpy as np
from symusic import Score, Track

from musegen.music.notes import note_arrays, put_notes


def crossfade(first: Score, second: Score, num: int, *, seed: int = 0) -> list[Score]:
    """Clips from one to another in which each onset goes over from the first clip's notes to the second's.

    At each tick at which a note of either begins, a number is drawn once; from the step on at which the
    share gone over reaches it, the second clip's notes stand there. The Bernoulli blend of MusicVAE
    (Roberts 2018, arXiv:1803.05428), of whole notes and one way only, so that no step goes back. Notes
    keep their durations, so that they may overlap.

    Args:
        first: in ticks, all tracks taken as one.
        second: of as many ticks a quarter.
        num: how many clips, both ends included, 2 or more.
        seed: of the numbers.
    """
    rows = [
        np.concatenate([np.stack(note_arrays(t)) for t in clip.tracks], axis=1) for clip in (first, second)
    ]
    onsets = np.unique(np.concatenate([rows[0][0], rows[1][0]]))
    turn = np.random.default_rng(seed).random(len(onsets))  # (onsets,) from 0 to below 1
    turns = [turn[np.searchsorted(onsets, each[0])] for each in rows]
    clips = []
    for share in np.linspace(0, 1, num):
        kept = [rows[0][:, turns[0] >= share], rows[1][:, turns[1] < share]]
        clip = first.copy()
        clip.tracks = [Track(first.tracks[0].name, first.tracks[0].program)]
        columns = np.concatenate(kept, axis=1)
        put_notes(clip.tracks[0], *columns[:, np.lexsort((columns[2], columns[0]))])
        clips.append(clip)
    return clips
