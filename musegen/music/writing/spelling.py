"""Key signatures, and how pitches are spelt in them."""

from symusic import Score

from musegen.music.key import pitch_class_weights

FIFTHS = (("F", 5), ("C", 0), ("G", 7), ("D", 2), ("A", 9), ("E", 4), ("B", 11))
"""The steps on the line of fifths, with their pitch classes."""

Signature = tuple[int, int, int]
"""The tick from which it holds, sharps (flats below 0), and 1 for minor."""


def spell(midi: int, sharps: int) -> tuple[str, int, int]:
    """Step, semitones of its accidental and octave of a MIDI pitch under a key signature.

    On the line of fifths the twelve names reach from three below the tonic (in major) to eight above
    it: in C from E flat to G sharp, so that a minor key finds its leading note too.
    """
    fifths = (7 * midi + 3 - sharps) % 12 - 3 + sharps
    alter, index = divmod(fifths + 1, 7)
    step, natural = FIFTHS[index]
    return step, alter, (midi - alter - natural) // 12 - 1


def find_signatures(score: Score) -> list[Signature]:
    """The key signatures by time; where none is given, the one that needs the fewest accidentals."""
    given = sorted((k.time, k.key, k.tonality) for k in score.key_signatures)
    if given:
        return given
    weights = pitch_class_weights(score.tracks)
    inside = {k: sum(weights[7 * (k + i) % 12] for i in range(-1, 6)) for k in range(-6, 7)}
    return [(0, max(inside, key=lambda k: (inside[k], -abs(k))), 0)]
