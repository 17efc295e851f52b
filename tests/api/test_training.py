"""Training from Python: the weights of the command line, and its errors."""

from pathlib import Path

import pytest

import musegen
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.music.writing.midi import write_score

SETTINGS = {
    "model.hidden_size": 16,
    "model.embedding-dim": 8,
    "optim.batch_tokens": 2048,
    "trainer.max_steps": 4,
    "trainer.limit_val_batches": 1,
}


def flags() -> list[str]:
    return [word for name, value in SETTINGS.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.mark.parametrize("family", ["lm", "vae"])
def test_python_and_the_command_line_train_the_same_weights(
    family: str, tunes: Dataset, tmp_path: Path
) -> None:
    assert main(["train", family, str(tunes.path), "--out", str(tmp_path / "a"), *flags()]) == 0
    model = musegen.train(family, tunes, tmp_path / "b", settings=SETTINGS)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in "ab")
    assert one == two
    assert (tmp_path / "a" / "config.json").read_text() == (tmp_path / "b" / "config.json").read_text()
    assert model.family == family


def test_a_folder_is_prepared(tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for index, piece in enumerate(tunes.pieces[:4]):
        write_score(tunes.score(piece), tmp_path / "songs" / f"{index}.mid")
    songs = musegen.prepare("songs", workers=1)
    assert songs.path == Path("datasets") / "songs"
    assert len(songs.pieces) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"family": "lstm"}, "unknown family 'lstm'"),
        ({"settings": {"model.hiden_size": 3}}, "did you mean model.hidden_size"),
        ({"settings": {"trainer.max_steps": "many"}}, "trainer.max_steps cannot be 'many'"),
        ({"max_time": "8x"}, "is 8x: it must be a time above 0"),
        ({"resume": True, "force": True}, "leave out force"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: dict[str, object], words: str, tunes: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(musegen.MusegenError) as error:
        musegen.train(**{"family": "lm", "data": tunes, "out": out} | arguments)  # type: ignore[arg-type]
    assert words in str(error.value)
    assert not out.exists()
