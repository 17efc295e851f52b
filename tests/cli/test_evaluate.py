"""`musegen evaluate`: what it prints beside the figures of a model, and what it refuses at once."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.training.train import train
from tests.music_fixtures import TINY


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *line: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(word) for word in line])
    return code, *capsys.readouterr()


@pytest.mark.usefixtures("here")
class TestLikelihood:
    def test_a_short_training_has_not_passed(
        self, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = replace(TINY, trainer=replace(TINY.trainer, max_steps=2, val_check_interval=2))
        model = train(config, tunes, tmp_path / "short", say=lambda _: None)
        code, out, _ = call(capsys, "evaluate", model, tunes.path, "--samples", 0)
        assert code == 0
        line = out.splitlines()[-1]
        assert re.fullmatch(
            r"the model has not passed the unigram of its training data: \d+\.\d\d nats per [a-z ]+ "
            r"against \d+\.\d\d; train longer \(--trainer\.max-time\) or on more music",
            line,
        )
        assert all(word in out for word in ("beside n-grams of its training data", "bigram", "-gram"))

    def test_other_music_is_named(
        self, trained: Path, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model = shutil.copytree(trained, tmp_path / "model")
        data = json.loads((model / "data.json").read_text())
        (model / "data.json").write_text(json.dumps(data | {"dataset_sha256": "0" * 64}))
        from musegen.checkpoint.folder import write_metrics

        write_metrics(model, {})
        out = call(capsys, "evaluate", model, tunes.path, "--samples", 0)[1]
        assert "of the training pieces of tunes" in out.splitlines()[-1]
        assert (model / "metrics.json").read_text() == "{}\n"

    def test_all_pieces_have_no_n_grams_beside_them(
        self, trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = call(capsys, "evaluate", trained, tunes.path, "--samples", 0, "--split", "all")[1]
        assert out.splitlines()[-1].startswith("no n-grams beside these figures")
        assert "unigram" not in out


@pytest.mark.usefixtures("here")
class TestSamples:
    def test_none_keeps_what_was_measured_on_samples(
        self, trained: Path, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model = shutil.copytree(trained, tmp_path / "model")
        assert call(capsys, "evaluate", model, tunes.path, "--samples", 2)[0] == 0
        before = json.loads((model / "metrics.json").read_text())["test"]
        found = json.loads(call(capsys, "evaluate", model, tunes.path, "--samples", 0, "--json")[1])
        assert "comparison" in before
        assert "comparison" not in found
        assert json.loads((model / "metrics.json").read_text())["test"] == before
        assert {name: before[name] for name in found} == found

    def test_none_of_an_accompaniment_model(
        self, accompanist: Path, chorales: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = json.loads(
            call(
                capsys, "evaluate", accompanist, chorales.path, "--samples", 0, "--json", "--split", "valid"
            )[1]
        )
        assert found["baselines"]["bigram"]["bits_per_note"] > 0
        assert "systems" not in found


class TestRefusals:
    @pytest.mark.parametrize(
        ("option", "part"),
        [
            ("--limit 3", "--limit is for accompaniment and clip models: model is of family lm"),
            ("--samples 1", "--samples is 1: model is of family lm"),
            ("--samples -1", "from 0 (none) to 1000"),
        ],
    )
    def test_nothing_is_prepared(
        self, option: str, part: str, here: Path, trained: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(trained, here / "checkpoints" / "model")
        (here / "music").mkdir()
        (here / "music" / "a.mid").write_bytes(b"MThd")
        code, out, err = call(capsys, "evaluate", "model", "music", *option.split())
        assert (code, out) == (2, "")
        assert part in err
        assert not (here / "datasets").exists()
