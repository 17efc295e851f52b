"""Models of piano-roll frames, as a user types them."""

import json
import shlex
from pathlib import Path

import pytest

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.metrics.pitch import scale_consistency
from musegen.music.metre import bar_ticks
from musegen.music.notes import pitched_notes
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from tests.music.scores import line, notes, score

SMALL = "--model.hidden-size 16 --trainer.max-steps 6 --trainer.val-check-interval 3"


@pytest.fixture(scope="module", params=["independent", "nade", "rbm"])
def model(
    request: pytest.FixtureRequest, chorales: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("frames") / request.param
    command = f"train frames {chorales.path} --model.output {request.param} --roll.positions 2 {SMALL}"
    assert main([*shlex.split(command), "--out", str(out)]) == 0
    return out


def run(capsys: pytest.CaptureFixture[str], command: str) -> tuple[list[str], str]:
    """What a command that succeeds prints on stdout, line by line, and on stderr."""
    capsys.readouterr()
    code = main(shlex.split(command))
    out, err = capsys.readouterr()
    assert code == 0, err
    return out.splitlines(), err


def refused(capsys: pytest.CaptureFixture[str], command: str) -> str:
    """The one line with which a command is refused."""
    capsys.readouterr()
    assert main(shlex.split(command)) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines()[-1].startswith("error: ")
    return err.splitlines()[-1]


def test_music_of_whole_bars_the_same_for_a_seed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"generate {model} --bars 4 --num 2 --seed 5 --time-signature 3/4 --tempo 90 --temperature 1.2"
    run(capsys, f"{words} --out {tmp_path}/a")
    run(capsys, f"{words} --out {tmp_path}/b")
    run(capsys, f"{words} --num 1 --out {tmp_path}/c")
    first = (tmp_path / "a" / "001.mid").read_bytes()
    assert first == (tmp_path / "b" / "001.mid").read_bytes() == (tmp_path / "c" / "001.mid").read_bytes()
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert [file["bars"] for file in manifest["files"]] == [4, 4]
    assert [file["log_likelihood"] is None for file in manifest["files"]] == [model.name == "rbm"] * 2
    found, _ = read_score(tmp_path / "a" / "001.mid")
    assert round(found.tempos[0].qpm) == 90
    assert (found.time_signatures[0].numerator, found.time_signatures[0].denominator) == (3, 4)
    onsets, durations, _ = pitched_notes(found)
    assert not (onsets % (found.tpq // 2)).any()
    assert (onsets + durations).max() <= 4 * 3 * found.tpq


def test_a_prompt_stays_and_goes_on(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune = score(line([60, 64, 67, 72] * 2, step=480), metres=[(0, 4, 4)], tempo=100)
    write_score(tune, tmp_path / "tune.mid")
    words = f"generate {model} --prompt {tmp_path}/tune.mid --bars 2 --seed 1 --temperature 2"
    run(capsys, f"{words} --pitch-range 48:72 --scale 'C major' --out {tmp_path}/o")
    found, _ = read_score(tmp_path / "o" / "001.mid")
    assert notes(found.tracks[0])[:8] == notes(tune.tracks[0])
    new = [pitch for onset, _, pitch in notes(found.tracks[0]) if onset >= 8 * 480]
    assert new
    assert all(48 <= pitch <= 72 for pitch in new)
    assert scale_consistency(found) == pytest.approx(1.0)
    assert len(bar_ticks(found)) - 1 <= 4


def test_evaluate(
    model: Path, chorales: Dataset, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musegen.evaluation.frame_nats.roll_nats.__kwdefaults__", {"chains": 4, "steps": 20})
    words = f"evaluate {model} {chorales.path} --split train --samples 0"
    figures = json.loads("\n".join(run(capsys, f"{words} --json")[0]))
    assert figures["frames_per_quarter"] == 2
    assert 0 < figures["nats_per_frame"] < 88
    assert ("nats_per_frame_error" in figures) == (model.name == "rbm")
    assert 0 < figures["nats_per_frame_of_switching_keys"] < 20
    assert "nats per frame" in "\n".join(run(capsys, words)[0])


def test_misuse_of_a_model_is_one_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_score(score(line([36] * 4, drums=True), metres=[(0, 4, 4)]), tmp_path / "drums.mid")
    cases = {
        f"--prompt {tmp_path}/drums.mid": "--prompt has no note in the 88 keys of a piano",
        "--key 'C major'": "--key is for models that write tokens",
        "--candidates 3": "--candidates is for language models",
        "--prior": "--prior is for clip models",
        "--top-k 3": "--top-k is for models that sample one token at a time",
        "--pitch-range 110:120": "no key of a piano is allowed",
        "--time-signature 5/16": "a bar of 5/16 has no whole number of frames at 2 per quarter note",
    }
    for words, message in cases.items():
        assert message in refused(capsys, f"generate {model} {words} --out {tmp_path}/o")
    assert not (tmp_path / "o").exists()
    assert "has no sampling step to export" in refused(capsys, f"export {model} --onnx {tmp_path}/m.onnx")


def test_misuse_of_training_is_one_line(
    chorales: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quarters = tmp_path / "quarters"
    for number in range(4):
        tune = line([60 + number, 62, 64, 65, 67, 69 - number, 71, 72], step=480)
        write_score(score(tune, metres=[(0, 4, 4)]), quarters / f"{number}.mid")
    out = tmp_path / "o"
    fine = refused(capsys, f"train frames {quarters} --roll.positions 4 --out {out}")
    assert "--roll.positions is 4, and every note of quarters begins and ends on 1 per quarter note" in fine
    other = refused(capsys, f"train lm {chorales.path} --model.output rbm --out {out}")
    assert "--model.output is for family frames, and this is family lm" in other
    assert "use musegen train frames" in other
    grid = refused(capsys, f"train frames {chorales.path} --tokenizer grid --out {out}")
    assert "--tokenizer grid is for models that write tokens, and here are frames" in grid
    assert not out.exists()


def test_music_without_a_note_for_a_piano_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        beat = line([36, 38 + number] * 8, drums=True)
        write_score(score(beat, metres=[(0, 4, 4)]), tmp_path / "beats" / f"{number}.mid")
    message = refused(capsys, f"train frames {tmp_path}/beats --out {tmp_path}/o")
    assert "beats has no training piece with notes" in message
