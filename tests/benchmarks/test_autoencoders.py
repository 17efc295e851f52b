"""The benchmark of the kinds of autoencoders, on runs of a few steps."""

import json
from pathlib import Path

import pytest

from benchmarks import autoencoders
from musegen.data.dataset import Dataset
from musegen.music.reading.read import read_score


@pytest.mark.slow
def test_a_row_per_kind_and_the_clips_of_the_units(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--model.hidden-size", "32", "--model.latent-dim", "32", "--trainer.val-check-interval", "4"]
    folders = ["--out", str(tmp_path / "runs"), "--units", str(tmp_path / "units")]
    words = [
        "--seeds",
        "1",
        "--steps",
        "4",
        "--num",
        "4",
        "--limit",
        "4",
        "--pairs",
        "2",
        "--json",
        *folders,
        *sizes,
    ]
    assert autoencoders.main([str(tunes.path), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["system"]: row for row in found["rows"]}
    assert [*rows][:4] == [f"{kind}, seed 0" for kind in autoencoders.KINDS]
    for row in list(rows.values())[:4]:
        assert all(0 <= row[name] <= 1 for name in ("f1", "mended", "mixture", "one", "scale", "sparse"))
    with_prior = [row["system"] for row in list(rows.values())[:4] if row["prior"] is not None]
    assert with_prior == ["variational, seed 0"]
    assert rows["sparse, seed 0"]["on"] <= 32
    assert rows["nearest training clip"]["f1"] > rows["a hold at every position"]["f1"]
    written = sorted((tmp_path / "units").glob("unit-*.mid"))
    assert [path.stem for path in written] == sorted(name for name in found["units"] if name != "all clips")
    assert all(read_score(path)[0].note_num() for path in written)
    autoencoders.show({"rows": [autoencoders.Row(**row) for row in found["rows"]], "units": {}})
