import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from benchmarks.runner import Flags, Main, benchmark, need_lm
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError, DataError


class Row(NamedTuple):
    name: str
    value: float | None


def returned(measure: Any, *words: str) -> Any:
    """What `measure` is called with."""
    found: list[Any] = []
    main = benchmark(found.append)(measure)
    assert main(words) == 0
    return found[0]


def test_a_signature_is_a_command_line() -> None:
    def measure(
        out: Path,
        family: str = "lm",
        /,
        *,
        min_p: float | None = None,
        split: Literal["valid", "test"] | None = None,
        seeds: Sequence[Path] = (),
        rules: bool = False,
        flags: Flags,
    ) -> dict[str, Any]:
        return locals()

    plain = {"family": "lm", "min_p": None, "split": None, "seeds": (), "rules": False, "flags": []}
    assert returned(measure, "x") == {"out": Path("x"), **plain}
    words = [
        "x",
        "vae",
        "--min-p",
        "0.5",
        "--split",
        "test",
        "--rules",
        "--optim.lr",
        "1",
        "--seeds",
        "a",
        "b",
    ]
    assert returned(measure, *words) == {
        "out": Path("x"),
        "family": "vae",
        "min_p": 0.5,
        "split": "test",
        "seeds": [Path("a"), Path("b")],
        "rules": True,
        "flags": ["--optim.lr", "1"],
    }


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "required: --num"),
        (["--num", "a"], "invalid int"),
        (["--num", "1", "--split", "no"], "invalid choice"),
        (["--num", "1", "--nun", "2"], "unrecognized arguments: --nun 2"),
        (["--num", "1", "--kinds"], "expected at least one"),
    ],
)
def test_misuse(words: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    @benchmark()
    def main(*, num: int, split: Literal["valid"] = "valid", kinds: Sequence[str] = ("a",)) -> None:
        raise AssertionError

    assert main(words) == 2
    assert fault in capsys.readouterr().err


def test_the_help_says_what_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    @benchmark()
    def main(*, num: int = 7) -> None:
        """Do.

        Args:
            num: how many
        """

    assert main(["--help"]) == 0
    assert "how many (default 7)" in capsys.readouterr().out


def shown(main: Main, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    return main(words), capsys.readouterr().out


def test_figures_are_shown_or_written_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    @benchmark(lambda rows: "\n".join(row.name for row in rows), is_good=lambda rows: len(rows) > 2)
    def main() -> list[Row]:
        return [Row("a", 1.0), Row("b", None)]

    assert shown(main, capsys) == (1, "a\nb\n")
    code, out = shown(main, capsys, "--json")
    assert code == 1
    assert json.loads(out) == [{"name": "a", "value": 1.0}, {"name": "b", "value": None}]


@pytest.mark.parametrize("error", [DataError("no music"), OSError("no music")])
def test_what_a_user_can_mend(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    @benchmark()
    def main() -> None:
        raise error

    assert main([]) == 2
    assert capsys.readouterr().err == "error: no music\n"


@pytest.mark.parametrize(("result", "code"), [(None, 0), (False, 0), (True, 1)])
def test_what_prints_by_itself_returns_the_exit_code(result: bool | None, code: int) -> None:
    @benchmark()
    def main() -> bool | None:
        return result

    assert main([]) == code


def test_folders_are_loaded(trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(data: Dataset, /, *, checkpoint: Checkpoint | None = None) -> list[Any]:
        return [data, checkpoint]

    data, checkpoint = returned(measure, str(tunes.path))
    assert (data.sha256, checkpoint) == (tunes.sha256, None)
    _, checkpoint = returned(measure, str(tunes.path), "--checkpoint", str(trained))
    assert isinstance(checkpoint, Checkpoint)
    assert benchmark()(measure)([str(tunes.path), "--checkpoint", "nowhere"]) == 2
    assert "error: there is no checkpoint folder nowhere" in capsys.readouterr().err


def test_only_language_models(trained: Path, autoencoder: Path) -> None:
    need_lm(load_checkpoint(trained))
    with pytest.raises(ConfigError, match="of family vae, not lm"):
        need_lm(load_checkpoint(autoencoder))
