import json
from pathlib import Path

import pytest

from benchmarks.composers import QUARTETS, main
from musegen.data.groups import group_keys


def test_the_movements_of_a_quartet_are_one_group() -> None:
    names = ["Haydn/op01n0-01.krn", "Haydn/op01n0-02.krn", "Haydn/op01n1-01.krn", "Mozart/k136_1.krn"]
    assert group_keys(QUARTETS, names) == ["Haydn/op01n0", "Haydn/op01n0", "Haydn/op01n1", "Mozart/k136"]


def test_all_movements_are_labelled(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in corpora.glob("*/*.mid"):
        folder = tmp_path / "music" / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"op{int(path.stem) // 2}-{int(path.stem) % 2}.mid").write_bytes(path.read_bytes())
    words = [
        "--encoder",
        "mlp",
        "conv1d",
        "--folds",
        "3",
        "--steps",
        "10",
        "--window",
        "256",
        "--repeats",
        "2",
    ]
    assert main([str(tmp_path / "music"), *words, "--out", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pieces"], found["groups"], found["folds"], found["repeats"]) == (18, 9, 3, 2)
    systems = found["systems"]
    assert list(systems) == ["mlp", "majority", "n-grams", "conv1d"]
    assert systems["majority"]["accuracy"]["mean"] == pytest.approx(12 / 18)
    assert systems["mlp"]["accuracy"]["mean"] > 0.8
