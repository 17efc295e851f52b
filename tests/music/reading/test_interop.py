from musegen.music.reading.interop import count_kern, parse_music21


def kern(*lines: str) -> str:
    return "\n".join("\t".join(line.split("|")) for line in lines) + "\n"


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


def test_notes_are_counted_by_spine() -> None:
    assert count_kern(SPLIT)[0] == 9
    exchanged = kern("**kern|**text", "4c|a", "*x|*x", "a|4c", "*-|*-")
    assert count_kern(exchanged)[0] == 2


def test_split_spines_are_read_to_the_last_note() -> None:
    _, score, repairs = parse_music21(SPLIT, "humdrum")
    assert sorted((n.time, n.duration, n.pitch) for t in score.tracks for n in t.notes) == [
        *((0, 480, 48), (0, 480, 60), (0, 480, 64)),
        *((480, 240, 62), (480, 480, 50), (480, 480, 65)),
        *((720, 240, 64), (960, 960, 60)),
    ]
    assert repairs == ["1 grace notes dropped"]


def test_an_order_of_sections_is_said() -> None:
    ordered = kern("**kern", "*>[A,A,B]", "*>A", "=1", "1c", "*>B", "=2", "1d", "*-")
    _, score, repairs = parse_music21(ordered, "humdrum")
    assert score.note_num() == 2
    assert repairs == ["1 orders of sections (*>[...]) not followed"]
