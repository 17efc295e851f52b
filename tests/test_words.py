"""The words of the project are those of the field: words that only its authors understood do not come back."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OLD_NAMES = [
    "told",
    "spoken",
    "leaps",
    "anchors",
    "strayed",
    "say_strayed",
    "foretold",
    "made_ready",
    "hosted",
    "listener",
    "fewest",
    "learnt",
    "forget_run",
    "PlaceTracker",
    "PlaceState",
    "Stand",
    "Players",
    "Taken",
    "Intake",
    "AskedPiece",
    "AskedAccompaniment",
    "Drawing",
    "Walk",
    "Way",
    "BarKeys",
    "TOGETHER",
    "begun",
    "asked",
    "heard",
]
"""Identifiers that have another name now; as parts of longer ones too, between underscores."""
OLD_PHRASES = (
    r"come along",
    r"comes along",
    r"given back",
    r"gives back",
    r"thrown away",
    r"throws? away",
    r"unheard",
    r"by ear",
    r"so many bars",
    r"learnt",
    r"foretold",
    r"strayed",
    r"anew\b",
    r"accompanist",
    r"models? of clips",
    r"likeliest",
    r"yardstick",
    r"(?:bits|nats|notes|tokens|ids|quarters|positions) an? (?:note|bar|beat|token|id|piece|quarter|minute|clip)\b",
    r"a processor",
    r"folk-2bar",
)
"""What people would have to translate."""
KEPT = {
    "musegen/api/piece.py": ("strayed",),  # the former name of an attribute, which warns
    "musegen/music/reading/sandbox.py": ("a processor",),
}


def texts() -> list[Path]:
    """Everything that people read: code, documents, cards; not what was, nor the terms of licences."""
    kinds = ("*.py", "*.md", "*.ipynb", "Makefile")
    listed = subprocess.run(["git", "ls-files", *kinds], cwd=ROOT, check=True, capture_output=True, text=True)
    names = [name for name in listed.stdout.split() if name not in ("CHANGELOG.md", "tests/test_words.py")]
    return [ROOT / name for name in names if not name.startswith(("tests/", "benchmarks/golden"))]


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_old_word_is_left(path: Path) -> None:
    text, name = path.read_text("utf-8"), path.relative_to(ROOT).as_posix()
    kept = KEPT.get(name, ())
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        for phrase in OLD_PHRASES
        if re.search(phrase, line) and phrase not in kept
    ]
    assert not found


@pytest.mark.parametrize("path", sorted((ROOT / "musegen").rglob("*.py")), ids=lambda path: path.name)
def test_no_old_name_is_left(path: Path) -> None:
    words = {
        word for name in re.findall(r"[A-Za-z_][A-Za-z_0-9]*", path.read_text("utf-8")) for word in (name,)
    }
    allowed = set(KEPT.get(path.relative_to(ROOT).as_posix(), ()))
    assert not (words & set(OLD_NAMES)) - allowed
