from symusic import KeySignature, Note, Tempo

from musegen.data.dataset import Dataset
from musegen.music.excerpt import bar_lines, end_to_end, excerpt
from musegen.music.metre import bar_ticks
from tests.music.scores import line, notes, score

TUNE = score(
    line([60, 62, 64, 65, 67, 69, 71, 72, 74, 76], step=480, name="Tune", program=73),
    metres=[(0, 4, 4), (1920, 3, 4)],
)


def test_bars_move_to_the_start() -> None:
    part = excerpt(TUNE, 1, 2)
    assert notes(part.tracks[0]) == [(0, 480, 67), (480, 480, 69), (960, 480, 71)]
    assert (part.tracks[0].name, part.tracks[0].program) == ("Tune", 73)
    assert [(t.time, t.numerator, t.denominator) for t in part.time_signatures] == [(0, 3, 4)]


def test_what_began_before_is_left_out_and_what_goes_on_is_cut() -> None:
    held = TUNE.copy()
    held.tracks[0].notes[3].duration = 960  # over the bar line
    assert notes(excerpt(held, 0, 1).tracks[0])[-1] == (1440, 480, 65)
    assert notes(excerpt(held, 1, 2).tracks[0])[0] == (0, 480, 67)


def test_tempo_and_key_in_force_go_along() -> None:
    tune = TUNE.copy()
    tune.tempos = [Tempo(0, 90), Tempo(1000, 120), Tempo(2400, 60)]
    tune.key_signatures = [KeySignature(0, 2, 0)]
    part = excerpt(tune, 1, 2)
    assert [(t.time, round(t.qpm)) for t in part.tempos] == [(0, 120), (480, 60)]
    assert [(k.time, k.key) for k in part.key_signatures] == [(0, 2)]


def test_bars_after_the_end_are_silent() -> None:
    assert bar_lines(TUNE, 5).tolist() == [0, 1920, 3360, 4800, 6240, 7680]
    part = excerpt(TUNE, 2, 5)
    assert notes(part.tracks[0]) == [(0, 480, 72), (480, 480, 74), (960, 480, 76)]
    assert not excerpt(TUNE, 3, 5).tracks


def test_a_piece_in_excerpts_and_back(tunes: Dataset) -> None:
    for piece in tunes.pieces:
        whole = tunes.score(piece)
        bars = len(bar_ticks(whole)) - 1
        if len(whole.time_signatures) > 1:
            continue
        again = end_to_end([excerpt(whole, bar, bar + 1) for bar in range(bars)], 1)
        assert [(n.time, n.pitch) for n in again.tracks[0].notes] == [
            (n.time, n.pitch) for n in whole.tracks[0].notes
        ]
        assert bar_ticks(again).tolist() == bar_ticks(whole).tolist()


def test_clips_of_other_instruments_tempos_and_ticks_end_to_end() -> None:
    first = excerpt(TUNE, 1, 2)
    second = excerpt(score(line([50, 52], step=480, program=3), metres=[(0, 3, 4)], tempo=70), 0, 1)
    whole = end_to_end([first, second.resample(960), first], 1)
    assert whole.tpq == 960
    assert [(t.program, [n.time for n in t.notes]) for t in whole.tracks] == [
        (73, [0, 960, 1920, 5760, 6720, 7680]),
        (3, [2880, 3840]),
    ]
    assert [(t.time, round(t.qpm)) for t in whole.tempos] == [(0, 100), (2880, 70), (5760, 100)]
    assert len(whole.time_signatures) == 1


def test_the_given_score_stays_as_it_is() -> None:
    before = TUNE.copy()
    part = excerpt(TUNE, 0, 2)
    part.tracks[0].notes.append(Note(0, 1, 1, 1))
    part.time_signatures[0].numerator = 7
    end_to_end([part, part], 2)
    assert before == TUNE
