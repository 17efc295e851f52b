import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.evaluation.copies import novelty
from musegen.music.notes import transpose
from musegen.music.writing.midi import write_score


@pytest.fixture
def split(tunes: Dataset, tmp_path: Path) -> Dataset:
    """The tunes, the last eight of them held out, in a folder of their own."""
    shutil.copytree(tunes.path, tmp_path / "split", ignore=shutil.ignore_patterns(".cache"))
    count = len(tunes.pieces) - 8
    pieces = [
        replace(piece, split="train" if number < count else "test")
        for number, piece in enumerate(tunes.pieces)
    ]
    return replace(tunes, path=tmp_path / "split", pieces=pieces)


def test_copies_stand_out_from_real_music(split: Dataset, tmp_path: Path) -> None:
    copy, real = split.split("train")[2], split.split("test")[1]
    write_score(transpose(split.score(copy), 5), tmp_path / "out" / "copy.mid")
    write_score(split.score(real), tmp_path / "out" / "real.mid")
    (tmp_path / "out" / "bad.mid").write_bytes(b"")
    found = novelty([tmp_path / "out"], split)
    files = {Path(file["path"]).name: file for file in found["files"]}
    assert list(files) == ["copy.mid", "real.mid"]
    assert copy.name in files["copy.mid"]["pieces"]
    assert files["copy.mid"]["share"] == 1
    assert files["copy.mid"]["held_out_as_long"] == 0
    assert files["copy.mid"]["copies"]
    assert not files["real.mid"]["copies"]
    assert 0 < files["real.mid"]["held_out_as_long"] <= 1
    assert files["copy.mid"]["longest"] >= found["held_out"]["threshold"] > files["real.mid"]["longest"]
    assert found["all_files"]["copies"] == 1
    assert [each["reason"] for each in found["unreadable"]] == ["empty file"]


def test_where_the_run_begins(split: Dataset, tmp_path: Path) -> None:
    piece = split.split("train")[0]
    write_score(split.score(piece), tmp_path / "copy.mid")
    (file,) = novelty([tmp_path / "copy.mid"], split)["files"]
    assert file["path"] == str(tmp_path / "copy.mid")
    assert file["bar"] == 1


def test_without_held_out_pieces_there_is_no_base_rate(split: Dataset, tmp_path: Path) -> None:
    write_score(split.score(split.pieces[0]), tmp_path / "a.mid")
    alone = replace(split, pieces=split.split("train"))
    found = novelty([tmp_path / "a.mid"], alone)
    assert found["held_out"] is None
    assert found["files"][0]["copies"] is None
    with pytest.raises(DataError, match="does not exist"):
        novelty([tmp_path / "none.mid"], alone)
