import pytest

from musegen.errors import MidiError
from musegen.music.reading.humdrum.score import parse_kern


def kern(*lines: str) -> str:
    """A text of lines whose cells | separates; ¦ is the barline."""
    return "\n".join(line.replace("|", "\t").replace("¦", "|") for line in lines) + "\n"


SPLIT = kern(
    "**kern|**text|**kern",
    "*M2/4|*|*M2/4",
    "=1|=1|=1",
    "4C|abc|4c 4e",
    "*|*|*^",
    "4D|.|8d|4f",
    ".|.|8qg|.",
    ".|.|8e|.",
    "*|*|*v|*v",
    "=2|=2|=2",
    "2r|def|2c",
    "*-|*-|*-",
)


def test_split_spines_are_read_to_the_last_note() -> None:
    _, score, repairs = parse_kern(SPLIT)
    assert sorted((n.time, n.duration, n.pitch) for t in score.tracks for n in t.notes) == [
        *((0, 480, 48), (0, 480, 60), (0, 480, 64)),
        *((480, 240, 62), (480, 480, 50), (480, 480, 65)),
        *((720, 240, 64), (960, 960, 60)),
    ]
    assert repairs == ["1 grace notes dropped"]


def test_an_order_of_sections_is_played() -> None:
    ordered = kern("**kern", "*>[A,A,B]", "*>A", "=1", "1c", "=:¦!", "*>B", "1d", "=2", "1e", "*-")
    _, score, repairs = parse_kern(ordered)
    assert [n.pitch for n in score.tracks[0].notes] == [60, 60, 62, 64]
    assert repairs == []


def test_added_and_exchanged_spines_are_followed() -> None:
    added = kern("**kern", "=1", "4c", "*+", "*|**kern", "4d|4f", "2e|2g", "*-|*-")
    assert sorted((n.time, n.pitch) for t in parse_kern(added).score.tracks for n in t.notes) == [
        *((0, 60), (480, 62), (480, 65), (960, 64), (960, 67)),
    ]
    exchanged = kern("**kern|**text", "4c|a", "*x|*x", "a|4d", "*-|*-")
    assert [n.pitch for n in parse_kern(exchanged).score.tracks[0].notes] == [60, 62]


@pytest.mark.parametrize(
    ("lines", "message"),
    [(["**kern", "4c|4d"], "line 2: a line of 2 cells"), (["**text", "a"], "no notes"), (["4c"], "no notes")],
)
def test_what_does_not_fit_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(MidiError, match=message):
        parse_kern(kern(*lines))


def test_reference_records_are_no_obstacle() -> None:
    title, score, _ = parse_kern(kern("!!!COM: Haydn, Joseph", "!!!OTL: Quartet", "**kern", "=1", "4f", "*-"))
    assert (title, score.note_num()) == ("Quartet", 1)


def test_drums_are_drums() -> None:
    _, score, _ = parse_kern(kern("**kern", "*clefX", "=1", "4f", "4cc", "*-"))
    assert score.tracks[0].is_drum
    assert [n.pitch for n in score.tracks[0].notes] == [36, 38]


def test_transposing_instruments_are_written_as_they_sound() -> None:
    text = kern(
        "**kern", "*ITrd1c2", '*I"Clarinet in B-flat', "*k[b-]", "*M4/4", "=1", "1f", "=2", "1b-", "==", "*-"
    )
    assert [n.pitch for n in parse_kern(text).score.tracks[0].notes] == [65, 70]
