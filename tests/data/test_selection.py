"""The tracks that a model is trained on, chosen by name, role and program."""

from pathlib import Path

import pytest

from musegen.cli import main
from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.prepare import prepare
from musegen.data.selection import select
from musegen.errors import DataError
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, score


@pytest.fixture(scope="module")
def band(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two pieces of a band: flute, piano, strings, bass and drums."""
    folder = tmp_path_factory.mktemp("band")
    for number in range(2):
        flute = line([72 + number, 74, 76, 77, 76, 74] * 4, name="Flute", program=73)
        piano = line([60, 64, 67 + number] * 8, name="Keys, soft", program=0)
        strings, bass = line([64, 65] * 12, program=48), line([36, 43] * 12, name="Fretless", program=35)
        drums = line([36, 42] * 12, drums=True)
        music = score(flute, piano, strings, bass, drums)
        (folder / f"{number}.mid").write_bytes(midi_bytes(music))
    return prepare(str(folder), folder / "out", workers=1)


@pytest.mark.parametrize(
    ("melody", "accompaniment", "names"),
    [
        (None, (), ["Keys, soft", "", "Fretless", ""]),
        ("top", ("bass,piano",), ["Keys, soft", "Fretless"]),
        ("top", ("bass", "program:48"), ["", "Fretless"]),
        ("piano", ("Flute, drums",), ["Flute", ""]),
        ("program:73", ("keys, soft",), ["Keys, soft"]),
    ],
)
def test_tracks_are_chosen_by_name_role_and_program(
    melody: str | None, accompaniment: tuple[str, ...], names: list[str], band: Dataset
) -> None:
    data = DataConfig(melody=melody, accompaniment=accompaniment)
    selected = select(band, band.pieces[0], data, pairs=True)
    assert [track.name for track in selected.score.tracks] == names
    top = "Keys, soft" if melody == "piano" else "Flute"
    assert selected.melody is not None
    assert selected.melody.tracks[0].name == top


@pytest.mark.parametrize("data", [DataConfig(melody="NOBODY"), DataConfig(accompaniment=("tuba",))])
def test_tracks_that_no_piece_has_are_refused_with_those_there_are(data: DataConfig, band: Dataset) -> None:
    with pytest.raises(DataError, match=r'\(x2\); there are the tracks "Flute" \(pipe\), .*"" \(drums\)'):
        fit_tokenizer(band, TokenizerConfig(), data, pairs=True)


def test_training_refuses_a_melody_that_no_piece_has(
    band: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "checkpoint"
    assert main(["train", "seq2seq", str(band.path), "--melody", "NOBODY", "--out", str(out)]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: no piece of dataset out can be used: no melody track 'NOBODY' (x2); there")
    assert not out.exists()
