import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from musegen.data.corpora import CORPORA
from musegen.data.splits import (
    read_split,
    split_by_content,
    split_by_file,
    split_by_folders,
    split_by_names,
)
from musegen.errors import DataError


def prints(count: int) -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(count)]


@pytest.mark.parametrize("count", [3, 4, 5, 10, 50])
def test_three_pieces_or_more_always_make_a_split(count: int) -> None:
    for salt in range(20):
        salted = [hashlib.sha256(f"{salt} {p}".encode()).hexdigest() for p in prints(count)]
        splits = split_by_content(salted, list(range(count)))
        assert set(splits) == {"train", "valid", "test"}


def test_two_pieces_or_groups_are_for_training() -> None:
    assert split_by_content(prints(2), [0, 1]) == ["train", "train"]
    assert split_by_content(prints(9), [0] * 5 + [5] * 4) == ["train"] * 9


@pytest.mark.parametrize("sizes", [[1, 1, 98], [30, 30, 40], [29] * 5 + [1] * 60, [3, 5] * 40, [2, 1, 1]])
def test_groups_stay_whole_and_the_held_out_splits_small(sizes: list[int]) -> None:
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    for salt in range(10):
        salted = [hashlib.sha256(f"{salt} {p}".encode()).hexdigest() for p in prints(len(groups))]
        splits = split_by_content(salted, groups)
        assert set(splits) == {"train", "valid", "test"}
        assert len(set(zip(groups, splits, strict=True))) == len(sizes)
        for split in ("valid", "test"):
            assert splits.count(split) <= max(min(sizes), *sorted(sizes)[1:2], 0.15 * len(groups))
            assert splits.count(split) >= min(0.05 * len(groups), sorted(sizes)[0])


def test_large_groups_are_held_out_no_more_often_than_small_ones() -> None:
    groups = [piece // 5 for piece in range(2500)] + list(range(500, 1000))
    splits = split_by_content(prints(3000), groups)
    large = Counter(splits[:2500:5])
    small = Counter(splits[2500:])
    assert 30 < large["test"] < 70
    assert 30 < small["test"] < 70


def test_a_new_version_seldom_moves_its_group() -> None:
    """It takes its group along only where it is the one that stands for it: one time in five."""
    groups = [piece % 200 for piece in range(1000)]
    before = split_by_content(prints(800), groups[:800])
    after = split_by_content(prints(1000), groups)
    assert sum(a == b for a, b in zip(before, after[:800], strict=True)) > 0.9 * 800


def test_a_split_does_not_depend_on_the_order_and_hardly_on_the_rest() -> None:
    all_prints = prints(1000)
    alone = list(range(1000))
    splits = dict(zip(all_prints, split_by_content(all_prints, alone), strict=True))
    assert splits == dict(zip(all_prints[::-1], split_by_content(all_prints[::-1], alone), strict=True))
    half = dict(zip(all_prints[:500], split_by_content(all_prints[:500], alone[:500]), strict=True))
    assert all(splits[p] == split for p, split in half.items())
    counts = Counter(splits.values())
    assert 70 < counts["valid"] < 130
    assert 70 < counts["test"] < 130


def test_folders_split_where_they_are_named_so() -> None:
    assert split_by_folders(["train/a.mid", "val/b.mid", "test/x/c.mid"]) == ["train", "valid", "test"]
    assert split_by_folders(["Train/a.mid", "TEST/b.mid"]) == ["train", "test"]
    assert split_by_folders(["train/a.mid", "other/b.mid"]) is None
    assert split_by_folders(["train/a.mid", "b.mid"]) is None


SOURCES = ["x/a.mid", "y/a.mid", "y/b.mid", "book.abc#1", "book.abc#2"]


def test_names_match_paths_stems_and_books(tmp_path: Path) -> None:
    file = tmp_path / "split.json"
    file.write_text(json.dumps({"train": ["x/a", "y/a.mid"], "valid": ["b"], "test": ["book", "gone.mid"]}))
    assert split_by_file(file, SOURCES, ["z/gone.mid"]) == ["train", "train", "valid", "test", "test"]
    file.write_text("name,split\nx/a.mid,train\ny/a,validation\ny/b,test\nbook#1,train\nbook.abc#2,test\n")
    assert split_by_file(file, SOURCES, []) == ["train", "valid", "test", "train", "test"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x/a,train", "no split for some pieces .4.: y/a.mid"),
        ("a,train", "do not exist .1.: a"),
        ("x/a,training", "unknown split 'training'"),
        ("x/a,train\nx/a,test", "two splits"),
        ("x/a", "name,split"),
        ("{", "not JSON"),
        ("x/a,train\ny/a,TEST", "no split for some pieces .3."),
        ("{}", "no split for some pieces .5."),
    ],
)
def test_a_split_that_does_not_fit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "split").write_text(text)
    with pytest.raises(DataError, match=said):
        split_by_file(tmp_path / "split", SOURCES, [])


def test_the_chorales_have_the_canonical_split() -> None:
    path = CORPORA["bach-chorales"].split
    assert path is not None
    canonical, _, others = path.read_text("utf-8").partition("# Not among the 382")
    counts = [Counter(line.rpartition(",")[2] for line in part.splitlines()) for part in (canonical, others)]
    assert [counts[0][s] for s in ("train", "valid", "test")] == [222, 74, 77]
    assert [counts[1][s] for s in ("train", "valid", "test")] == [6, 0, 0]
    assert len(read_split(path)) == 379
    assert split_by_names(path, ["bach/bwv1.6.mxl", "bach/bwv2.6.xml"], "") == ["train", "valid"]
