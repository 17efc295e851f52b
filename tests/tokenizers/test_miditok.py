"""The vocabulary of REMI, and the music of its ids, are those of MidiTok, which is not loaded for them."""

from itertools import product

import numpy as np
import pytest
from symusic.core import ScoreTick

from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.music.odd_bars import fill_odd_bars
from musegen.music.programs import miditok_name
from musegen.tokenizers import Kind, Part, RemiTokenizer
from musegen.tokenizers.tables import Ints
from tests.tokenizers.oracle import miditok_decode
from tests.tokenizers.strategies import PARTS

CASES = [(*flags, parts) for flags in product((False, True), repeat=4) for parts in ([], PARTS)]
"""Programs, velocity, tempo and lengths, and the parts."""


def tokenizer_of(
    programs: bool, velocity: bool, tempo: bool, lengths: bool, parts: list[Part]
) -> RemiTokenizer:
    """The tokenizer of a case; with lengths its finest metre is in 32nds."""
    config = TokenizerConfig(programs=programs, velocity=velocity, tempo=tempo, lengths=lengths)
    metres = [(13, 8), (7, 32)] if lengths else []
    return RemiTokenizer.build(config, time_signatures=metres, programs=[], parts=parts)


def facts(score: ScoreTick) -> list[object]:
    """All that a score holds, notes in their order."""
    columns = ("time", "duration", "pitch", "velocity")
    return [
        score.ticks_per_quarter,
        [(mark.time, mark.numerator, mark.denominator) for mark in score.time_signatures],
        [(mark.time, mark.mspq) for mark in score.tempos],
        [
            (track.name, track.program, track.is_drum, *(track.notes.numpy()[c].tolist() for c in columns))
            for track in score.tracks
        ],
        [len(kind) for kind in (score.key_signatures, score.markers)],
    ]


def same(tokenizer: RemiTokenizer, ids: Ints) -> None:
    """Both decoders give one score."""
    for ticks in (480, 220):
        decoded = tokenizer.decode(ids, ticks_per_quarter=ticks)
        expected = miditok_decode(tokenizer, ids).resample(ticks, min_dur=1)
        assert facts(decoded) == facts(expected)
        assert decoded == expected


@pytest.mark.parametrize("case", CASES)
def test_the_vocabulary(case: tuple[bool, bool, bool, bool, list[Part]]) -> None:
    tokenizer = tokenizer_of(*case)
    ids = tokenizer.miditok.vocab
    lengths = 128 if tokenizer.config.lengths else 0
    assert tokenizer.vocab[: len(tokenizer.vocab) - lengths] == sorted(ids, key=lambda token: int(ids[token]))
    assert [ids[f"{name}_None"] for name in ("PAD", "BOS", "EOS")] == [
        tokenizer.pad_id,
        tokenizer.bos_id,
        tokenizer.eos_id,
    ]


@pytest.mark.parametrize("case", CASES)
def test_any_ids(case: tuple[bool, bool, bool, bool, list[Part]]) -> None:
    """Drawn at random, of any kind in any order, and often a note."""
    tokenizer, rng = tokenizer_of(*case), np.random.default_rng(0)
    of_kind = {kind: ids for kind in Kind if len(ids := tokenizer.tables.ids(kind))}
    note = [kind for kind in (Kind.PROGRAM, Kind.PITCH, Kind.VELOCITY, Kind.DURATION) if kind in of_kind]
    for _ in range(60):
        kinds: list[Kind] = []
        for _ in range(int(rng.integers(0, 40))):
            kinds += note if rng.random() < 0.5 else [list(of_kind)[rng.integers(len(of_kind))]]
        same(tokenizer, np.array([rng.choice(of_kind[kind]) for kind in kinds], dtype=np.int64))


@pytest.mark.parametrize("case", [case for case in CASES if not case[-1]])
def test_real_music(
    tunes: Dataset, chorales: Dataset, case: tuple[bool, bool, bool, bool, list[Part]]
) -> None:
    tokenizer = tokenizer_of(*case)
    for dataset in (tunes, chorales):
        pieces = dataset.pieces[:8]
        for ids in tokenizer.encode_all(
            [fill_odd_bars(dataset.score(piece), tokenizer.time_signatures).score for piece in pieces]
        ):
            assert isinstance(ids, np.ndarray)
            same(tokenizer, ids)


def test_the_names_of_programs() -> None:
    from miditok.constants import MIDI_INSTRUMENTS

    assert [miditok_name(program) for program in range(128)] == [each["name"] for each in MIDI_INSTRUMENTS]
