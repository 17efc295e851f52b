"""The benchmark of four voices on sixteenths, on the first bars of real chorales."""

import json
from pathlib import Path

import numpy as np
import pytest

import benchmarks.sounding
from benchmarks import jsb16
from benchmarks.jsb16 import build_dataset, read_pieces, score, trivial
from benchmarks.sounding import SILENCE, sounding
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.metrics.lines import voice_frames
from musegen.tokenizers import Kind

FRAMES = 75  # no whole number of bars
TRAINING = "--trainer.max-steps 4 --trainer.val-check-interval 4 --trainer.accelerator cpu"
MODEL = "--model.hidden-size 16 --model.embedding-dim 8 --optim.batch-tokens 2048"


@pytest.fixture(scope="module")
def canon(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The form of Jsb16thSeparated.json, of the first bars of six chorales."""
    frames = [voice_frames(chorales.score(piece))[:FRAMES, :4].tolist() for piece in chorales.pieces]
    path = tmp_path_factory.mktemp("canon") / "Jsb16thSeparated.json"
    path.write_text(json.dumps({"train": frames[:4], "valid": frames[4:5], "test": [frames[5], frames[0]]}))
    return path


@pytest.fixture(scope="module")
def trained(canon: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("jsb16")
    assert (
        jsb16.main(["--data", str(canon), "--seeds", "1", "--out", str(out), *f"{TRAINING} {MODEL}".split()])
        == 0
    )
    return out / "plain"


def test_the_streams_say_what_the_canon_says(canon: Path, trained: Path) -> None:
    checkpoint, dataset = load_checkpoint(trained / "seed-0"), Dataset.open(trained / "data")
    view, tables = model_view(checkpoint, dataset), checkpoint.tokenizer.tables
    frames = {piece.name: piece.frames for piece in read_pieces(canon, None)}
    for index, piece in enumerate(view.pieces):
        heard = sounding(view.stream(index), tables)
        theirs = np.where(frames[Path(piece.name).name] < 0, SILENCE, frames[Path(piece.name).name])
        assert heard[: len(theirs)].tolist() == theirs.tolist()
        struck = view.stream(index)[tables.kind[view.stream(index)] >= Kind.PITCH].reshape(-1, 4)
        again = (tables.kind[struck[1:]] == Kind.PITCH) & (heard[1 : len(struck)] == heard[: len(struck) - 1])
        assert not again.any()


def test_every_slot_is_scored_once(canon: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = list(read_pieces(canon, None))
    dataset = build_dataset(pieces, trained)
    assert [piece.split for piece in dataset.pieces].count("train") == 4  # the canon's split, doubles kept

    def even(logits: object, *rest: object) -> object:
        return real(logits * 0, *rest)

    real = benchmarks.sounding.slot_nats
    monkeypatch.setattr(benchmarks.sounding, "slot_nats", even)
    row = score(trained / "seed-0", dataset, pieces)
    assert row.valid == pytest.approx(np.log(129))  # all ids alike: 128 pitches and silence, or the like
    assert row.test == pytest.approx(np.log(129))


def test_a_checkpoint_is_scored_as_it_was_trained(
    canon: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["--data", str(canon), "--out", str(trained.parent), "--json"]
    assert jsb16.main([*line, "--checkpoint", str(trained / "seed-0")]) == 0
    own, floor, *published = json.loads(capsys.readouterr().out)
    assert own["system"] == "seed-0"
    assert 0 < own["valid"] < 6
    assert floor == trivial(list(read_pieces(canon, None)))._asdict()
    assert [row["valid"] for row in published] == [0.436, 0.417, 0.335]
    assert jsb16.main([*line, "--checkpoint", "nowhere"]) == 2
