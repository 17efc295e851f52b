"""The words of the project are those of the field: words that only its authors understood stay away."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GIT = shutil.which("git") or "git"
OLD_NAMES = {
    "told", "heard", "asked", "spoken", "leaps", "anchors", "strayed", "say_strayed", "foretold",
    "made_ready", "hosted", "listener", "learnt", "forget_run", "PlaceTracker",
    "PlaceState", "Stand", "Players", "Taken", "Intake", "AskedPiece", "AskedAccompaniment", "Drawing",
    "Way", "BarKeys", "TOGETHER",
}  # fmt: skip
"""What has another name now, in code and in its comments."""
UNITS = r"\b(?:bits|nats|notes|tokens|ids|quarters) an? (?:note|bar|beat|token|id|piece|quarter|minute)\b"
OLD_PHRASES = (
    "comes? along", "gives? back", "given back", "thrown? away", "throws away", "unheard", "by ear",
    "so many bars", "learnt", "foretold", "strayed", r"anew\b", "accompanist", "models? of clips",
    "likeliest", "yardstick", "a processor", "folk-2bar", UNITS,
)  # fmt: skip
"""What people would have to translate, as patterns."""
KEPT = {
    "musegen/api/piece.py": {"strayed"},  # the former name of an attribute, which warns
    "musegen/training/resume.py": {"asked"},  # a key in the states of interrupted runs
    "musegen/evaluation/latent_samples.py": {"given back"},  # a key of `evaluate --json`
    "benchmarks/RESULTS.md": {"folk-2bar"},  # what the checkpoint of that measurement was called
}


def texts() -> list[str]:
    """Everything that people read, by its path: code, documents, cards; not what was, nor tests."""
    kinds = ("*.py", "*.md", "*.ipynb", "Makefile")
    listed = subprocess.run([GIT, "ls-files", *kinds], cwd=ROOT, check=True, capture_output=True, text=True)
    return [
        name
        for name in listed.stdout.split()
        if name != "CHANGELOG.md" and not name.startswith(("tests/", "benchmarks/golden"))
    ]


@pytest.mark.parametrize("name", texts())
def test_no_old_word_is_left(name: str) -> None:
    phrases = [phrase for phrase in OLD_PHRASES if phrase not in KEPT.get(name, ())]
    lines = (ROOT / name).read_text("utf-8").splitlines()
    found = [f"{n}: {line}" for n, line in enumerate(lines, 1) if any(re.search(p, line) for p in phrases)]
    assert not found


@pytest.mark.parametrize("name", [name for name in texts() if name.startswith("musegen/")])
def test_no_old_name_is_left(name: str) -> None:
    words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", (ROOT / name).read_text("utf-8")))
    assert not (words & OLD_NAMES) - KEPT.get(name, set())
