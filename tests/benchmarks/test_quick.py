import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.quick import STEPS, Figure, Outcome, Step, run, table


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """What a benchmark might print."""
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"found": 99, "rows": [{"share": 0.5}]}), "utf-8")
    return path


def test_a_step_that_ends_well(figures: Path, tmp_path: Path) -> None:
    wanted = (
        Figure("found", ("found",), least=99, most=99),
        Figure("share", ("rows", 0, "share"), least=0.4),
    )
    outcome = run(Step("planted copies", f"json.tool {figures}", wanted), tmp_path)
    assert outcome.values == (99.0, 0.5)
    assert outcome.is_good()
    assert 0 < outcome.cpu_minutes < 1
    assert '"found": 99' in (tmp_path / "planted-copies.txt").read_text("utf-8")
    assert table([outcome]).splitlines()[-1].startswith("1 of 1 steps within bounds")


def test_a_figure_that_is_worse(figures: Path, tmp_path: Path) -> None:
    outcome = run(Step("copies", f"json.tool {figures}", (Figure("found", ("found",), least=100),)), tmp_path)
    assert not outcome.is_good()
    assert not outcome.fault
    _, _, row, last = table([outcome]).splitlines()
    assert row.split() == ["found", "99", "at", "least", "100", "WORSE"]
    assert last.startswith("0 of 1")


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("json.tool nowhere", "exit code"),
        ("json.tool --help", "JSONDecodeError"),
        ("nothing.here", "exit code 1"),
    ],
)
def test_a_step_that_fails(command: str, fault: str, tmp_path: Path) -> None:
    outcome = run(Step("copies", command, (Figure("found", ("found",)),)), tmp_path)
    assert fault in outcome.fault
    assert not outcome.is_good()
    assert f"FAILED: {outcome.fault}" in table([outcome])


def test_a_library_that_is_not_there(tmp_path: Path) -> None:
    outcome = run(Step("copies", "json.tool nowhere", needs="no_such_library"), tmp_path)
    assert outcome == Outcome(outcome.step, is_left_out=True)
    assert outcome.is_good()
    assert "skipped: no_such_library is not installed" in table([outcome])


def test_numbers_in_text() -> None:
    assert Figure("", said=r"(\d+) of \d+").value("3 of 4\n5 of 6") == 8
    widest = Figure("", ("*", "difference"))
    assert widest.value('{"a": {"difference": 0.1}, "b": {"difference": 0.2}}') == 0.2
    with pytest.raises(ValueError, match="nothing in its output matches"):
        Figure("", said=r"(\d+) disagreements").value("none")


def test_steps_use_what_is_there() -> None:
    made = set()
    for step in STEPS:
        module, *words = step.command.split()
        assert find_spec(module)
        if "--out" in words:
            made.add(words[words.index("--out") + 1])
        assert {word for word in words if word.startswith("{out}")} <= made
    assert len({step.name for step in STEPS}) == len(STEPS)
