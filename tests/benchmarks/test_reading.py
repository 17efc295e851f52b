"""What is compared by benchmarks.reading, on texts small enough to check by eye."""

import pytest

from benchmarks import comparable, judges
from benchmarks.judges import HANGING, Note
from benchmarks.reading import BOTH, MENDED, _in_parts, compared, heard, notes_of
from musegen.music.reading.abc.tune import parse_abc
from musegen.music.reading.humdrum.score import parse_kern
from musegen.music.reading.musicxml.score import parse_musicxml
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, score

ATTRIBUTES = (
    "<attributes><divisions>2</divisions><time><beats>2</beats><beat-type>4</beat-type></time></attributes>"
)


def note(step: str, *, length: int = 2, inside: str = "", head: str = "") -> str:
    kind = {1: "eighth", 2: "quarter", 4: "half"}[length]
    pitch = f"<pitch><step>{step}</step><octave>4</octave></pitch>"
    return (
        f"<note>{head}{pitch}<duration>{length}</duration>{inside}<voice>1</voice><type>{kind}</type></note>"
    )


def musicxml(*parts: list[str]) -> str:
    names = "".join(f'<score-part id="P{i}"><part-name/></score-part>' for i, _ in enumerate(parts))
    body = ""
    for i, measures in enumerate(parts):
        inside = "".join(
            f'<measure number="{n}">{"" if n else ATTRIBUTES}{m}</measure>' for n, m in enumerate(measures)
        )
        body += f'<part id="P{i}">{inside}</part>'
    return f"<score-partwise><part-list>{names}</part-list>{body}</score-partwise>"


def pitches(text: str) -> list[int]:
    return [n.pitch for n in sorted(notes_of(parse_musicxml(text).score, has_drums=False))]


def test_a_pitch_that_is_struck_while_it_sounds_ends_there() -> None:
    unison = [Note(0, 4, 60), Note(1, 1, 60), Note(1, 0.5, 60)]
    assert heard(unison) == [Note(0, 1, 60), Note(1, 3, 60)]


@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        ([Note(3, 1, 60), Note(4, 1, 62)], "same"),
        ([Note(0, 1, 60), Note(1, HANGING, 62)], "same"),
        ([Note(0, 1, 60), Note(1, 2, 62)], "lengths"),
        ([Note(0, 1, 60), Note(2, 1, 62)], "times"),
        ([Note(0, 1, 60), Note(1, 1, 63)], "pitches"),
        ([Note(0, 1, 60)], "notes more"),
        ([Note(0, 1, 60), Note(1, 1, 62), Note(2, 1, 62)], "notes fewer"),
        ([], "nothing read"),
    ],
)
def test_classes_of_agreement(theirs: list[Note], found: str) -> None:
    assert compared([Note(0, 1, 60), Note(1, 1, 62)], theirs)[0] == found


def test_print_and_order_are_judged_apart() -> None:
    same, other = ("same", ""), ("times", "here")
    assert _in_parts("words", same, same, other) == (BOTH, "")
    assert _in_parts("words", same, other, same) == (MENDED, "here")
    assert _in_parts("words", same, other, other) == ("order of playing", "here")
    assert _in_parts("words", other, same, same) == ("times, as printed", "here")
    assert _in_parts("words", same) == ("order of playing", "words")


def test_midi_is_read_by_another_library() -> None:
    music = score(line([60, 62, 64], step=480), line([36, 38], step=240, drums=True))
    assert judges.of_midi(midi_bytes(music), has_drums=False) == [Note(i, 1, 60 + 2 * i) for i in range(3)]
    assert len(judges.of_midi(midi_bytes(music))) == 5
    with pytest.raises(judges.JudgeError, match="mido"):
        judges.of_midi(b"no music")


def test_a_key_that_is_struck_again_is_paired_in_both_ways() -> None:
    """A note at 0 and at 1 quarter; releases at 2 and 3."""
    on, off, quarter = b"\x90\x3c\x40", b"\x80\x3c\x00", b"\x83\x60"
    events = b"\0" + on + quarter + on + quarter + off + quarter + off + b"\0\xff\x2f\0"
    data = b"MThd\0\0\0\6\0\0\0\1\x01\xe0MTrk" + len(events).to_bytes(4, "big") + events
    assert judges.of_midi(data) == [Note(0, 2, 60), Note(1, 2, 60)]
    assert judges.of_midi(data, is_struck_again=True) == [Note(0, 1, 60), Note(1, 1, 60)]


def test_ties_are_followed_by_the_text() -> None:
    def row(onset: float, name: str, voice: int = 1) -> dict[str, object]:
        return {"onset_quarter": onset, "duration_quarter": 1.0, "pitch": 60, "id": name, "voice": voice}

    assert judges._tied([row(0, "n1t"), row(1, "n2tc-1"), row(2, "n3c", 2)]) == [Note(0, 3, 60)]
    assert judges._tied([row(0, "n1"), row(1, "n2c")]) == [Note(0, 1, 60), Note(1, 1, 60)]
    text = judges._Ties()
    start = comparable.NOTE.sub(text, note("C", inside='<tie type="start"/>'))
    assert 'id="n1t"' in start
    assert "<tie" not in start


def test_cues_are_time_that_passes() -> None:
    cue = note("D", head="<cue/>")
    text = musicxml([note("C") + cue, note("D", head="<cue/>") + note("E", head="<chord/>") + note("F")])
    plain = comparable.plain_musicxml(text)
    assert "<cue" not in plain
    assert pitches(plain) == [60, 64, 65]
    assert [n.onset for n in sorted(notes_of(parse_musicxml(plain).score, has_drums=False))] == [0, 2, 3]


REPEATED = [
    note("C", length=4),
    '<barline location="left"><repeat direction="forward"/></barline>' + note("D", length=4),
    '<barline location="left"><ending number="1" type="start"/></barline>'
    + note("E", length=4)
    + '<barline location="right"><ending number="1" type="discontinue"/></barline>',
    note("F", length=4) + '<barline location="right"><repeat direction="backward"/></barline>',
    '<barline location="left"><ending number="2" type="start"/></barline>' + note("G", length=4),
]


def test_a_score_as_printed_has_each_note_once() -> None:
    assert pitches(musicxml(REPEATED)) == [60, 62, 64, 65, 62, 67]
    printed = comparable.printed_musicxml(musicxml(REPEATED))
    assert pitches(printed) == [60, 62, 64, 65, 67]
    assert comparable.note_count(printed) == 5


def test_the_order_of_measures_alone() -> None:
    """The first measure strikes C, the second D, and so on; whatever was in them."""
    text = musicxml([m.replace("<step>E", "<step>C") for m in REPEATED], REPEATED)
    order = comparable.order_musicxml(text)
    assert [p % 12 for p in pitches(order)] == [0, 2, 4, 5, 2, 7]
    mended = comparable.mended_musicxml(order)
    assert mended.index('type="stop"') > mended.index("<step>F")
    assert 'type="discontinue"' not in mended


def test_parts_are_aligned() -> None:
    short, long = [note("C"), note("D", length=4)], [note("E", length=4), note("F", length=4)]
    aligned = comparable.aligned_musicxml(musicxml(short, long))
    assert aligned.count("<forward>") == 1
    assert aligned.index("<forward>") < aligned.index("<step>D")
    assert comparable.aligned_musicxml(musicxml(long, long)).count("<forward>") == 0


def test_abc_without_what_others_play_besides() -> None:
    tune = 'X:1\nM:2/4\nL:1/4\nK:C\n{g}~C "Am"!trill!D|:E F:|[1 G A:|[2 B c|]\n'
    plain = notes_of(parse_abc(comparable.plain_abc(tune), "pitch").score, has_drums=True)
    assert [n.pitch for n in plain][:2] == [60, 62]
    printed = parse_abc(comparable.printed_abc(tune), "pitch").score
    assert [n.pitch for n in notes_of(printed, has_drums=True)] == [60, 62, 64, 65, 67, 69, 71, 72]


def test_kern_as_printed() -> None:
    text = "**kern\n*>[A,A]\n*>A\n*M2/4\n=1!|:\n4c\n8qd\n4d\n=2:|!\n4e\n4f\n==\n*-\n"
    printed = comparable.printed_kern(text)
    assert [n.pitch for n in notes_of(parse_kern(printed).score, has_drums=True)] == [60, 62, 64, 65]
