"""Labels on the command line: trained on folders of folders, listed, asked for and refused."""

import json
from pathlib import Path

import pytest

import musegen
from musegen.data.dataset import Dataset
from musegen.music.excerpt import excerpt
from musegen.music.writing.midi import write_score
from tests.cli.test_classify import FEW, refused, run

SMALL = ["--model.hidden-size", "32", "--model.embedding-dim", "16", *FEW]


def test_from_folders_of_music_to_music_with_a_label(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(
        capsys, "train", "lm", corpora, "--labels", "folders", "--out", "checkpoints/styles", *SMALL
    )
    assert code == 0, err
    assert "next: musegen generate checkpoints/styles --label bach --bars 16 --num 4 --out out/" in err
    words = ["generate", "styles", "--label", "bach", "--guidance", "1.5", "--bars", "2", "--num", "2"]
    code, out, err = run(capsys, *words, "--seed", "5", "--out", "out", "--json")
    assert code == 0, err
    manifest = json.loads(out)
    assert [each["given"] for each in manifest["files"]] == [
        {"labels": ["folders=bach"], "guidance": 1.5}
    ] * 2
    code, out, _ = run(capsys, "info", "styles")
    assert code == 0
    assert "label_counts" in out
    assert "fiddle" in out
    model = musegen.load("styles")
    [first, _] = model.generate(label="bach", guidance=1.5, bars=2, num=2, seed=5)
    first.save(tmp_path / "again.mid")
    assert (tmp_path / "again.mid").read_bytes() == (tmp_path / "out" / "001.mid").read_bytes()
    other = model.generate(label=["fiddle"], bars=2, seed=5)
    assert other.result.given == {"labels": ["folders=fiddle"], "guidance": 1.0}


def test_prompts_and_gaps_are_continued_with_a_label(
    styles: Path, two_kinds: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = tmp_path / "tune.mid"
    write_score(excerpt(two_kinds.score(two_kinds.pieces[-1]), 0, 8), tune)
    label = ["--label", "fiddle", "--guidance", "2", "--seed", "1"]
    code, _, err = run(
        capsys, "generate", styles, "--prompt", tune, "--bars", "2", *label, "--out", tmp_path / "a"
    )
    assert code == 0, err
    code, _, err = run(
        capsys, "fill", styles, tune, "--bars", "3:4", "--rank", "2", *label, "--out", tmp_path / "b"
    )
    assert code == 0, err
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text("utf-8"))
    assert manifest["files"][0]["given"] == {"labels": ["folders=fiddle"], "guidance": 2.0}


def test_what_cannot_work_is_refused_in_one_line(
    styles: Path,
    trained: Path,
    autoencoder: Path,
    gapper: Path,
    corpora: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    tune = corpora / "fiddle" / "0.mid"
    for argv, message in (
        (
            ["generate", styles, "--label", "bahc"],
            "--label bahc is not known to this model: did you mean bach?",
        ),
        (["generate", styles, "--label", "bach", "fiddle"], "--label names several labels of one kind"),
        (
            ["generate", styles, "--label", "bach", "--guidance", "-1"],
            "--guidance is -1.0: it must be from 0",
        ),
        (
            ["generate", styles, "--guidance", "2"],
            "--guidance 2 is how closely a --label is followed: add one",
        ),
        (["generate", trained, "--label", "bach"], "--label bach: tiny knows no labels: train a model with"),
        (["generate", autoencoder, "--label", "bach"], "--label bach: clips knows no labels"),
        (["fill", gapper, tune, "--bars", "2:3", "--label", "bach"], "--label bach: gapper knows no labels"),
    ):
        assert message in refused(capsys, *argv, "--out", out), argv
        assert not out.exists(), argv
    train = ["train", "seq2seq", corpora, "--labels", "folders", "--out", out]
    assert "--data.labels is for language models and classifiers, and this is family seq2seq" in refused(
        capsys, *train
    )
    train = ["train", "lm", corpora, "--out", out, "--labels"]
    assert "unknown --labels folder: did you mean folders?" in refused(capsys, *train, "folder")
    assert "unknown --labels genre" in refused(capsys, *train, "folders,genre")
    line = refused(capsys, "prepare", corpora, "--labels", "key", "--out", tmp_path / "data")
    assert "--labels key is measured when a model is trained" in line


def test_the_key_of_a_model_that_knows_keys_is_given(
    tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    steps = ["--trainer.max-steps", "80", "--trainer.val-check-interval", "40"]
    words = ["train", "lm", tunes.path, "--labels", "key", "--out", "keys", *SMALL, *steps]
    code, _, err = run(capsys, *words, "--optim.lr", "1e-2")
    assert code == 0, err
    words = ["generate", "keys", "--key", "G", "--bars", "4", "--seed", "1", "--out", "out", "--json"]
    code, out, err = run(capsys, *words)
    assert code == 0, err
    [file] = json.loads(out)["files"]
    assert file["given"] == {"labels": ["key=G major"], "guidance": 1.0}
