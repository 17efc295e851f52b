"""Missing tracks and cells, filled by a model with holes: what is given stays, by mido's reading."""

import io
from pathlib import Path

import mido
import pytest

import musegen
from musegen.api.model import Model
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.errors import MusegenError
from musegen.music.excerpt import excerpt
from musegen.music.metre import bar_ticks
from musegen.music.writing.midi import write_score
from tests.cli.test_main import refused

VOICES = ("Soprano", "Alto", "Tenor", "Bass")


@pytest.fixture(scope="module", params=["filler", "band"])
def model(request: pytest.FixtureRequest) -> Model:
    """A grid, and events."""
    return musegen.load(request.getfixturevalue(request.param))


@pytest.fixture
def hymn(chorales: Dataset, tmp_path: Path) -> Path:
    """Eight bars in four voices, with a pedal in the alto and words in the soprano."""
    write_score(excerpt(chorales.score(chorales.pieces[0]), 0, 8), tmp_path / "plain.mid")
    midi = mido.MidiFile(tmp_path / "plain.mid")
    for track in midi.tracks:
        if track.name == "Alto":
            channel = next(message.channel for message in track if message.type == "note_on")
            for value in (127, 0):
                track.insert(3, mido.Message("control_change", channel=channel, control=64, value=value))
        if track.name == "Soprano":
            track.insert(2, mido.MetaMessage("lyrics", text="Ach"))
    midi.save(tmp_path / "hymn.mid")
    return tmp_path / "hymn.mid"


def events(source: Path | bytes) -> dict[str, list[tuple[int, str]]]:
    """All events of each track by name, at their ticks, as mido reads them; end marks aside."""
    file = {"file": io.BytesIO(source)} if isinstance(source, bytes) else {"filename": source}
    found = {}
    for number, track in enumerate(mido.MidiFile(**file).tracks):
        tick, own = 0, []
        for message in track:
            tick += message.time
            if message.type != "end_of_track":
                own.append((tick, str(message.copy(time=0))))
        found[track.name or f"track {number}"] = own
    return found


def onsets(own: list[tuple[int, str]]) -> list[int]:
    return [tick for tick, text in own if text.startswith("note_on") and "velocity=0" not in text]


def others(own: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [event for event in own if not event[1].startswith("note_")]


@pytest.mark.parametrize("wanted", ["tenor", "alto,bass", "2", "soprano"])
def test_whole_tracks(wanted: str, model: Model, hymn: Path, tmp_path: Path) -> None:
    """Those that are not named stay event for event; of those that are, all but the notes."""
    before = events(hymn)
    piece = model.fill(hymn, tracks=wanted, seed=2)
    after = events(piece.save(tmp_path / "new.mid"))
    missing = {"2": ["Alto"]}.get(wanted, [name.capitalize() for name in wanted.split(",")])
    assert list(after) == list(before)
    for name in before:
        kept = others if name in missing else list
        assert kept(after[name]) == kept(before[name])
    assert piece.result.filled is not None
    assert piece.result.filled["tracks"] == [VOICES.index(name) + 1 for name in missing]


def test_cells_of_a_track(model: Model, hymn: Path, chorales: Dataset, tmp_path: Path) -> None:
    """Only the notes of that track in these bars are new."""
    lines = bar_ticks(excerpt(chorales.score(chorales.pieces[0]), 0, 8))
    before, changed = events(hymn), 0
    for seed in range(3):
        after = events(model.fill(hymn, tracks="tenor", bars="3:4", seed=seed).save(tmp_path / "new.mid"))
        for name in before:
            if name != "Tenor":
                assert after[name] == before[name]
        old, new = onsets(before["Tenor"]), onsets(after["Tenor"])
        outside = [[t for t in each if not lines[2] <= t < lines[4]] for each in (old, new)]
        assert outside[0] == outside[1]
        changed += after["Tenor"] != before["Tenor"]
    assert changed


def test_bars_of_all_tracks(model: Model, hymn: Path, chorales: Dataset, tmp_path: Path) -> None:
    lines = bar_ticks(excerpt(chorales.score(chorales.pieces[0]), 0, 8))
    after, before = events(model.fill(hymn, bars="5:6", seed=1).save(tmp_path / "new.mid")), events(hymn)
    for name in before:
        assert others(after[name]) == others(before[name])
        for tick in onsets(before[name]):
            assert lines[4] <= tick < lines[6] or tick in onsets(after[name])


def test_a_track_that_is_not_there_is_new(model: Model, hymn: Path, tmp_path: Path) -> None:
    midi = mido.MidiFile(hymn)
    midi.tracks = [track for track in midi.tracks if track.name != "Tenor"]
    midi.save(tmp_path / "three.mid")
    before = events(tmp_path / "three.mid")
    after = events(model.fill(tmp_path / "three.mid", tracks="tenor", seed=0).save(tmp_path / "new.mid"))
    assert set(after) - set(before) == {"Tenor"}
    assert {name: after[name] for name in before} == before


def test_the_same_seed_the_same_bytes_and_one_of_several(model: Model, hymn: Path, tmp_path: Path) -> None:
    one, again = (model.fill(hymn, tracks="alto", seed=5).save(tmp_path / f"{n}.mid") for n in "ab")
    assert one.read_bytes() == again.read_bytes()
    several = model.fill(hymn, tracks="alto", seed=5, num=3)
    assert several[0].save(tmp_path / "c.mid").read_bytes() == one.read_bytes()
    ranked = model.fill(hymn, tracks="alto", seed=5, num=2, rank=6)
    odds = [each.result.log_likelihood / max(1, len(each.result.ids)) for each in ranked]
    if model.checkpoint.tokenizer.tables.voices:  # as many ids in each
        assert odds == sorted(odds, reverse=True)


def test_accompanying_is_filling(model: Model, hymn: Path, tmp_path: Path) -> None:
    """The soprano is the tune, and stays as it is; the other parts are the model's."""
    before, after = events(hymn), events(model.accompany(hymn, seed=1).save(tmp_path / "new.mid"))
    assert onsets(after["Soprano"]) == onsets(before["Soprano"])
    assert set(after) <= {"conductor", *VOICES}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tracks": "kazoo"}, "'kazoo': there are the tracks"),
        ({"tracks": "9"}, "9: the model knows no such track"),
        ({"tracks": "soprano,alto,tenor,bass"}, "nothing given"),
        ({"bars": "1:8"}, "all 8 bars"),
        ({}, "nothing is missing"),
        ({"tracks": "alto", "bars": "7:9"}, "bar 9, and .*hymn.mid has 8 bars"),
    ],
)
def test_what_cannot_be_filled_is_one_line(
    options: dict[str, str], message: str, model: Model, hymn: Path
) -> None:
    with pytest.raises(MusegenError, match=message):
        model.fill(hymn, **options)  # type: ignore[arg-type]


def test_a_language_model_fills_bars_alone(trained: Path, hymn: Path) -> None:
    with pytest.raises(MusegenError, match="trained with missing tracks"):
        musegen.load(trained).fill(hymn, tracks="alto")


def test_the_command_line(
    filler: Path, hymn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--tracks", "alto, bass", "--bars", "2:3", "--out", str(tmp_path / "o")]
    assert main(["fill", str(filler), str(hymn), *arguments]) == 0
    assert (tmp_path / "o" / "001.mid").is_file()
    capsys.readouterr()
    line = refused(capsys, "fill", filler, hymn, "--tracks", "kazoo", "--out", tmp_path / "p")
    assert "--tracks has 'kazoo'" in line
    assert not (tmp_path / "p").exists()
