"""Music beside the grid: every verb keeps what was played, and plays on."""

import json
from pathlib import Path

import numpy as np
import pytest
from symusic import Score

import musegen
from musegen.api.model import Model
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.music.metre import bar_ticks
from musegen.music.notes import all_onsets, note_arrays
from musegen.music.writing.midi import write_score
from musegen.tokenizers import Kind
from tests.played_fixtures import beat, play


@pytest.fixture(scope="module")
def model(drummer: Path) -> Model:
    return musegen.load(drummer)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Eight bars of drums, as they were played."""
    write_score(play(beat(4), 99), tmp_path / "take.mid")
    return tmp_path / "take.mid"


def rows(score: Score) -> set[tuple[int, ...]]:
    """Track, onset, duration, pitch and velocity of every note."""
    return {
        (number, *row)
        for number, track in enumerate(score.tracks)
        for row in zip(*(column.tolist() for column in note_arrays(track)), strict=True)
    }


def test_what_was_played_is_measured_and_said(
    played: Dataset, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (played.timing, tunes.timing) == ("beats", "grid")
    assert played.info["beat_strength"] > 0.5
    for number in range(3):
        write_score(play(beat(number), number), tmp_path / "beats" / f"{number}.mid")
    capsys.readouterr()
    prepare(str(tmp_path / "beats"), tmp_path / "kept")
    assert "% of onsets on a grid: kept as played, with a shift and a velocity" in capsys.readouterr().err
    rounded = prepare(str(tmp_path / "beats"), tmp_path / "rounded", timing="grid")
    assert rounded.timing == "grid"
    said = capsys.readouterr().err
    assert "of onsets on a grid: rounded to it" in said
    assert "performance timing" in said


def test_vocabularies_follow_the_dataset(model: Model, trained: Path) -> None:
    config = model.checkpoint.config.tokenizer
    assert (config.shift, config.velocity, config.programs) == (True, True, True)
    plain = musegen.load(trained).checkpoint
    assert (plain.config.tokenizer.shift, plain.config.tokenizer.velocity) == (False, False)
    assert not (plain.tokenizer.tables.kind == Kind.SHIFT).any()
    assert {token for token in model.checkpoint.data["known"] if token.startswith("MicroTiming")}


def test_new_pieces_are_played(model: Model, played: Dataset) -> None:
    pieces = model.generate(num=8, bars=4, seed=3)
    onsets = np.concatenate([all_onsets(piece.score) / piece.score.tpq * 4 for piece in pieces])
    assert np.mean(np.abs(onsets - np.round(onsets)) > 0.02) > 0.5
    velocities = np.concatenate([note_arrays(track)[3] for piece in pieces for track in piece.score.tracks])
    assert len(np.unique(velocities)) > 5
    assert all(len(bar_ticks(piece.score)) - 1 == 4 for piece in pieces)
    kit = {
        p
        for piece in played.split("train")
        for t in played.score(piece).tracks
        if t.is_drum
        for p in note_arrays(t)[2].tolist()
    }
    hits = {
        p for piece in pieces for t in piece.score.tracks if t.is_drum for p in note_arrays(t)[2].tolist()
    }
    assert hits <= kit


def test_a_played_prompt_comes_back_tick_for_tick(model: Model, take: Path) -> None:
    prompt = musegen.read(take).score
    for seed in range(4):
        piece = model.generate(prompt=take, bars=2, seed=seed)
        assert rows(prompt) <= rows(piece.score)
        new = sorted(rows(piece.score) - rows(prompt))
        assert new
        assert min(onset for _, onset, *_ in new) >= bar_ticks(prompt)[-1]
        assert len(bar_ticks(piece.score)) - 1 == 10


def test_a_gap_in_what_was_played_is_filled_with_what_is_played(model: Model, take: Path) -> None:
    whole = musegen.read(take).score
    begin, end = (int(bar_ticks(whole)[bar]) for bar in (2, 4))
    for seed in range(3):
        filled = model.fill(take, bars="3:4", seed=seed).score
        outside, inside = (
            {row for row in rows(score) if (begin <= row[1] < end) is within}
            for score, within in ((filled, False), (filled, True))
        )
        assert outside == {row for row in rows(whole) if not begin <= row[1] < end}
        assert inside


def test_a_kit_is_mapped_hit_by_hit(tmp_path: Path) -> None:
    played = play(beat(0), 1)
    for note in played.tracks[0].notes:
        note.pitch = {42: 22, 46: 26}.get(note.pitch, note.pitch)
    write_score(played, tmp_path / "beats" / "0.mid")
    raw, mapped = (
        prepare(str(tmp_path / "beats"), tmp_path / name, kit=kit)
        for name, kit in (("raw", None), ("gm", "roland"))
    )
    before, after = (each.score(each.pieces[0]).tracks[0] for each in (raw, mapped))
    assert set(note_arrays(before)[2].tolist()) == {22, 26, 36, 38}
    assert set(note_arrays(after)[2].tolist()) == {36, 38, 42, 46}
    assert note_arrays(before)[0].tolist() == note_arrays(after)[0].tolist()
    [line] = (mapped.path / "audit.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["repairs"] == ["24 hits mapped to General MIDI"]
    assert json.loads(line)["verdict"] == "used"


def test_unknown_kits_and_timings_are_refused(take: Path, tmp_path: Path) -> None:
    for name in ("kit", "timing"):
        with pytest.raises(musegen.MusegenError, match=f"{name} swing: it must be one of "):
            musegen.prepare(take, tmp_path / "out", **{name: "swing"})
    assert not (tmp_path / "out").exists()
    assert main(["prepare", str(take), "--out", str(tmp_path / "out"), "--kit", "swing"]) == 2
