import json
from pathlib import Path

import pytest

from benchmarks.bad_files import Outcome, check_manifest, check_wild, said_missing, violations
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, score

USED = Outcome("", 8, [], 1, 90)
REFUSED = Outcome("damaged", 0, [], 1, 90)


@pytest.mark.parametrize(
    ("expect", "notes", "outcome", "found"),
    [
        ("ok", 8, USED, []),
        ("ok", 9, USED, ["9 notes expected"]),
        ("ok", 8, REFUSED, ["rejected"]),
        ("reject", None, REFUSED, []),
        ("reject", None, USED, ["used"]),
        ("either", None, USED, []),
        ("either", 12, USED, ["12 notes expected, and no line explains the difference"]),
        ("either", 12, USED._replace(repairs=["4 notes without length dropped"]), []),
        ("either", 12, USED._replace(repairs=["12 notes start, 8 could be read"]), []),
        ("limit", 8, REFUSED, []),
        ("limit", 8, REFUSED._replace(seconds=13), ["over the limits"]),
        ("either", 8, REFUSED._replace(reason="unreadable: KeyError: 1"), ["ended unexpectedly"]),
    ],
)
def test_violations(expect: str, notes: int | None, outcome: Outcome, found: list[str]) -> None:
    assert violations({"expect": expect, "notes": notes}, outcome) == found


def test_lines_are_added_up() -> None:
    lines = ["2 notes without length dropped", "3 double notes dropped", "9 overlapping notes cut"]
    assert said_missing(lines) == 5


def test_files_are_read_apart_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tune.mid").write_bytes(midi_bytes(score(line([60, 62, 64]))))
    (tmp_path / "page.mid").write_text("<html>")
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"tune.mid": {"expect": "ok", "notes": 3}, "page.mid": {"expect": "reject", "notes": None}}
        )
    )
    assert check_manifest(tmp_path) == 0
    assert "2 files" in capsys.readouterr().out
    assert check_wild(tmp_path) == 1  # one of two files is no 95%
    assert "1 used (50.0%)" in capsys.readouterr().out
