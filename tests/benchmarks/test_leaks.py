import json

import pytest

from benchmarks.leaks import count_leaks, main, true_piece
from musegen.data.dataset import Dataset


def test_names_say_what_a_piece_is(tunes: Dataset) -> None:
    score = tunes.score(tunes.pieces[0])
    score.tracks[0].name = "The 7th Regiment's -- Reel"
    piece = tunes.pieces[0]
    assert true_piece(piece, score, "title") == "regiments"
    assert true_piece(piece, score, "stem") == piece.name.split("/")[-1]
    assert true_piece(piece, score, "folder") == "ryansMammoth"


def test_held_out_pieces_with_a_version_in_training_are_counted() -> None:
    found = count_leaks(["train", "test", "test", "valid"], ["a", "a", "b", "a"])
    assert (found.held_out, found.leaking, found.valid, found.test) == (3, 2, 1, 2)


def test_it_runs_on_tunes(tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tunes.path), "--truth", "file", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pieces"] == found["count"] == 24
    assert found["mixed"] == []
    assert found["groups"]["leaking"] == 0
    assert main([str(tunes.path), "--truth", "title"]) == 0
    assert "24 pieces in 24 groups" in capsys.readouterr().out
