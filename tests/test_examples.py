"""The notebooks in examples/ run from the first cell to the last, each in an empty folder."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from musegen.checkpoint.names import released_models

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
LABS = [notebook for notebook in NOTEBOOKS if notebook.stem.startswith("lab_")]
SHORTER = "PIECES, TIME = 24, '15s'"
"""What the tests put in place of the size of the data of a lab, and of the time of each training."""
SLOWEST = 180
"""Seconds of CPU time that a lab may take: under three minutes on a machine that does nothing else."""


def program(notebook: Path) -> str:
    """The code cells as one program: lines for the shell are run by it, what a cell ends with is shown."""
    lines = ["import subprocess, sys", "display = print", ""]
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
    return re.sub(r"^PIECES, TIME = .*$", SHORTER, "\n".join(lines), flags=re.MULTILINE)


def answers(lab: Path) -> str:
    """The code of the answers to the exercises of a lab, which continues it."""
    page = (lab.parent / "answers" / f"{lab.stem}.md").read_text("utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))


def run(code: str, folder: Path) -> float:
    """Run a program in a folder; the seconds of CPU time that it takes."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    assert set(released_models()) >= {"chorale", "folk", "folk-vae", "folk-vae-16"}
    seconds = run(program(notebook), tmp_path)
    assert notebook not in LABS or seconds < SLOWEST


@pytest.mark.slow
@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_the_answers_of_a_lab_run_after_it(lab: Path, tmp_path: Path) -> None:
    run(f"{program(lab)}\n{answers(lab)}", tmp_path)


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_a_lab_has_plots_exercises_and_an_answer_to_each(lab: Path) -> None:
    cells = ["".join(cell["source"]) for cell in json.loads(lab.read_text("utf-8"))["cells"]]
    assert sum("plt.show()" in cell or "display(" in cell for cell in cells) >= 2
    exercises = re.findall(r"^(\d)\. ", cells[-1].partition("## Exercises")[2], re.MULTILINE)
    page = (lab.parent / "answers" / f"{lab.stem}.md").read_text("utf-8")
    assert re.findall(r"^## (\d)\. ", page, re.MULTILINE) == exercises
    assert len(exercises) >= 3


def test_there_are_seven() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "harmonise_a_tune",
        "lab_1_events",
        "lab_2_markov_to_transformer",
        "lab_3_autoencoders",
        "lab_4_classify",
        "latent_space",
        "train_on_your_own_files",
    ]
