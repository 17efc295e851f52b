"""The benchmark of tunes, on small bands with labels of their own."""

import hashlib
from pathlib import Path

import pytest
from symusic import Score

from benchmarks import melody_tracks
from benchmarks.melody_tracks import Labelled, before, now, read_labelled, shares
from benchmarks.melody_weights import Case, fit
from musegen.errors import DataError
from musegen.music.tune_features import WEIGHTS
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, score

HIGH = [72, 72, 74, 76, 76, 74, 72, 71] * 4


def band() -> Score:
    """An effect of two notes, a guitar with the tune, a bass."""
    effect = line([60, 60], program=98, step=480)
    return score(effect, line(HIGH, program=29), line([40, 43] * 16, program=33))


def test_labels_are_read_and_other_files_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mid").write_bytes(midi_bytes(band()))
    sha = hashlib.sha256((tmp_path / "a.mid").read_bytes()).hexdigest()[:16]
    labels = tmp_path / "labels.csv"
    labels.write_text(f"# made up\nfile,sha256,tracks\na.mid,{sha},- 2\n")
    monkeypatch.setattr(melody_tracks, "LABELS", labels)
    [read] = read_labelled(tmp_path)
    assert (read.tracks, read.none) == ({1}, True)
    half = "tuning" if read.is_tuning else "kept"
    assert melody_tracks.main([str(tmp_path), "--half", half, "--json"]) == 0
    (tmp_path / "a.mid").write_bytes(midi_bytes(score(line(HIGH))))
    with pytest.raises(DataError, match="not the file that was labelled"):
        list(read_labelled(tmp_path))


def test_the_labels_of_the_repository_are_well_formed() -> None:
    rows = [row for row in melody_tracks.LABELS.read_text().splitlines() if not row.startswith("#")][1:]
    assert len(rows) >= 120
    for row in rows:
        _, sha, tracks = row.split(",")
        assert len(sha) == 16
        assert all(word == "-" or int(word) > 0 for word in tracks.split())


def test_shares_count_right_wrong_and_kinds() -> None:
    files = [Labelled("a", band(), tracks, none=False, is_tuning=True) for tracks in ({1}, {2})]
    assert now(band()) == (1, False)
    found = shares(files, now)
    assert (found["right"], found["wrong"], found["in doubt"]) == (0.5, 0.5, 0.0)
    assert found["kinds"] == {"counter-melody or riff": 1}
    assert before(score(line(HIGH, name="Vocals"), line(HIGH))) == (0, False)


def test_weights_have_the_signs_that_sense_demands() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    cases = [Case(rng.normal(size=(3, len(WEIGHTS))), np.eye(3, dtype=bool), [0], 1.0) for _ in range(8)]
    for case in cases:
        case.features[0, 0] += 4  # the first feature tells
    weights, _ = fit(cases)
    named = dict(zip(WEIGHTS, weights, strict=True))
    assert named["name"] > 0
    assert named["accompaniment"] <= 0
    assert max(named, key=lambda name: named[name]) == "name"
