"""Where a stream is, against a plain loop over its tokens."""

import torch

from musegen.data.dataset import Dataset
from musegen.models.position import make_tracker
from musegen.models.position.events import EventTracker
from musegen.tokenizers import GridTokenizer, Kind, RemiTokenizer

LAGS = (1, 2, 4, 8)


def follow(tokens: list[str]) -> list[tuple[int, int]]:
    """(bar, place) after each token, by reading the names."""
    bar, place, result = 0, 0, []
    for token in tokens:
        name, _, value = token.partition("_")
        if name == "Bar":
            bar, place = bar + 1, 0
        elif name == "Position":
            place = int(value) + 1
        result.append((bar, place))
    return result


def test_bar_and_place_follow_the_tokens(tunes: Dataset, plain: RemiTokenizer) -> None:
    tracker = EventTracker(plain.tables, LAGS)
    for piece in tunes.pieces[:5]:
        ids = plain.encode(tunes.score(piece))
        place, _ = tracker(torch.from_numpy(ids)[None], tracker.init_state(1))
        found = list(zip(place.bar[0].tolist(), place.place[0].tolist(), strict=True))
        assert found == follow([plain.vocab[i] for i in ids])


def test_the_pitch_classes_of_a_bar_are_counted_anew_in_each(tunes: Dataset, plain: RemiTokenizer) -> None:
    tracker = make_tracker(plain.tables, LAGS)
    ids = plain.encode(tunes.score(tunes.pieces[0]))
    place, state = tracker(torch.from_numpy(ids)[None], tracker.init_state(1))
    inside, so_far = [0] * 12, [0] * 12
    for at, id_ in enumerate(ids.tolist()):
        if plain.tables.kind[id_] == Kind.BAR:
            inside = [0] * 12
        if plain.tables.kind[id_] == Kind.PITCH:
            inside[plain.tables.pitch[id_] % 12] += 1
            so_far[plain.tables.pitch[id_] % 12] += 1
        assert place.bar_classes[0, at].tolist() == inside
    assert state.pitch_classes[0, :12].tolist() == so_far


def test_look_back_foretells_a_repeat(tunes: Dataset, plain: RemiTokenizer) -> None:
    """In a stream whose second half repeats its first, the right look-back foretells every id."""
    tracker = EventTracker(plain.tables, LAGS)
    ids = plain.encode(tunes.score(tunes.pieces[0])).tolist()
    bar_id = plain.vocab.index("Bar_None")
    bars = [i for i, id_ in enumerate(ids) if id_ == bar_id]
    phrase = ids[bars[1] : bars[5]]  # four bars
    stream = torch.tensor([[plain.bos_id, *phrase, *phrase]])
    place, state = tracker(stream, tracker.init_state(1))
    second = 1 + len(phrase)
    predicted = place.lookback[0, second:-1, LAGS.index(4)]
    assert predicted.tolist() == stream[0, second + 1 :].tolist()
    assert state.run_lengths[0, LAGS.index(4)] == len(phrase) - 1
    assert (place.lookback[0, :second, LAGS.index(8)] == 0).all()


def test_a_grid_is_followed_by_counting(chorales: Dataset, choir: GridTokenizer) -> None:
    tracker = make_tracker(choir.tables, LAGS)
    ids = choir.encode(chorales.score(chorales.pieces[0]))
    place, _ = tracker(torch.from_numpy(ids)[None], tracker.init_state(1))
    bar, count, last = 0, 0, [0, 0, 0, 0]
    struck = [-1, -1, -1, -1]
    moved = [0, 0, 0, 0]
    for at, id_ in enumerate(ids.tolist()):
        if id_ == choir.bar_id:
            bar, count = bar + 1, 0
        elif choir.tables.kind[id_] >= Kind.PITCH:
            last[count % 4] = id_
            moved = moved if count % 4 else [0, 0, 0, 0]
            if choir.tables.kind[id_] == Kind.PITCH:
                pitch = int(choir.tables.pitch[id_])
                moved[count % 4] = pitch - struck[count % 4] if struck[count % 4] >= 0 else 0
                struck[count % 4] = pitch
            count += 1
        assert (place.bar[0, at], place.place[0, at]) == (bar, count)
        turn = count % 4
        assert place.inputs[0, at, 1:5].tolist() == last[turn:] + last[:turn]
        assert place.reference_pitches[0, at].tolist() == struck[turn:] + struck[:turn]
        others = moved[turn:] + moved[:turn] if turn else [0, 0, 0, 0]
        assert place.motion[0, at].tolist() == others[1:]
        assert place.next_position[0, at] == count // 4


def test_look_back_on_a_grid_foretells_a_repeat(chorales: Dataset, choir: GridTokenizer) -> None:
    tracker = make_tracker(choir.tables, LAGS)
    ids = choir.encode(chorales.score(chorales.pieces[0])).tolist()
    bars = [i for i, id_ in enumerate(ids) if id_ == choir.bar_id]
    phrase = ids[bars[1] : bars[3]]  # two bars
    stream = torch.tensor([[choir.bos_id, *phrase, *phrase]])
    place, _ = tracker(stream, tracker.init_state(1))
    predicted = place.lookback[0, 1 + len(phrase) : -1, LAGS.index(2)]
    assert predicted.tolist() == stream[0, 2 + len(phrase) :].tolist()
