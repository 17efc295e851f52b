"""The command line: what it says, where it says it, and how it ends."""

import errno
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from musegen import __version__
from musegen.checkpoint.names import released_models
from musegen.cli import VERBS, main
from musegen.cli.compare import Compare
from musegen.cli.evaluate import Evaluate
from musegen.cli.novelty import Novelty
from musegen.cli.prepare import Prepare
from musegen.cli.repertoire import REPERTOIRE
from musegen.cli.train import SHORT
from musegen.config.autoencoder import VAETrainConfig
from musegen.config.options import SamplingOptions
from musegen.config.settings import Seq2SeqTrainConfig
from musegen.config.verbs import (
    AccompanyOptions,
    GenerateOptions,
    InterpolateOptions,
    ReconstructOptions,
    VaryOptions,
)
from musegen.data.dataset import Dataset
from musegen.families import FAMILIES


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tune(tunes: Dataset, here: Path) -> Path:
    """One real tune as a MIDI file."""
    from musegen.music.writing.midi import write_score

    write_score(tunes.score(tunes.pieces[0]), here / "tune.mid")
    return here / "tune.mid"


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """The one line with which a command line is refused."""
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    *messages, line = err.splitlines()
    assert not out
    assert not any("error" in message or "Traceback" in message for message in messages)
    assert line.startswith("error: ")
    return line


def limited(what: int, limit: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own that the system stops at a limit."""
    return subprocess.run(
        [sys.executable, "-m", "musegen", *argv],
        preexec_fn=lambda: resource.setrlimit(what, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """What a command that succeeds prints on stdout."""
    capsys.readouterr()
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


class TestHelp:
    def test_it_is_fast_and_loads_nothing_heavy(self) -> None:
        heavy = {"torch", "pytorch_lightning", "miditok", "music21", "pretty_midi", "matplotlib"}
        code = f"import sys, musegen.cli as c; c.main(['-h']); assert {heavy}.isdisjoint(sys.modules)"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5  # CPU seconds

    @pytest.mark.parametrize("verb", VERBS)
    def test_every_verb_has_one_without_torch(self, verb: str) -> None:
        argv = [verb, "lm", "--help"] if verb == "train" else [verb, "--help"]
        code = f"import sys; from musegen.cli import main; main({argv}); assert 'torch' not in sys.modules"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert "usage: musegen" in done.stdout
        assert not done.stderr

    def test_version_and_overview(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "--version") == f"musegen {__version__}\n"
        for text in (run(capsys), run(capsys, "-h")):
            assert all(verb in text for verb in VERBS)
        assert "lm" in run(capsys, "train", "--help")

    @pytest.mark.parametrize("verb", [*VERBS, *(f"train {family}" for family in FAMILIES)])
    def test_words_and_defaults(self, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
        text = run(capsys, *verb.split(), "--help")
        assert "metre" not in text
        assert "(default: )" not in text

    @pytest.mark.parametrize(
        ("line", "required"),
        [
            ("info", 1),
            ("render", 1),
            ("novelty", 2),
            ("train lm", 1),  # --out: DATA has a default
            ("train lm --config checkpoints/folk/config.json", 1),
        ],
    )
    def test_what_is_required(
        self, line: str, required: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(Path(__file__).parents[2])
        text = run(capsys, *line.split(), "--help")
        assert text.count("(required)") == required
        assert "--config" not in line or "(default: 600)" in text  # a setting of that file

    def test_short_forms_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = run(capsys, "train", "lm", "--help")
        assert all(f"{short} ({flag.replace('=', ' ')})" in text for short, flag in SHORT.items())


class TestMisuse:
    @pytest.mark.parametrize(
        ("line", "parts"),
        [
            ("generat", ["generat", "did you mean generate?"]),
            ("--verison", ["--verison", "--version"]),
            ("train ml data --out c", ["'ml'", "lm"]),
            ("train lm", ["DATA", "--out"]),
            ("train lm data --out c --hidden-size 3", ["--hidden-size", "--model.hidden-size"]),
            (
                "train lm data --out c --model.hidden-size big",
                ["--model.hidden-size", "'big'", "whole number"],
            ),
            ("train lm data --out c --model.hidden-size 0", ["--model.hidden-size", "0", "1 or more"]),
            ("train lm data --out c --steps 3", ["--steps", "--trainer.max-steps"]),
            ("train lm data --out c --model.lookback 1 x --seed 2", ["'1 x'", "a whole number, or several"]),
            ("train lm data --out c --model.lookback 1 0", ["--model.lookback is 1 0", "from 1 to 64"]),
            ("train lm data --out c --seed 4294967296", ["--seed", "4294967295"]),
            ("train lm data --out c --trainer.precision float", ["--trainer.precision", "bf16-mixed"]),
            ("train lm data --out c --trainer.devices 0", ["--trainer.devices is 0", "auto"]),
            ("train lm data --out c --trainer.devices two", ["--trainer.devices is two", "auto"]),
            ("train lm data --out c --trainer.accelerator npu", ["--trainer.accelerator is npu", "cpu"]),
            ("train lm data --out c --trainer.limit-val-batches 0", ["--trainer.limit-val-batches is 0"]),
            ("train lm data --out c --trainer.limit-train-batches 1.5", ["1.5", "a share above 0"]),
            ("train lm data --out c --model.cell elman", ["--model.cell", "'elman'", "lstm, gru, rnn"]),
            ("train lm data --out c --model.heads 8", ["--model.heads", "lstm", "--model.cell transformer"]),
            (
                "train lm data --out c --model.cell transformer --model.heads 3",
                ["--model.heads is 3", "1, 2, 4 or 8"],
            ),
            (
                "train lm data --out c --model.cell transformer --model.hidden-size 100",
                ["--model.hidden-size is 100", "a multiple of 8"],
            ),
            (
                "train lm data --out c --model.cell transformer --model.weight-dropout 0.2",
                ["--model.weight-dropout", "recurrent", "--model.dropout"],
            ),
            ("train lm data --out c --model.context 9", ["--model.context is 9", "16 or more"]),
            (
                "train lm data --out c --model.no-features --model.lookback 1",
                ["--model.lookback", "features"],
            ),
            ("train lm data --out c --optim.lr nan", ["--optim.lr", "nan"]),
            ("train lm data --out c --config none.json", ["--config", "none.json"]),
            ("train lm nowhere --out c", ["nowhere", "folk"]),
            ("train lm ryans-mamoth --out c", ["did you mean ryans-mammoth?"]),
            ("generate --out o", ["CKPT"]),
            ("generate x", ["--out"]),
            ("generate x --out o --temprature 1", ["--temprature", "did you mean --temperature?"]),
            ("generate x --ot o", ["--ot", "did you mean --out?"]),
            ("generate x y --out o", ["'y'"]),
            ("generate x --out o --bars", ["--bars", "whole number"]),
            ("generate x --out o --bars 0", ["--bars", "0", "from 1"]),
            ("generate x --out o --num -1", ["--num", "-1", "from 1"]),
            ("generate x --out o --temperature -0.1", ["--temperature", "-0.1"]),
            ("generate x --out o --temperature inf", ["--temperature", "inf"]),
            ("generate x --out o --top-k 0", ["--top-k", "1 or more"]),
            ("generate x --out o --top_p 1.5", ["--top-p", "1.5", "up to 1"]),
            ("generate x --out o --min-p 2", ["--min-p", "2"]),
            ("generate x --out o --seed -1", ["--seed", "-1"]),
            ("generate x --out o --tempo 0", ["--tempo", "0"]),
            ("generate x --out o --program 128", ["--program", "128", "127"]),
            ("generate x --out o --time-signature 4/3", ["--time-signature", "4/3", "6/8"]),
            ("generate x --out o --pitch-range 80:60", ["--pitch-range", "80:60", "C4:C6"]),
            ("generate x --out o --scale 'H major'", ["--scale", "H major", "D dorian"]),
            ("generate x --out o --key 'D blues'", ["--key", "D blues", "dorian", "mixolydian"]),
            ("generate x --out o --key 'D major' --scale 'D major'", ["--key", "--scale"]),
            ("generate x --out o --scale 'D doran'", ["--scale", "did you mean dorian?"]),
            ("generate x --out o --scale 'D major' --pitch-range 60:60", ["--pitch-range", "--scale"]),
            ("generate folk --out o --prompt none.mid", ["--prompt", "none.mid", "MIDI"]),
            ("generate chorale --out o --prompt none.mid", ["error: chorale is of family seq2seq"]),
            ("generate x --out o", ["no checkpoint x", "musegen train"]),
            ("evaluate x --split tset", ["--split", "'tset'", "train, valid, test"]),
            ("info nothing", ["nothing", "does not exist"]),
            ("info", ["PATHS"]),
            ("render", ["FILES"]),
            ("render none.mid", ["none.mid"]),
            ("prepare nowhere --out d", ["nowhere"]),
            ("prepare nowhere --out d --split none.csv", ["none.csv", "JSON or CSV"]),
            ("prepare nowhere --out d --melody ''", ["--melody", "number"]),
        ],
    )
    def test_is_one_line(
        self, line: str, parts: list[str], here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        message = refused(capsys, *shlex.split(line))
        assert all(part in message for part in parts), message
        assert not list(here.iterdir())

    def test_text_named_mid(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (here / "fake.mid").write_text("this is not music\n")
        for line in ("info fake.mid", "render fake.mid", "generate folk --out o --prompt fake.mid"):
            assert "fake.mid" in refused(capsys, *line.split())

    def test_dataset_of_rejects(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (here / "bad").mkdir()
        for number in range(3):
            (here / "bad" / f"{number}.mid").write_text("no music\n" * number)
        for line in ("prepare bad --out d", "train lm bad --out c"):
            assert "3 files" in refused(capsys, *line.split())
        assert [path.name for path in here.iterdir()] == ["bad"]

    def test_every_number_has_a_range(self) -> None:
        runs = (Seq2SeqTrainConfig(), VAETrainConfig())
        verbs = (Prepare, Evaluate, Novelty, Compare, GenerateOptions, AccompanyOptions, ReconstructOptions)
        verbs += (InterpolateOptions, VaryOptions, SamplingOptions)
        groups = [getattr(run, field.name) for run in runs for field in fields(run)]
        settings = [type(group) for group in groups if is_dataclass(group)]
        numbers = [
            (group.__name__, field.name)
            for group in (*settings, *verbs)
            for field in fields(group)
            for hint in [get_type_hints(group)[field.name]]
            if {int, float} & {hint, *get_args(hint)} and "allowed" not in field.metadata
        ]
        assert not numbers

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "data.json"])
    def test_checkpoint_with_a_file_missing(
        self, name: str, trained: Path, tunes: Dataset, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(trained, here / "broken")
        (here / "broken" / name).unlink()
        for line in (
            "generate broken --out o",
            "evaluate broken",
            f"train lm {tunes.path} --out c --init broken",
        ):
            assert name in refused(capsys, *line.split())
        assert name in refused(capsys, "info", "broken")

    def test_existing_outputs_stay(
        self, trained: Path, tunes: Dataset, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tune.parent / "o").mkdir()
        (tune.parent / "o" / "keep.txt").write_text("mine")
        assert "--force" in refused(capsys, "generate", trained, "--out", "o")
        assert "--force" in refused(capsys, "prepare", tune.parent, "--out", tunes.path)
        assert "--force" in refused(capsys, "train", "lm", tunes.path, "--out", trained)
        run(capsys, "render", tune)
        kept = tune.with_suffix(".png").stat().st_mtime_ns
        run(capsys, "render", tune)
        assert tune.with_suffix(".png").stat().st_mtime_ns == kept
        assert "file" in refused(capsys, "generate", trained, "--out", tune)
        assert [path.name for path in (tune.parent / "o").iterdir()] == ["keep.txt"]

    def test_the_same_command_twice_changes_nothing(
        self, trained: Path, tunes: Dataset, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(trained, "ck")
        lines = [
            ("generate", trained, "--bars", 1, "--out", "o"),
            ("prepare", tune, "--out", "d"),
            ("render", tune, "--out", "r"),
        ]
        for line in lines:
            run(capsys, *line)
        before = {path: path.read_bytes() for path in tune.parent.rglob("*") if path.is_file()}
        generate, prepare, render = lines
        for line in (generate, prepare, ("train", "lm", tunes.path, "--out", "ck")):
            assert "--force" in refused(capsys, *line)
        run(capsys, *render)
        assert {path: path.read_bytes() for path in tune.parent.rglob("*") if path.is_file()} == before

    def test_nothing_is_left_of_a_run_that_fails(
        self, trained: Path, tunes: Dataset, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "63/64" in refused(capsys, "generate", trained, "--out", "a/b", "--time-signature", "63/64")
        for line in (
            ("generate", trained),
            ("render", tune),
            ("train", "lm", tunes.path),
            ("prepare", tune),
        ):
            message = refused(capsys, *line, "--out", tune / "o")
            assert "--out tune.mid/o" in message.replace(f"{tune.parent}/", "")
            assert "cannot be written to" in message
        assert "is a dataset" in refused(capsys, "generate", tunes.path, "--out", "o")
        assert list(tune.parent.iterdir()) == [tune]

    def test_settings_file(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = here / "c.json"
        line = ("train", "lm", "folk", "--out", "c", "--config", "c.json")
        for text, part in (
            ("{", "not JSON"),
            ("[]", "object"),
            ('{"modle": {}}', "model"),
            ('{"model": {"hiden_size": 8}}', "--config c.json: unknown setting model.hiden_size"),
            ('{"model": {"hiden_size": 8}}', "did you mean model.hidden_size?"),
            ('{"model": {"hidden_size": "8"}}', "model.hidden_size cannot be '8'; it must be a whole number"),
            ('{"model": {"lookback": [0.5]}}', "a list of whole numbers"),
            ('{"model": {"hidden_size": 0}}', "--model.hidden-size"),
        ):
            file.write_text(text)
            assert part in refused(capsys, *line)
        assert "is a folder" in refused(capsys, *line[:-1], ".")

    def test_a_full_disk(self, trained: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        line = ("generate", str(trained), "--bars", "1", "--seed", "1", "--out")
        run(capsys, *line, "there")
        tune, manifest = (here / "there" / name for name in ("001.mid", "manifest.json"))
        size = tune.stat().st_size  # enough for the tune, too little for what comes after it
        assert size < manifest.stat().st_size
        done = limited(resource.RLIMIT_FSIZE, size, *line, "o")
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == "error: file too large"
        assert [path.name for path in here.iterdir()] == ["there"]


class TestFaults:
    def test_of_ours(self, tune: Path) -> None:
        broken = tune.parent / "site"
        broken.mkdir()
        (broken / "symusic.py").write_text("raise RuntimeError('two\\nlines')\n")  # a broken installation
        line = [sys.executable, "-m", "musegen", "info", str(tune)]
        path = os.pathsep.join([str(broken), *sys.path])
        for debug in ("0", "1"):
            environment = os.environ | {"PYTHONPATH": path, "MUSEGEN_DEBUG": debug}
            done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
            assert done.returncode == 1
            assert done.stderr.splitlines()[-1] == (
                "error: a bug in musegen: RuntimeError: two lines; "
                "please report it, with the output under MUSEGEN_DEBUG=1"
            )
            assert ("Traceback" in done.stderr) == (debug == "1")

    @pytest.mark.usefixtures("here")
    def test_of_too_little_memory(self, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        petabytes = ("--model.embedding-dim", 10**12)  # more than any machine can address
        assert "not enough memory" in refused(capsys, "train", "lm", tunes.path, "--out", "c", *petabytes)

    def test_interrupted(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        def interrupted_in_training(*_: object) -> None:
            try:
                interrupted()
            except KeyboardInterrupt:
                sys.exit(1)

        for fault in (interrupted, interrupted_in_training):
            monkeypatch.setattr("musegen.cli.info.main", fault)
            assert main(["info"]) == 130
            assert capsys.readouterr().err == "error: interrupted; what was saved before is kept\n"


class TestWork:
    def test_generate_writes_files_and_a_manifest(
        self, trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from symusic import Score

        line = (
            "generate",
            trained,
            "--bars",
            4,
            "--num",
            3,
            "--seed",
            5,
            "--out",
            "o",
            "--time-signature",
            "2/4",
        )
        assert run(capsys, *line).split() == ["o/001.mid", "o/002.mid", "o/003.mid"]
        manifest = json.loads((here / "o" / "manifest.json").read_text())
        assert manifest["command"].startswith("musegen generate ")
        assert manifest["version"] == __version__
        assert (manifest["seed"], manifest["checkpoint"]) == (5, trained.name)
        assert len(manifest["checkpoint_sha256"]) == 64
        for file in manifest["files"]:
            assert (file["bars"], file["time_signature"]) == (4, "2/4")
            assert file["notes"] == Score(here / "o" / file["path"]).note_num() > 0
            assert file["log_likelihood"] < 0

        again = [(here / "o" / file["path"]).read_bytes() for file in manifest["files"][:2]]
        (here / "o" / "keep.txt").write_text("mine")
        out = run(capsys, *line[:4], "--num", 2, *line[6:], "--force", "--json")
        assert [file["path"] for file in json.loads(out)["files"]] == ["001.mid", "002.mid"]
        assert [(here / "o" / name).read_bytes() for name in ("001.mid", "002.mid")] == again
        assert {path.name for path in (here / "o").iterdir()} == {
            "001.mid",
            "002.mid",
            "keep.txt",
            "manifest.json",
        }

    def test_generate_keeps_to_scale_and_range(
        self, trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from symusic import Score

        run(
            capsys,
            "generate",
            trained,
            "--bars",
            4,
            "--out",
            "o",
            "--scale",
            "Eb minor",
            "--pitch-range",
            "C4:B5",
        )
        pitches = {note.pitch for track in Score(here / "o" / "001.mid").tracks for note in track.notes}
        assert pitches
        assert {pitch % 12 for pitch in pitches} <= {3, 5, 6, 8, 10, 11, 1}
        assert 60 <= min(pitches) <= max(pitches) <= 83

    def test_generate_keeps_to_a_key(
        self, trained: Path, tune: Path, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from symusic import Score

        line = ("generate", trained, "--bars", 1, "--seed", 1, "--key", "Eb major", "--num", 2)
        run(capsys, *line, "--out", "o")
        for name in ("001.mid", "002.mid"):
            [track] = Score(here / "o" / name).tracks
            last = max(note.time for note in track.notes)
            assert min(note.pitch for note in track.notes if note.time == last) % 12 == 3
            assert Score(here / "o" / name).key_signatures[0].key == -3
        assert "the prompt has a key" in refused(
            capsys, "generate", trained, "--prompt", tune, "--key", "D", "--out", "p"
        )

    def test_prompt_stands_before_the_new_bars(
        self, trained: Path, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from symusic import Score

        before = json.loads(run(capsys, "info", tune, "--json"))
        out = run(capsys, "generate", trained, "--prompt", tune, "--bars", 2, "--out", "o", "--json")
        assert json.loads(out)["files"][0]["bars"] == before["bars"] + 2
        old, new = Score(tune), Score("o/001.mid")
        notes = [
            (note.start, note.duration, note.pitch) for note in next(t for t in old.tracks if t.notes).notes
        ]
        assert [(n.start, n.duration, n.pitch) for n in next(t for t in new.tracks if t.notes).notes][
            : len(notes)
        ] == notes

    def test_checkpoints_and_datasets_by_name(
        self, trained: Path, tunes: Dataset, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(trained, here / "checkpoints" / "mine")
        shutil.copytree(tunes.path, here / "datasets" / tunes.name)
        figures = json.loads(run(capsys, "evaluate", "mine", "--json"))
        assert figures["bits_per_note"] > 0
        assert {"family", "split", "pieces", "notes", "nats_per_token"} <= figures.keys()
        facts = json.loads(run(capsys, "info", "mine", tunes.name, "--json"))
        assert facts[0]["metrics"]["test"] == figures
        assert facts[1]["pieces"] == len(tunes.pieces)
        assert (
            json.loads(run(capsys, "evaluate", "mine", tunes.name, "--split", "valid", "--json"))["split"]
            == "valid"
        )
        assert "did you mean checkpoints/mine?" in refused(capsys, "generate", "mien", "--out", "o")

    def test_evaluate_holds_what_a_model_writes_against_real_music(
        self, trained: Path, tunes: Dataset, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["evaluate", trained, tunes.path, "--split", "all", "--samples", 4]
        figures = json.loads(run(capsys, *words, "--json", "--out", "found"))
        assert json.loads((here / "found" / "evaluation.json").read_text("utf-8")) == figures
        assert (here / "found" / "comparison.png").stat().st_size > 10_000
        compared = figures["comparison"]
        assert compared["generated"]["pieces"] <= 4
        assert 0 < compared["overlap"] <= 1  # four pieces cannot rank: benchmarks.ranking does
        assert 0 < compared["halves_overlap"] <= 1
        shown = run(capsys, *words)
        assert all(word in shown for word in ("by kind of token", "pitch", "geometric mean"))
        alone = json.loads(run(capsys, *words[:-1], 0, "--json"))
        assert alone == {name: value for name, value in figures.items() if name != "comparison"}
        assert "--out found exists already" in refused(capsys, *words, "--out", "found")

    def test_evaluate_a_checkpoint_that_may_only_be_read(
        self,
        trained: Path,
        tunes: Dataset,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def denied(*_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("musegen.checkpoint.folder.write_metrics", denied)
        assert main(["evaluate", str(trained), str(tunes.path), "--samples", "0", "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["bits_per_note"] > 0
        assert err == "not written to metrics.json: permission denied\n"

    def test_train_repeats_a_run_from_its_settings(
        self, trained: Path, tunes: Dataset, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(tunes.path, here / "datasets" / tunes.name)
        run(capsys, "train", "--config", trained / "config.json", "--out", "again")
        assert (here / "again" / "model.safetensors").read_bytes() == (
            trained / "model.safetensors"
        ).read_bytes()

    def test_raw_folder_is_prepared_on_the_way(
        self, tunes: Dataset, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from musegen.music.writing.midi import write_score

        for number, piece in enumerate(tunes.pieces[:6]):
            write_score(tunes.score(piece), here / "raw" / f"{number}.mid")
        line = "train lm raw --out c --trainer.max-steps 1 --model.hidden-size 8 --model.embedding-dim 8"
        assert main(line.split()) == 0
        assert "prepared raw: datasets/raw" in capsys.readouterr().err
        assert len(Dataset.open(here / "datasets" / "raw").pieces) == 6
        assert main(line.replace("--out c", "--out d").split()) == 0
        assert "raw is prepared already: datasets/raw" in capsys.readouterr().err

    def test_info_of_a_tune(self, tune: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        facts = json.loads(run(capsys, "info", tune, "--json"))
        piece = tunes.pieces[0]
        assert (facts["bars"], facts["notes"]) == (piece.bars, piece.notes)
        assert facts["time_signature"] in piece.time_signatures
        assert "bars" in run(capsys, "info", tune)

    @pytest.mark.slow
    def test_demo(self, here: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        subprocess.run([sys.executable, "-m", "musegen", "demo"], check=True, env=environment)
        manifest = json.loads((here / "out/demo/manifest.json").read_text())
        assert [file["bars"] for file in manifest["files"]] == [16] * 4
        assert len(list((here / "out/demo").glob("*.png"))) == 4
        heard = [item for item in REPERTOIRE if item.model in released_models()]
        page = (here / "out/demo/demo.html").read_text()
        assert page.count('"facts":') == 4 + len(heard)
        assert all(f"{item.title}: musegen {item.command.split()[0]}" in page for item in heard)
        assert json.loads((here / "checkpoints/demo/metrics.json").read_text())["test"]["bits_per_note"] < 3
