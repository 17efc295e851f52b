"""Clips of one line as pitch and duration in turn."""

import numpy as np
import pytest
import torch

from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.settings import DataConfig, TokenizerConfig, TrainConfig
from musegen.data.clips import as_lines, clip_notes, cut_clips
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import token_view
from musegen.errors import ConfigError, TokenError
from musegen.generation.clips import encode_clip
from musegen.metrics.note_f1 import Notes
from musegen.models.position import make_tracker
from musegen.music.excerpt import excerpt
from musegen.tokenizers import Constraints, Kind, LineTokenizer, RemiTokenizer, load_tokenizer
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.line import read_line, write_line
from tests.tokenizers.walks import walk

MELODY = DataConfig(tracks="melody")
LINE = TokenizerConfig(kind="line")


@pytest.fixture(scope="module")
def tokenizer(tunes: Dataset) -> LineTokenizer:
    fitted = fit_tokenizer(tunes, LINE, MELODY)
    assert isinstance(fitted, LineTokenizer)
    return fitted


def metre_of(tokenizer: LineTokenizer, name: str) -> int:
    return tokenizer.vocab.index(f"TimeSig_{name}")


def notes_of(*rows: tuple[int, int, int]) -> Notes:
    """(onset, duration, pitch) of the notes of one clip."""
    onset, duration, pitch = np.array(rows, dtype=np.int64).T
    return Notes(np.zeros(len(rows), dtype=np.int64), onset, duration, pitch)


def words(tokenizer: LineTokenizer, ids: np.ndarray) -> list[str]:
    return [tokenizer.vocab[id_] for id_ in ids if id_]


def test_every_clip_of_the_tunes_says_the_same_notes(tunes: Dataset, tokenizer: LineTokenizer) -> None:
    view = token_view(tunes, tokenizer, MELODY)
    events, lines = (cut_clips(view, each, bars=2, split="train") for each in (tokenizer.events, tokenizer))
    first = clip_notes(events.ids, events.offsets, tokenizer.events.tables)
    second = clip_notes(lines.ids, lines.offsets, tokenizer.tables)
    for wanted, found in zip(first, second, strict=True):
        assert np.array_equal(wanted, found)
    assert len(lines.ids) < 0.75 * len(events.ids)
    assert [tokenizer.vocab[i] for i in lines.metre] == [tokenizer.events.vocab[i] for i in events.metre]


def test_a_bar_by_hand(tokenizer: LineTokenizer) -> None:
    notes = notes_of((0, 192, 60), (288, 96, 64))
    [ids] = write_line(notes, np.array([metre_of(tokenizer, "3/4")]), 1, tokenizer.tables)
    assert words(tokenizer, ids) == [
        *("BOS_None", "Bar_None", "TimeSig_3/4"),
        *("Pitch_60", "Duration_1.0.24", "Rest_None", "Duration_0.12.24"),
        *("Pitch_64", "Duration_0.12.24", "Rest_None", "Duration_1.0.24"),
        "EOS_None",
    ]


@pytest.mark.parametrize("onset", [0, 8, 4 * 192, 5 * 192 + 8, 63 * 192, 70 * 192 + 24])
def test_rests_of_any_length(onset: int, tokenizer: LineTokenizer) -> None:
    notes = notes_of((onset, 96, 60))
    ids = write_line(notes, np.array([metre_of(tokenizer, "4/4")]), 40, tokenizer.tables)
    found = read_line(ids[0], np.array([0, ids.shape[1]]), tokenizer.tables)
    assert [column.tolist() for column in found] == [[0], [onset], [96], [60]]
    lasts = tokenizer.tables.duration[ids[0]]
    assert lasts[lasts > 0].sum() == 40 * 4 * 24


def test_of_notes_at_once_the_highest_and_each_up_to_the_next(tokenizer: LineTokenizer) -> None:
    events = tokenizer.events
    bar, metre = events.vocab.index("Bar_None"), events.vocab.index("TimeSig_4/4")
    music = ["Position_0", "Pitch_48", "Duration_2.0.24", "Pitch_60", "Duration_2.0.24"]
    music += ["Position_24", "Pitch_62", "Duration_1.0.24"]
    ids = np.array([events.bos_id, bar, metre, *(events.vocab.index(word) for word in music), events.eos_id])
    [line] = as_lines(ids, np.array([0, len(ids)]), tokenizer, 1)
    found = read_line(line, np.array([0, len(line)]), tokenizer.tables)
    assert [column.tolist() for column in found[1:]] == [[0, 192], [192, 192], [60, 62]]


def test_a_users_clip_and_back(tunes: Dataset, tokenizer: LineTokenizer) -> None:
    score = excerpt(tunes.score(tunes.pieces[0]), 1, 3)
    mark = score.time_signatures[0]
    ids = encode_clip(score, tokenizer, 2, (mark.numerator, mark.denominator))
    back = tokenizer.decode(ids, ticks_per_quarter=score.ticks_per_quarter)
    assert [(n.time, n.end, n.pitch) for n in back.tracks[0].notes] == [
        (n.time, n.end, n.pitch) for n in score.tracks[0].notes
    ]
    assert str(back.time_signatures[0]) == str(score.time_signatures[0])


@pytest.mark.parametrize("metre", ["4/4", "6/8", "3/16"])
def test_whatever_the_masks_allow_fills_the_bars(metre: str, tokenizer: LineTokenizer) -> None:
    id_ = metre_of(tokenizer, metre)
    length = 3 * int(tokenizer.tables.bar_positions[id_])
    rules = Constraints(bars=3, metre_ids=[id_] * 3, pitches=frozenset({60, 62}), may_end_silent=True)
    streams = walk(tokenizer, rules, rows=300, seed=1)
    assert len(streams) == 300
    for stream in map(np.array, streams):
        kinds, lasts = tokenizer.tables.kind[stream], tokenizer.tables.duration[stream]
        assert lasts[lasts > 0].sum() == length
        assert Kind.PITCH in kinds
        assert set(tokenizer.tables.pitch[stream]) <= {-1, 60, 62}
        assert tokenizer.decode(stream).note_num() == (kinds == Kind.PITCH).sum()


def test_no_pitch_is_an_error(tokenizer: LineTokenizer) -> None:
    with pytest.raises(ConfigError, match="no pitch"):
        make_grammar(tokenizer.tables, Constraints(bars=2, pitches=frozenset()))


def test_its_tracker_knows_what_that_of_events_knows(tunes: Dataset, tokenizer: LineTokenizer) -> None:
    view = token_view(tunes, tokenizer, MELODY)
    events, lines = (cut_clips(view, each, bars=2, split="train") for each in (tokenizer.events, tokenizer))
    told = []
    for clips, tables in ((events, tokenizer.events.tables), (lines, tokenizer.tables)):
        rows = torch.from_numpy(clips.rows(clips.spread(20)))
        is_pitch = torch.from_numpy(tables.kind == Kind.PITCH)[rows]
        for is_reader in (False, True):
            tracker = make_tracker(tables, (1,), is_reader=is_reader)
            place, _ = tracker(rows, tracker.init_state(len(rows)))
            told.append(
                [each[is_pitch] for each in (place.bar, place.place, place.metre, place.inputs[..., 5])]
            )
    for other in told[1:]:
        assert all(torch.equal(a, b) for a, b in zip(told[0], other, strict=True))


def test_a_reader_stays_and_a_writer_goes_on(tokenizer: LineTokenizer) -> None:
    notes = notes_of((0, 288, 60), (288, 480, 64))
    rows = torch.from_numpy(write_line(notes, np.array([metre_of(tokenizer, "2/4")]), 2, tokenizer.tables))
    places = []
    for is_reader in (True, False):
        tracker = make_tracker(tokenizer.tables, (), is_reader=is_reader)
        place, _ = tracker(rows, tracker.init_state(1))
        places.append(list(zip(place.bar[0, 3:7].tolist(), place.place[0, 3:7].tolist(), strict=True)))
    assert places[0] == [(1, 1), (1, 1), (1, 37), (1, 37)]
    assert places[1] == [(1, 1), (1, 37), (1, 37), (3, 1)]


def test_saved_and_loaded(tokenizer: LineTokenizer) -> None:
    loaded = load_tokenizer(tokenizer.to_dict())
    assert isinstance(loaded, LineTokenizer)
    assert (loaded.vocab, loaded.config) == (tokenizer.vocab, tokenizer.config)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.tables, tokenizer.tables, strict=True))
    with pytest.raises(TokenError, match="no programs"):
        load_tokenizer(tokenizer.to_dict() | {"velocity": True, "vocab": _louder(tokenizer)})
    with pytest.raises(TokenError, match="BOS"):
        tokenizer.decode([1, 3])


def _louder(tokenizer: LineTokenizer) -> list[str]:
    config = TokenizerConfig(kind="remi", velocity=True, programs=False)
    return RemiTokenizer(config, tokenizer.time_signatures).vocab


def test_where_a_line_is_asked_for_in_vain() -> None:
    with pytest.raises(ConfigError, match="whole pieces"):
        TrainConfig(tokenizer=LINE)
    with pytest.raises(ConfigError, match="leave out polyphonic"):
        VAETrainConfig(tokenizer=LINE, data=DataConfig(tracks="all"))
    with pytest.raises(ConfigError, match="tokenizer line"):
        TokenizerConfig(kind="line", velocity=True)


def test_short_clips_are_lines_by_themselves() -> None:
    assert VAETrainConfig().writes_lines
    assert not VAETrainConfig(model=VAEConfig(clip_bars=16)).writes_lines
    assert not VAETrainConfig(model=VAEConfig(clip_bars=16, hierarchical=False)).writes_lines
    assert not VAETrainConfig(model=VAEConfig(hierarchical=True)).writes_lines
    assert not VAETrainConfig(data=DataConfig(tracks="all")).writes_lines
    assert not VAETrainConfig(tokenizer=TokenizerConfig(kind="grid")).writes_lines
