import json
import shutil
from pathlib import Path

import pytest
from symusic import Note, TimeSignature

from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import ConfigError, DataError
from musegen.music.notes import transpose
from musegen.music.writing.midi import midi_bytes, write_score
from tests.music.scores import line, score


def tune(seed: int) -> list[int]:
    return [60 + (i * i * seed + i * 7 + seed) % 13 for i in range(16)]


def write(folder: Path, count: int) -> None:
    """Files 0.mid, 1.mid, ..., each another tune, with drums in every third."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        tracks = [line(tune(seed), name="Lead vocal"), line([40, 43] * 8, program=32)]
        if seed % 3 == 0:
            tracks.append(line([36, 42] * 8, drums=True))
        (folder / f"{seed}.mid").write_bytes(midi_bytes(score(*tracks, metres=[(0, 3, 4)])))


def audit(dataset: Dataset) -> dict[str, dict[str, object]]:
    lines = (dataset.path / "audit.jsonl").read_text().splitlines()
    return {row["path"]: row for row in map(json.loads, lines)}


def test_a_folder_becomes_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "in" / "sub", 12)
    (tmp_path / "in" / "notes.txt").write_text("no music")
    (tmp_path / "in" / "text.mid").write_text("hello")
    (tmp_path / "in" / "a.abc").write_text(
        "X:1\nM:2/4\nL:1/4\nK:C\nA|BG|E:|\nX:2\nM:2/4\nL:1/4\nK:C\nGE|AB|C2|]\n"
    )
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)

    assert [p.name for p in dataset.pieces[:3]] == ["a#1", "a#2", "sub/0"]
    assert sum(len(dataset.split(s)) for s in ("train", "valid", "test")) == len(dataset.pieces) == 14
    assert all(dataset.split(s) for s in ("train", "valid", "test"))
    piece = next(p for p in dataset.pieces if p.name == "sub/3")
    assert (piece.melody, piece.melody_how, piece.programs) == (0, "name", [-1, 0, 32])
    assert (piece.time_signatures, piece.notes, piece.bars, piece.pickup) == (["3/4"], 48, 3, 0.0)
    read = dataset.score(piece)
    assert [n.pitch for n in read.tracks[piece.melody].notes] == tune(3)
    assert dataset.pieces[0].pickup == 1.0
    assert audit(dataset)["text.mid"]["reason"] == "not MIDI: it is text"
    assert dataset.info["verdicts"] == {"used": 14, "repaired": 0, "duplicate": 0, "rejected": 1}
    assert "melody: 12 by name, 2 only track" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_result_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    write(tmp_path / "in", 12)
    for workers in (1, 2):
        prepare(str(tmp_path / "in"), tmp_path / str(workers) / "d", workers=workers)
    for name in ("dataset.json", "index.jsonl", "audit.jsonl", "scores.bin"):
        assert (tmp_path / "1" / "d" / name).read_bytes() == (tmp_path / "2" / "d" / name).read_bytes()


def test_duplicates_go_whatever_their_key_and_tempo(tmp_path: Path) -> None:
    write(tmp_path / "in", 4)
    again = score(line(tune(2), step=480), line([40, 43] * 8, step=480), metres=[(0, 4, 4)], tempo=55)
    (tmp_path / "in" / "other.mid").write_bytes(midi_bytes(transpose(again, 2)))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    row = audit(dataset)["other.mid"]
    assert (row["verdict"], row["reason"]) == ("duplicate", "the same music as 2.mid")
    assert len(dataset.pieces) == 4


def test_a_given_split_keeps_duplicates_and_counts_those_across(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        write(tmp_path / "in" / part, 2)
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    assert [len(dataset.split(s)) for s in ("train", "valid", "test")] == [2, 2, 2]
    assert dataset.info["split_by"] == "folders"
    assert dataset.info["warnings"] == [
        "4 of 4 held-out pieces have a version in another split (similar music or equal names), such as "
        "test/0 (test) and train/0 (train)"
    ]

    split = tmp_path / "split.csv"
    split.write_text("".join(f"{p.name},{'test' if i else 'train'}\n" for i, p in enumerate(dataset.pieces)))
    other = prepare(str(tmp_path / "in"), tmp_path / "other", split=split, workers=1)
    assert [len(other.split(s)) for s in ("train", "valid", "test")] == [1, 0, 5]
    assert "no pieces for valid" in other.info["warnings"][0]


def test_too_few_for_a_split_and_performance_timing_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = score(line([]))
    for i in range(60):
        played.tracks[0].notes.append(Note(i * 487, 300, 60 + i % 5, 80))
    (tmp_path / "a.mid").write_bytes(midi_bytes(played))
    dataset = prepare(str(tmp_path / "a.mid"), tmp_path / "out")
    assert [p.split for p in dataset.pieces] == ["train"]
    said = capsys.readouterr().err
    assert "of onsets on a grid: kept as played, in free time, without bars" in said
    assert "no split: too few pieces" in said
    assert len(dataset.info["warnings"]) == 1


def test_beats_without_bars_are_said(tunes: Dataset, tmp_path: Path) -> None:
    """As in raw pop files: 1/4 from beginning to end, and a file of beats beside each."""
    for number, piece in enumerate(tunes.pieces[:4]):
        music = tunes.score(piece)
        if number:
            music.time_signatures = [TimeSignature(0, 1, 4)]
        write_score(music, tmp_path / "in" / str(number) / "a.mid")
        (tmp_path / "in" / str(number) / "beat_midi.txt").write_text("0.02 1.0 1.0\n0.68 0.0 0.0\n")
    bars, beats = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1).info["warnings"]
    assert bars.startswith("3 of 4 pieces have bars of one beat (as 1/4)")
    assert beats == "files of beats beside the music are not read (beat_midi.txt): name them with ⟨beats⟩"
    shutil.rmtree(tmp_path / "in" / "0")
    (tmp_path / "in" / "1" / "beat_midi.txt").unlink()
    assert len(prepare(str(tmp_path / "in"), tmp_path / "out2", workers=1).info["warnings"]) == 1


def test_a_melody_that_some_pieces_lack(tmp_path: Path) -> None:
    write(tmp_path / "in", 3)
    (tmp_path / "in" / "x.mid").write_bytes(midi_bytes(score(line(tune(9), name="oboe"))))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", melody="lead vocal", workers=1)
    assert [(p.melody, p.melody_how) for p in dataset.pieces] == [(0, "name")] * 3 + [(-1, "missing")]
    assert dataset.info["warnings"] == ["no melody track was found in 1 of 4 pieces"]


def test_doubts_about_melodies_are_counted_and_backing_tracks_have_none(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    chords, bass = line([48, 52, 55] * 8, name="Chord"), line([40, 43] * 8, name="Bass", program=32)
    pieces = {
        "backing": score(chords, bass),
        "crossing": score(line(tune(1) * 2), line(tune(1)[::-1] * 2)),
        "few": score(line(tune(3)[:8], name="Vocals", step=1920), line([48, 52] * 32), line([40, 43] * 32)),
    }
    for name, music in pieces.items():
        (tmp_path / "in" / f"{name}.mid").write_bytes(midi_bytes(music))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    assert {p.name: p.melody_how for p in dataset.pieces} == {
        "backing": "missing",
        "crossing": "uncertain",
        "few": "sparse",
    }
    warned = " ".join(dataset.info["warnings"])
    assert "no melody track was found in 1 of 3 pieces" in warned
    assert "the melody of 1 of 3 pieces is in doubt: another track is about as likely" in warned
    assert "in doubt: it has few notes beside the others; choose its track with ⟨melody⟩" in warned


def test_misuse_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        prepare(str(tmp_path / "none"), tmp_path / "out")
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="no music files"):
        prepare(str(tmp_path / "in"), tmp_path / "out")
    for name in "abc":
        (tmp_path / "in" / f"{name}.mid").write_text("hello")
    with pytest.raises(DataError, match="nothing to use in 3 files: not MIDI: it is text x3"):
        prepare(str(tmp_path / "in"), tmp_path / "new" / "folder" / "out")
    with pytest.raises(DataError, match=r"cannot read the split .*no such file"):
        prepare(str(tmp_path / "in"), tmp_path / "out", split=tmp_path / "none.csv")
    with pytest.raises(ConfigError, match=r"out .* cannot be written to"):
        prepare(str(tmp_path / "in"), tmp_path / "in" / "a.mid" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    write(tmp_path / "in", 3)
    prepare(str(tmp_path / "in"), tmp_path / "out")
    with pytest.raises(ConfigError, match="replace it with force"):
        prepare(str(tmp_path / "in"), tmp_path / "out")
    prepare(str(tmp_path / "in"), tmp_path / "out", force=True, limit=2)
    assert len(Dataset.open(tmp_path / "out").pieces) == 2
    with pytest.raises(DataError, match="is a prepared dataset"):
        prepare(str(tmp_path / "out"), tmp_path / "new")
    with pytest.raises(ConfigError, match="not a dataset"):
        prepare(str(tmp_path / "in"), tmp_path / "in", force=True)
    with pytest.raises(ConfigError, match="limit 0"):
        prepare(str(tmp_path / "in"), tmp_path / "new", limit=0)


def test_a_dataset_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.json, index\.jsonl, scores\.bin missing"):
        Dataset.open(tmp_path)
    write(tmp_path / "in", 3)
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out")
    (dataset.path / "scores.bin").write_bytes(b"short")
    with pytest.raises(DataError, match="damaged"):
        Dataset.open(dataset.path)
    (dataset.path / "dataset.json").write_text('{"format_version": 99}')
    with pytest.raises(DataError, match="format_version 99"):
        Dataset.open(dataset.path)
