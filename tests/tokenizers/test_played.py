"""Notes beside the grid: what is played comes back within half a step, and streams stay valid music."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from symusic import Note
from symusic.core import ScoreTick

from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.tokenizers import Constraints, Kind, RemiTokenizer, load_tokenizer
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.remi_vocabulary import REACH, STEPS
from tests.music.scores import line, score
from tests.tokenizers.properties import _samples, _walks, pool
from tests.tokenizers.strategies import Example, Values, events


def _tokenizer(*, programs: bool) -> RemiTokenizer:
    config = TokenizerConfig(programs=programs, velocity=True, shift=True)
    return RemiTokenizer.build(config, time_signatures=[], programs=[])


TOKENIZERS = {name: _tokenizer(programs=name == "programs") for name in ("plain", "programs")}
ANY = Values(np.unique(TOKENIZERS["plain"].tables.duration)[1:], np.arange(1, 128), np.array([500_000]))
SETTINGS = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
Row = tuple[int, bool, int, int, int]


def rows_of(music: ScoreTick, *, programs: bool) -> list[Row]:
    """Voice, pitch, onset in steps and velocity of every note that the tokenizer reads, one after another."""
    found = [
        (
            track.program * programs,
            track.is_drum,
            note.pitch,
            int(note.time * STEPS / music.tpq + 0.5),
            note.velocity,
        )
        for track in music.tracks
        if programs or not track.is_drum
        for note in track.notes
    ]
    return sorted(found)


def keys_of(rows: list[Row]) -> list[tuple[int, bool, int]]:
    return [row[:3] for row in rows]


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(example=events(ANY, tempos=False))
@settings(
    max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_what_was_played_comes_back(name: str, example: Example) -> None:
    tokenizer = TOKENIZERS[name]
    if name == "plain" and all(track.is_drum for track in example.score.tracks):
        return
    programs = name == "programs"
    ids = tokenizer.encode(example.score)
    played, back = (rows_of(music, programs=programs) for music in (example.score, tokenizer.decode(ids)))
    if len({row[:4] for row in played}) < len(played):  # two tracks play one note at once
        return
    assert keys_of(back) == keys_of(played)
    shifts = [
        int(tokenizer.vocab[id_].partition("_")[2]) for id_ in ids if tokenizer.tables.kind[id_] == Kind.SHIFT
    ]
    if max(map(abs, shifts)) < REACH:
        assert [row[3] for row in back] == [row[3] for row in played]
    assert max(abs(a[4] - b[4]) for a, b in zip(played, back, strict=True)) <= 2
    assert_grammatical(tokenizer, ids)


def assert_grammatical(tokenizer: RemiTokenizer, ids: np.ndarray) -> None:
    grammar = make_grammar(tokenizer.tables, Constraints())
    stream = torch.from_numpy(np.asarray(ids, np.int64))
    state = grammar.init_state(1)
    for before, id_ in pairwise(stream):
        state = grammar.advance(state, before[None])
        assert bool(grammar.mask(state)[0, id_]), f"{tokenizer.vocab[id_]} after {tokenizer.vocab[before]}"


@pytest.mark.parametrize("streams", [_walks, _samples])
@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(index=st.integers(0, 127))
@settings(
    max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_any_stream_is_music(name: str, streams: object, index: int) -> None:
    """Every note of a stream is a note of its music, which is encoded again without losing one."""
    tokenizer = TOKENIZERS[name]
    ids = pool(tokenizer, streams)(index)  # type: ignore[arg-type]
    music = tokenizer.decode(ids)
    written = rows_of(music, programs=name == "programs")
    assert len(written) == (tokenizer.tables.kind[ids] == Kind.PITCH).sum()
    assert min(row[3] for row in written) >= 0
    assert len({row[:4] for row in written}) == len(written)
    again = tokenizer.decode(tokenizer.encode(music))
    assert keys_of(rows_of(again, programs=name == "programs")) == keys_of(written)


def test_a_flam_a_roll_and_a_swung_beat_keep_every_hit() -> None:
    """Positions are those of the score; hits of one drum that are too near stand beside each other."""
    tokenizer = TOKENIZERS["programs"]
    flam = [0, 20, 480, 960]
    roll = [1920 + 30 * n for n in range(16)]  # 64ths
    swung = [3840 + 240 * n + 80 * (n % 2) + 7 for n in range(8)]
    music = score(line([], drums=True), metres=[(0, 4, 4)])
    music.tracks[0].notes.extend([Note(onset, 20, 38, 80) for onset in (*flam, *roll, *swung)])
    ids = tokenizer.encode(music)
    onsets = [note.time for note in tokenizer.decode(ids).tracks[0].notes]
    assert onsets == pytest.approx([*flam, *roll, *swung], abs=480 / STEPS / 2)
    tables = tokenizer.tables
    places = tables.position[ids[tables.kind[ids] == Kind.POSITION]]
    assert places[-8:].tolist() == [24 * (n // 2) + 16 * (n % 2) for n in range(8)]  # eighth triplets


def test_each_bar_of_a_late_player_is_the_same(played: Dataset) -> None:
    """The positions of what was played are those of its score."""
    tokenizer = TOKENIZERS["programs"]
    piece = next(piece for piece in played.pieces if piece.programs == [-1])
    ids, tables = tokenizer.encode(played.score(piece)), tokenizer.tables
    assert set(tables.position[ids[tables.kind[ids] == Kind.POSITION]].tolist()) == set(range(0, 96, 12))


def test_without_shifts_nothing_changes() -> None:
    plain = RemiTokenizer.build(TokenizerConfig(), time_signatures=[], programs=[])
    assert "shift" not in plain.to_dict()
    assert not (plain.tables.kind == Kind.SHIFT).any()
    tokenizer = TOKENIZERS["programs"]
    assert tokenizer.vocab[-2 * REACH - 1 :] == [f"MicroTiming_{n}" for n in range(-REACH, REACH + 1)]
    assert load_tokenizer(tokenizer.to_dict()).vocab == tokenizer.vocab


def test_damaged_ids_decode(played: Dataset) -> None:
    """A note that lacks one of its ids is no note; nothing else is lost."""
    tokenizer = TOKENIZERS["programs"]
    ids = tokenizer.encode(played.score(played.pieces[0]))
    whole = tokenizer.decode(ids).note_num()
    at = int(np.flatnonzero(tokenizer.tables.kind[ids] == Kind.SHIFT)[3])
    assert tokenizer.decode(np.delete(ids, at)).note_num() == whole - 1
    assert tokenizer.decode([]).note_num() == 0
