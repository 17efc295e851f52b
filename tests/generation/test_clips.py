"""What is taken of a user's file, and what is said of it."""

import numpy as np
import pytest
import torch

from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.generation.clips import take_clip
from musegen.generation.step import Rules
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Constraints, GridTokenizer, Kind, RemiTokenizer, Tokenizer
from musegen.tokenizers.grammars import make_grammar
from tests.music.scores import line, notes, score

EIGHT = score(line([60, 62, 64, 65, 67, 69, 71, 72] * 4, step=480), metres=[(0, 4, 4)])
"""Eight bars of quarters."""


@pytest.fixture(params=["plain", "line"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    found: Tokenizer = request.getfixturevalue(request.param)
    return found


def test_every_clip_of_real_tunes_is_taken_whole(tunes: Dataset, tokenizer: Tokenizer) -> None:
    taken = 0
    for piece in tunes.pieces[:12]:
        whole = tunes.score(piece)
        for bar in range(1, len(bar_ticks(whole)) - 1, 5):
            clip = take_clip(whole, tokenizer, 2, from_bar=bar)
            kinds = tokenizer.tables.kind[clip.ids]
            assert (kinds == Kind.BAR).sum() == 2
            assert (kinds[0], kinds[-1]) == (Kind.BOS, Kind.EOS)
            assert notes(tokenizer.decode(clip.ids).tracks[0]) == notes(clip.score.resample(480).tracks[0])
            taken += 1
    assert taken > 60


def test_a_grammar_of_clips_lets_every_clip_pass(tunes: Dataset, tokenizer: Tokenizer) -> None:
    for piece in tunes.pieces[:6]:
        clip = take_clip(tunes.score(piece), tokenizer, 3, from_bar=piece.bars)  # two bars of silence
        numerator, denominator = clip.metre
        metre = tokenizer.vocab.index(f"TimeSig_{numerator}/{denominator}")
        rules = Constraints(bars=3, metre_ids=[metre] * 3, tempo=False, may_end_silent=True)
        grammar: Rules = make_grammar(tokenizer.tables, rules)
        state = grammar.init_state(1)
        for id_, following in zip(clip.ids[:-1], clip.ids[1:], strict=True):
            state = grammar.advance(state, torch.tensor([id_]))
            assert grammar.mask(state)[0, following], (tokenizer.vocab[id_], tokenizer.vocab[following])


def test_a_clip_without_a_note_is_not_written(tokenizer: Tokenizer) -> None:
    metre = tokenizer.vocab.index("TimeSig_4/4")
    rules = Constraints(bars=2, metre_ids=[metre] * 2, tempo=False, may_end_silent=True)
    grammar: Rules = make_grammar(tokenizer.tables, rules)
    state = grammar.init_state(1)
    likes_rests = torch.from_numpy(np.isin(tokenizer.tables.kind, [Kind.PITCH, Kind.POSITION]).astype(float))
    ids = torch.tensor([tokenizer.bos_id])
    written = [int(ids)]
    while written[-1] != tokenizer.eos_id:
        state = grammar.advance(state, ids)
        ids = (grammar.mask(state) * (2 - likes_rests)).argmax(
            dim=1
        )  # a note only where nothing else may come
        written.append(int(ids))
    assert (tokenizer.tables.kind[written] == Kind.PITCH).sum() == 1


def test_the_bars_asked_for_are_taken(tokenizer: Tokenizer) -> None:
    clip = take_clip(EIGHT, tokenizer, 2, from_bar=3)
    assert notes(clip.score.tracks[0])[0] == (0, 480, 60)
    assert clip.score.note_num() == 8
    assert clip.words == ["bars 3 to 4 of 8 taken"]
    assert take_clip(EIGHT, tokenizer, 8).words == []


def test_the_first_bar_with_a_note_is_taken_unless_one_is_named(tokenizer: Tokenizer) -> None:
    late = score(line([60, 62], step=480, start=4 * 1920), metres=[(0, 4, 4)])
    assert take_clip(late, tokenizer, 1).words == ["bars 5 to 5 of 5 taken"]
    with pytest.raises(DataError, match="no note begins in bars 2 to 3; in bar 5 one does"):
        take_clip(late, tokenizer, 2, from_bar=2)
    for bar in (0, 6):
        with pytest.raises(DataError, match="numbered from 1 to 5"):
            take_clip(late, tokenizer, 2, from_bar=bar)


def test_one_bar_too_few_is_filled_with_silence_and_said(tokenizer: Tokenizer) -> None:
    clip = take_clip(EIGHT, tokenizer, 2, from_bar=8)
    assert clip.words == ["bars 8 to 8 of 8 taken", "1 bar of silence added: the model's clips have 2"]
    assert (tokenizer.tables.kind[clip.ids] == Kind.BAR).sum() == 2
    assert clip.score.note_num() == 4


def test_a_change_of_metre_inside_is_refused(tokenizer: Tokenizer) -> None:
    changing = EIGHT.copy()
    changing.time_signatures = [*EIGHT.time_signatures, *score(metres=[(3840, 3, 4)]).time_signatures]
    assert take_clip(changing, tokenizer, 2, from_bar=1).metre == (4, 4)
    assert take_clip(changing, tokenizer, 2, from_bar=3).metre == (3, 4)
    with pytest.raises(DataError, match="changes from 4/4 to 3/4 in bar 3"):
        take_clip(changing, tokenizer, 2, from_bar=2)


def test_a_metre_nobody_knows_is_refused_and_an_untrained_one_said(tokenizer: Tokenizer) -> None:
    odd = score(line([60] * 8), metres=[(0, 61, 64)])
    with pytest.raises(DataError, match="in 61/64, which the model does not write; it writes"):
        take_clip(odd, tokenizer, 2)
    seven = score(line([60] * 14), metres=[(0, 7, 8)])
    clip = take_clip(seven, tokenizer, 2, metres={"6/8": 30, "4/4": 50})
    assert clip.words == ["no training clip is in 7/8 (they are in 4/4, 6/8): expect poor results"]
    assert not take_clip(seven, tokenizer, 2, metres={"7/8": 1}).words


def test_of_several_tracks_the_melody_is_taken(tokenizer: Tokenizer) -> None:
    low = line([40, 43] * 4, step=480, name="Bass", program=32)
    tune = line([72, 74, 76, 77] * 2, step=480, name="Lead", program=73)
    both = score(low, tune, metres=[(0, 4, 4)])
    clip = take_clip(both, tokenizer, 2)
    assert [t.name for t in clip.score.tracks] == ["Lead"]
    assert clip.words == []  # its name says it
    tune.name = ""
    words = take_clip(score(low, tune, metres=[(0, 4, 4)]), tokenizer, 2).words
    assert words == ["detected the melody in track 2; choose another with ⟨melody⟩"]
    assert take_clip(both, tokenizer, 2, melody="bass").score.tracks[0].name == "Bass"
    with pytest.raises(DataError, match="no melody track 'flute'"):
        take_clip(both, tokenizer, 2, melody="flute")
    with pytest.raises(DataError, match="no pitched track"):
        take_clip(score(line([36] * 8, drums=True)), tokenizer, 2)


def test_of_two_melodies_at_once_the_higher_is_taken(tokenizer: Tokenizer) -> None:
    both = score(line([72, 74, 76, 77] * 2, step=480), metres=[(0, 4, 4)])
    for note in line([60, 62, 64, 65] * 2, step=480).notes:
        both.tracks[0].notes.append(note)
    clip = take_clip(both, tokenizer, 2)
    assert clip.words == ["the model writes one note at a time: 8 notes below the tune left out"]
    assert [n[2] for n in notes(clip.score.tracks[0])] == [72, 74, 76, 77] * 2


def test_legato_stays_as_it_is_in_the_users_own_clip(tokenizer: Tokenizer) -> None:
    legato = EIGHT.copy()
    for note in legato.tracks[0].notes:
        note.duration = 560
    clip = take_clip(legato, tokenizer, 2)
    assert [n[1] for n in notes(clip.score.tracks[0])] == [560] * 7 + [480]
    assert notes(tokenizer.decode(clip.ids).tracks[0])[0] == (0, 480, 60)


def test_what_lies_off_the_grid_is_said() -> None:
    coarse = GridTokenizer.build(TokenizerConfig(kind="grid", positions=4), time_signatures=[])
    triplets = score(line([60, 62, 64] * 8, step=160), metres=[(0, 4, 4)])
    clip = take_clip(triplets, coarse, 2)
    assert clip.words == ["33% of the notes lie on the model's grid; the others are moved to it"]
    assert clip.score.note_num() == 24


def test_several_lines_are_kept_where_the_model_writes_them(plain: RemiTokenizer) -> None:
    both = score(
        line([72, 74], step=480), line([60, 62], step=480), line([36], drums=True), metres=[(0, 4, 4)]
    )
    assert take_clip(both, plain, 1, one_line=False, drums=False).score.note_num() == 4
    with pytest.raises(DataError, match="only drums"):
        take_clip(score(line([36] * 8, drums=True)), plain, 1, one_line=False, drums=False)
