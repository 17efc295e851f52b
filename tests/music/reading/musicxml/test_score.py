import pytest
from symusic import Score

from musegen.errors import MidiError
from musegen.music.chord_symbols import chord_symbols, symbol_text
from musegen.music.reading.musicxml.score import parse_musicxml

QUARTER = "<duration>1</duration>"


def pitch(step: str, octave: int = 4) -> str:
    return f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"


def note(inside: str) -> str:
    return f"<note>{inside}{QUARTER}</note>"


def sounded(step: str) -> str:
    return note(pitch(step))


def piece(*measures: str, head: str = "", transpose: str = "") -> str:
    attributes = (
        f"<attributes><divisions>1</divisions><time><beats>2</beats><beat-type>4</beat-type></time>"
        f"{transpose}</attributes>"
    )
    body = "".join(
        f'<measure number="{i}">{attributes if i == 1 else ""}{measure}</measure>'
        for i, measure in enumerate(measures, start=1)
    )
    return (
        f'<score-partwise><part-list><score-part id="P1"><part-name>p</part-name>{head}</score-part>'
        f'</part-list><part id="P1">{body}</part></score-partwise>'
    )


def read(text: str) -> tuple[Score, list[str]]:
    _, score, repairs = parse_musicxml(text)
    return score, repairs


def pitches(text: str) -> list[int]:
    return [n.pitch for n in read(text)[0].tracks[0].notes]


def words(text: str) -> str:
    return f"<direction><direction-type><words>{text}</words></direction-type></direction>"


def test_drums_keep_their_pitches_in_chords_too() -> None:
    head = "".join(
        f'<score-instrument id="{i}"><instrument-name>{i}</instrument-name></score-instrument>' for i in "ab"
    ) + "".join(
        f'<midi-instrument id="{i}"><midi-channel>10</midi-channel><midi-unpitched>{n}</midi-unpitched>'
        "</midi-instrument>"
        for i, n in (("a", 37), ("b", 43))
    )
    drum = (
        "<unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched>"
        '<duration>1</duration><instrument id="{}"/>'
    )
    text = piece(
        f"<note>{drum.format('a')}</note><note><chord/>{drum.format('b')}</note><note>{drum.format('?')}</note>",
        head=head,
    )
    score, repairs = read(text)
    assert score.tracks[0].is_drum
    assert [(n.time, n.pitch) for n in score.tracks[0].notes] == [(0, 36), (0, 42), (480, 38)]
    assert repairs == []


def test_transposing_instruments_sound() -> None:
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    assert pitches(piece(sounded("C") + sounded("D"), transpose=clarinet)) == [58, 60]


def test_what_is_not_sounded_is_said() -> None:
    chord = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
    grace = f"<note><grace/>{pitch('B')}</note>"
    cue = f"<note><cue/>{pitch('A', 5)}{QUARTER}</note>"
    score, repairs = read(piece(chord + grace + sounded("C") + cue))
    assert [n.pitch for n in score.tracks[0].notes] == [60]
    assert sorted(repairs) == [
        "1 chord symbols kept, not sounded",
        "1 cue notes not sounded",
        "1 grace notes dropped",
    ]


def test_dynamics_are_velocities_until_the_next() -> None:
    def mark(name: str) -> str:
        return f"<direction><direction-type><dynamics><{name}/></dynamics></direction-type></direction>"

    text = piece(
        sounded("C") + mark("p") + sounded("D"),
        sounded("E") + mark("sfz") + sounded("F"),
        mark("ff") + sounded("G"),
    )
    assert [n.velocity for n in read(text)[0].tracks[0].notes] == [80, 49, 49, 49, 112]


def test_voices_and_staves_of_a_part_are_all_read() -> None:
    def voice(number: int, *steps: str) -> str:
        return "".join(
            note(f"{pitch(s)}<voice>{number}</voice><staff>{1 + number // 5}</staff>") for s in steps
        )

    back = "<backup><duration>2</duration></backup>"
    score, repairs = read(piece(voice(1, "C", "D") + back + voice(2, "E", "F") + back + voice(5, "G", "A")))
    assert sorted((n.time, n.pitch) for t in score.tracks for n in t.notes) == [
        *((0, 60), (0, 64), (0, 67)),
        *((480, 62), (480, 65), (480, 69)),
    ]
    assert repairs == []


def test_da_capo_al_fine_is_played() -> None:
    text = piece(
        sounded("C") * 2,
        sounded("D") * 2 + words("Fine"),
        sounded("E") * 2 + words("D.C. al Fine"),
    )
    assert pitches(text) == [60, 60, 62, 62, 64, 64, 60, 60, 62, 62]


def test_a_jump_that_cannot_be_followed_is_said() -> None:
    score, repairs = read(piece(sounded("C") * 2, sounded("D") * 2 + words("D.S. al Fine")))
    assert score.note_num() == 4
    assert repairs == ["1 jumps (da capo, dal segno) not played"]


def test_measures_that_hold_parts_are_turned() -> None:
    partwise = piece(sounded("C") * 2, sounded("D") * 2)
    timewise = (
        partwise.replace("score-partwise", "score-timewise")
        .replace('<part id="P1">', "")
        .replace("</part></score", "</score")
        .replace('<measure number="1">', '<measure number="1"><part id="P1">')
        .replace('<measure number="2">', '<measure number="2"><part id="P1">')
        .replace("</measure>", "</part></measure>")
    )
    assert pitches(timewise) == pitches(partwise) == [60, 60, 62, 62]


def test_damaged_xml_is_refused() -> None:
    with pytest.raises(MidiError, match="damaged XML"):
        parse_musicxml("<score-partwise><part>")


def test_a_tie_beside_a_unison_of_another_voice_goes_on() -> None:
    """Where one voice ends its tie, another begins one on the same pitch."""

    def tied(*kinds: str, voice: int) -> str:
        ties = "".join(f'<tie type="{kind}"/>' for kind in kinds)
        return f"<note>{pitch('C')}{QUARTER}{ties}<voice>{voice}</voice></note>"

    back, rest = f"<backup>{QUARTER}</backup>", f"<forward>{QUARTER}</forward>"
    first = rest + tied("start", voice=2) + back + back + tied("start", voice=1) + tied("stop", voice=1)
    score, _ = read(piece(first, tied("stop", voice=2)))
    assert [(n.time, n.duration) for n in score.tracks[0].notes] == [(0, 480), (480, 960)]


def test_drums_among_other_notes_are_a_track_of_their_own() -> None:
    clap = f"<note><unpitched><display-step>E</display-step></unpitched>{QUARTER}</note>"
    score, _ = read(piece(sounded("C") + clap, sounded("E") + sounded("G")))
    assert [(t.is_drum, [n.pitch for n in t.notes]) for t in score.tracks] == [
        (False, [60, 64, 67]),
        (True, [38]),
    ]
    head = "".join(
        f'<score-instrument id="{i}"><instrument-name>{name}</instrument-name></score-instrument>'
        for i, name in (("s", "Snare Drum"), ("x", "Xylophone"))
    )
    snare = f'<note><unpitched/>{QUARTER}<instrument id="s"/></note>'
    xylophone = note(pitch("C", 5) + '<instrument id="x"/>')
    score, _ = read(piece(snare + xylophone, head=head))
    assert [(t.is_drum, t.program, [n.pitch for n in t.notes]) for t in score.tracks] == [
        (False, 13, [72]),
        (True, 0, [38]),
    ]


def test_a_percussion_clef_holds_for_its_staff_and_from_where_it_stands() -> None:
    clefs = "".join(
        f'<clef number="{i}"><sign>{sign}</sign></clef>' for i, sign in ((1, "G"), (2, "percussion"))
    )
    staves = f"<attributes><staves>2</staves>{clefs}</attributes>"
    notes = note(pitch("C") + "<staff>1</staff>") + note(pitch("C", 2) + "<staff>2</staff>")
    score, _ = read(piece(staves + notes))
    assert [(t.is_drum, [n.pitch for n in t.notes]) for t in score.tracks] == [(False, [60]), (True, [36])]
    last = "<attributes><clef><sign>percussion</sign></clef></attributes>"
    rest = f"<note><rest/>{QUARTER}</note>"
    score, _ = read(piece(sounded("C") + sounded("E"), last + rest + rest))
    assert [t.is_drum for t in score.tracks] == [False]


def harmony(kind: str, *degrees: tuple[int, int, str]) -> str:
    each = "".join(
        f"<degree><degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter>"
        f"<degree-type>{type_}</degree-type></degree>"
        for value, alter, type_ in degrees
    )
    return f"<harmony><root><root-step>D</root-step></root><kind>{kind}</kind>{each}</harmony>"


@pytest.mark.parametrize(
    ("symbol", "text", "said"),
    [
        (harmony("dominant", (9, -1, "add")), "D7b9", False),
        (harmony("suspended-fourth", (7, 0, "add")), "D7sus4", False),
        (harmony("dominant", (5, 1, "alter")), "Daug7", False),
        (harmony("major-seventh", (11, 1, "add")), "Dmaj7", True),
        (harmony("major", (3, 0, "subtract")), "D", True),
        (harmony("major", (9, 0, "add")), "Dadd9", False),
        (harmony("minor", (9, 0, "add")), "Dmadd9", False),
        (harmony("major", (6, 0, "add")), "D6", False),
        (harmony("major", (5, -1, "alter")), "D", True),
        (harmony("major", (11, 1, "add")), "D", True),
    ],
)
def test_chord_symbols_keep_their_added_notes_or_say_so(symbol: str, text: str, said: bool) -> None:
    score, repairs = read(piece(symbol + sounded("D")))
    assert [symbol_text(symbol) for _, symbol in chord_symbols(score)] == [text]
    assert ("1 chord symbols without their added or changed notes" in repairs) == said


def test_chord_symbols_of_a_transposing_part_sound_as_its_notes_do() -> None:
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    score, _ = read(piece(harmony("major") + sounded("D"), transpose=clarinet))
    assert [n.pitch for n in score.tracks[0].notes] == [60]
    assert [symbol_text(symbol) for _, symbol in chord_symbols(score)] == ["C"]


@pytest.mark.parametrize(
    "jump",
    [
        "Repeat from beginning",
        "From the top",
        "Vom Anfang bis Fine",
        "Back to A",
        "D.S. al 2nd Coda",
        "𝄋 al Fine",
    ],
)
def test_jumps_in_other_words_are_said(jump: str) -> None:
    score, repairs = read(piece(sounded("C") + sounded("D"), sounded("E") + sounded("F") + words(jump)))
    assert len(score.tracks[0].notes) == 4
    assert "1 jumps (da capo, dal segno) not played" in repairs


@pytest.mark.parametrize("text", ["dim. al fine", "Back to tempo I", "immer leiser bis zum Ende", "D string"])
def test_other_words_are_no_jumps(text: str) -> None:
    _, repairs = read(piece(sounded("C") + sounded("D"), sounded("E") + sounded("F") + words(text)))
    assert repairs == []


def test_what_stands_inside_a_bar_is_said() -> None:
    middle = '<barline location="middle"><repeat direction="backward"/></barline>'
    tremolo = "<notations><ornaments><tremolo>3</tremolo></ornaments></notations>"
    _, repairs = read(piece(sounded("C") + middle + note(pitch("D") + tremolo)))
    assert sorted(repairs) == [
        "1 repeats in the middle of a bar not played there",
        "1 tremolos played as plain notes",
    ]


def test_a_staff_may_be_transposed_alone() -> None:
    lower = '<transpose number="2"><chromatic>0</chromatic><octave-change>1</octave-change></transpose>'
    notes = note(pitch("C") + "<staff>1</staff>") + note(pitch("C", 3) + "<staff>2</staff>")
    assert pitches(piece(notes, transpose=f"<staves>2</staves>{lower}")) == [60, 60]
    doubled = "<transpose><chromatic>0</chromatic><double/></transpose>"
    score, repairs = read(piece(sounded("C") + sounded("D"), transpose=doubled))
    assert [n.pitch for n in score.tracks[0].notes] == [60, 62]
    assert repairs == ["1 doublings at the octave not sounded"]
