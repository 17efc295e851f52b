"""`musegen compare` and `musegen novelty`, from the command line to the files."""

import json
import shutil
from pathlib import Path

import pytest

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.metrics.features import FEATURES
from musegen.music.writing.midi import write_score


@pytest.fixture
def folders(tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with real/ and made/, music files, the second with one that is none."""
    for number, piece in enumerate(tunes.pieces[:12]):
        write_score(tunes.score(piece), tmp_path / ("made" if number % 2 else "real") / f"{number}.mid")
    (tmp_path / "made" / "bad.mid").write_bytes(b"MThd")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], line: str, *more: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([*line.split(), *map(str, more)])
    return code, *capsys.readouterr()


class TestCompare:
    @pytest.mark.usefixtures("folders")
    def test_a_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = call(capsys, "compare real made")
        assert code == 0
        assert err.splitlines() == ["not read: made/bad.mid: damaged MIDI: it ends within its header"]
        for feature in FEATURES.values():
            assert sum(line.strip().startswith(feature.label) for line in out.splitlines()) >= 2
        assert "real (6)" in out
        assert "made (6)" in out
        assert "KL: divergence, in nats" in out

    def test_files(self, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = call(capsys, "compare real made --out o --json")
        assert code == 0
        found = json.loads(out)
        assert found == json.loads((folders / "o" / "comparison.json").read_text())
        assert found["generated"]["unreadable"][0]["path"] == "made/bad.mid"
        assert (folders / "o" / "comparison.png").read_bytes().startswith(b"\x89PNG")
        code, _, err = call(capsys, "compare real made --out o")
        assert code == 2
        assert "--force" in err
        assert call(capsys, "compare real made --out o --force")[0] == 0

    def test_a_dataset_by_name(
        self, folders: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(tunes.path, folders / "datasets" / "mine")
        code, out, _ = call(capsys, "compare mine made --json --split train")
        assert code == 0
        assert json.loads(out)["real"]["pieces"] == len(tunes.split("train"))

    @pytest.mark.parametrize(
        ("line", "part"),
        [
            ("compare real", "GENERATED"),
            ("compare real nowhere --out o", "nowhere does not exist"),
            ("compare real/0.mid made --out o", "needs 4 pieces or more, here: 1"),
            ("compare real made --split dev", "train, valid, test"),
            ("novelty --against x", "FILES must be given"),
            ("novelty real", "--against"),
            ("novelty real --against nowhere", "no dataset nowhere"),
            ("novelty none.mid --against x", "none.mid does not exist"),
            ("novelty real --against x --min-run 1", "from 2 to 10000 notes"),
        ],
    )
    def test_misuse(self, line: str, part: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = call(capsys, line)
        assert (code, out) == (2, "")
        assert part in err
        assert not (folders / "o").exists()


class TestNovelty:
    def test_a_row_a_file(self, folders: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copytree(tunes.path, folders / "mine")
        code, out, err = call(capsys, "novelty made real/0.mid --against mine")
        assert code == 0
        assert "not read: made/bad.mid" in err
        rows = [line.split()[0] for line in out.splitlines() if ".mid" in line]
        assert rows == [*sorted(f"made/{number}.mid" for number in range(1, 12, 2)), "real/0.mid"]
        assert "7 files: longest run" in out

    def test_json(self, folders: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copytree(tunes.path, folders / "mine")
        found = json.loads(call(capsys, "novelty real --against mine --json --min-run 5")[1])
        learnt = {piece.name for piece in tunes.split("train")}
        assert found["training_pieces"] == len(learnt)
        for file in found["files"]:
            name = tunes.pieces[int(Path(file["path"]).stem)].name
            assert (name in file["pieces"]) == (name in learnt)
            assert (file["share"] == 1) >= (name in learnt)
        assert found["held_out"]["pieces"] == len(tunes.split(found["held_out"]["split"]))

    def test_against_a_checkpoint(
        self, folders: Path, tunes: Dataset, trained: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(trained, folders / "checkpoints" / "mine")
        code, _, err = call(capsys, "novelty real --against mine")
        assert code == 2
        assert "was trained on dataset tunes, which is not at datasets/tunes" in err
        shutil.copytree(tunes.path, folders / "datasets" / "tunes")
        assert call(capsys, "novelty real --against mine")[0] == 0
        data = folders / "checkpoints" / "mine" / "data.json"
        data.write_text(data.read_text().replace(tunes.sha256, "0" * 64))
        assert "has changed since" in call(capsys, "novelty real --against checkpoints/mine")[2]
        data.write_text("{}")
        code, _, err = call(capsys, "novelty real --against checkpoints/mine")
        assert code == 2
        assert "does not record its training data" in err

    @pytest.mark.usefixtures("folders")
    def test_nothing_that_can_be_read(self, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = call(capsys, "novelty made/bad.mid --against", tunes.path)
        assert (code, out) == (2, "")
        assert "none of the files can be read" in err


class TestMaxCopy:
    def test_nothing_written_copies_more(
        self, trained: Path, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out, words = tmp_path / "out", f"generate {trained} --bars 4 --num 3 --seed 2"
        code, _, err = call(capsys, f"{words} --max-copy 5 --against {tunes.path} --out {out}")
        assert code == 0
        assert "copying more than 5 notes in a row" in err
        code, found, _ = call(capsys, "novelty --json --against", tunes.path, *sorted(out.glob("*.mid")))
        assert code == 0
        assert all(file["longest"] <= 5 for file in json.loads(found)["files"])

    def test_misuse_is_one_line(
        self, trained: Path, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = f"generate {trained} --bars 2 --out {tmp_path / 'out'}"
        for more, told in (
            (f"--against {tunes.path}", "--against is the dataset that --max-copy compares with"),
            ("--max-copy 0", "from 1 to 10000 notes"),
            ("--max-copy 5 --against nowhere", "no dataset nowhere"),
        ):
            code, _, err = call(capsys, f"{words} {more}")
            assert code == 2
            assert told in err
        assert not (tmp_path / "out").exists()
