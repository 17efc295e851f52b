"""Models by name: what is installed, and where a name leads."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from musegen.checkpoint.folder import write_metrics
from musegen.checkpoint.names import find_checkpoint, model_facts, released_folder, released_models
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError
from musegen.music.writing.midi import write_score

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for models that come with musegen, empty; the current folder is another, empty too."""
    folder, here = tmp_path / "site" / "checkpoints", tmp_path / "here"
    folder.mkdir(parents=True)
    here.mkdir()
    monkeypatch.setattr("musegen.checkpoint.names.released_folder", lambda: folder)
    monkeypatch.chdir(here)
    return folder


@pytest.fixture
def folk(released: Path, trained: Path) -> Path:
    """A tiny model that comes with musegen, by the name of folk."""
    return Path(shutil.copytree(trained, released / "folk"))


def out_of(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    capsys.readouterr()
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_in_a_checkout_they_lie_in_its_checkpoints() -> None:
    assert released_folder() == ROOT / "checkpoints"


def test_every_verb_finds_a_model_by_its_name(
    folk: Path,
    released: Path,
    autoencoder: Path,
    accompanist: Path,
    tunes: Dataset,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(autoencoder, released / "folk-vae")
    shutil.copytree(accompanist, released / "chorale")
    write_score(tunes.score(tunes.pieces[0]), Path("a.mid"))
    for line in (
        "generate folk --bars 1 --out o1",
        "generate folk-vae --out o2",
        "accompany chorale a.mid --no-picture --out o3",
        "reconstruct folk-vae a.mid --out o4",
        "interpolate folk-vae a.mid a.mid --num 2 --out o5",
        "vary folk-vae a.mid --num 1 --out o6",
    ):
        model = line.split()[1]
        assert out_of(capsys, *line.split()).split()
        assert json.loads((Path(line.split()[-1]) / "manifest.json").read_text())["checkpoint"] == model
    assert json.loads(out_of(capsys, "info", "folk", "--json"))["path"] == str(folk)
    train = ("train", "lm", tunes.path, "--out", "c", "--trainer.max-steps", 1, "--init", "folk")
    out_of(capsys, *train)


def test_evaluate_leaves_what_is_installed_as_it_is(
    folk: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folk / "metrics.json").read_bytes()
    words = ("evaluate", "folk", tunes.path, "--split", "valid", "--samples", 0, "--json")
    assert json.loads(out_of(capsys, *words))["bits_per_note"] > 0
    assert (folk / "metrics.json").read_bytes() == before
    Path("checkpoints").mkdir()
    shutil.copytree(folk, "checkpoints/folk")
    out_of(capsys, *words)
    assert Path("checkpoints/folk/metrics.json").read_bytes() != before


def test_the_nearest_of_a_name_wins(folk: Path, trained: Path) -> None:
    assert find_checkpoint("folk") == folk
    shutil.copytree(trained, "checkpoints/folk")
    assert find_checkpoint("folk") == Path("checkpoints/folk")
    shutil.copytree(trained, "folk")
    assert find_checkpoint("folk") == Path("folk")


def test_an_unknown_name_lists_what_is_installed(
    folk: Path, released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (released / "half").mkdir()  # no checkpoint
    assert list(released_models()) == ["folk"]
    line = refused(capsys, "generate", "flok", "--out", "o")
    assert line == (
        "error: no checkpoint flok, here or under checkpoints/; bundled models are folk: did you mean folk?"
    )
    assert "bundled models are folk: make one with" in refused(capsys, "generate", "x", "--out", "o")


@pytest.mark.usefixtures("released")
def test_none_installed_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there are no bundled models: make one" in refused(capsys, "generate", "folk", "--out", "o")
    assert main(["models"]) == 0
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("there are no bundled models in ")
    assert json.loads(out_of(capsys, "models", "--json")) == []


class TestModels:
    def test_says_what_each_is(self, folk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = "# folk\n\nFolk tunes in one voice,\nin any metre.\n\n"
        card = f"{words}    musegen generate folk\n\nLicence: Apache-2.0\n"
        (folk / "README.md").write_text(card)
        [model] = json.loads(out_of(capsys, "models", "--json"))
        config, metrics, data = (
            json.loads((folk / f"{name}.json").read_text()) for name in ("config", "metrics", "data")
        )
        assert (model["name"], model["family"], model["licence"]) == ("folk", "lm", "Apache-2.0")
        assert model["writes"] == "Folk tunes in one voice, in any metre."
        assert model["data"] == config["dataset"]
        assert model["pieces"] == data["splits"]
        split = "test" if "test" in metrics else "valid"
        assert model["split"] == split
        assert model["figures"]["bits_per_note"] == metrics[split]["bits_per_note"]
        assert (folk / "model.safetensors").stat().st_size < model["bytes"] < 1e6
        shown = out_of(capsys, "models")
        assert all(word in shown for word in ("folk", "in any metre", "MB", "18 train", "Apache-2.0"))

    def test_takes_its_figures_from_where_evaluate_puts_them(
        self, released: Path, autoencoder: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["evaluate", autoencoder, tunes.path, "--limit", 4, "--samples", 2, "--json"]
        found = json.loads(out_of(capsys, *words))
        folder = Path(shutil.copytree(autoencoder, released / "folk-vae"))
        write_metrics(folder, {"test": found})
        facts = model_facts(folder)
        assert facts["split"] == "test"
        assert facts["figures"] == {
            "bits_per_note": found["bits_per_note"],
            "note_f1": found["systems"]["model"]["note_f1"]["mean"],
        }

    def test_without_a_card_line_the_licence_is_that_of_the_data(self, folk: Path) -> None:
        data = json.loads((folk / "data.json").read_text())
        assert model_facts(folk)["licence"] == data["licence"]

    @pytest.mark.parametrize("name", ["config.json", "data.json", "metrics.json", "README.md"])
    def test_a_damaged_one_is_one_line(self, folk: Path, name: str) -> None:
        (folk / name).write_bytes(b"\xff\xfe[")
        with pytest.raises(CheckpointError, match="cannot be described"):
            model_facts(folk)


@pytest.mark.slow
def test_the_wheel_holds_released_models_and_no_others(trained: Path, tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    left_out = shutil.ignore_patterns(".*_cache", ".venv", ".hypothesis", "__pycache__", ".git")
    shutil.copytree(ROOT, source, ignore=left_out)
    for name in ("folk", "mine"):
        shutil.rmtree(source / "checkpoints" / name, ignore_errors=True)
        shutil.copytree(trained, source / "checkpoints" / name)
    (source / "checkpoints" / "folk" / ".resume").mkdir()
    (source / "checkpoints" / "folk" / ".resume" / "last.ckpt").write_bytes(b"private")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next((tmp_path / "wheels").glob("*.whl"))) as wheel:
        wheel.extractall(site)
    found = {path.name for path in (site / "musegen/checkpoints/folk").iterdir()}
    summed = {line.split()[1] for line in (trained / "SHA256SUMS").read_text().splitlines()}
    assert found == summed | {"SHA256SUMS", "README.md"}
    assert not (site / "musegen/checkpoints/mine").exists()
    assert not (site / "checkpoints").exists()

    def run(*argv: str) -> str:
        command = [sys.executable, "-c", "from musegen.cli import run; run()", *argv]
        environment = {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    # By name: a checkout may hold models of its owner's beside.
    released = ["chorale", "folk", "folk-vae", "folk-vae-16"]
    assert [model["name"] for model in json.loads(run("models", "--json"))] == released
    assert run("generate", "folk", "--bars", "1", "--out", "o") == "o/001.mid\n"
