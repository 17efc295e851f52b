"""The benchmarks of a latent space, on the tiny model of the tests."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from benchmarks import interpolation, representations, sliders
from musegen.checkpoint.folder import load_checkpoint, write_metrics
from musegen.data.dataset import Dataset
from musegen.evaluation.clip_sets import ClipSet


def test_pairs_are_of_one_metre_and_two_pieces(autoencoder: Path, tunes: Dataset) -> None:
    clips = ClipSet(load_checkpoint(autoencoder), tunes, "train")
    pairs = list(clips.draw_pairs(20, np.random.default_rng(0)))
    assert len(pairs) == 20
    for first, second in pairs:
        assert clips.metre(first) == clips.metre(second)
        assert clips.clips.piece[first] != clips.clips.piece[second]
        assert clips.score(first).note_num() == clips.clips.notes[first]
    assert list(clips.draw_pairs(20, np.random.default_rng(0))) == pairs


def test_interpolation(autoencoder: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(autoencoder), str(tunes.path), "--split", "train", "--pairs", "2", "--num", "4", "--json"]
    assert interpolation.main(words) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["pairs"] == 2
    assert measured["identical_ends"] == "2 of 2 stay one clip"
    assert measured["systems"].keys() == {"verb", "even", "latent", "crossfade"}
    assert all(each["empty"] == 0 for each in measured["systems"].values())
    assert measured["systems"]["crossfade"]["away"] > 0.9
    interpolation.show(measured)
    assert "crossfade" in capsys.readouterr().out


def test_sliders(
    autoencoder: Path, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(tunes.path), "--split", "train", "--clips", "3", "--json"]
    assert sliders.main([str(autoencoder), *words]) == 2
    assert "the model was trained without" in capsys.readouterr().err
    shutil.copytree(autoencoder, tmp_path / "c")
    weights = load_file(tmp_path / "c" / "model.safetensors")
    weights["slider_slope"] += 1.0  # as if it had been trained with them
    save_file(weights, tmp_path / "c" / "model.safetensors")
    write_metrics(tmp_path / "c", {})  # the sums anew
    assert sliders.main([str(tmp_path / "c"), *words]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert [measured["corpus"][name][name] for name in measured["corpus"]] == pytest.approx(
        [1.0] * 4, nan_ok=True
    )
    assert all(len(row["settings"]) == 7 for row in measured["sliders"].values())
    assert 0 <= measured["reconstruction"]["notes"] <= measured["reconstruction"]["onsets"] <= 1
    sliders.show(measured)
    assert "corpus density" in capsys.readouterr().out


def test_a_language_model_is_refused(
    trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert interpolation.main([str(trained), str(tunes.path)]) == 2
    assert "of family lm, not vae" in capsys.readouterr().err


def test_one_way_of_writing_by_the_notes_of_another(autoencoder: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(autoencoder)
    wanted = representations.wanted_clips([checkpoint, checkpoint], tunes, 5)
    assert len(wanted) == 5
    figures = representations.measure(checkpoint, checkpoint, tunes, wanted)
    assert figures["clips"] == 5
    assert 0 <= figures["note_f1"]["low"] <= figures["note_f1"]["mean"] <= 1
    clips = ClipSet(checkpoint, tunes, "test")
    assert {name for name, _ in wanted} <= {piece.name for piece in tunes.split("test")}
    assert [clips.clips.first_bar[representations.homes(clips)[home]] for home in wanted] == [
        bar for _, bar in wanted
    ]
