"""Files of beats: recordings on them keep their times, and every fault is one line."""

from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, Tempo, Track

from musegen.data.prepare import prepare
from musegen.errors import DataError, MidiError
from musegen.music.beats import on_beats, read_beats
from musegen.music.free_time import seconds_at
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays

TIMES = np.cumsum([0.31, 0.5, 0.52, 0.47, 0.55, 0.5, 0.49, 0.53, 0.5, 0.5, 0.48, 0.51]) * 0.83


def waltz() -> Score:
    """A recording of a note on each beat, a little late, in a file of 120."""
    score = Score(480)
    score.tempos = [Tempo(0, 120.0)]
    score.tracks.append(Track("Piano", 0))
    score.tracks[0].notes.extend(
        [Note(round((t + 0.01) * 960), 300, 60 + n % 3, 80) for n, t in enumerate(TIMES)]
    )
    return score


def test_a_recording_is_put_on_its_beats(tmp_path: Path) -> None:
    rows = [f"{time:.3f}\t{float(n % 3 == 1)}\t0.0" for n, time in enumerate(TIMES)]
    (tmp_path / "beats.txt").write_text("\n".join(rows) + "\n")
    raw = waltz()
    score = on_beats(raw, read_beats(tmp_path / "beats.txt"))
    assert [(mark.numerator, mark.denominator) for mark in score.time_signatures] == [(3, 4)]
    before, after = (note_arrays(each.tracks[0])[0] for each in (raw, score))
    assert seconds_at(score, after) - seconds_at(score, after[:1]) == pytest.approx(
        seconds_at(raw, before) - seconds_at(raw, before[:1]), abs=3e-3
    )
    beats = after / score.tpq
    assert beats - np.round(beats) == pytest.approx(0.024, abs=0.005)
    assert np.round(beats[1::3]).astype(int) % 3 == pytest.approx(0)  # downbeats begin bars
    assert len(bar_ticks(score)) - 1 in (5, 6)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("0.5 1.0 0.9 1.5", "the beats of a.txt are not sorted: 1 s is followed by 0.9 s"),
        ("0.5 1.0", "a.txt has 2 beats: 4 or more are needed"),
        ("", "a.txt has 0 beats: 4 or more are needed"),
        ("0.5 nan 1.5 2.0", "a.txt has a beat at nan s: times are from 0 up"),
        ("-1 0.5 1.5 2.0", "a.txt has a beat at -1 s: times are from 0 up"),
        ("0.5 one 1.5 2.0", "a.txt is no file of beats, one time in seconds per line: "),
        ("0.5 1.0 90 91 92", "3 of 5 beats are past the end of the music, which is at 5.2 s"),
        (None, "no file of beats a.txt beside it that can be read"),
    ],
)
def test_faults_are_one_line(tmp_path: Path, lines: str | None, fault: str) -> None:
    if lines is not None:
        (tmp_path / "a.txt").write_text("\n".join(lines.split()))
    with pytest.raises(MidiError, match=fault):
        on_beats(waltz(), read_beats(tmp_path / "a.txt"))


def test_a_folder_with_beats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recordings are read with their beats; one without is left out with the reason."""
    for number in range(3):
        folder = tmp_path / "in" / str(number)
        folder.mkdir(parents=True)
        raw = waltz()
        raw.tracks[0].notes[0].pitch = 40 + number
        (folder / "take.mid").write_bytes(raw.dumps_midi())
        if number < 2:
            (folder / "take_beats.txt").write_text("\n".join(f"{time:.3f}" for time in TIMES))
    dataset = prepare(str(tmp_path / "in"), tmp_path / "out", workers=1, beats="*_beats.txt")
    assert (len(dataset.pieces), dataset.timing) == (2, "beats")
    assert dataset.info["rejected"] == {"no file of beats take_beats.txt beside it that can be read": 1}
    assert not any("files of beats" in warning for warning in dataset.info["warnings"])
    capsys.readouterr()
    free = prepare(str(tmp_path / "in"), tmp_path / "free", workers=1)
    assert free.timing == "free"
    assert "(take_beats.txt): name them with " in capsys.readouterr().err
    with pytest.raises(DataError, match="nothing to use"):
        prepare(str(tmp_path / "in"), tmp_path / "no", workers=1, beats="beat.txt")
