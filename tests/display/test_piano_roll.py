from musegen.display.piano_roll import ROLLS, roll_row
from tests.music.scores import line, score


def test_a_row_of_rolls_shares_its_pitches() -> None:
    low, high = score(line([40, 43] * 4), metres=[(0, 2, 4)]), score(line([80, 84] * 4), metres=[(0, 2, 4)])
    figure = roll_row([low, high] * 10, [str(i) for i in range(20)], bars=2)
    assert len(figure.axes) == 2 * ROLLS
    shown = figure.axes[:20]
    assert len({axes.get_ylim() for axes in shown}) == 1
    lowest, highest = shown[0].get_ylim()
    assert lowest < 40
    assert highest > 84
    assert [len(axes.collections[0].get_paths()) for axes in shown] == [8] * 20
    assert roll_row([score(line([36, 38], drums=True))], ["drums"], bars=1).axes
