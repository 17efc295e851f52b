"""What the commands load: only `train`, `evaluate` and `compare-models` need torch, MidiTok or Lightning.

Each command is run in a process of its own, which then lists the libraries that it has imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from musegen.checkpoint.names import released_folder
from musegen.data.dataset import Dataset
from musegen.music.writing.midi import write_score

HEAVY = {"torch", "miditok", "pytorch_lightning", "matplotlib", "music21", "pretty_midi", "scipy"}
PICTURE = {"matplotlib"}
"""What drawing a picture loads."""
LOADED = """
import json, sys
from musegen.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""
COMMANDS = [
    ("", set()),
    ("--help", set()),
    ("generate --help", set()),
    ("models", set()),
    ("models --json", set()),
    ("info MIDI/1.mid", set()),
    ("info DATASET", set()),
    *((f"info {name}", set()) for name in ("folk", "chorale", "folk-vae", "folk-vae-16")),
    ("render MIDI/1.mid --out OUT", PICTURE),
    ("render MIDI/1.mid --html OUT.html", set()),
    ("novelty MIDI --against DATASET", set()),
    ("compare DATASET MIDI", set()),
    ("compare DATASET MIDI --out OUT", PICTURE),
    ("generate folk --bars 2 --out OUT", set()),
    ("generate folk --bars 2 --prompt MIDI/1.mid --precision int8 --out OUT", set()),
    ("generate folk-vae --num 2 --out OUT", PICTURE),
    ("fill folk MIDI/1.mid --bars 5:8 --out OUT", PICTURE),
    ("accompany chorale MIDI/1.mid --out OUT", PICTURE),
    ("reconstruct folk-vae MIDI/1.mid --out OUT", PICTURE),
    ("interpolate folk-vae MIDI/1.mid MIDI/1.mid --num 3 --out OUT", PICTURE),
    ("vary folk-vae-16 MIDI/1.mid --num 1 --out OUT", PICTURE),
]  # fmt: skip
"""Commands, and which of the heavy libraries they may load."""


@pytest.fixture(scope="module")
def folder(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tunes as MIDI files: 1.mid to 6.mid."""
    folder = tmp_path_factory.mktemp("light")
    for number, piece in enumerate(tunes.pieces[:6], start=1):
        write_score(tunes.score(piece), folder / f"{number}.mid")
    return folder


@pytest.mark.parametrize(("command", "allowed"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_loads_nothing_heavy(
    command: str, allowed: set[str], folder: Path, tunes: Dataset, tmp_path: Path
) -> None:
    places = {"MIDI": folder, "DATASET": tunes.path, "OUT": tmp_path / "out"}
    for name, place in places.items():
        command = command.replace(name, str(place))
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert not HEAVY & set(loaded) - allowed


def test_loading_a_checkpoint_needs_no_torch() -> None:
    """Its tokenizer decodes, and only its `model` imports torch."""
    code = """
import sys
from pathlib import Path
from musegen.checkpoint.folder import load_checkpoint

checkpoint = load_checkpoint(Path(sys.argv[1]))
tokenizer = checkpoint.tokenizer
tokenizer.encode(tokenizer.decode([tokenizer.vocab.index(token) for token in sys.argv[2:]]))
assert not {"torch", "miditok"} & set(sys.modules)
assert not checkpoint.model.training
assert "torch" in sys.modules
"""
    tokens = ["Bar_None", "TimeSig_6/8", "Position_0", "Pitch_60", "Duration_1.0.24"]
    path = str(released_folder() / "folk")
    subprocess.run([sys.executable, "-c", code, path, *tokens], check=True)
