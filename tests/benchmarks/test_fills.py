"""The comparison finds what it is to find; and fills of a small model pass it."""

from pathlib import Path

import mido
import pytest

from benchmarks.fills import Fill, Music, bar_lines, differences, joined_differences, lost, main, read, split
from musegen.data.dataset import Dataset
from musegen.music.excerpt import excerpt
from musegen.music.writing.midi import write_score

BARS = Fill(0, "bars", "tiny", Path("a.mid"), None, {}, [(2, 2)])


@pytest.fixture
def folder(tunes: Dataset, tmp_path: Path) -> Path:
    for number, piece in enumerate(tunes.pieces[:4]):
        write_score(excerpt(tunes.score(piece), 0, 10), tmp_path / f"{number}.mid")
    return tmp_path


def changed(music: Music, at: int, message: bytes) -> Music:
    """With a message in place of event number `at` of the last track."""
    *others, track = music.tracks
    return music._replace(tracks=[*others, [*track[:at], (track[at][0], message), *track[at + 1 :]]])


def test_what_is_lost_or_moved_is_found(folder: Path) -> None:
    music = read(folder / "0.mid")
    lines = bar_lines(music, 10**4)
    assert lines
    span = [(lines[1], lines[2])]
    assert differences(music, music, span, BARS, is_line=True) == []
    track = music.tracks[-1]
    on = [place for place, (tick, message) in enumerate(track) if message[0] == 0x90 and message[2]]
    outside = next(place for place in on if track[place][0] < lines[1])
    louder = changed(music, outside, bytes([*track[outside][1][:2], 99]))
    assert any("lost" in each for each in differences(music, louder, span, BARS, is_line=True))
    inside = next(place for place in on if lines[1] <= track[place][0] < lines[2])
    louder = changed(music, inside, bytes([*track[inside][1][:2], 99]))
    assert differences(music, louder, span, BARS, is_line=True) == []
    swapped = [*track[1::-1], *track[2:]]
    assert "order" in lost(split(track), split(swapped))[0]


def test_other_rhythms_contours_and_bars_are_found(folder: Path) -> None:
    music = read(folder / "0.mid")
    lines = bar_lines(music, 10**4)
    assert lines
    span = [(lines[1], lines[2])]
    track = music.tracks[-1]
    [first, *_] = [p for p, (tick, m) in enumerate(track) if m[0] == 0x90 and m[2] and tick >= lines[1]]
    pitch = track[first][1][1]
    end = next(p for p, (_, m) in enumerate(track) if p > first and m[1] == pitch and m[0] & 0xF0 == 0x80)
    high = [(t, bytes([m[0], 127, m[2]]) if p in (first, end) else m) for p, (t, m) in enumerate(track)]
    higher = music._replace(tracks=[*music.tracks[:-1], high])
    assert differences(music, higher, span, BARS, is_line=True) == []
    assert differences(music, higher, span, BARS._replace(kind="rhythm"), is_line=True) == []
    assert (
        "another contour" in differences(music, higher, span, BARS._replace(kind="contour"), is_line=True)[0]
    )
    moved = [(t + (lines[2] if p == end else 0), m) for p, (t, m) in enumerate(high)]
    late = sorted(moved, key=lambda event: event[0])
    longer = music._replace(tracks=[*music.tracks[:-1], late])
    assert "leaves its bars" in str(differences(music, longer, span, BARS, is_line=True))
    assert "rhythm" in str(differences(music, longer, span, BARS._replace(kind="rhythm"), is_line=True))


def test_a_second_file_that_is_cut_is_found(folder: Path) -> None:
    music = read(folder / "0.mid")
    lines = bar_lines(music, 10**6)
    assert lines
    shift = lines[10]
    tracks = [[*own, *((tick + shift, m) for tick, m in own if m[:2] != b"\xff\x58")] for own in music.tracks]
    after = music._replace(tracks=[sorted(own, key=lambda event: event[0]) for own in tracks])
    assert joined_differences(music, music, after, shift, (shift, shift)) == []
    cut = after._replace(tracks=[own[:-3] for own in after.tracks])
    assert "lost" in str(joined_differences(music, music, cut, shift, (shift, shift)))


def test_bar_lines_with_a_change_inside_a_bar() -> None:
    marks = [mido.MetaMessage("time_signature", numerator=3, denominator=4, time=time) for time in (0, 700)]
    events = [(0, bytes(marks[0].bytes())), (700, bytes(marks[1].bytes()))]
    assert bar_lines(Music(480, [events]), 4000) is None
    assert bar_lines(Music(480, [events[:1]]), 3000) == [0, 1440, 2880, 4320]


def test_fills_of_a_small_model(folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--checkpoints", str(trained), "--fills", "14"]) == 0
    assert "failures: 0" in capsys.readouterr().out


def test_fills_of_tracks(
    filler: Path, chorales: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, piece in enumerate(chorales.pieces[:2]):
        write_score(chorales.score(piece), tmp_path / f"{number}.mid")
    assert main([str(tmp_path), "--checkpoints", str(filler), "--fills", "12"]) == 0
    shown = capsys.readouterr().out
    assert "failures: 0" in shown
    assert "tracks: " in shown
    assert "cells: " in shown
