"""What belongs together stays in one split: folders of real tunes and chorales as people have them."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from musegen.data.dataset import Dataset
from musegen.data.groups import group_keys, leaks, name_links
from musegen.data.prepare import prepare
from musegen.errors import ConfigError
from musegen.music.writing.midi import midi_bytes
from tests.data.test_versions import played
from tests.music.scores import line, score


def write(path: Path, piece: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(midi_bytes(piece))  # type: ignore[arg-type]


def splits_by(dataset: Dataset, part: int) -> dict[str, set[str]]:
    """The splits of the pieces, by a part of their path."""
    found = defaultdict(set)
    for piece in dataset.pieces:
        found[piece.name.split("/")[part]].add(piece.split)
    return found


@pytest.fixture(scope="module")
def performances(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four performances each of two dozen tunes, in a folder for each tune, and their scores."""
    folder = tmp_path_factory.mktemp("performances")
    for number, piece in enumerate(tunes.pieces):
        tune = tunes.score(piece)
        write(folder / f"tune{number}" / "score.mid", tune)
        for player in range(4):
            write(folder / f"tune{number}" / f"player{player}.mid", played(tune, 10 * number + player))
    return folder


def test_performances_and_the_score_are_in_one_split(
    performances: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = prepare(str(performances), tmp_path / "out", workers=1)
    assert all(len(splits) == 1 for splits in splits_by(dataset, 0).values())
    assert all(dataset.split(s) for s in ("train", "valid", "test"))
    assert dataset.info["group"] is None
    assert dataset.info["groups"] == 24
    assert dataset.info["largest_group"] == {"pieces": 5, "name": "tune0/player0"}
    said = capsys.readouterr().err
    assert (
        "120 pieces in 24 groups, by similar music or equal names; the largest has 5, with tune0/pl" in said
    )
    assert "have a version in another split" not in said


def test_tune_melody_and_chords_are_in_one_split(chorales: Dataset, tmp_path: Path) -> None:
    """By their names: the alto alone does not resemble the soprano."""
    for number, piece in enumerate(chorales.pieces):
        for voice, folder in enumerate(["", "melody", "chords"]):
            part = chorales.score(piece)
            part.tracks = part.tracks[voice : voice + 1]
            write(tmp_path / "in" / folder / f"{number}.mid", part)
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    assert dataset.info["groups"] == len(chorales.pieces)
    assert all(len(splits) == 1 for splits in splits_by(dataset, -1).values())


def test_equal_names_in_albums_and_songs_say_nothing() -> None:
    albums = [f"{album}/{track:02}.mid" for album in "ab" for track in range(9)]
    assert name_links(albums, [20 + 7 * i % 50 for i in range(18)]) == []
    parts = [f"song{song}/{part}.mid" for song in range(9) for part in ("bass", "drums")]
    assert name_links(parts, [10 + 7 * (i // 2) for i in range(18)]) == []
    assert name_links(parts, [4] * 18) == []  # loops: more folders than names
    assert name_links(albums, [4] * 18) == []  # loops with numbers


def test_equal_names_in_parallel_folders_are_versions() -> None:
    names = [
        f"{kind}/{composer}/{n}{composer}.mid"
        for kind in ("played", "score")
        for composer in "ab"
        for n in range(4)
    ]
    bars = [10 + 7 * (i % 8) for i in range(16)]
    assert name_links(names, bars) == [(i, i + 8) for i in range(8)]
    bars[3:5] = [90, 91]  # two of eight are longer
    assert len(name_links(names, bars)) == 8
    assert len(name_links(names, [4] * 16)) == 8
    assert name_links(["a/x.mid", "a/x.abc", "b/y.mid"], [4, 40, 7]) == [(0, 1)]
    assert name_links(["book.abc#1", "book.abc#2"], [8, 8]) == []


def test_pieces_are_grouped_as_the_user_says(tmp_path: Path, tunes: Dataset) -> None:
    for number, piece in enumerate(tunes.pieces):
        write(tmp_path / "in" / f"c{number % 6}" / f"{number // 6}-{number}.mid", tunes.score(piece))
    for by, part, groups in (("folder", 0, 6), (r"^c\d", 0, 6), (r"/(\d)-", -1, 4)):
        dataset = prepare(str(tmp_path / "in"), tmp_path / "out", group=by, workers=1, force=True)
        found = splits_by(dataset, part)
        if part:
            found = {key: set.union(*(s for n, s in found.items() if n[0] == key)) for key in "0123"}
        assert all(len(splits) == 1 for splits in found.values())
        assert (dataset.info["group"], dataset.info["groups"]) == (by, groups)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("[", "not a regular expression"),
        ("nothing", "matches none of 3 paths .such as a/x.mid"),
        ("mid", "puts all 3 pieces into one group, 'mid'"),
        ("a|b|c", "groups nothing: each of the 3 paths that it matches has another key, such as 'a'"),
        ("folder", "groups nothing"),
        ("name", "puts all 3 pieces into one group, 'x'"),
    ],
)
def test_groups_that_say_nothing_are_refused(by: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        group_keys(by, ["a/x.mid", "b/x.mid", "c/x.mid"])


def test_pieces_without_a_key_are_counted(
    performances: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(str(performances), tmp_path / "out", group="player[01]", workers=1)
    assert "group player[01] matches 48 of 120 pieces; the others have no key" in capsys.readouterr().err


def test_groups_are_refused_before_anything_is_read(performances: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="group nothing matches none of 120 paths"):
        prepare(str(performances), tmp_path / "out", group="nothing")
    split = tmp_path / "split.csv"
    split.write_text("tune0/score,train\n")
    with pytest.raises(ConfigError, match="the pieces are split by the given file"):
        prepare(str(performances), tmp_path / "out", split=split, group="folder")
    with pytest.raises(ConfigError, match="as listed for the corpus"):
        prepare("ryans-mammoth", tmp_path / "out", limit=4, group="folder")
    assert not (tmp_path / "out").exists()


def test_versions_across_a_given_split_are_counted(performances: Path, tmp_path: Path) -> None:
    paths = sorted(performances.glob("*/*.mid"))
    rows = [
        (p.relative_to(performances).as_posix(), "test" if p.stem == "player0" else "train") for p in paths
    ]
    split = tmp_path / "split.csv"
    split.write_text("".join(f"{name},{part}\n" for name, part in rows))
    dataset = prepare(str(performances), tmp_path / "out", split=split, workers=1)
    assert len(dataset.split("test")) == 24
    expected = (
        "24 of 24 held-out pieces have a version in another split (similar music or equal names), such as "
        "tune0/player0 (test) and tune0/player1 (train)"
    )
    assert expected in dataset.info["warnings"]
    assert "groups" not in dataset.info


def test_where_all_pieces_are_versions_they_are_split_and_it_is_said(tunes: Dataset, tmp_path: Path) -> None:
    tune = tunes.score(tunes.pieces[3])
    for number in range(20):
        write(tmp_path / "in" / f"{number}.mid", played(tune, number))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    assert all(dataset.split(s) for s in ("train", "valid", "test"))
    assert any("20 of 20 pieces are linked by similar music" in w for w in dataset.info["warnings"])
    assert any("held-out pieces have a version in another split" in w for w in dataset.info["warnings"])

    few = prepare(str(tmp_path / "in"), tmp_path / "few", limit=5, workers=1)
    assert {piece.split for piece in few.pieces} == {"train"}
    assert any(
        "no split: too few pieces" in w and "(pieces: 5, groups of versions: 1)" in w
        for w in few.info["warnings"]
    )


def test_a_dataset_of_an_earlier_version_still_opens(performances: Path, tmp_path: Path) -> None:
    dataset = prepare(str(performances), tmp_path / "out", limit=9, workers=1)
    info = {key: value for key, value in dataset.info.items() if "group" not in key}
    (dataset.path / "dataset.json").write_text(json.dumps(info))
    assert Dataset.open(dataset.path).pieces == dataset.pieces


def test_leaks_name_a_training_piece_if_there_is_one() -> None:
    assert leaks([0, 0, 0, 3, 3, 5], ["test", "valid", "train", "test", "valid", "test"]) == [
        (0, 2), (1, 2), (3, 4), (4, 3),
    ]  # fmt: skip


def test_drums_alone_are_not_compared(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "in" / f"beat{number}.mid", score(line([36, 42, 38, 42 + number] * 8, drums=True)))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    assert dataset.info["groups"] == 4
