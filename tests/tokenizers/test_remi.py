import json

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track

from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.errors import TokenError
from musegen.music.odd_bars import fill_odd_bars
from musegen.tokenizers import Kind, RemiTokenizer
from musegen.tokenizers.tables import DRUMS, POSITIONS_PER_BEAT
from tests.tokenizers.oracle import miditok_ids, snap

CONFIGS = [
    TokenizerConfig(programs=False),
    TokenizerConfig(programs=True),
    TokenizerConfig(programs=True, velocity=True, tempo=True),
]


def notes_in_quarters(score: object) -> list[tuple[float, float, int]]:
    tpq = score.ticks_per_quarter  # type: ignore[attr-defined]
    tracks = score.tracks  # type: ignore[attr-defined]
    return sorted((n.time / tpq, n.duration / tpq, n.pitch) for t in tracks for n in t.notes)


def test_sixteenths_and_triplets_survive_in_every_metre(plain: RemiTokenizer) -> None:
    for numerator, denominator in plain.time_signatures:
        bar = 480 * 4 * numerator // denominator
        onsets = sorted({*range(0, bar, 120), *range(0, bar, 160)})
        score = Score(480)
        score.time_signatures.append(TimeSignature(0, numerator, denominator))
        score.tracks.append(Track())
        score.tracks[0].notes.extend([Note(t, 40, 60 + i % 12, 100) for i, t in enumerate(onsets)])
        decoded = plain.decode(plain.encode(score))
        assert notes_in_quarters(decoded) == notes_in_quarters(score), f"{numerator}/{denominator}"


def test_real_tunes_come_back_on_their_grid(tunes: Dataset, plain: RemiTokenizer) -> None:
    for piece in tunes.pieces:
        ids = plain.encode(fill_odd_bars(tunes.score(piece), plain.time_signatures).score)
        assert ids[0] == plain.bos_id
        assert ids[-1] == plain.eos_id
        again = plain.encode(plain.decode(ids))
        assert again.tolist() == ids.tolist()
        assert plain.count_errors(ids) == 0.0


@pytest.mark.parametrize("config", CONFIGS)
def test_ids_are_those_of_miditok(tunes: Dataset, chorales: Dataset, config: TokenizerConfig) -> None:
    for dataset in (tunes, chorales):
        tokenizer = RemiTokenizer.build(config, time_signatures=[], programs=[])
        known = tokenizer.time_signatures
        scores = [fill_odd_bars(dataset.score(piece), known).score for piece in dataset.pieces]
        for score, ids in zip(scores, tokenizer.encode_all(scores), strict=True):
            assert list(ids) == miditok_ids(tokenizer, score)
            assert list(ids) == tokenizer.encode(score).tolist()


def test_of_many_scores_each_has_its_ids_or_its_error(plain: RemiTokenizer, tunes: Dataset) -> None:
    scores = [tunes.score(piece) for piece in tunes.pieces[:3]]
    drums, unknown = scores[0].copy(), scores[1].copy()
    drums.tracks[0].is_drum = True
    unknown.time_signatures = [TimeSignature(0, 13, 16)]
    first, error, second, other, third = plain.encode_all([scores[0], drums, scores[1], unknown, scores[2]])
    for ids, score in zip((first, second, third), scores, strict=True):
        assert list(ids) == plain.encode(score).tolist()  # type: ignore[arg-type]
    assert isinstance(error, TokenError)
    assert "no notes" in str(error)
    assert isinstance(other, TokenError)
    assert "13/16" in str(other)
    assert plain.encode_all([]) == []


def test_snapping_moves_to_the_nearest_position(rich: RemiTokenizer) -> None:
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 6, 8))
    score.tracks.append(Track(program=40))
    score.tracks[0].notes.extend([Note(4, 124, 60, 63), Note(726, 5000, 62, 64)])
    [track] = snap(rich, score).tracks
    # Positions of 10 ticks; from 4 eighths on lengths of 60, from 16 of 240.
    assert [(n.time, n.duration, n.pitch) for n in track.notes] == [(0, 120, 60), (730, 5040, 62)]
    assert track.program == 40


def test_all_pitches_drums_and_programs(rich: RemiTokenizer) -> None:
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    for program, is_drum in ((0, False), (40, False), (0, True)):
        track = Track(program=program, is_drum=is_drum)
        track.notes.extend([Note(120 * pitch, 120, pitch, 90) for pitch in range(128)])
        score.tracks.append(track)
    decoded = rich.decode(rich.encode(score))
    found = {(t.program, t.is_drum): [n.pitch for n in t.notes] for t in decoded.tracks}
    assert found == {(0, False): list(range(128)), (40, False): list(range(128)), (0, True): list(range(128))}


def test_saved_and_loaded_it_is_the_same(plain: RemiTokenizer, rich: RemiTokenizer) -> None:
    for tokenizer in (plain, rich):
        again = RemiTokenizer.from_dict(json.loads(json.dumps(tokenizer.to_dict())))
        assert again.vocab == tokenizer.vocab
        assert again.config == tokenizer.config


def test_a_vocabulary_of_another_version_is_refused(plain: RemiTokenizer) -> None:
    saved = plain.to_dict()
    saved["vocab"] = saved["vocab"][::-1]
    with pytest.raises(TokenError, match="another vocabulary"):
        RemiTokenizer.from_dict(saved)
    with pytest.raises(TokenError, match="damaged"):
        RemiTokenizer.from_dict({"kind": "remi", "format_version": 1})


def test_an_unknown_metre_is_refused(plain: RemiTokenizer, tunes: Dataset) -> None:
    score = tunes.score(tunes.pieces[0])
    score.time_signatures = [TimeSignature(0, 13, 16)]
    with pytest.raises(TokenError, match="13/16"):
        plain.encode(score)


def test_ids_outside_the_vocabulary_are_refused(plain: RemiTokenizer) -> None:
    with pytest.raises(TokenError, match="ids must lie"):
        plain.decode([plain.vocab_size])


def test_tables_say_what_the_names_say(rich: RemiTokenizer) -> None:
    tables, vocab = rich.tables, rich.vocab
    assert tables.pitch[vocab.index("Pitch_60")] == 60
    assert tables.is_drum[vocab.index("PitchDrum_38")] == 1
    assert tables.program[vocab.index("Program_-1")] == DRUMS
    assert tables.bar_positions[vocab.index("TimeSig_6/8")] == 6 * POSITIONS_PER_BEAT
    assert tables.duration[vocab.index("Duration_1.12.24")] == 36
    assert tables.has_programs
    assert len(tables.ids(Kind.DURATION)) == np.unique(tables.duration[tables.duration > 0]).size
