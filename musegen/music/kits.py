"""Drum kits whose pads send other pitches than General MIDI has, mapped to it hit by hit."""

from collections.abc import Mapping

from symusic import Score

from musegen.music.notes import note_arrays, put_notes

ROLAND: Mapping[int, int] = {
    22: 42,  # closed hi-hat, edge
    26: 46,  # open hi-hat, edge
    47: 45,  # second tom, rim
    50: 48,  # first tom, rim
    52: 57,  # second crash, edge
    55: 49,  # first crash, edge
    58: 43,  # third tom, rim
    59: 51,  # ride, edge
}
"""Pads of electronic kits of Roland that send pitches of other instruments, or of none, and the instruments
to which they belong; the rim of the snare is the electric snare (40) of General MIDI. From the mapping of the
Groove MIDI Dataset (Gillick et al. 2019, arXiv:1905.06118)."""
KITS = {"roland": ROLAND}


def to_general_midi(score: Score, kit: str) -> tuple[Score, list[str]]:
    """The Score with the drums of a kit as General MIDI has them, and a description of the change.

    Args:
        score: before `tidy`, which drops one of two pads of an instrument that are hit at once.
        kit: one of `KITS`.
    """
    score, mapping, moved = score.copy(), KITS[kit], 0
    for track in score.tracks:
        if track.is_drum:
            onsets, durations, pitches, velocities = note_arrays(track)
            for pad, pitch in mapping.items():
                found = note_arrays(track)[2] == pad
                pitches[found], moved = pitch, moved + int(found.sum())
            put_notes(track, onsets, durations, pitches, velocities)
    return score, [f"{moved} hits mapped to General MIDI"] if moved else []
