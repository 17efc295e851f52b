from pathlib import Path

import pytest

from benchmarks.infill import cases
from benchmarks.joins import AFTER, main, nats_per_note, rounds
from musegen.api.model import Model
from musegen.data.dataset import Dataset
from musegen.generation.backends import machine_of
from musegen.music.excerpt import bar_lines
from musegen.music.notes import note_arrays, put_notes


def test_rounds_go_on_after_the_last_piece(tunes: Dataset) -> None:
    once = len(cases(tunes, "train", 100, 0))
    assert len(list(rounds(tunes, "train", once + 2, 0))) == once + 2


def test_only_the_bar_after_the_gap_counts(tunes: Dataset, trained: Path) -> None:
    checkpoint = Model.load(trained).checkpoint
    machine, [case, *_] = machine_of(checkpoint), cases(tunes, "train", 1, 0)
    lines = bar_lines(case.score, AFTER + 1)
    figures = []
    for bar in (AFTER, AFTER + 1):  # another pitch in the bar, or in the next one
        other = case.score.copy()
        onsets, durations, pitches, velocities = note_arrays(other.tracks[0])
        pitches += 7 * ((onsets >= lines[bar - 1]) & (onsets < lines[bar]))
        put_notes(other.tracks[0], onsets, durations, pitches, velocities)
        figures.append(nats_per_note(other, machine, checkpoint.tokenizer))
    real = nats_per_note(case.score, machine, checkpoint.tokenizer)
    assert figures[1] == pytest.approx(real, rel=1e-5)
    assert figures[0] != pytest.approx(real, rel=1e-3)


def test_all_systems(trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(trained), str(trained), str(tunes.path), "--gaps", "2", "--rank", "2"]
    assert main(words) in (0, 1)
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("real music", "best of 2", "first sample", "4 bars before"))
