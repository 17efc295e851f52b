"""The benchmark of harmonising on chorales written as Allan and Williams have them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import allan_williams, harmonisation
from benchmarks.allan_williams import parse_chorale, read_chorales, sounding_spans
from benchmarks.harmonisation import build_dataset, is_valid
from benchmarks.sounding import (
    SILENCE,
    STATES,
    hold_or_draw_costs,
    legal_ids,
    music_span,
    sounding,
    voice_costs,
)
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.metrics.lines import voice_frames
from musegen.music.notes import note_arrays
from musegen.tokenizers import GridTokenizer

HEAD = "Choralname = x\nTonart = A-moll\nTakt = 3/4\n\nPHRASE\tTAKT\tSOPRAN\tALT\tTENOR\tBASS\tHARMONIK\n"
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "H")
FIRST_BARS = 12 * 16  # sixteenths taken of each piece


def test_a_text_is_read_as_it_is_written() -> None:
    lines = [
        "",
        "\t\tC#2\tA 1\tP\tA -1",
        "",
        "",
        "",
        "\t1\tC#2\tHb1\tE 0\t",
        "",
        "\t\t\t\tP\t",
        "\t\tD 9\t\t\t",
    ]
    metre, pickup, notes = parse_chorale(HEAD + "\n".join(lines), 7)
    assert metre == (3, 4)
    assert pickup == 4
    assert [tuple(note) for note in notes] == [
        (0, 0, 4, 73), (0, 4, 3, 73), (1, 0, 4, 69), (1, 4, 3, 70), (2, 4, 2, 52), (3, 0, 7, 45),
    ]  # fmt: skip


def test_equal_neighbours_are_held_and_what_falls_between_is_not_heard() -> None:
    row = [60] * 4 + [60, 62, 62, 62] + [-1] * 4 + [62, 64, 64, 64]
    spans = sounding_spans(np.array(row)[:, None], 4)
    assert [(s.onset, s.duration, s.pitch) for s in spans] == [(0, 8, 60), (12, 4, 62)]
    spans = sounding_spans(np.array(row)[:, None], 1)
    assert [(s.onset, s.duration) for s in spans] == [(0, 5), (5, 3), (12, 1), (13, 3)]


def as_text(frames: np.ndarray, pickup: int) -> str:
    """A chorale in 4/4 as Allan and Williams write it; every change of what sounds is an onset."""
    lines = [""]
    for t, pitches in enumerate(frames.tolist()):
        cells = ["", str(t // 16 + 1) if t % 16 == pickup else ""]
        for voice, pitch in enumerate(pitches):
            octave, name = divmod(pitch - 48, 12)
            mark = f"{NAMES[name]}{octave:2}" if pitch >= 0 else "P"
            cells.append("" if t and frames[t - 1, voice] == pitch else mark)
        lines.append("\t".join([*cells, ""]))
    return HEAD.replace("3/4", "4/4") + "\n".join(lines)


@pytest.fixture(scope="module")
def raw(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their folder, of the first bars of six chorales."""
    data = tmp_path_factory.mktemp("raw") / "allan-williams"
    (data / "music").mkdir(parents=True)
    ids = iter(f"{number:03}" for number in range(400) if not is_valid(f"bch{number:03}"))
    valid_id = next(f"{number:03}" for number in range(400) if is_valid(f"bch{number:03}"))
    rolls: dict[str, list[list[list[int]]]] = {"train": [], "valid": [], "test": []}
    rows = []
    for number, piece in enumerate(chorales.pieces):
        frames = voice_frames(chorales.score(piece))
        start = round(16 - 4 * piece.pickup) if piece.pickup else 0
        frames = frames[start:][:FIRST_BARS]
        split = "train" if number == 1 else piece.split  # the second one is for validation
        name = valid_id if number == 1 else next(ids)
        (data / "music" / f"bch{name}.txt").write_text(as_text(frames, round(4 * piece.pickup)), "latin-1")
        key = "A-moll" if number % 2 else "C-dur"
        rows.append({"split": split, "index": len(rolls[split]), "bch_id": name, "key": key})
        rolls[split].append(frames.tolist())
    (data.parent / "jsb-chorales").mkdir()
    (data.parent / "jsb-chorales" / "Jsb16thSeparated.json").write_text(json.dumps(rolls))
    with (data / "mapping-to-jsb16th.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["split", "index", "bch_id", "key"])
        writer.writeheader()
        writer.writerows(rows)
    return data


def test_the_canonical_split_has_the_notes(raw: Path, tmp_path: Path) -> None:
    assert allan_williams.main([str(raw), str(tmp_path)]) == 0
    pieces = list(read_chorales(raw))
    assert len(pieces) == len(list(tmp_path.glob("*/*.mid"))) == 6
    for piece in pieces:
        heard = np.full_like(piece.frames, -1)
        for note in piece.notes:
            heard[note.onset : note.onset + note.duration, note.voice] = note.pitch
        assert np.array_equal(heard, piece.frames)


def test_what_is_scored_is_what_sounds(raw: Path, tmp_path: Path) -> None:
    """Trained by the product's command, scored, and summed by hand from the frames."""
    flags = ["--model.hidden-size", "32", "--trainer.max-steps", "2", "--optim.batch-tokens", "2048"]
    words = ["--data", str(raw), "--out", str(tmp_path), "--json", *flags]
    assert harmonisation.main([*words, "--trainer.accelerator", "cpu"]) == 0
    dataset = build_dataset(raw, tmp_path, "quarter")
    checkpoint = load_checkpoint(tmp_path / "quarter-0")
    view = model_view(checkpoint, dataset)
    assert len(dataset.split("valid")) == 1
    assert len(view.indices("test")) == sum(piece.split != "train" for piece in read_chorales(raw))
    costs = {Path(c.name).name: c for c in voice_costs(checkpoint, dataset, view, view.indices("test"))}
    frames = {piece.name: piece.frames[::4] for piece in read_chorales(raw)}
    assert isinstance(checkpoint.tokenizer, GridTokenizer)
    tables = checkpoint.tokenizer.tables
    for index in view.indices("test"):
        name = Path(view.pieces[index].name).name
        ids = view.stream(index)
        begin, end = music_span(dataset, view, index, checkpoint.tokenizer)
        heard = np.where(sounding(ids, tables) == SILENCE, -1, sounding(ids, tables))
        assert np.array_equal(heard[begin:end], frames[name][:, 1:])
        assert costs[name].beats == len(frames[name])
        assert 0 < costs[name].nats / costs[name].beats < 3 * np.log(STATES) * 1.5
        assert (legal_ids(ids, tables).sum(axis=1) == STATES).all()


def test_each_next_sound_has_one_writing(choir: GridTokenizer) -> None:
    """Of the ids that are legal at a voice's position, each leads to another thing that sounds."""
    tables = choir.tables
    pitch, hold, rest = choir.pitch_id + 60, choir.hold_id, choir.rest_id
    metre = choir.vocab.index("TimeSig_4/4")
    ids = np.array(
        [choir.bos_id, choir.bar_id, metre, pitch, pitch, rest, rest, hold, pitch + 2, rest, pitch]
    )
    legal = legal_ids(ids, tables)
    for slot in range(8):
        outcomes = set()
        for id_ in np.flatnonzero(legal[slot]):
            trial = ids.copy()
            trial[3 + slot] = id_
            outcomes.add(int(sounding(trial, tables)[slot // 4, slot % 4]))
        assert outcomes == set(range(STATES))


def test_the_trivial_system_is_a_distribution() -> None:
    train = [np.array([[60], [60], [62], [SILENCE]]), np.array([[62], [60], [60], [60]])]
    first = hold_or_draw_costs(train, [np.array([[60]])])[0]
    after = hold_or_draw_costs(train, [np.array([[60], [state]]) for state in range(STATES)])
    assert np.exp(first - np.array(after)).sum() == pytest.approx(1)
    assert first - after[60] == pytest.approx(np.log((3 + 1) / (6 + 2)))
    assert after[62] < after[61]


def test_flags_of_training_do_not_go_with_a_checkpoint(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harmonisation.main(["--data", str(raw), "--checkpoint", "x", "--optim.lr", "1"]) == 2
    assert "--optim.lr is a flag of training" in capsys.readouterr().err


def test_voices_are_notes_of_the_dataset(raw: Path, tmp_path: Path) -> None:
    dataset = build_dataset(raw, tmp_path, "sixteenth")
    for piece in dataset.pieces:
        for track in dataset.score(piece).tracks:
            onsets, durations, pitches, _ = note_arrays(track)
            follows = onsets[1:] == (onsets + durations)[:-1]
            assert (pitches[1:] != pitches[:-1])[follows].all()  # no pitch is struck twice
