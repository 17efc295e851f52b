import math

from musegen.data.dataset import Dataset
from musegen.metrics.repetition import bar_keys, copied_share
from musegen.music.notes import transpose
from tests.music.scores import TPQ, line, score

METRE = [(0, 4, 4)]


def test_tunes_are_copies_of_themselves_at_their_pitch_alone(tunes: Dataset) -> None:
    tune, other = (tunes.score(piece) for piece in tunes.pieces[:2])
    known = set(bar_keys(tune))
    assert copied_share(tune, known) == 1.0
    assert copied_share(tune.resample(96), known) == 1.0
    assert copied_share(other, known) < 0.2
    assert copied_share(transpose(tune, 1), known) == 0.0


def test_what_makes_bars_equal() -> None:
    known = set(bar_keys(score(line([60, 62, 64, 65] * 2, step=TPQ), metres=METRE)))
    assert len(known) == 1
    assert copied_share(score(line([60, 62, 64, 65, 60, 62, 64, 67], step=TPQ), metres=METRE), known) == 0.5
    spread = score(line([60, 62], step=TPQ), line([64, 65], step=TPQ, start=2 * TPQ), metres=METRE)
    assert copied_share(spread, known) == 1.0
    staccato = line([60, 62, 64, 65], step=TPQ)
    staccato.notes[0].duration = TPQ // 2
    assert copied_share(score(staccato, metres=METRE), known) == 0.0
    longer = score(line([60, 62, 64, 65], step=TPQ), metres=[(0, 5, 4)])
    assert copied_share(longer, known) == 0.0


def test_empty_bars_do_not_count() -> None:
    late = score(line([60, 62, 64, 65], step=TPQ, start=8 * TPQ), metres=METRE)
    assert len(bar_keys(late)) == 1
    assert math.isnan(copied_share(score(), set()))
