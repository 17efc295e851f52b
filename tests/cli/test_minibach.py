"""MiniBach, as a user types it."""

import shlex
from pathlib import Path

import pytest

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.metrics.lines import voice_frames
from musegen.music.notes import note_arrays
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from tests.music.scores import line, score


@pytest.fixture(scope="module")
def mini(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a few steps, trained by the command of the guide."""
    out = tmp_path_factory.mktemp("mini") / "mini"
    words = f"train seq2seq {chorales.path} --model.cell mlp --model.hidden-size 16 --trainer.max-steps 4"
    assert main([*shlex.split(words), "--out", str(out)]) == 0
    return out


def refused(capsys: pytest.CaptureFixture[str], command: str) -> str:
    """The line with which a command is refused."""
    capsys.readouterr()
    assert main(shlex.split(command)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    return last


def test_a_melody_of_any_length_gets_three_voices(
    mini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = line([67, 69, 71, 72, 74, 72, 71, 69] * 4 + [67, 67, 67], step=480)  # eight bars and three beats
    write_score(score(tune, metres=[(0, 4, 4)], tempo=90), tmp_path / "tune.mid")
    for name in ("one", "two"):
        words = ["accompany", str(mini), str(tmp_path / "tune.mid"), "--seed", "3"]
        assert main([*words, "--out", str(tmp_path / name)]) == 0
    assert "exporting" not in capsys.readouterr().err
    assert (tmp_path / "one" / "001.mid").read_bytes() == (tmp_path / "two" / "001.mid").read_bytes()
    found, _ = read_score(tmp_path / "one" / "001.mid")
    assert len(found.tracks) == 4
    assert note_arrays(found.tracks[0])[2].tolist() == note_arrays(tune)[2].tolist()
    assert voice_frames(found).shape[0] > 8 * 4


def test_a_tune_in_three_four_too(mini: Path, tmp_path: Path) -> None:
    write_score(score(line([67, 69, 71] * 5, step=480), metres=[(0, 3, 4)]), tmp_path / "waltz.mid")
    assert main(["accompany", str(mini), str(tmp_path / "waltz.mid"), "--out", str(tmp_path / "o")]) == 0


def test_misuse_is_one_line(
    mini: Path, chorales: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    train = f"train seq2seq {chorales.path} --out {out} --model.cell mlp"
    message = refused(capsys, f"{train} --accompaniment 'alto,bass'")
    assert "--model.cell mlp (MiniBach) is for music of four voices" in message
    assert "accompanied by 2" in message
    assert "--encoder.reach 3 does not go with --model.cell mlp" in refused(
        capsys, f"{train} --encoder.reach 3"
    )
    assert "is for family seq2seq" in refused(
        capsys, f"train lm {chorales.path} --out {out} --model.cell mlp"
    )
    assert "mini has no sampling step to export: use it with musegen accompany" in refused(
        capsys, f"export {mini} --onnx {tmp_path / 'm.onnx'}"
    )
    write_score(score(line([67] * 8), metres=[(0, 4, 4)]), tmp_path / "tune.mid")
    rounded = f"accompany {mini} {tmp_path / 'tune.mid'} --out {out} --precision int8"
    assert "--precision int8 is not for a model that runs in torch alone" in refused(capsys, rounded)
    assert not out.exists()
