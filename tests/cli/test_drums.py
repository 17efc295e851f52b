"""Loops of drums: prepared, trained on and varied as such."""

import re
from pathlib import Path

import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.evaluation.baselines import crossfade
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.latent_samples import measure_samples
from musegen.evaluation.reconstruction import measure_reconstruction
from musegen.metrics.features import FEATURES
from musegen.metrics.smoothness import note_edit_distance
from musegen.music.writing.midi import write_score
from tests.music.scores import line, score

TRAINING = "--trainer.max-steps 4 --model.hidden-size 16 --model.latent-dim 8 --trainer.accelerator cpu"


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the dataset loops: eight beats of four bars."""
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        bar = [36, 42, 38, 42, 36, 36 + number, 38, 46]
        write_score(score(line(bar * 4, drums=True), metres=[(0, 4, 4)]), Path("beats") / f"{number}.mid")
    assert main(["prepare", "beats", "--out", "datasets/loops"]) == 0
    return Path("datasets/loops")


def test_a_dataset_of_drums_has_no_defect(loops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["prepare", "beats", "--out", str(loops), "--force"]) == 0
    out, err = capsys.readouterr()
    assert "warning" not in err
    assert "melody: 8 only drums" in err.splitlines()
    assert "no melody track" not in out
    assert Dataset.open(loops).info["warnings"] == []


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize(
    ("family", "hint"),
    [
        ("vae", "to train on all tracks, add --polyphonic"),
        ("lm --data.tracks melody", "to train on all tracks, add --polyphonic"),
        ("seq2seq", "an accompaniment model needs one"),
    ],
)
def test_what_needs_a_melody_says_what_to_do(
    family: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *family.split(" ", 1)[:1], "loops", "--out", "o", *family.split()[1:]]) == 2
    [*_, error] = capsys.readouterr().err.splitlines()
    assert error == f"error: no piece of dataset loops can be used: no melody track (x8); {hint}"


@pytest.mark.usefixtures("loops")
def test_pieces_of_drums_are_compared_in_what_they_have(capsys: pytest.CaptureFixture[str]) -> None:
    training = "--trainer.max-steps 2 --model.hidden-size 16 --trainer.accelerator cpu --out o"
    assert main(["train", "lm", "loops", *training.split()]) == 0
    evaluate = ["evaluate", "o", "--split", "train", "--samples", "2"]
    capsys.readouterr()
    assert main([*evaluate, "--out", "e"]) == 0
    out = capsys.readouterr().out
    assert "nan" not in out.split()
    assert "groove consistency: " in out
    assert "intervals" not in out.replace("95% intervals", "")
    assert f"left out: {len(FEATURES) - 3} features without a value in the real music" in out
    assert Path("e/comparison.png").is_file()
    assert "NaN" not in Path("e/evaluation.json").read_text()


def test_notes_of_drums_are_compared(loops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An untrained model writes other drums: not all of the notes are kept."""
    assert main(["train", "vae", "loops", "--polyphonic", *TRAINING.split(), "--out", "o"]) == 0
    assert main(["vary", "o", "beats/0.mid", "--amount", "1", "--num", "1", "--seed", "1", "--out", "v"]) == 0
    assert main(["reconstruct", "o", "beats/0.mid", "--out", "r"]) == 0
    err = capsys.readouterr().err
    kept, new = map(int, re.findall(r"1: (\d+)% of the notes kept, (\d+)% of its \d+ notes new", err)[0])
    assert kept < 100
    assert new > 0
    assert "note F1 1.000" not in err
    systems = measure_reconstruction(load_checkpoint(Path("o")), Dataset.open(loops), "train", limit=2)[
        "systems"
    ]
    assert systems["nearest_training_clip"]["note_f1"]["mean"] == 1.0
    assert systems["model"]["note_f1"]["mean"] < 1.0


def test_clips_of_drums_are_evaluated_without_melodies(
    loops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "vae", "loops", "--polyphonic", *TRAINING.split(), "--out", "o"]) == 0
    capsys.readouterr()
    # One piece: an untrained model takes long for pairs of clips.
    assert main(["evaluate", "o", "--split", "test", "--samples", "2", "--limit", "2"]) == 0
    out, err = capsys.readouterr()
    missing = "not measured, without melodies to compare with: copies of training pieces, intervals"
    assert missing in err.splitlines()
    assert "nan" not in out.split()
    clips = ClipSet(load_checkpoint(Path("o")), Dataset.open(loops), "test")
    found = measure_samples(clips, None, num=1)
    assert found["real"].keys() == {"pitch", "duration", "notes", "range", "empty"}
    assert found["real"]["notes"] == 16


def test_a_crossfade_of_drums_is_drums() -> None:
    first, last = (score(line([pitch] * 4, drums=True)) for pitch in (36, 42))
    between = crossfade(first, last, 5)
    assert all(track.is_drum for clip in between for track in clip.tracks)
    assert note_edit_distance(between[-1], last) == 0
    assert note_edit_distance(between[0], last) == note_edit_distance(first, last)
