from musegen.music.abc import plain_abc, split_abc, split_voices

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
    assert plain_abc(HEAD + "(3{ab}ABc {d}e2|")[1] == 3
    assert body("(3{ab}ABc|") == "(3ABc|"


def test_repeat_signs_that_music21_mistakes_are_rewritten() -> None:
    assert body("AB::cE:|:A:||:B") == "AB :| |:cE :| |:A :| |:B"
    assert body("AB|\n:|2 c|") == "AB :|2 c|"


def test_fields_inside_a_tune_stand_on_lines_of_their_own() -> None:
    assert body("A[M:3/4]B[K:D]c|") == "A\nM:3/4\nM:3/4\nB\nK:D\nc|"
    assert body("A|\nM:3/4\nB|\nP:B\nc|").split() == ["A|", "M:3/4", "M:3/4", "B|", "c|"]
