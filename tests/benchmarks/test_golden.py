import json
import re
import struct
from pathlib import Path

import pytest

from benchmarks.golden import Row, all_rows, exit_code, picked_rows, report
from benchmarks.golden_compare import (
    CATEGORIES,
    Difference,
    compare_json,
    compare_results,
    compare_text,
    compare_weights,
    normalised,
)
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, score

VERBS = [
    "prepare",
    "train",
    "generate",
    "accompany",
    "reconstruct",
    "interpolate",
    "vary",
    "evaluate",
    "compare",
    "novelty",
    "models",
    "info",
    "render",
    "demo",
]
NOWHERE: tuple[dict[str, str], dict[str, str]] = ({}, {})


def weights(value: float, **metadata: str) -> bytes:
    """A file of one tensor with one number, as safetensors writes it."""
    header = {"__metadata__": metadata, "a.b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    words = json.dumps(header).encode()
    return struct.pack("<Q", len(words)) + words + struct.pack("<f", value)


def result(
    folder: Path, files: dict[str, bytes], *, code: int = 0, stdout: str = "", stderr: str = ""
) -> Path:
    """What the runner keeps of a command."""
    for name, data in files.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    folder.mkdir(exist_ok=True)
    outputs = {"exit code": str(code), "stdout": stdout, "stderr": stderr, "files removed": ""}
    for name, text in outputs.items():
        (folder / name).write_text(text)
    return folder


def found(then: Path, now: Path) -> list[tuple[str, str]]:
    """Category and place of each difference."""
    return [(each.category, each.where) for each in compare_results(then, now, NOWHERE)]


def test_every_verb_is_run_with_its_help() -> None:
    rows = all_rows()
    assert len(rows) >= 60
    words = [row.words for row in rows]
    for verb in VERBS:
        assert (verb, "--help") in words
        assert sum(each[:1] == (verb,) for each in words) >= 3
    for family in ("lm", "seq2seq", "vae"):
        assert ("train", family, "--help") in words
    for model in ("folk", "chorale", "folk-vae", "folk-vae-16"):
        assert any(row.words[1:2] == (model,) and not row.is_fresh for row in rows)
    assert sum(bool(row.source) for row in rows) >= 10


def test_programs_in_python_are_python_and_use_what_stays() -> None:
    for row in all_rows():
        if row.source:
            compile(row.source, row.name, "exec")
            assert not re.search(
                r"musegen\.(?!load|read|Model|Piece|Musegen|__all__|__version__|nothing)\w", row.source
            )


def test_picked_rows_bring_what_they_need() -> None:
    names = [" ".join(row.words) for row in picked_rows("^generate stopped")]
    assert names[-1].startswith("generate stopped")
    assert any("--resume" in name for name in names)
    assert any(name.startswith("prepare inputs/tunes") for name in names)
    assert len(names) < 20


def test_the_same_twice_differs_in_nothing(tmp_path: Path) -> None:
    files = {
        "a.mid": midi_bytes(score(line([60, 62, 64]))),
        "c/model.safetensors": weights(0.5),
        "c/metrics.json": b'{"step": 4, "minutes": 0.01}',
        "c/SHA256SUMS": b"0" * 64 + b"  config.json\n",
        "c/events.out.tfevents.1764.vm.7.0": b"1764",
    }
    other = files | {
        "c/metrics.json": b'{"step": 4, "minutes": 0.32}',
        "c/SHA256SUMS": b"1" * 64 + b"  config.json\n",
    }
    other["c/events.out.tfevents.1899.vm.9.0"] = other.pop("c/events.out.tfevents.1764.vm.7.0") + b"x"
    said = "step 2/4  valid 3.25 bits a note  {} min\n"
    then = result(tmp_path / "then", files, stderr=said.format("0.0"))
    now = result(tmp_path / "now", other, stderr=said.format("1.5"))
    assert found(then, now) == []
    assert exit_code([[]], text_may_differ=False) == 0


def test_each_kind_of_difference_is_seen(tmp_path: Path) -> None:
    midi = midi_bytes(score(line([60, 62, 64])))
    then = result(
        tmp_path / "then",
        {
            "a.mid": midi,
            "b.safetensors": weights(0.5),
            "c.json": b'{"a": 1, "b": 2}',
            "d.json": b'{"a": 1}',
            "e.png": b"12",
            "README.md": b"One.",
        },
        stdout='{"seed": 1}',
        stderr="said",
    )
    now = result(
        tmp_path / "now",
        {
            "a.mid": midi[:-5] + bytes([midi[-5] ^ 1]) + midi[-4:],
            "b.safetensors": weights(0.50000006),
            "c.json": b'{"b": 2, "a": 1}',
            "d.json": b'{"a": 1.0}',
            "e.png": b"13",
            "f.csv": b"",
            "README.md": b"Two.",
        },
        code=2,
        stdout='{"seed": 2}',
        stderr="spoken",
    )
    seen = found(then, now)
    assert seen == [
        ("exit code", "exit code"),
        ("text", "README.md"),
        ("MIDI", "a.mid"),
        ("weights", "b.safetensors"),
        ("JSON keys", "c.json"),
        ("JSON values", "d.json"),
        ("other files", "e.png"),
        ("other files", "f.csv"),
        ("text", "stderr"),
        ("JSON values", "stdout"),
    ]
    assert {category for category, _ in seen} == set(CATEGORIES)


def test_paths_and_times_are_made_alike() -> None:
    places = {"/far/side/source": "SOURCE", "/far/side": "FOLDER"}
    text = (
        "/far/side/source/checkpoints at /far/side/here, 2026-01-02T03:04:05Z, 1.5 minutes, 12,345 tokens/s\n"
    )
    assert normalised(text, places) == "SOURCE/checkpoints at FOLDER/here, DATE, TIME, PACE\n"
    kept = "16 bars, 4/4, 120 quarters a minute, seed 7, 3 minor thirds\n"
    assert normalised(kept, places) == kept
    trace = 'Traceback:\n  File "/a/b.py", line 3, in f\n    x = y\nE: no\n'
    assert normalised(trace, {}) == "Traceback:\n  FRAME\nE: no\n"


def test_json_by_path() -> None:
    then = {"rows": [{"a": 1}, {"a": 2, "seconds_a_file": 3}], "none": float("nan")}
    now = {"rows": [{"a": 1}, {"a": 3, "seconds_a_file": 9}], "none": float("nan")}
    (difference,) = compare_json("x.json", then, now)
    assert difference == Difference("JSON values", "x.json", ("-.rows[1].a: 2", "+.rows[1].a: 3"))
    (difference,) = compare_json("x.json", {"a": 1}, {"b": 1})
    assert difference == Difference("JSON keys", "x.json", ("-.a", "+.b"))
    assert compare_text("stdout", '{"a": 1}', '{"a":  1}')[0].category == "text"


def test_weights_by_tensor() -> None:
    (difference,) = compare_weights("w", weights(1.0), weights(2.0))
    assert difference.category == "weights"
    assert [line.partition(": ")[0] for line in difference.lines] == ["-.a.b.bytes", "+.a.b.bytes"]
    (difference,) = compare_weights("w", weights(1.0), weights(1.0, format="pt"))
    assert difference.lines == ("-.__metadata__", "+.__metadata__.format")


@pytest.mark.parametrize(
    ("category", "strict", "lenient"), [("text", 1, 0), ("MIDI", 1, 1), ("exit code", 1, 1)]
)
def test_exit_code(category: str, strict: int, lenient: int) -> None:
    differences = [[], [Difference(category, "stdout", ("-a", "+b"))]]
    assert exit_code(differences, text_may_differ=False) == strict
    assert exit_code(differences, text_may_differ=True) == lenient


def test_the_report_ends_with_the_counts() -> None:
    rows = [Row("models", ("models",)), Row("python: x", source="x")]
    lines = report(rows, [[], [Difference("text", "stderr", ("-a", "+b", "-c"))]], 2).splitlines()
    assert lines[:3] == ["002 python: x", "    text: stderr", "        -a"]
    assert lines[4] == "        ... and 1 lines more"
    assert lines[-2] == "2 commands, 1 with differences"
    assert lines[-1].endswith("other files 0, text 1")
