"""Folders as people have them: broken files among good ones, the same tune twice under other names."""

import gzip
import io
import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from symusic import Score, Tempo

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.music.notes import transpose
from musegen.music.writing.midi import midi_bytes
from tests.music.smf_files import smf, track

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> list[Score]:
    """A hundred tunes, no two the same."""
    dataset = prepare("ryans-mammoth", tmp_path_factory.mktemp("tunes") / "tunes", limit=104, workers=1)
    return [dataset.score(piece) for piece in dataset.pieces][:100]


def audit(dataset: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (dataset / "audit.jsonl").read_text("utf-8").splitlines()]


def broken(good: bytes) -> dict[str, bytes]:
    """61 files that hold no music, by name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.mid", good)
    files = {
        "empty": b"", "one-byte": b"M", "zeros": bytes(100), "zip": archive.getvalue(),
        "gzip": gzip.compress(good), "png": b"\x89PNG\r\n\x1a\n" + bytes(99), "pdf": b"%PDF-1.7\n",
        "html": b"<!DOCTYPE html><p>404 Not Found", "xml": b"<?xml version='1.0'?><a/>",
        "text": b"to be or not to be\n", "json": b'{"notes": []}', "wave": b"RIFF\0\0\0\0WAVEfmt ",
        "header-only": good[:14], "header-cut": good[:10], "division-0": good[:12] + b"\0\0" + good[14:],
        "smpte": good[:12] + b"\xe7\x28" + good[14:], "no-track": good[:14] + b"XYZW\0\0\0\0",
        "no-note": smf(track("")), "long-event": smf(track("00ff01ffffff7f")),
        "no-status": smf(track("003c40")), "tracks": smf(*[track("")] * 1025),
    }  # fmt: skip
    files = {f"{name}.mid": data for name, data in files.items()}
    files |= {"broken.abc": b"no tune\n", "broken.xml": b"<score-partwise>", "broken.mxl": b"PK no archive"}
    files["broken.musicxml"] = b"<score-partwise></score-partwise>"
    cuts = range(20, 20 + 61 - len(files))
    return files | {f"cut-{at}.mid": good[:at] for at in cuts}


def test_bad_files_among_good_ones(
    hundred: list[Score], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is named with its reason, the numbers add up, and what is left is learnt from."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number, score in enumerate(hundred):
        (tmp_path / "in" / f"{number:03}.mid").write_bytes(midi_bytes(score))
    bad = broken(midi_bytes(hundred[0]))
    for name, data in bad.items():
        (tmp_path / "in" / name).write_bytes(data)
    assert main(["prepare", "in", "--out", "d", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    lines = audit(tmp_path / "d")
    assert len(bad) == 61
    rejected = {line["path"]: line["reason"] for line in lines if line["verdict"] == "rejected"}
    assert rejected.keys() == bad.keys()
    assert all(rejected.values())
    used = sum(facts["verdicts"].get(verdict, 0) for verdict in ("used", "repaired"))
    assert (used, facts["verdicts"]["rejected"], len(lines)) == (100, 61, 161)
    assert sum(facts["rejected"].values()) == 61
    flags = ["--model.hidden-size", "8", "--model.embedding-dim", "8", "--trainer.max-steps", "1"]
    assert main(["train", "lm", "d", "--out", "ck", *flags]) == 0
    manifest = json.loads((tmp_path / "ck" / "data.json").read_text("utf-8"))
    assert sum(manifest["splits"].values()) == 100


def test_copies_never_stand_in_two_splits(hundred: list[Score], tmp_path: Path) -> None:
    """Half of them come again renamed, in another key, at another tempo: none is kept twice."""
    (tmp_path / "in").mkdir()
    for number, score in enumerate(hundred[:50]):
        (tmp_path / "in" / f"{number:02}.mid").write_bytes(midi_bytes(score))
        copy = transpose(score, number % 11 - 5).resample(score.ticks_per_quarter * 2, 1)
        copy.tempos = [Tempo(0, 50 + number)]
        (tmp_path / "in" / f"z-another-name-{97 * number}.mid").write_bytes(midi_bytes(copy))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1)
    found = {line["path"]: line["reason"] for line in audit(dataset.path) if line["verdict"] == "duplicate"}
    assert found == {
        f"z-another-name-{97 * number}.mid": f"the same music as {number:02}.mid" for number in range(50)
    }
    assert Counter(piece.name for piece in Dataset.open(dataset.path).pieces) == {
        f"{number:02}": 1 for number in range(50)
    }
    assert all(dataset.split(split) for split in ("train", "valid", "test"))
