"""`musegen tune`: two tiny trials, interrupted and resumed, and what is refused."""

import csv
import json
import sqlite3
from importlib.util import find_spec
from pathlib import Path

import pytest

from musegen.cli import main
from musegen.config.from_json import with_settings
from musegen.config.search_space import Span, default_spans, read_span
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError, MusegenError
from musegen.families import FAMILIES
from tests.cli.test_classify import FEW, refused, run

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is an extra")
RANGES = [
    "model.hidden_size=16:48:16",
    "model.dropout=0.0:0.5",
    "optim.lr=1e-3:1e-2:log",
    "model.cell=gru,lstm",
]
SMALL = ["--model.embedding-dim", "16", *FEW]


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "trials.csv").read_text("utf-8").splitlines()))


@needs_optuna
def test_two_trials_and_what_they_leave(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tuning"
    words = ["tune", "lm", tunes.path, "--trials", "2", "--ranges", *RANGES, *SMALL, "--out", out]
    code, printed, err = run(capsys, *words)
    assert code == 0, err
    assert "trial 2 of 2: complete, " in err
    assert "complete" in printed
    found = rows(out)
    assert [each["state"] for each in found] == ["complete", "complete"]
    best = min(found, key=lambda each: float(each["value"]))
    config = json.loads((out / "best.json").read_text("utf-8"))
    assert config["model"]["hidden_size"] == int(best["model.hidden_size"])
    assert config["trainer"]["max_steps"] is None
    assert (out / "tuning.png").read_bytes()[:4] == b"\x89PNG"
    kept = [path.name for path in (out / "trials").iterdir()]
    assert kept == [f"{int(best['trial']):03}"]
    metrics = json.loads((out / "trials" / kept[0] / "metrics.json").read_text("utf-8"))
    assert metrics["valid"]["bits_per_note"] == pytest.approx(float(best["value"]), abs=1e-5)
    assert "next: musegen train lm" in err
    assert f"--model.hidden-size {best['model.hidden_size']} " in err
    code, _, err = run(
        capsys, "train", "--config", out / "best.json", tunes.path, "--out", tmp_path / "again", *FEW
    )
    assert code == 0, err


@needs_optuna
def test_a_killed_search_goes_on(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from musegen.training import tuning

    out = tmp_path / "tuning"
    words = ["tune", "lm", tunes.path, "--trials", "3", "--ranges", *RANGES[:2], *SMALL, "--out", out]
    own, calls = tuning.train, list[int]()

    def killed(*arguments: object, **more: object) -> Path:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return own(*arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(tuning, "train", killed)
        assert run(capsys, *words)[0] == 130
    with sqlite3.connect(out / "study.db") as study:
        states = [row[0] for row in study.execute("select state from trials order by number")]
    assert states == ["COMPLETE", "RUNNING"]
    assert "is not empty" in refused(capsys, *words)
    code, _, err = run(capsys, *words, "--resume")
    assert code == 0, err
    found = rows(out)
    assert len(found) == 3
    assert len({tuple(sorted(each.items())) for each in found}) == 3
    assert "has another ranges" in refused(capsys, *words[:6], *RANGES[1:3], *SMALL, "--out", out, "--resume")
    code, _, err = run(capsys, *words, "--resume")  # nothing is left to do
    assert code == 0, err
    assert len(rows(out)) == 3


@needs_optuna
def test_trials_that_fail_are_listed_and_the_search_goes_on(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tuning"
    words = ["tune", "lm", tunes.path, "--sampler", "random", "--ranges", "optim.lr=1e30,1e31", *SMALL]
    line = refused(capsys, *words, "--trials", "2", "--out", out)
    assert "none of 2 trials has finished: training diverged" in line


@pytest.mark.parametrize("family", FAMILIES)
def test_default_ranges_fit_every_family(family: str) -> None:
    config = FAMILIES[family].config()
    for span in default_spans(config):
        for value in span.choices or (span.low, span.high):
            whole = int(value) if span.step else value
            assert with_settings(config, {span.name: whole})
        assert span.has(_default(config.settled(), span.name))


def _default(config: TrainConfig, name: str) -> object:
    found: object = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_ranges_as_they_are_written() -> None:
    config = TrainConfig()
    assert read_span("model.hidden-size=128:512:64", config) == Span("model.hidden_size", 128, 512, 64)
    assert read_span("optim.lr=1e-4:1e-2:log", config) == Span("optim.lr", 1e-4, 1e-2, None, is_log=True)
    assert read_span("model.cell=lstm,gru", config).choices == ("lstm", "gru")
    assert read_span("model.features=true,false", config).choices == (True, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.dropout=0.5:0.1", "ranges model.dropout=0.5:0.1 is empty: the first value must be below"),
        ("model.dropout", "ranges has 'model.dropout': it must be NAME=LOW:HIGH"),
        ("model.dropout=a:b", "ranges has 'model.dropout=a:b': it must be NAME=LOW:HIGH"),
        ("model.dropout=0.1", "one value leaves nothing to choose"),
        ("model.dropuot=0.1:0.2", "unknown setting model.dropuot; did you mean model.dropout"),
        ("model.dropout=0.1:1.5", "model.dropout is 1.5: it must be from 0 to below 1"),
        ("optim.lr=0.0:0.1:log", "a logarithmic range must begin above 0"),
        ("model.cell=lstm,gur", "setting model.cell cannot be 'gur'"),
    ],
)
def test_ranges_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(MusegenError, match=message):
        read_span(text, TrainConfig())
    assert issubclass(ConfigError, MusegenError)


@needs_optuna
def test_what_cannot_work_is_refused_in_one_line(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    tune = ["tune", "lm", tunes.path, "--out", out]
    for argv, message in (
        ([*tune, "--ranges", "model.dropout=0.5:0.1"], "--ranges model.dropout=0.5:0.1 is empty"),
        ([*tune, "--ranges", *RANGES[1:2] * 2], "--ranges has model.dropout twice: name each setting once"),
        ([*tune, "--trials", "0"], "--trials is 0: it must be 1 or more"),
        ([*tune, "--sampler", "grid"], "--sampler is 'grid': choose one of tpe, random"),
        ([*tune, "--resume"], "has no search (study.db): leave --resume out"),
        ([*tune, "--model.hiden-size", "3"], "unknown flag --model.hiden-size: did you mean"),
        (["tune", "lmm", tunes.path, "--out", out], "unknown family 'lmm': did you mean lm?"),
    ):
        assert message in refused(capsys, *argv), argv
        assert not out.exists(), argv


def test_without_optuna_there_is_one_line(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musegen.cli.tune.find_spec", lambda _name: None)
    line = refused(capsys, "tune", "lm", tunes.path, "--out", tmp_path / "out")
    assert "musegen tune needs optuna: pip install 'musegen[tune]'" in line
    assert not (tmp_path / "out").exists()
    assert main(["tune", "lm", "--help"]) == 0
