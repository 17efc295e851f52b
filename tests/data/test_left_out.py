from dataclasses import replace
from pathlib import Path

import pytest

from musegen.data.left_out import in_words
from musegen.data.prepare import prepare
from musegen.errors import DataError
from musegen.music.writing.midi import write_score
from musegen.training.setup import set_up
from tests.music.scores import line, score
from tests.music_fixtures import TINY

GRID = "is not in the vocabulary of the tokenizer (4 positions per quarter note)"
TOGETHER = "several notes sound at once in {}; a grid has one note per voice"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"no melody track": 12}, "no melody track (x12)"),
        ({f"time signature 57/8 {GRID}": 4}, "unusual time signature 57/8 (x4)"),
        (
            {f"time signature {n}/8 {GRID}": 1 + (n == 57) for n in range(29, 58)} | {"no melody track": 1},
            "29 unusual time signatures, most often 57/8 (x2); no melody track (x1)",
        ),
        (
            {TOGETHER.format("Piano"): 1, TOGETHER.format("Harp, Organ"): 3},
            f"{TOGETHER.format('Harp, Organ')} and the like (x4)",
        ),
    ],
)
def test_reasons_that_differ_in_a_number_or_a_name_are_one(counts: dict[str, int], words: str) -> None:
    assert in_words(counts) == words


def test_one_line_before_a_training(tmp_path: Path) -> None:
    """Of five pieces in 4/4, three have a long cadenza, which no metre of the vocabulary can hold."""
    for number, beats in enumerate((0, 0, 29, 29, 31)):
        pitches = [60 + (number * step) % 12 for step in range(64)]
        metres = [(0, 4, 4), (3840, beats, 8), (3840 + beats * 240, 4, 4)] if beats else [(0, 4, 4)]
        write_score(score(line(pitches, step=480), metres=metres), tmp_path / "in" / f"{number}.mid")
    lines: list[str] = []
    dataset = prepare(str(tmp_path / "in"), tmp_path / "data", workers=1)
    set_up(TINY, dataset, None, lines.append)
    assert lines == ["left out 3 pieces: 2 unusual time signatures, most often 29/8 (x2)"]


def test_one_line_where_nothing_is_left(tmp_path: Path) -> None:
    for name in ("a", "b"):
        drums = line([36, 38] * 8, drums=True)
        write_score(score(drums, metres=[(0, 4, 4)]), tmp_path / "in" / f"{name}.mid")
    dataset = prepare(str(tmp_path / "in"), tmp_path / "data", workers=1)
    with pytest.raises(DataError, match=r"no track but drums \(x1\)"):
        set_up(replace(TINY, data=replace(TINY.data, drums=False)), dataset, None, lambda _: None)
