"""Datasets by name: of a folder of music, prepared once; of a checkpoint, by place and content."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from musegen.api.datasets import held_out_data, open_data, recorded_path, training_dataset
from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import CheckpointError, ConfigError, DataError
from musegen.files import write_json
from musegen.music.writing.midi import write_score
from musegen.training.train import check, train
from tests.music_fixtures import TINY


@pytest.fixture
def songs(tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with songs/, six real tunes as MIDI files."""
    monkeypatch.chdir(tmp_path)
    for number, piece in enumerate(tunes.pieces[:6]):
        write_score(tunes.score(piece), Path("songs") / f"{number}.mid")
    return Path("songs")


class TestFolderOfMusic:
    def test_is_prepared_once(self, songs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        first = open_data("songs/")
        assert first.path == Path("datasets/songs")
        capsys.readouterr()
        for name in ("songs", "./songs/", str(songs.resolve())):
            assert open_data(name).path == first.path
            assert capsys.readouterr().err == f"{name} is prepared already: datasets/songs\n"
        shutil.move("datasets/songs", "datasets/mine")
        (songs / "0.mid").touch()
        shutil.copytree(songs, "elsewhere/songs")
        assert {open_data(name).path for name in ("songs", "elsewhere/songs")} == {Path("datasets/mine")}

    def test_once_more_when_it_has_changed(
        self, songs: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = open_data("songs")
        write_score(tunes.score(tunes.pieces[6]), songs / "6.mid")
        capsys.readouterr()
        after = open_data("songs")
        assert "songs has changed since it was prepared into datasets/songs" in capsys.readouterr().err
        assert (after.path, len(after.pieces)) == (Path("datasets/songs-2"), len(before.pieces) + 1)
        assert open_data("songs").path == after.path
        (songs / "6.mid").unlink()
        assert open_data("songs").path == before.path

    def test_not_with_other_options(self, songs: Path) -> None:
        prepare("songs", Path("datasets/part"), limit=3)
        prepare("songs", Path("datasets/songs"), melody="1")
        (Path("datasets") / "songs-2").mkdir()
        assert open_data("songs").path == Path("datasets/songs-3")
        assert len(open_data(str(songs)).pieces) == 6

    def test_in_a_training(self, songs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        settings = (
            "--trainer.max-steps 2 --model.hidden-size 16 --model.num-layers 1 --trainer.accelerator cpu"
        )
        line = (
            f"train lm {songs} {settings} --trainer.limit-val-batches 0.1 --trainer.limit-train-batches 0.1"
        )
        for out in ("a", "b"):
            assert main([*line.split(), "--out", out]) == 0
        assert "songs is prepared already: datasets/songs" in capsys.readouterr().err
        assert Path("a/model.safetensors").read_bytes() == Path("b/model.safetensors").read_bytes()
        assert json.loads(Path("a/data.json").read_text())["dataset_path"] == "../datasets/songs"
        again = ["train", "lm", "--config", "a/config.json", "--out", "c"]
        Path("datasets").rename("data")
        songs.rename("music")
        assert main(again) == 2
        assert "no dataset songs" in capsys.readouterr().err
        data = json.loads(Path("a/data.json").read_text())
        write_json(Path("a/data.json"), data | {"dataset_path": "../data/songs"})
        assert recorded_path(Path("a")) == Path("data/songs")
        assert main(again) == 0

    @pytest.mark.parametrize(
        ("options", "part"),
        [
            ("lm --init clips", "--init clips is of family vae, not lm"),
            ("lm --init nowhere", "no checkpoint nowhere"),
            ("lm --resume", "holds no run that was interrupted"),
            ("lm --trainer.strategy fast", "--trainer settings do not work here"),
            ("lm --trainer.limit-val-batches 0", "--trainer.limit-val-batches is 0"),
            (
                "vae --model.clip-bars 16 --model.latent-dim 16",
                "--model.latent-dim is 16: 16 bars need 32 or more",
            ),
            ("seq2seq --tokenizer grid --encoder.plan", "--encoder.plan is for event tokens"),
        ],
    )
    def test_is_not_prepared_for_settings_that_are_refused(
        self, options: str, part: str, songs: Path, autoencoder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(autoencoder, "checkpoints/clips")
        family, *more = options.split()
        assert main(["train", family, str(songs), "--out", "o", *more]) == 2
        error = capsys.readouterr().err
        assert part in error
        assert "preparing" not in error
        assert not Path("datasets").exists()

    def test_nor_in_python(self, trained: Path, tmp_path: Path) -> None:
        check(TINY, tmp_path / "new", init=trained)
        with pytest.raises(ConfigError, match="exists already"):
            check(TINY, trained)


class TestOfCheckpoint:
    """The dataset that a checkpoint was trained on."""

    @pytest.fixture
    def mine(self, songs: Path) -> Path:
        """A checkpoint trained on a dataset outside ./datasets."""
        steps = replace(TINY.trainer, max_steps=1, val_check_interval=1)
        dataset = prepare(str(songs), Path("data/songs"))
        return train(TrainConfig(model=TINY.model, trainer=steps), dataset, Path("checkpoints/mine"))

    def test_by_its_place(self, mine: Path, songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        other = prepare(str(songs), Path("datasets/songs"), limit=4)
        found = training_dataset("mine")
        assert (found.path, found.sha256) == (Path("data/songs"), Dataset.open(Path("data/songs")).sha256)
        assert held_out_data(load_checkpoint(mine), None).path == found.path
        assert other.sha256 != found.sha256
        monkeypatch.chdir("songs")
        assert training_dataset("../checkpoints/mine").sha256 == found.sha256

    def test_by_its_content(self, mine: Path) -> None:
        before = training_dataset("mine")
        Path("datasets").mkdir()
        shutil.move("data/songs", "datasets/renamed")
        for has_path in (True, False):  # older checkpoints have none
            data = json.loads((mine / "data.json").read_text())
            write_json(mine / "data.json", {k: v for k, v in data.items() if has_path or k != "dataset_path"})
            after = training_dataset("mine")
            assert (after.path, after.pieces) == (Path("datasets/renamed"), before.pieces)

    @pytest.mark.usefixtures("mine")
    def test_never_by_its_name_alone(self, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.rmtree("data")
        for piece in tunes.pieces[8:14]:
            write_score(tunes.score(piece), Path("others") / f"{Path(piece.name).name}.mid")
        prepare("others", Path("datasets/songs"))
        for verb in ("novelty songs --against mine", "evaluate mine", "generate mine --max-copy 9 --out o"):
            option = "DATA" if verb.startswith("evaluate") else "--against"
            assert main(verb.split()) == 2
            error = capsys.readouterr().err.splitlines()[-1]
            assert "checkpoints/mine was trained on dataset songs, which is not at datasets/songs" in error
            assert error.endswith(f"nor at data/songs, where it was then: name its folder instead ({option})")
        with pytest.raises(DataError, match="name its folder instead"):
            training_dataset("mine")

    @pytest.mark.usefixtures("mine")
    def test_its_next_version(self, songs: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        before = training_dataset("mine")
        write_score(tunes.score(tunes.pieces[6]), songs / "6.mid")
        prepare(str(songs), Path("data/songs"), force=True)
        capsys.readouterr()
        after = training_dataset("mine")
        assert (
            "warning: data/songs has changed since checkpoints/mine was trained on it"
            in capsys.readouterr().err
        )
        assert {p.name for p in after.split("train")} == {p.name for p in before.split("train")}

    def test_of_a_damaged_one(self, mine: Path) -> None:
        (mine / "data.json").write_text('{"train": [{}], "dataset_sha256": ""}')
        with pytest.raises(CheckpointError, match="does not record its training data"):
            training_dataset("mine")
