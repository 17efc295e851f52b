import pytest

from musegen.errors import MidiError
from musegen.music.reading.abc import part_orders, plain_abc, split_abc, split_voices

HEAD = "X:1\nT:t\nM:4/4\nL:1/4\nK:C\n"


def body(music: str) -> str:
    return plain_abc(HEAD + music)[0].removeprefix(HEAD).strip()


def test_a_file_is_split_into_tunes_with_its_header() -> None:
    assert split_abc("% book\nM:3/4\n\nX:1\nK:C\nA|\n\nX:2\r\nK:D\r\nB|\n") == [
        "M:3/4\nX:1\nK:C\nA|\n\n",
        "M:3/4\nX:2\nK:D\nB|\n",
    ]


def test_voices_are_told_apart_in_both_layouts() -> None:
    apart = [HEAD + "A|\nc|", HEAD + "B|\nd|"]
    tunes = ("V:1\nA|\nV:2\nB|\nV:1\nc|\nV:2\nd|\n", "[V:1]A|\n[V:2]B|\n[V:1]c|\n[V:2]d|\n")
    for tune in tunes:
        assert [[x for x in v.splitlines() if x] for v in split_voices(HEAD + tune)] == [
            a.splitlines() for a in apart
        ]
    assert split_voices(HEAD + "A|\n") == [HEAD + "A|"]


def test_what_is_not_sounded_goes() -> None:
    assert body('"Am"A !ff!~B .c Hd|"^>fz"[|]') == "A B c d|"
    _, written, left_out = plain_abc(HEAD + '"Am7"(3{ab}ABc {d}"_low"e2 & G4|"G""^D.C. al Fine"[CE]4|')
    assert written == 6
    assert +left_out == {
        "chord symbols not sounded": 2,
        "grace notes dropped": 3,
        "jumps (da capo, dal segno) not played": 1,
        "notes of voice overlays (&) not read": 1,
    }
    assert body("(3{ab}ABc|") == "(3ABc|"


def test_repeat_signs_that_music21_mistakes_are_rewritten() -> None:
    assert body("AB::cE:|:A:||:B") == "AB :| |:cE :| |:A :| |:B"
    assert body("AB|\n:|2 c|") == "AB :|2 c|"


def test_fields_inside_a_tune_stand_on_lines_of_their_own() -> None:
    assert body("A[M:3/4]B[K:D]c|") == "A\nM:3/4\nM:3/4\nB\nK:D\nc|"
    assert body("A|\nM:3/4\nB|\nP:B\nc|").split() == ["A|", "M:3/4", "M:3/4", "B|", "c|"]


def test_a_clef_is_no_key() -> None:
    assert body("A|\nK:clef=bass\nB|\nK:D\nc|").split() == ["A|", "B|", "K:D", "c|"]


def test_bars_of_rest_are_as_long_as_the_metre_says() -> None:
    assert body("Z|Z2|A4|").split() == ["z4|z4|z4|A4|"]
    assert body("Z|\nL:1/8\nM:3/4\nX2|A6|").split() == ["z4|", "L:1/8", "M:3/4", "M:3/4", "z6|z6|A6|"]
    assert body("G2 ZA|") == "G2 zA|"
    assert "z4/3|" in plain_abc("X:1\nM:2/4\nL:3/8\nK:C\nZ|")[0]


def test_an_unclosed_chord_is_closed() -> None:
    assert body("[CE]2 [c2e2(3ABc|[A c]|") == "[CE]2 [c2e2](3ABc|[A c]|"


def test_only_an_order_is_an_order_of_parts() -> None:
    assert part_orders("X:1\nP:AABB\nK:C\nP:A\nA|\nP:B\nB|") == 1
    assert part_orders("X:1\nP:A\nK:C\nP:AB\n") == 0


def test_a_header_is_given_to_every_tune_but_not_for_ever() -> None:
    with pytest.raises(MidiError, match="at most"):
        split_abc("N:" + "x" * 9000 + "\nX:1\nK:C\nA|\n")
    with pytest.raises(MidiError, match="at most"):
        split_abc("X:\n" * 20_001)
