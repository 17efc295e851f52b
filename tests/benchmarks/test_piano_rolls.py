import itertools
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import benchmarks.sounding
from benchmarks import piano_rolls
from benchmarks.piano_rolls import BEFORE, Piece, as_score, build_dataset, legal_lines, mean_nats, ranked
from benchmarks.runs import train_grid
from benchmarks.sounding import SILENCE, sounding
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.metrics.lines import voice_frames
from musegen.tokenizers import Kind

TRAINING = "--trainer.max-steps 4 --trainer.val-check-interval 4 --trainer.accelerator cpu"
MODEL = "--model.hidden-size 16 --model.embedding-dim 8 --optim.batch-tokens 2048"
FLAGS = f"{TRAINING} {MODEL}".split()


@pytest.fixture(scope="module")
def pieces(chorales: Dataset) -> list[Piece]:
    """Rolls of six chorales on quarters, with a unison, a silent frame and a frame of fewer pitches."""
    made = []
    for number, piece in enumerate(chorales.pieces):
        frames = voice_frames(chorales.score(piece))[::4, :4][:30]
        frames[3], frames[5, 1], frames[7, 2:] = -1, frames[5, 0], -1
        roll = np.zeros((len(frames), 88), np.uint8)
        for time, pitches in enumerate(frames):
            roll[time, pitches[pitches >= 0] - piano_rolls.LOWEST] = 1
        split = ("train", "train", "train", "train", "valid", "test")[number]
        made.append(Piece(f"{split}{number:03}", split, ranked(roll, 4)))
    return made


@pytest.fixture(scope="module")
def trained(pieces: list[Piece], tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    out = tmp_path_factory.mktemp("rolls")
    dataset = build_dataset(pieces, out)
    return dataset, train_grid("lm", dataset, out / "seed-0", seed=0, positions=1, flags=FLAGS)


def test_a_frame_is_ranked() -> None:
    roll = np.zeros((2, 88))
    roll[0, [10, 3, 50]] = 1
    assert ranked(roll, 4).tolist() == [[71, 31, 24, -1], [-1, -1, -1, -1]]
    spans = [
        (note.time, note.duration, note.pitch)
        for note in as_score(ranked(roll[[0, 0, 1]], 3)).tracks[0].notes
    ]
    assert spans == [(0, 480, 72), (4 * 480, 960, 71)]


def test_streams_and_rolls_are_one_to_one(pieces: list[Piece], trained: tuple[Dataset, Path]) -> None:
    dataset, folder = trained
    checkpoint = load_checkpoint(folder)
    view, tables = model_view(checkpoint, dataset), checkpoint.tokenizer.tables
    lines = {piece.name: np.where(piece.lines < 0, SILENCE, piece.lines) for piece in pieces}
    for index, piece in enumerate(view.pieces):
        ids, theirs = view.stream(index), lines[Path(piece.name).name]
        heard = sounding(ids, tables)[BEFORE:]
        assert heard[: len(theirs)].tolist() == theirs.tolist()
        legal = legal_lines(ids, tables)[4 * BEFORE :]
        at = np.flatnonzero(tables.kind[ids] >= Kind.PITCH)[4 * BEFORE :]
        assert legal[np.arange(len(at)), ids[at]].all()  # what stands there may stand there
        held = legal[:, tables.ids(Kind.HOLD)[0]]
        for slot in range(4, 4 * len(theirs)):
            time, line = divmod(slot, 4)
            above = theirs[time, line - 1] if line else SILENCE
            below = 0 if line and above == SILENCE else int(above)  # how many pitches are lower
            before = heard[time - 1, line]
            assert held[slot] == (before != SILENCE and before < below)
            assert legal[slot].sum() == below + 1  # each lower pitch once, struck or held, and silence


def test_pieces_of_fewer_lines_are_there_too(pieces: list[Piece], tmp_path: Path) -> None:
    wide = [each._replace(lines=np.pad(each.lines, ((0, 0), (0, 5)), constant_values=-1)) for each in pieces]
    dataset = build_dataset(wide, tmp_path)
    folder = train_grid("lm", dataset, tmp_path / "seed-0", seed=0, positions=1, flags=FLAGS)
    assert mean_nats(load_checkpoint(folder), dataset, wide, "test") > 0


def test_every_frame_but_the_first_is_scored(
    pieces: list[Piece], trained: tuple[Dataset, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def even(logits: object, *rest: object) -> object:
        return real(logits * 0, *rest)

    real = benchmarks.sounding.slot_nats
    monkeypatch.setattr(benchmarks.sounding, "slot_nats", even)
    dataset, folder = trained
    (test,) = (piece.lines for piece in pieces if piece.split == "test")
    above = np.concatenate([np.full((len(test), 1), 128), test[:, :-1]], axis=1)
    expected = np.log(np.maximum(above, 0) + 1)[1:].sum() / (len(test) - 1)
    assert mean_nats(load_checkpoint(folder), dataset, pieces, "test") == pytest.approx(expected)


def test_from_the_published_form(
    pieces: list[Piece], trained: tuple[Dataset, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    arrays = {}
    for split, key in piano_rolls.SPLITS.items():
        rolls = [
            (piece.lines[:, :, None] == np.arange(88) + piano_rolls.LOWEST).any(axis=1).astype(np.uint8)
            for piece in pieces
            if piece.split == split
        ]
        arrays[key] = np.empty((1, len(rolls)), object)
        arrays[key][0] = [*rolls, None][: len(rolls)]
    scipy_io.savemat(tmp_path / "JSB_Chorales.mat", arrays)
    dataset, folder = trained
    line = [
        "--data",
        str(tmp_path / "JSB_Chorales.mat"),
        "--checkpoint",
        str(folder),
        "--out",
        str(tmp_path),
        "--json",
    ]
    assert piano_rolls.main(line) == 0
    own, trivial, *published = json.loads(capsys.readouterr().out)
    assert own["test"] == pytest.approx(mean_nats(load_checkpoint(folder), dataset, pieces, "test"))
    assert len(published) == len(piano_rolls.PUBLISHED["JSB_Chorales"])
    assert trivial["test"] == pytest.approx(_switching_by_hand(pieces))
    assert piano_rolls.main(["--data", str(tmp_path / "none.mat")]) == 2


def _switching_by_hand(pieces: list[Piece]) -> float:
    """Each key counted by itself, frame by frame."""
    counts: Counter[tuple[int, bool, bool]] = Counter()
    sets = {piece.name: [set(frame) - {-1} for frame in piece.lines.tolist()] for piece in pieces}
    for piece in pieces:
        if piece.split == "train":
            for before, now in itertools.pairwise(sets[piece.name]):
                counts.update((key, key in before, key in now) for key in range(128))
    nats, frames = 0.0, 0
    for piece in pieces:
        if piece.split == "test":
            for before, now in itertools.pairwise(sets[piece.name]):
                frames += 1
                for key in range(128):
                    each = [counts[key, key in before, there] + 0.5 for there in (False, True)]
                    nats -= math.log(each[key in now] / sum(each))
    return nats / frames
