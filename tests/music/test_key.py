import numpy as np

from musegen.music.key import (
    MODES,
    SCALES,
    Key,
    ends_on_tonic,
    estimate_key,
    final_class,
    pitch_class_weights,
    tonic_in,
    with_signature,
)
from tests.music.scores import line, score

C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60]
A_MINOR = [57, 59, 60, 62, 64, 65, 68, 69, 64, 60, 57]


def test_scales_have_their_keys() -> None:
    for shift in range(12):
        assert estimate_key(pitch_class_weights([line([p + shift for p in C_MAJOR])])) == (shift, "major")
        minor = estimate_key(pitch_class_weights([line([p + shift for p in A_MINOR])]))
        assert minor == ((9 + shift) % 12, "minor")
        assert minor is not None
        assert minor.signature == shift


def test_silence_and_drums_have_none() -> None:
    assert estimate_key(np.zeros(12)) is None
    assert estimate_key(pitch_class_weights([line(C_MAJOR, drums=True)])) is None
    assert Key(0, "major").signature == 0


def test_a_scale_up_and_down_is_in_its_mode() -> None:
    for mode in MODES:
        for tonic in range(12):
            pitches = [60 + tonic + step for step in (*SCALES[mode], *reversed(SCALES[mode]))]
            piece = score(line(pitches), line([36], drums=True))
            assert final_class(piece) == tonic
            others = {other for other in MODES if tonic_in(piece, other) is not None}
            assert others == {other for other in MODES if SCALES[other] == SCALES[mode]}
            assert tonic_in(piece, mode) == tonic
    assert tonic_in(score(line(A_MINOR)), "minor") == 9  # with a leading note
    assert tonic_in(score(line(A_MINOR[:-1])), "minor") is None  # ends on its fifth
    assert tonic_in(score(line(range(60, 73))), "major") is None  # all twelve
    assert tonic_in(score(line([36], drums=True)), "major") is None


def test_signatures_are_those_of_the_mode() -> None:
    for tonic, mode, fifths, minor in (
        (2, "major", 2, 0),
        (2, "dorian", 0, 0),
        (4, "minor", 1, 1),
        (9, "mixolydian", 2, 0),
        (1, "major", -5, 0),
        (6, "major", 6, 0),
    ):
        [found] = with_signature(score(line(C_MAJOR)), tonic, mode).key_signatures
        assert (found.key, found.tonality) == (fifths, minor)


def test_the_tonic_ends_a_tune() -> None:
    assert ends_on_tonic(score(line([60, 62, 64, 65, 67, 65, 64, 62, 60])))
    assert not ends_on_tonic(score(line([60, 62, 64, 65, 67, 60, 64, 60, 62])))
