"""The grid tokenizer: exact for music that fits it, plain words for music that does not."""

import json

import pytest
import torch
from symusic import Note, Score, TimeSignature, Track

from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.errors import TokenError
from musegen.music.odd_bars import fill_odd_bars
from musegen.tokenizers import (
    Constraints,
    GridTokenizer,
    Kind,
    Part,
    load_tokenizer,
    roster,
    voice_ranges,
)
from musegen.tokenizers.grammars import make_grammar


def notes(score: Score) -> dict[str, list[tuple[int, int, int]]]:
    return {t.name: [(n.time, n.duration, n.pitch) for n in t.notes] for t in score.tracks}


def score_of(*tracks: list[tuple[int, int, int]], metre: tuple[int, int] = (4, 4)) -> Score:
    """Tracks "a", "b", ... of (onset, duration, pitch), 24 ticks a quarter."""
    score = Score(24)
    score.time_signatures.append(TimeSignature(0, *metre))
    for name, rows in zip("abcdef", tracks, strict=False):
        score.tracks.append(Track(name))
        score.tracks[-1].notes.extend([Note(*row, 90) for row in rows])
    return score


def test_chorales_come_back_exactly(chorales: Dataset, choir: GridTokenizer) -> None:
    for piece in chorales.pieces:
        score = chorales.score(piece)
        ids = choir.encode(score)
        decoded = choir.decode(ids, ticks_per_quarter=score.ticks_per_quarter)
        assert notes(decoded) == notes(score)
        metres = [(t.time, t.numerator, t.denominator) for t in decoded.time_signatures]
        assert metres == [(t.time, t.numerator, t.denominator) for t in score.time_signatures]
        assert (choir.encode(decoded) == ids).all()
        assert roster(choir.tables, ids) == [0, 1, 2, 3]


def test_tunes_in_any_metre_come_back_exactly(tunes: Dataset, line: GridTokenizer) -> None:
    metres = set()
    for piece in tunes.pieces:
        score = fill_odd_bars(tunes.score(piece), line.time_signatures).score
        decoded = line.decode(line.encode(score), ticks_per_quarter=score.ticks_per_quarter)
        assert list(notes(decoded).values()) == list(notes(score).values())
        metres |= set(piece.time_signatures)
    assert len(metres) >= 3


def test_a_stream_says_bar_metre_and_each_voice_in_turn() -> None:
    two = GridTokenizer.build(
        TokenizerConfig(kind="grid", positions=1), time_signatures=[], parts=[Part("a", 0), Part("b", 0)]
    )
    ids = two.encode(score_of([(0, 48, 60), (48, 24, 62)], [(24, 24, 48)], metre=(3, 4)))
    assert [two.vocab[i].removesuffix("_None") for i in ids] == [
        "BOS", "Bar", "TimeSig_3/4", "Pitch_60", "Rest", "Hold", "Pitch_48", "Pitch_62", "Rest", "EOS",
    ]  # fmt: skip


def test_what_does_not_fit_is_refused_with_a_reason(line: GridTokenizer, choir: GridTokenizer) -> None:
    with pytest.raises(TokenError, match="several notes sound at once in 'a'"):
        line.encode(score_of([(0, 24, 60), (0, 24, 64)]))
    with pytest.raises(TokenError, match="none of the parts"):
        choir.encode(score_of(*[[(0, 24, 60)]] * 5))
    with pytest.raises(TokenError, match="time signature 5/32"):
        line.encode(score_of([(0, 12, 60)], metre=(5, 32)))
    sixteenths = GridTokenizer.build(TokenizerConfig(kind="grid"), time_signatures=[])
    quick = score_of([(0, 2, 60), (2, 2, 62), (4, 20, 64)])
    with pytest.raises(TokenError, match=r"larger tokenizer\.positions"):
        sixteenths.encode(quick)
    assert list(notes(sixteenths.decode(sixteenths.encode(quick, lossy=True))).values()) == [
        [(0, 120, 62), (120, 360, 64)]
    ]


def test_legato_overlaps_are_cut(line: GridTokenizer) -> None:
    score = score_of([(0, 100, 60), (96, 96, 62)])
    score = score.resample(480)
    score.tracks[0].notes[0].duration = 96 * 20 + 9
    assert [n.duration for n in line.decode(line.encode(score)).tracks[0].notes] == [1920, 1920]


def test_a_saved_tokenizer_is_the_same(choir: GridTokenizer) -> None:
    again = load_tokenizer(json.loads(json.dumps(choir.to_dict())))
    assert (again.vocab, again.parts, again.config) == (choir.vocab, choir.parts, choir.config)
    for damage in ({"positions": 5}, {"vocab": []}, {"kind": "gird"}, {"time_signatures": ["99/4"]}):
        with pytest.raises(TokenError):
            load_tokenizer(choir.to_dict() | damage)


def test_ranges_are_those_of_the_tracks(chorales: Dataset, choir: GridTokenizer) -> None:
    scores = [chorales.score(piece) for piece in chorales.pieces[:5]]
    found = voice_ranges(choir.tables, map(choir.encode, scores))
    for voice, (low, high) in enumerate(found):
        sung = [note.pitch for score in scores for note in score.tracks[voice].notes]
        assert (low, high) == (min(sung), max(sung))


def test_positions_and_voices_are_fitted_to_the_data(chorales: Dataset, tunes: Dataset) -> None:
    fitted = fit_tokenizer(chorales, TokenizerConfig(kind="grid"))
    assert isinstance(fitted, GridTokenizer)
    assert [part.name for part in fitted.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert fitted.positions == 4
    assert fit_tokenizer(tunes, TokenizerConfig(kind="grid")).parts == ()


@pytest.mark.parametrize("bars", [None, 1, 3])
@pytest.mark.parametrize("voices", [1, 3])
def test_random_walks_keep_to_the_rules(bars: int | None, voices: int) -> None:
    parts = [Part(f"part {i}", i) for i in range(voices)] if voices > 1 else []
    tokenizer = GridTokenizer.build(
        TokenizerConfig(kind="grid", positions=2), time_signatures=[], parts=parts
    )
    scale = frozenset({60, 62, 64})
    grammar = make_grammar(tokenizer.tables, Constraints(bars=bars, pitches=scale))
    random = torch.Generator().manual_seed(0)
    state = grammar.init_state(64)
    ids = torch.full((64,), tokenizer.bos_id)
    steps = [ids]
    for _ in range(4000):
        state = grammar.advance(state, ids)
        mask = grammar.mask(state)
        assert mask.any(dim=1).all()
        ids = torch.multinomial(mask.double(), 1, generator=random).squeeze(1)
        steps.append(ids)
        if (state.kind <= Kind.EOS).sum() and (ids == tokenizer.pad_id).all():
            break
    for row in torch.stack(steps, dim=1).tolist():
        assert tokenizer.eos_id in row
        stream = row[: row.index(tokenizer.eos_id) + 1]
        score = tokenizer.decode(stream)
        assert tokenizer.encode(score).tolist() == stream
        assert {note.pitch for track in score.tracks for note in track.notes} <= scale
        assert bars is None or stream.count(tokenizer.bar_id) == bars
