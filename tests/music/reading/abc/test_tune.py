import pytest

from musegen.errors import MidiError
from musegen.music.chord_symbols import chord_symbols, symbol_text
from musegen.music.reading.abc.tune import parse_abc
from musegen.music.reading.notated import Tune

Notes = list[tuple[float, float, int]]


def read(music: str, head: str = "", *, propagate: str = "pitch") -> Tune:
    return parse_abc(f"X:1\nT:t\nM:4/4\nL:1/4\n{head}K:C\n{music}\n", propagate)


def notes(music: str, head: str = "") -> Notes:
    """Onsets and lengths in quarters, and pitches, of all voices."""
    score = read(music, head).score
    found = [(n.time / 480, n.duration / 480, n.pitch) for t in score.tracks for n in t.notes]
    return sorted(found, key=lambda note: (note[0], note[2]))


def pitches(music: str, head: str = "") -> list[int]:
    return [pitch for _, _, pitch in notes(music, head)]


def test_accidentals_hold_to_the_barline_and_over_ties() -> None:
    assert pitches("^f f g f|f4|") == [78, 78, 79, 78, 77]
    assert pitches("_B B =B B|[_Bd]2 B2|") == [70, 70, 71, 71, 70, 74, 70]
    assert notes("z3 ^f-|f f3|") == [(3, 2, 78), (5, 3, 77)]
    assert pitches("[K:D]^g [K:G]g f c|") == [80, 79, 78, 72]


def test_accidentals_in_other_octaves_hold_as_a_directive_says() -> None:
    assert pitches("^c C c2|") == [73, 61, 73]
    assert pitches("^c C c2|", "%%propagate-accidentals octave\n") == [73, 60, 73]
    assert pitches("^c C c2|", "I:propagate-accidentals not\n") == [73, 60, 72]
    octave = read("^c C c2|", propagate="octave").score
    assert [n.pitch for n in octave.tracks[0].notes] == [73, 60, 73]


def test_chords_tie_note_by_note_and_into_each_ending() -> None:
    assert notes("[CE]2-[CG]2|[C-E]2[CE]2|") == [
        (0, 4, 60),
        (0, 2, 64),
        (2, 2, 67),
        (4, 4, 60),
        (4, 2, 64),
        (6, 2, 64),
    ]
    assert notes("|:C4-|1C4:|2C2D2|") == [(0, 8, 60), (8, 6, 60), (14, 2, 62)]
    assert notes("C-D C2|") == [(0, 1, 60), (1, 1, 62), (2, 2, 60)]


def test_ties_go_on_in_each_layer_of_an_overlay() -> None:
    """With their accidentals, over the barline."""
    assert notes("c3&E2^F-|d3&F2E|]", "M:3/4\n") == [
        (0, 2, 64), (0, 3, 72), (2, 3, 66), (3, 3, 74), (5, 1, 64),
    ]  # fmt: skip
    assert notes("c4&E4-|c4&E4|]") == [(0, 8, 64), (0, 4, 72), (4, 4, 72)]
    assert notes("G4-&[EC]2[EC]2-|G4&[EC]4|]") == [
        (0, 2, 60), (0, 2, 64), (0, 8, 67), (2, 6, 60), (2, 6, 64),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("music", "played"),
    [
        ("C4|D4:|E4|", "CDCDE"),
        ("|:C4:||:D4:|", "CCDD"),
        ("|::C4::|D4|", "CCCD"),
        ("|:C4|[1,3 D4:|[2 E4:|[4 F4|]", "CDCECDCF"),
        ("|:C4|[1-3 D4:|[4 E4|]", "CDCDCDCE"),
        ("|:C4|1 D4:|E4|", "CDCE"),
        ("|:C4||D4:|", "CDCD"),
        ("C4||D4:|", "CDD"),
        ("C4[|]D4:|", "CDCD"),
        ("C4|!segno!D4|E4 !D.S.!|", "CDEDE"),
        ("C4 !fine!|D4!D.C.!|", "CDC"),
        ('C4H|]D4"D.C."|]', "CDC"),
        ('C4|D4"^D.C. al Fine"|', "CD"),
        ('C4|D4|"Fine"E4||F4|F2 "D.C. al Fine"F2|]', "CDEFFFCDE"),
        ('|:C4|!fine!D4:|\n|:E4|"D.C."F4:|', "CDCDEFEFCD"),
        ("C4|!fine!D4|E4|!D.C.!F4|]", "CDEFCD"),
        ("C4|!segno!D4|E4!dacoda!|F4|C4!D.S.!|!coda!E4|F4|]", "CDEFCDEEF"),
    ],
)
def test_repeats_endings_and_jumps(music: str, played: str) -> None:
    letters = {60: "C", 62: "D", 64: "E", 65: "F"}
    assert "".join(letters[p] for p in pitches(music)) == played


def test_parts_are_played_in_their_order() -> None:
    body = "P:A\nC4|\nP:B\nD4:|\n"
    assert pitches(body, "P:A2BA\n") == [60, 60, 62, 62, 60]
    assert pitches(body) == [60, 62, 60, 62]
    assert "1 orders of parts not followed" in read("P:A\nC4|\n", "P:AB\n").repairs


def test_voices_sound_together_with_octave_clef_and_transposition() -> None:
    head = "V:1\nV:2 clef=treble-8\nV:3 octave=-2 transpose=1\n"
    assert notes("[V:1]C4|[V:2]C4|[V:3]C4|", head) == [(0, 4, 37), (0, 4, 48), (0, 4, 60)]
    assert notes("C4&E2z2|D4&G4|") == [(0, 4, 60), (0, 2, 64), (4, 4, 62), (4, 4, 67)]


def test_programs_channels_and_drum_maps() -> None:
    music = (
        "V:1\n%%MIDI program 40\nC4|\nV:2 clef=perc\n%%MIDI drummap C 36\nC4|\nV:3\n%%MIDI channel 10\nC4|"
    )
    score = read(music).score
    assert [(t.program, t.is_drum, t.notes[0].pitch) for t in score.tracks] == [
        (40, False, 60),
        (0, True, 36),
        (0, True, 60),
    ]


def test_rhythms() -> None:
    assert notes("C>(D E)<<F|") == [(0, 1.5, 60), (1.5, 0.5, 62), (2, 0.25, 64), (2.25, 1.75, 65)]
    assert [round(n[1], 3) for n in notes("(3CDE (10:4:2CD|")][:5] == [0.667, 0.667, 0.667, 0.4, 0.4]
    assert notes("Z2|C4|") == [(8, 4, 60)]
    assert notes("C3 D xH|E4|", "") != []
    assert notes("CDEF Hx|G4|")[-1] == (4, 4, 67)


def test_changes_of_metre_key_and_tempo_stand_in_the_maps() -> None:
    score = read("C D [K:D] F2|[M:3/4][Q:1/4=90] F3|\nK:Em\nQ:1/8=90\nF3|", "Q:1/4=60\n").score
    assert [(k.time, k.key) for k in score.key_signatures] == [(0, 0), (960, 2), (3360, 1)]
    assert [(t.time, t.numerator, t.denominator) for t in score.time_signatures] == [(0, 4, 4), (1920, 3, 4)]
    assert [(t.time, round(t.qpm)) for t in score.tempos] == [(0, 60), (1920, 90), (3360, 45)]


def test_chord_symbols_are_kept_where_they_stand() -> None:
    score, repairs = read('"Am7"C2 "G/B"D2|"^Am"E2 "4"F "Cwhat"G|')[1:]
    assert [(time, symbol_text(symbol)) for time, symbol in chord_symbols(score)] == [
        (0, "Am7"),
        (960, "G/B"),
    ]
    assert repairs == ["2 chord symbols kept, not sounded"]


def test_chords_on_d_are_no_jumps() -> None:
    score, repairs = read('"Dsus4"D2 "Dsus2"D2|"Ddim"D2 "D7sus4"D2|')[1:]
    assert [symbol_text(symbol) for _, symbol in chord_symbols(score)] == ["Dsus4", "Dsus2", "Ddim", "D7sus4"]
    assert repairs == ["4 chord symbols kept, not sounded"]


def test_chord_symbols_of_a_transposed_voice_sound_as_its_notes_do() -> None:
    score = read('"D"D4|"A7/E"E4|', "V:1 transpose=-2\n").score
    assert [n.pitch for n in score.tracks[0].notes] == [60, 62]
    assert [symbol_text(symbol) for _, symbol in chord_symbols(score)] == ["C", "G7/D"]


def test_a_change_of_program_within_a_voice_is_said() -> None:
    tune = read("%%MIDI program 40\nC4|\n%%MIDI program 73\nD4|")
    assert [t.program for t in tune.score.tracks] == [40]
    assert tune.repairs == ["1 program changes within a part not followed"]


@pytest.mark.parametrize("jump", ["From the top", "Vom Anfang", "Go back to the beginning", "D.C. al %"])
def test_jumps_in_other_words_are_said(jump: str) -> None:
    tune = read(f'C4|D4"^{jump}"|]')
    assert [n.pitch for n in tune.score.tracks[0].notes] == [60, 62]
    assert tune.repairs == ["1 jumps (da capo, dal segno) not played"]


def test_what_is_not_followed_is_said() -> None:
    _, _, repairs = read(
        "{ga}C ^/D [CE G2|\n%%MIDI drumon\nm: ~n = n\n§\n\nc d|e f|", "Q:1/4=fast 0\nK:C blues\n"
    )
    assert set(repairs) >= {
        "2 grace notes dropped",
        "1 quarter tones rounded to semitones",
        "1 unclosed chords closed",
        "1 accompaniments (%%MIDI drum, gchord) not sounded",
        "1 macros (m:) not expanded",
        "1 signs not understood",
        "1 lines of music after the end of the tune (an empty line) not read",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X:1\nK:C\n", "no notes"),
        ("X:1\nK:C\n\nA B c|\n", "no notes"),
        ("X:1\nK:C\nz4|\n", "no notes"),
        ("X:1\nK:C\nA9999|\n", "four figures"),
        ("X:1\nK:C\n" + "".join(f"[V:{i}]A|" for i in range(70)), "voices"),
        ("X:1\nK:C\nZ999|" * 25, "long"),
        ("X:1\nM:999/8\nK:C\nA|", "time signature"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(MidiError, match=message):
        parse_abc(text)
