import numpy as np

from musegen.music.key import Key, estimate_key, pitch_class_weights
from tests.music.scores import line

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
