"""The verbs of a latent space, as a user types them."""

import json
import re
import shutil
from pathlib import Path

import pytest
from symusic import Score

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from tests.music.scores import line, notes, score


@pytest.fixture
def here(tmp_path: Path, autoencoder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two tunes in 4/4, one in 6/8, and the checkpoint clips."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(autoencoder, tmp_path / "checkpoints" / "clips")
    up = line([60, 62, 64, 65, 67, 69, 71, 72] * 2, step=480, name="Flute", program=73)
    down = line([79, 77, 76, 74, 72, 71, 69, 67] * 2, step=240)
    write_score(score(up, metres=[(0, 4, 4)], tempo=90), tmp_path / "a.mid")
    write_score(score(down, metres=[(0, 4, 4)], tempo=150), tmp_path / "b.mid")
    write_score(score(line([67, 69, 71] * 8), metres=[(0, 6, 8)]), tmp_path / "jig.mid")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[list[str], str]:
    """What a command that succeeds prints on stdout, line by line, and on stderr."""
    capsys.readouterr()
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out.splitlines(), err


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """The one line with which a command line is refused."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines()[-1].startswith("error: ")
    return err.splitlines()[-1]


def melody(path: Path) -> list[tuple[int, int, int]]:
    return notes(read_score(path)[0].tracks[0])


def test_reconstruct(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "reconstruct", "clips", "a.mid", "--out", "o", "--from-bar", 3)
    assert out == ["o/001.mid", "o/all.mid"]
    assert "a.mid: bars 3 to 4 of 4 taken" in err
    assert "reconstruction: note F1 0." in err
    manifest = json.loads((here / "o" / "manifest.json").read_text())
    assert manifest["together"] == "all.mid"
    assert 0 <= manifest["measured"]["note_f1"] <= 1
    back, _ = read_score(here / "o" / "001.mid")
    assert (back.tracks[0].name, back.tracks[0].program, round(back.tempos[0].qpm)) == ("Flute", 73, 90)
    both = melody(here / "o" / "all.mid")
    assert both[:8] == melody(here / "a.mid")[:8]
    assert [n[0] - 3840 for n in both[8:]] == [n[0] for n in notes(back.tracks[0])]
    assert (here / "o" / "all.png").stat().st_size > 1000
    run(
        capsys, "reconstruct", "clips", "a.mid", "--out", "again", "--from-bar", 3
    )  # no seed: no chance in it
    assert (here / "o" / "001.mid").read_bytes() == (here / "again" / "001.mid").read_bytes()


def test_interpolate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("interpolate", "clips", "a.mid", "b.mid", "--num", 5, "--seed", 3, "--temperature", 0.8)
    out, err = run(capsys, *words, "--out", "o")
    assert out == [*(f"o/00{number}.mid" for number in range(1, 6)), "o/all.mid"]
    for path in ("a.mid", "b.mid"):
        assert f"{path} as reconstructed by the model: note F1 " in err
    assert melody(here / "o" / "001.mid") == melody(here / "a.mid")[:8]
    assert melody(here / "o" / "005.mid") == melody(here / "b.mid")
    tempos = [round(read_score(here / "o" / f"00{i}.mid")[0].tempos[0].qpm) for i in range(1, 6)]
    assert tempos == [90, 105, 120, 135, 150]
    whole = Score(here / "o" / "all.mid")
    assert 4 * 3840 < whole.end() <= 5 * 3840
    assert (here / "o" / "all.png").stat().st_size > 1000
    measured = json.loads((here / "o" / "manifest.json").read_text())["measured"]
    assert measured["smoothness"]["largest_jump"] > 0
    run(capsys, *words, "--out", "again")
    for file in (here / "o").glob("*.mid"):
        assert file.read_bytes() == (here / "again" / file.name).read_bytes()


def test_identical_ends_give_identical_clips(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "interpolate", "clips", "a.mid", "a.mid", "--out", "o")
    files = [(here / "o" / f"00{number}.mid").read_bytes() for number in range(1, 10)]
    assert set(files) == {files[0]}
    measured = json.loads((here / "o" / "manifest.json").read_text())["measured"]
    assert measured["smoothness"] == {"away": None, "back": None, "largest_jump": None}


def test_vary(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "vary", "clips", "a.mid", "--amount", 0.5, "--seed", 1, "--out", "o")
    assert out == [*(f"o/00{number}.mid" for number in range(1, 5)), "o/all.mid"]
    assert "4: " in err
    for number in range(1, 5):
        [row] = (row for row in err.splitlines() if row.startswith(f"{number}: "))
        count = read_score(here / "o" / f"00{number}.mid")[0].note_num()
        assert re.fullmatch(rf"{number}: \d+% of the notes kept, \d+% of its {count} notes new", row)
    manifest = json.loads((here / "o" / "manifest.json").read_text())
    assert manifest["measured"][0]["density"] == 4.0
    assert len(manifest["measured"]) == 5
    run(capsys, "vary", "clips", "a.mid", "--amount", 0.5, "--seed", 1, "--num", 2, "--out", "two")
    assert (here / "o" / "002.mid").read_bytes() == (here / "two" / "002.mid").read_bytes()
    run(capsys, "reconstruct", "clips", "a.mid", "--out", "r")
    run(capsys, "vary", "clips", "a.mid", "--amount", 0, "--out", "same")
    assert sorted(path.name for path in (here / "same").glob("0*.mid")) == ["001.mid"]
    assert (here / "r" / "001.mid").read_bytes() == (here / "same" / "001.mid").read_bytes()


def test_generate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "generate", "clips", "--num", 3, "--seed", 2, "--out", "o")
    assert out == ["o/001.mid", "o/002.mid", "o/003.mid"]
    manifest = json.loads((here / "o" / "manifest.json").read_text())
    assert {file["bars"] for file in manifest["files"]} == {2}
    run(capsys, "generate", "clips", "--num", 3, "--seed", 2, "--out", "again", "--bars", 2)
    run(capsys, "generate", "clips", "--prior", "--time-signature", "3/4", "--out", "p")
    assert (here / "o" / "003.mid").read_bytes() == (here / "again" / "003.mid").read_bytes()
    assert json.loads((here / "p" / "manifest.json").read_text())["files"][0]["time_signature"] == "3/4"


def test_evaluate(here: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["clips", tunes.path, "--split", "train", "--limit", 20, "--samples", 10]
    figures = json.loads("\n".join(run(capsys, "evaluate", *words, "--json")[0]))
    assert figures["measured"] == 20
    samples = figures["samples"]
    assert samples.keys() == {"real", "real, other half", "mixture", "prior", "given back"}
    assert samples["real"]["pitch"] == pytest.approx(1.0)
    assert samples["real"]["copied_run"] > samples["mixture"]["copied_run"]  # training clips themselves
    assert figures["interpolation"]["systems"]["crossfade"]["away"] > 0.9
    assert "sliders" not in figures


def test_info_gives_the_unit_of_the_kl(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(" ".join(run(capsys, "info", "clips")[0]).split())
    assert "KL in nats " in text
    assert "KL per dimension in nats " in text
    assert "metre" not in text


def test_a_split_too_small_to_compare_with_still_has_its_figures(
    here: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tunes.path, here / "few")
    rows = [json.loads(row) for row in (here / "few" / "index.jsonl").read_text("utf-8").splitlines()]
    tests = [row for row in rows if row["split"] == "test"]
    for row in tests[1:]:
        row["split"] = "train"
    (here / "few" / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    shown = "\n".join(run(capsys, "evaluate", "clips", here / "few", "--limit", 5)[0])
    assert all(word in shown for word in ("note F1", "other half"))
    assert "crossfade" not in shown
    shown = "\n".join(run(capsys, "evaluate", "clips", here / "few", "--limit", 5, "--samples", 0)[0])
    assert "note F1" in shown
    assert "other half" not in shown


def test_an_earlier_run_gives_way_and_nothing_else(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "interpolate", "clips", "a.mid", "b.mid", "--out", "o")
    (here / "o" / "mine.txt").write_text("mine")
    assert "--force" in refused(capsys, "reconstruct", "clips", "a.mid", "--out", "o")
    run(capsys, "reconstruct", "clips", "a.mid", "--out", "o", "--force")
    names = {path.name for path in (here / "o").iterdir()}
    assert names == {"001.mid", "all.mid", "all.png", "manifest.json", "mine.txt"}
    run(capsys, "generate", "clips", "--out", "o", "--force")
    assert {path.name for path in (here / "o").iterdir()} == {"001.mid", "manifest.json", "mine.txt"}


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("reconstruct clips", ["FILE", "--out"]),
        ("reconstruct clips none.mid --out o", ["error: none.mid does not exist"]),
        ("reconstruct clips a.mid --out o --from-bar 0", ["--from-bar is 0", "1 or more"]),
        ("reconstruct clips a.mid --out o --from-bar 9", ["a.mid: --from-bar is 9", "from 1 to 4"]),
        ("reconstruct clips a.mid --out o --melody Harp", ["no melody track 'Harp'", '1 "Flute"']),
        ("reconstruct clips a.mid --out o --temperature -1", ["--temperature", "-1"]),
        ("interpolate clips a.mid --out o", ["B must be given"]),
        (
            "interpolate clips a.mid jig.mid --out o",
            ["A (a.mid) is in 4/4, B (jig.mid) in 6/8", "--from-bar"],
        ),
        ("interpolate clips a.mid b.mid --out o --num 1", ["--num is 1", "from 2 to 128"]),
        ("interpolate clips a.mid b.mid --out o --from-bar 1 2 3", ["--from-bar has 3 numbers"]),
        ("interpolate clips a.mid b.mid --out o --from-bar 1 5", ["b.mid: --from-bar is 5", "from 1 to 2"]),
        ("vary clips a.mid --out o --amount 1.5", ["--amount is 1.5", "from 0", "to 1"]),
        ("vary clips a.mid --out o --density nan", ["--density is nan", "notes per bar"]),
        ("vary clips a.mid --out o --pitch +7", ["--pitch needs a slider", "trained without"]),
        ("generate clips --out o --bars 8", ["--bars is 8", "clips of 2 bars"]),
        ("generate clips --out o --prompt a.mid", ["--prompt", "musegen vary"]),
        ("accompany clips a.mid --out o", ["of family vae, not seq2seq: use musegen reconstruct"]),
        ("accompany clips none.mid --out o", ["of family vae, not seq2seq: use musegen reconstruct"]),
    ],
)
def test_misuse_is_one_line(
    command: str, parts: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, *command.split())
    assert all(part in message for part in parts), message
    assert not (here / "o").exists()


def test_bad_clips_are_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = score(line([]), metres=[(0, 4, 4)])
    (here / "silent.mid").write_bytes(silent.dumps_midi())
    write_score(score(line([60] * 8), metres=[(0, 63, 32)]), here / "odd.mid")
    assert "silent.mid: no notes" in refused(capsys, "reconstruct", "clips", "silent.mid", "--out", "o")
    assert "is in 63/32" in refused(capsys, "reconstruct", "clips", "odd.mid", "--out", "o")
    assert not (here / "o").exists()


def test_clips_that_do_not_fit_are_repaired_and_it_is_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = line([60, 62, 64, 65], step=480)
    for note in line([48, 50, 52, 53], step=480).notes:
        short.notes.append(note)
    write_score(score(short, metres=[(0, 4, 4)]), here / "short.mid")
    write_score(score(line([60] * 14), metres=[(0, 7, 8)]), here / "seven.mid")
    _, err = run(capsys, "reconstruct", "clips", "short.mid", "--out", "o")
    assert "1 bar of silence added: the model's clips have 2" in err
    assert "the model writes one note at a time: 4 notes below the tune left out" in err
    assert len([n for n in melody(here / "o" / "all.mid") if n[0] < 1920]) == 4
    _, err = run(capsys, "reconstruct", "clips", "seven.mid", "--out", "o7")
    assert "no training clip is in 7/8" in err


def test_a_language_model_has_no_latent_space(
    here: Path, trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    del tunes
    message = refused(capsys, "vary", trained, here / "a.mid", "--out", here / "o")
    assert "of family lm, not vae: use musegen generate" in message
    assert "--key is for models that write pieces" in refused(
        capsys, "generate", "clips", "--key", "D", "--out", "o"
    )
    assert "--prior is for clip models" in refused(capsys, "generate", trained, "--prior", "--out", "o")


@pytest.fixture(scope="module")
def plain(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sparse autoencoder, trained by the command of the guide for a few steps."""
    out = tmp_path_factory.mktemp("kinds") / "plain"
    sizes = ["--model.hidden-size", "32", "--model.latent-dim", "32", "--latent.active", "8"]
    words = ["train", "vae", str(tunes.path), "--latent.kind", "sparse", *sizes, "--trainer.max-steps", "4"]
    assert main([*words, "--out", str(out)]) == 0
    return out


def test_verbs_of_an_autoencoder_without_a_prior(
    plain: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "A musegen clip model trained on" in (plain / "README.md").read_text()
    _, err = run(capsys, "generate", plain, "--num", 2, "--seed", 1, "--out", "o")
    assert "plain has no prior: points are sampled from Gaussians fitted to the codes" in err
    message = refused(capsys, "generate", plain, "--prior", "--out", "p")
    assert "--prior is for variational autoencoders: plain is trained with --latent.kind sparse" in message
    run(capsys, "reconstruct", plain, "a.mid", "--out", "r")
    run(capsys, "interpolate", plain, "a.mid", "b.mid", "--num", 3, "--path", "linear", "--out", "i")
    assert (here / "i" / "002.mid").is_file()
    run(capsys, "vary", plain, "a.mid", "--num", 1, "--out", "v")
    message = refused(capsys, "vary", plain, "a.mid", "--pitch", "+7", "--out", "w")
    assert "--pitch needs a slider" in message
    assert "has no prior" not in run(capsys, "generate", "clips", "--out", "q")[1]


def test_evaluate_an_autoencoder_without_a_prior(
    plain: Path, here: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    del here
    words = (plain, tunes.path, "--split", "valid", "--limit", 5, "--samples", 4)
    figures = json.loads("\n".join(run(capsys, "evaluate", *words, "--json")[0]))
    assert "kl" not in figures
    assert "prior" not in figures["samples"]
    assert 0 <= figures["sparsity"] <= 1
    assert figures["units_on"] <= 8
