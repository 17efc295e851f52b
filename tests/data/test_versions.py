"""Versions of real tunes and chorales are recognised, and different ones are not."""

import numpy as np
import pytest
from symusic import Note, Score

from musegen.data.dataset import Dataset
from musegen.data.versions import NEIGHBOURS, find_versions, melodic_runs, shared_runs_needed
from musegen.music.notes import transpose
from tests.music.scores import line, score


def played(piece: Score, seed: int) -> Score:
    """As a pianist plays it: onsets up to 20 ms early or late, one note in fifty wrong, in another key."""
    rng = np.random.default_rng(seed)
    piece = transpose(piece, int(rng.integers(-5, 6)))
    ticks = piece.tpq * piece.tempos[0].qpm / 60 * 0.02
    for track in piece.tracks:
        notes = [
            Note(
                max(0, round(note.time + rng.uniform(-ticks, ticks))),
                note.duration,
                note.pitch + int(rng.random() < 0.02),
                int(rng.integers(40, 100)),
            )
            for note in track.notes
        ]
        track.notes = sorted(notes, key=lambda note: note.time)
    return piece


@pytest.mark.parametrize("corpus", ["tunes", "chorales"])
def test_performances_of_one_piece_are_found_and_no_other_pairs(
    corpus: str, request: pytest.FixtureRequest
) -> None:
    dataset: Dataset = request.getfixturevalue(corpus)
    pieces = [dataset.score(piece) for piece in dataset.pieces]
    runs = [melodic_runs(piece) for piece in pieces]
    assert len(find_versions(runs).pairs) == 0
    runs += [melodic_runs(played(piece, seed)) for seed, piece in enumerate(pieces)]
    links = find_versions(runs)
    assert links.pairs.shape == (len(pieces), 2)
    assert sorted(links.pairs[:, 0].tolist()) == list(range(len(pieces)))
    assert (links.pairs[:, 1] - links.pairs[:, 0] == len(pieces)).all()
    assert (np.diff(links.similarity) <= 0).all()


def test_a_melody_is_a_version_of_its_chorale(chorales: Dataset) -> None:
    whole = [chorales.score(piece) for piece in chorales.pieces]
    soprano = [piece.copy() for piece in whole]
    for piece in soprano:
        piece.tracks = piece.tracks[:1]
    links = find_versions([melodic_runs(piece) for piece in [*whole, *soprano]])
    assert {(i, i + len(whole)) for i in range(len(whole))} <= {(i, j) for i, j in links.pairs.tolist()}


def test_scales_trills_and_drums_belong_to_no_piece() -> None:
    assert len(melodic_runs(score(line([60, 62] * 40)))) == 0
    assert len(melodic_runs(score(line(list(range(40, 80)))))) == 0
    assert len(melodic_runs(score(line([36, 42, 38, 42, 46, 36, 49] * 9, drums=True)))) == 0
    assert len(melodic_runs(score(line([60, 64])))) == 0
    assert find_versions([]).pairs.shape == (0, 2)
    assert find_versions([melodic_runs(score())] * 3).pairs.shape == (0, 2)


def test_the_longer_the_pieces_the_smaller_the_share_that_suffices() -> None:
    sizes = np.arange(1, 5000)
    shares = shared_runs_needed(sizes) / sizes
    assert (np.diff(shares) <= 1e-12).all()
    assert shared_runs_needed(np.array([5]))[0] > 5  # too short to tell


def test_blocks_only_save_memory(chorales: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [chorales.score(piece) for piece in chorales.pieces]
    runs = [melodic_runs(piece) for piece in [*pieces, *(played(piece, 1) for piece in pieces)]]
    whole = find_versions(runs)
    monkeypatch.setattr("musegen.data.versions.BLOCK", 100)
    assert (find_versions(runs).pairs == whole.pairs).all()
    assert (find_versions(runs).similarity == whole.similarity).all()


def test_any_number_of_versions_is_chained(tunes: Dataset) -> None:
    runs = [melodic_runs(tunes.score(tunes.pieces[0]))] * (3 * NEIGHBOURS)
    pairs = {(i, j) for i, j in find_versions(runs).pairs.tolist()}
    assert {(i, i + 1) for i in range(3 * NEIGHBOURS - 1)} <= pairs
    assert max(j - i for i, j in pairs) == NEIGHBOURS
