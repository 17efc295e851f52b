"""From the command line to one step of sampling there are few calls, so that a reader can follow them."""

import traceback
from pathlib import Path
from typing import Any

import pytest

import musegen
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.generation import eager

ROOT = Path(musegen.__file__).parent
MOST = 8
"""To the back-end that runs the model, which takes two more calls to the step in torch."""


def frames_to_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *argv: object
) -> list[str]:
    """The functions of musegen from `cli.main` to `step.step`, as deep as they get; printed too."""
    stacks: list[list[str]] = []
    step = eager.step

    def recorded(*arguments: Any) -> Any:
        stacks.append(
            [
                f"{Path(frame.filename).relative_to(ROOT).as_posix()}:{frame.name}"
                for frame in traceback.extract_stack()
                if Path(frame.filename).is_relative_to(ROOT)
            ]
        )
        return step(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(eager, "step", recorded)
        code = main(["generate", *map(str, argv)])
    # a tiny model may find no piece in the key: one line then, after it has tried
    assert code in (0, 2), capsys.readouterr().err
    deepest = [*max(stacks, key=len), "generation/step.py:step"]
    print(f"{len(deepest)} frames:", *deepest, sep="\n  ")  # noqa: T201 - `pytest -s` shows the way
    return deepest


def test_a_step_is_eight_calls_deep_and_two_in_torch_with_rejection_and_without(
    trained: Path,
    tunes: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = frames_to_step(monkeypatch, capsys, trained, "--bars", 1, "--seed", 1, "--out", tmp_path / "a")
    assert plain[0] == "cli/__init__.py:main"
    assert plain.index("generation/eager.py:step") < MOST
    assert len(plain) <= MOST + 2
    more = ("--key", "D major", "--against", tunes.path, "--max-copy", 9999)
    chosen = frames_to_step(
        monkeypatch, capsys, trained, "--bars", 2, "--seed", 1, *more, "--out", tmp_path / "b"
    )
    assert len(chosen) == len(plain)
