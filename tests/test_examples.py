"""The notebooks in examples/ run from the first cell to the last, each in an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from musegen.checkpoint.names import released_models

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def program(notebook: Path) -> str:
    """The code cells as one program: lines for the shell are run by it, what a cell ends with is shown."""
    lines = ["import subprocess, sys", ""]
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == []
        for line in "".join(cell["source"]).splitlines():
            words = line.removeprefix("!musegen ").split()
            shell = f"subprocess.run([sys.executable, '-m', 'musegen', *{words}], check=True)"
            lines.append(shell if line.startswith("!musegen ") else line)
        last = lines[-1]
        is_shown = last.startswith(("model.", "musegen.load")) and ".save(" not in last
        if last.isidentifier() or is_shown:
            lines[-1] = f"assert ({last})._repr_html_()"
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    assert set(released_models()) >= {"chorale", "folk", "folk-vae", "folk-vae-16"}
    done = subprocess.run(
        [sys.executable, "-c", program(notebook)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "harmonise_a_tune",
        "latent_space",
        "train_on_your_own_files",
    ]
