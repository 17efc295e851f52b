"""Labels as ids: by kind, found by what a user writes, and keys that move with the notes."""

import numpy as np
import pytest

from musegen.errors import ConfigError
from musegen.tokenizers.label_ids import LabelVocabulary, key_label

KEYS = tuple(key_label(tonic, "minor") for tonic in range(12))
LABELS = LabelVocabulary(("folders=haydn", "folders=mozart", "style=mozart", "style=Jig & reel", *KEYS))


def test_a_piece_has_one_id_of_each_kind() -> None:
    assert LABELS.kinds == ("folders", "style", "key")
    assert LABELS.ids({"folders": "mozart", "key": "C♯ minor"}).tolist() == [2, 0, 6]
    assert LABELS.ids({"folders": "bach", "other": "haydn"}).tolist() == [0, 0, 0]
    assert LABELS.tonics.tolist() == [-1] * 5 + list(range(12))


def test_keys_move_with_the_notes_and_nothing_else_does() -> None:
    moved = LABELS.moved(range(-5, 7))
    assert (moved[:, :5] == np.arange(5)).all()
    for row, shift in zip(moved, range(-5, 7), strict=True):
        assert LABELS.tonics[row[5:]].tolist() == [(tonic + shift) % 12 for tonic in range(12)]
    few = LabelVocabulary((key_label(0, "major"), key_label(2, "major")))
    assert few.moved(range(3)).tolist() == [[0, 1, 2], [0, 0, 0], [0, 2, 0]]  # of unknown keys: none


def test_modes_of_the_same_notes_are_one_label() -> None:
    assert key_label(9, "aeolian") == key_label(9, "minor") == "key=A minor"
    assert key_label(0, "ionian") == "key=C major"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("haydn", "folders=haydn"),
        ("Haydn", "folders=haydn"),
        ("style=mozart", "style=mozart"),
        ("jig & reel", "style=Jig & reel"),
        ("C# minor", "key=C♯ minor"),
        ("eb minor", "key=E♭ minor"),
    ],
)
def test_a_label_is_found_as_it_is_written(text: str, found: str) -> None:
    assert LABELS.find(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mozart", "mozart is a label of several kinds: name one of folders=mozart, style=mozart"),
        ("hayden", "hayden is not known to this model: did you mean haydn"),
        ("x", "x is not known to this model: it knows haydn, mozart"),
    ],
)
def test_an_unknown_label_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LABELS.find(text)
