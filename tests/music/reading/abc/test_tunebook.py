import pytest

from musegen.errors import MidiError
from musegen.music.reading.abc.tunebook import split_abc, tune_lines


def test_a_file_is_split_into_tunes_with_its_header() -> None:
    assert split_abc("% book\nM:3/4\n%%MIDI program 3\n\nX:1\nK:C\nA|\n\nX:2\r\nK:D\r\nB|\n") == [
        "M:3/4\n%%MIDI program 3\nX:1\nK:C\nA|\n\n",
        "M:3/4\n%%MIDI program 3\nX:2\nK:D\nB|\n",
    ]


def test_a_header_is_given_to_every_tune_but_not_for_ever() -> None:
    with pytest.raises(MidiError, match="at most"):
        split_abc("N:" + "x" * 9000 + "\nX:1\nK:C\nA|\n")
    with pytest.raises(MidiError, match="at most"):
        split_abc("X:\n" * 20_001)
    with pytest.raises(MidiError, match="at most"):
        split_abc("X:1\nK:C\n" + "A" * 2**20)


def test_an_empty_line_ends_a_tune_and_music_after_it_is_counted() -> None:
    header, body, after = tune_lines("X:1\nT:t\nK:C\nA B|\n\nProse about bags.\nc d | e f |\n")
    assert (header, body, after) == (["X:1", "T:t", "K:C"], ["A B|"], 1)


def test_text_blocks_and_lines_without_a_field_in_the_header_are_no_music() -> None:
    text = "X:1\nH:told\nBad Cage was here.\n%%begintext\nX:2\nA B c\n%%endtext\nK:C\nA|\n%%begintext\nd|\n"
    [tune] = split_abc(text)
    assert tune_lines(tune)[:2] == (["X:1", "H:told", "K:C"], ["A|"])


def test_a_tune_without_a_key_begins_with_its_music() -> None:
    assert tune_lines("X:1\nT:t\nA B|c d|\n")[:2] == (["X:1", "T:t"], ["A B|c d|"])
    with pytest.raises(MidiError, match="no tune"):
        tune_lines("Dear Ed,\na bag | of cabbage |\n")
