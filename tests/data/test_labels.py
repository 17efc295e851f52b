"""Labels: by folders, by a table, by composer; kept in the index, and nothing else changes without them."""

import json
import re
from pathlib import Path

import pytest

from musegen.data.dataset import Dataset, dataset_facts
from musegen.data.labels import dataset_labels, labelled, name_labels
from musegen.data.prepare import prepare
from musegen.errors import ConfigError, DataError, MusegenError
from musegen.music.reading.composer import composer_of

KERN = """!!!COM: {composer}
**kern
*M4/4
4c
4{note}
4e
4f
=2
4g
4a
4b
4cc
==
*-
"""


def test_folders_are_those_in_which_paths_differ() -> None:
    names = ["music/a/1.mid", "music/a/deep/2.mid", "music/b/3.mid", "music/4.mid", "music/b/5.abc#2"]
    assert name_labels("folders", names) == ["a", "a", "b", None, "b"]
    assert name_labels("folders", ["train/a/1.mid", "test/b/2.mid"]) == ["a", "b"]
    with pytest.raises(DataError, match="the 2 pieces are not in folders of their labels"):
        name_labels("folders", ["1.mid", "2.mid"])


def test_a_table_labels_files_by_path_or_stem(tmp_path: Path) -> None:
    table = tmp_path / "styles.csv"
    table.write_text("file,label\na/1.mid,jig\n2,reel\n")
    assert name_labels(str(table), ["a/1.mid", "b/2.mid", "b/3.mid"]) == ["jig", "reel", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/1.mid,jig\nc/9.mid,reel\n", r"labels files that do not exist \(1\): c/9.mid; allowed are paths"),
        ("a/1.mid\n", "each line must be file,label; invalid: a/1.mid"),
        ("", "each line must be file,label; invalid: no line"),
        ("a/1.mid,jig\n1,reel\n", "gives a/1.mid two labels: jig and reel"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(text: str, message: str, tmp_path: Path) -> None:
    table = tmp_path / "styles.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        name_labels(str(table), ["a/1.mid", "b/2.mid"])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("folder", "unknown labels folder: did you mean folders?"),
        ("genre", "unknown labels genre: name folders, composer, or a CSV file"),
        ("none.csv", "cannot read labels none.csv: no such file or directory"),
    ],
)
def test_unknown_labels_are_refused(how: str, message: str) -> None:
    with pytest.raises(MusegenError, match=re.escape(message)):
        name_labels(how, ["a/1.mid", "b/2.mid"])


def test_the_index_holds_labels_only_if_they_are_wanted(corpora: Path, tmp_path: Path) -> None:
    plain = prepare(str(corpora), tmp_path / "plain", workers=1)
    labels = prepare(str(corpora), tmp_path / "labels", labels="folders", workers=1)
    assert "labels" not in (plain.path / "index.jsonl").read_text("utf-8")
    assert "labels" not in json.loads((plain.path / "dataset.json").read_text("utf-8"))
    assert (plain.path / "scores.bin").read_bytes() == (labels.path / "scores.bin").read_bytes()
    assert [piece.labels for piece in plain.pieces] == [{}] * len(plain.pieces)
    folders = [piece.name.partition("/")[0] for piece in labels.pieces]
    assert [piece.labels["folders"] for piece in labels.pieces] == folders
    assert dataset_facts(labels)["labels"] == {"folders": {"fiddle": 12, "bach": 6}}
    without = [{k: v for k, v in piece.line().items() if k != "labels"} for piece in labels.pieces]
    assert without == [piece.line() for piece in plain.pieces]
    assert dataset_labels(plain, "folders") == folders  # which follow from the paths


def test_composers_of_kern_musicxml_and_abc(tmp_path: Path) -> None:
    for number, (composer, note) in enumerate((("Haydn, Joseph ", "d"), ("Mozart", "e"), ("Mozart", "f"))):
        path = tmp_path / "music" / f"{number}.krn"
        path.parent.mkdir(exist_ok=True)
        path.write_text(KERN.format(composer=composer, note=note))
    xml = tmp_path / "x.musicxml"
    xml.write_text('<score-partwise><creator type="composer">Bach &amp; Sons</creator></score-partwise>')
    assert composer_of(xml) == "Bach & Sons"
    assert composer_of("X:1\nT:A\nC:Trad.\nK:D\nABc|") == "Trad."
    assert composer_of(tmp_path / "missing.krn") == ""
    dataset = prepare(str(tmp_path / "music"), tmp_path / "data", labels="composer", workers=1)
    assert dataset_labels(dataset, "composer") == ["Haydn, Joseph", "Mozart", "Mozart"]
    assert dataset_labels(Dataset.open(dataset.path), "composer")[0] == "Haydn, Joseph"


def test_a_folder_of_midi_names_no_composer(corpora: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 18 files names a composer"):
        prepare(str(corpora), tmp_path / "data", labels="composer", workers=1)
    assert not (tmp_path / "data").exists()


def test_the_labels_of_a_dataset_are_the_default(two_kinds: Dataset, tunes: Dataset) -> None:
    said: list[str] = []
    dataset, how, classes = labelled(two_kinds, "", (), said.append)
    assert (how, classes, said) == ("folders", ("bach", "fiddle"), [])
    assert [piece.split for piece in dataset.pieces] == [piece.split for piece in two_kinds.pieces]
    with pytest.raises(ConfigError, match="labels must be given, as dataset tunes has none of its own"):
        labelled(tunes, "", (), print)
    with pytest.raises(ConfigError, match="dataset tunes does not hold composers: prepare its music again"):
        labelled(tunes, "composer", (), print)


def table_of(dataset: Dataset, labels: list[str], path: Path) -> str:
    lines = [f"{p.name},{label}\n" for p, label in zip(dataset.pieces, labels, strict=False) if label]
    path.write_text("".join(lines))
    return str(path)


def test_pieces_without_a_label_are_left_out_aloud(two_kinds: Dataset, tmp_path: Path) -> None:
    how = table_of(two_kinds, ["a", "b", "", "a", "b", "c", "c"], tmp_path / "t.csv")
    said: list[str] = []
    dataset, _, classes = labelled(two_kinds, how, ("a", "b"), said.append)
    assert classes == ("a", "b")
    assert [bool(piece.split) for piece in dataset.pieces][:7] == [
        True,
        True,
        False,
        True,
        True,
        False,
        False,
    ]
    assert said == [
        f"left out 14 pieces without a label of these: {', '.join(p.name for p in two_kinds.pieces[2:6:3])}, "
        f"{two_kinds.pieces[6].name}, ..."
    ]


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["a", "a"], (), "all 2 labelled pieces are a: there must be two labels or more"),
        (["a", "a", "b"], (), "only one piece has the label b: nothing would be left to test on"),
        (["jig", "jig", "reel", "reel"], ("jig", "rel"), "an unknown label rel: did you mean reel?"),
        (["jig", "jig", "reel", "reel"], ("jig", "x"), "an unknown label x: there are jig, reel"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(
    labels: list[str], classes: tuple[str, ...], message: str, two_kinds: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(MusegenError, match=re.escape(message)):
        labelled(two_kinds, table_of(two_kinds, labels, tmp_path / "t.csv"), classes, print)
