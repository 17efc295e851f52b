"""`musegen train classifier`, `classify`, `evaluate` and the like as a user calls them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import musegen
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.display.curves import read_curves

FEW = ["--trainer.max-steps", "4", "--trainer.val-check-interval", "2", "--optim.batch-tokens", "2048"]


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(word) for word in argv])
    return code, *capsys.readouterr()


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """The one line that a command is refused with."""
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    [line] = [each for each in err.splitlines() if each.startswith("error: ")]
    return line


def test_from_a_folder_of_folders_to_labels(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train = ["train", "classifier", corpora, "--labels", "folders", "--model.encoder", "mlp", *FEW]
    code, _, err = run(capsys, *train, "--out", "checkpoints/who")
    assert code == 0, err
    assert "next: musegen classify checkpoints/who tune.mid" in err
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"no music")
    code, out, err = run(
        capsys, "classify", "who", corpora / "bach" / "0.mid", corpora / "fiddle", bad, "--json"
    )
    assert code == 0
    assert f"not labelled: {bad}: " in err
    result = json.loads(out)
    assert len(result["files"]) == 13
    assert [each["path"] for each in result["unreadable"]] == [str(bad)]
    for each in result["files"]:
        assert each["label"] == next(iter(each["probabilities"]))
        assert sum(each["probabilities"].values()) == pytest.approx(1)
    assert result["files"][0]["path"] == str(corpora / "bach" / "0.mid")
    found = musegen.load("who").classify(corpora / "bach" / "0.mid")
    assert found.probabilities == result["files"][0]["probabilities"]
    code, out, _ = run(capsys, "classify", "who", corpora / "bach" / "0.mid")
    assert code == 0
    assert all(word in out for word in ("label", "bach", "fiddle", "0.mid", "%"))


@pytest.fixture
def who(labeller: Path, tmp_path: Path) -> Path:
    """A copy of the tiny classifier."""
    return Path(shutil.copytree(labeller, tmp_path / "who"))


def test_evaluate_records_its_figures_and_draws_the_mistakes(
    who: Path, two_kinds: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "evaluate", who, two_kinds.path, "--out", tmp_path / "out")
    assert code == 0, err
    assert all(words in out for words in ("accuracy %", "macro F1 %", "majority", "n-grams", "by label"))
    assert (tmp_path / "out" / "confusion.png").read_bytes()[:4] == b"\x89PNG"
    recorded = json.loads((who / "metrics.json").read_text("utf-8"))["test"]
    assert recorded == json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    code, out, _ = run(capsys, "info", who)
    assert code == 0
    assert "accuracy 1" in out


def test_cross_validation_is_recorded_beside_the_splits(
    who: Path, two_kinds: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "evaluate", who, two_kinds.path, "--folds", "2", "--json")
    assert code == 0, err
    figures: dict[str, Any] = json.loads(out)
    assert (figures["split"], figures["folds"], figures["pieces"]) == ("folds", 2, 18)
    metrics = json.loads((who / "metrics.json").read_text("utf-8"))
    assert metrics["folds"] == figures
    assert "test" not in metrics


def test_models_side_by_side(
    who: Path, labeller: Path, two_kinds: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(labeller, tmp_path / "other"))
    code, out, err = run(capsys, "compare-models", who, other, "--data", two_kinds.path, "--json")
    assert code == 0, err
    rows = json.loads(out)["models"]
    assert rows["who"]["accuracy"] == rows["other"]["accuracy"] == 1
    words = ["compare-models", who, other, "--data", two_kinds.path, "--plot", tmp_path / "curves.png"]
    code, out, err = run(capsys, *words)
    assert code == 0
    assert "accuracy %" in out
    assert "no learning curve" not in err
    curves = read_curves(who, "who")
    assert curves is not None
    assert curves.unit == "nats per piece"
    assert len(curves.valid) == 2
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_labels_of_a_table_need_no_table_later(
    two_kinds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table = Path("styles.csv")
    lines = [f"{piece.name},{'ab'[number % 2]}\n" for number, piece in enumerate(two_kinds.pieces)]
    table.write_text("file,label\n" + "".join(lines))
    train = ["train", "classifier", two_kinds.path, "--labels", table, "--model.encoder", "mlp", *FEW]
    code, _, err = run(capsys, *train, "--out", "out")
    assert code == 0, err
    table.unlink()
    code, out, err = run(capsys, "evaluate", "out", two_kinds.path, "--split", "all", "--json")
    assert code == 0, err
    assert json.loads(out)["pieces"] == 18


def test_labels_of_files_are_refused_before_these_are_prepared(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.csv").write_text("bach/0.mid,a\nbach/1.mid,a\n")
    Path("gone.csv").write_text("bach/0.mid,a\nbach/99.mid,b\n")
    for music, labels, message in (
        (corpora, "folder", "unknown --labels folder: did you mean folders?"),
        (corpora / "bach", "folders", "the 6 pieces are not in folders of their labels"),
        (corpora, "composer", "none of 18 files names a composer"),
        (
            corpora,
            "one.csv",
            "by --labels one.csv all 2 labelled pieces are a: there must be two labels or more",
        ),
        (corpora, "gone.csv", "gone.csv labels files that do not exist (1): bach/99.mid"),
        (corpora, "none.csv", "cannot read --labels none.csv: no such file or directory"),
    ):
        line = refused(capsys, "train", "classifier", music, "--labels", labels, "--out", "out", *FEW)
        assert message in line
        assert sorted(path.name for path in tmp_path.iterdir()) == ["gone.csv", "one.csv"]


def test_what_cannot_work_is_refused_in_one_line(
    who: Path, two_kinds: Dataset, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune, out = tmp_path / "bad.mid", tmp_path / "out"
    tune.write_bytes(b"no music")
    train = ["train", "classifier", two_kinds.path, "--out", out, *FEW]
    for argv, message in (
        (["classify", trained, tune], "tiny is of family lm, not classifier: use musegen generate or fill"),
        (["classify", who, tune], "none of the files can be labelled, for the reasons above"),
        (["classify", who, tmp_path / "x.mid"], "x.mid does not exist: name a music file, or a folder"),
        (["classify", who], "FILES must be given: name one or more music files"),
        (
            ["generate", who, "--out", out],
            "who is of family classifier, not lm or vae or frames: use musegen classify",
        ),
        (["export", who, "--onnx", tmp_path / "x.onnx"], "who is of family classifier"),
        (["evaluate", who, two_kinds.path, "--folds", "99"], "--folds is 99: the 18 pieces are in 18 groups"),
        (["evaluate", who, two_kinds.path, "--samples", "3"], "--samples is for models that write music"),
        (["evaluate", who, two_kinds.path, "--limit", "3"], "--limit is for accompaniment and clip models"),
        (["evaluate", trained, "--folds", "3"], "--folds is for classifiers: tiny is of family lm"),
        ([*train, "--labels", "folder"], "unknown --labels folder: did you mean folders?"),
        ([*train, "--model.classes", "bach", "fidle"], "an unknown label fidle: did you mean fiddle?"),
        ([*train, "--model.classes", "bach"], "--model.classes is bach: it must be two labels or more"),
        ([*train, "--model.cell", "gru"], "--model.cell is for family lm or seq2seq"),
        ([*train, "--sampling.temperature", "2"], "--sampling.temperature is for family lm or"),
        ([*train, "--tokenizer", "grid"], "--tokenizer grid is for models that write music"),
        ([*train, "--tokenizer", "line"], "--tokenizer line is for models that write music"),
    ):
        assert message in refused(capsys, *argv), argv
        assert not out.exists(), argv
