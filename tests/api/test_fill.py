"""New bars in the gaps of a piece: what is given stays event for event, by mido's reading of both files."""

import io
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
from symusic import Note, Score, Tempo, TimeSignature, Track

import musegen
from musegen.api.model import Model
from musegen.cli import main
from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.errors import MusegenError
from musegen.generation.backends import machine_of
from musegen.generation.contour import directions
from musegen.generation.engine import stream_nats
from musegen.music.excerpt import excerpt
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from musegen.tokenizers import Kind
from musegen.training.train import train
from tests.cli.test_main import refused
from tests.music_fixtures import TINY

Played = tuple[int, int, int]
"""Onset, end and pitch."""


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return musegen.load(trained)


@pytest.fixture
def tune(tunes: Dataset, tmp_path: Path) -> Path:
    """Twelve bars of one line in one metre."""
    write_score(excerpt(tunes.score(tunes.pieces[0]), 0, 12), tmp_path / "tune.mid")
    return tmp_path / "tune.mid"


@pytest.fixture
def rich(tune: Path, tmp_path: Path) -> Path:
    """The same with all that a MIDI file can have, and a bass and drums."""
    plain = mido.MidiFile(tune)
    quarter = plain.ticks_per_beat
    extra: list[tuple[int, mido.Message | mido.MetaMessage]] = [
        (quarter * n // 2, mido.Message("control_change", channel=0, control=64, value=127 * (n % 2)))
        for n in range(60)
    ]
    extra += [(quarter * n, mido.MetaMessage("lyrics", text=f"la{n}")) for n in range(30)]
    extra += [(quarter * n + 7, mido.Message("pitchwheel", channel=0, pitch=n)) for n in range(30)]
    extra += [
        (0, mido.Message("sysex", data=(65, 16, 66))),
        (quarter * 9, mido.Message("program_change", channel=0, program=50)),
        (quarter * 10, mido.Message("aftertouch", channel=0, value=9)),
        (quarter * 11, mido.Message("polytouch", channel=0, note=60, value=9)),
    ]
    rewrite(plain.tracks[1], extra)
    marks = [(quarter * n, mido.MetaMessage("set_tempo", tempo=400_000 + n)) for n in (5, 12, 20)]
    rewrite(plain.tracks[0], [*marks, (quarter * 6, mido.MetaMessage("marker", text="B"))])
    for channel, pitch in ((4, 36), (9, 38)):
        own = mido.MidiTrack()
        for _ in range(24):
            own.append(mido.Message("note_on", channel=channel, note=pitch, velocity=60))
            own.append(mido.Message("note_off", channel=channel, note=pitch, time=quarter))
        plain.tracks.append(own)
    plain.save(tmp_path / "rich.mid")
    return tmp_path / "rich.mid"


def rewrite(track: mido.MidiTrack, extra: Sequence[tuple[int, mido.Message | mido.MetaMessage]]) -> None:
    """Put events at absolute ticks into a track, in place."""
    now, events = 0, []
    for message in track[:-1]:
        now += message.time
        events.append((now, message))
    events = sorted([*events, *extra], key=lambda event: event[0])
    track[:] = [
        message.copy(time=tick - before) for (before, _), (tick, message) in pairwise([(0, None), *events])
    ]


def split(path: Path, begin: int, end: int, channels: set[int]) -> tuple[Counter[str], list[Played]]:
    """All events but those of the notes of some channels that start in a span; and these notes."""
    others: Counter[str] = Counter()
    notes: list[Played] = []
    for number, track in enumerate(mido.MidiFile(path).tracks):
        now, sounding = 0, defaultdict[tuple[int, int], deque[int]](deque)
        for message in track[:-1]:
            now += message.time
            is_note = message.type in ("note_on", "note_off")
            key = (message.channel, message.note) if is_note else (-1, -1)
            if is_note and message.type == "note_on" and message.velocity:
                sounding[key].append(now)
                onset = now
            elif is_note:
                onset = sounding[key].popleft()
                if key[0] in channels and begin <= onset < end:
                    notes.append((onset, now, message.note))
            if not (is_note and key[0] in channels and begin <= onset < end):
                others[f"{number} {now} {message.copy(time=0)}"] += 1
    return others, notes


def spans_of(path: Path, first: int, last: int) -> tuple[int, int]:
    """Begin and end of some bars of a file without pickup."""
    lines = bar_ticks(read_score(path)[0])
    return int(lines[first - 1]), int(lines[last])


@pytest.mark.parametrize(("first", "last"), [(5, 8), (1, 2), (9, 12), (4, 4)])
def test_all_that_is_given_stays(
    model: Model, rich: Path, tmp_path: Path, first: int, last: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pieces = model.fill(rich, bars=f"{first}:{last}", num=2, seed=3, melody="1")
    assert "tiny writes one line: it fills track 1" in capsys.readouterr().err
    begin, end = spans_of(rich, first, last)
    given, old = split(rich, begin, end, {0})
    for number, piece in enumerate(pieces):
        path = piece.save(tmp_path / f"{number}.mid")
        kept, new = split(path, begin, end, {0})
        assert kept == given
        assert new
        assert new != old
        assert all(begin <= onset < stop <= end for onset, stop, _ in new)
        assert piece.result.filled is not None
        assert piece.result.filled["notes"] == len(new)


def test_two_gaps(model: Model, rich: Path, tmp_path: Path) -> None:
    piece = model.fill(rich, bars=["2:3", "7:8"], seed=3, melody="1")
    path = piece.save(tmp_path / "new.mid")
    spans = [spans_of(rich, 2, 3), spans_of(rich, 7, 8)]
    for begin, end in spans:
        assert split(path, begin, end, {0})[1]
    everything = 0, spans[1][1] + 10**6
    given, kept = (split(each, *everything, {0})[1] for each in (rich, path))
    outside = [[n for n in own if not any(b <= n[0] < e for b, e in spans)] for own in (given, kept)]
    assert outside[0] == outside[1]
    assert model.fill(rich, bars="7:8 2:3", seed=3, melody="1").result.midi == piece.result.midi


def test_a_pickup_is_bar_1(model: Model, tmp_path: Path) -> None:
    """What is written in it starts in it, not in the rest that the model reads before it."""
    score = Score(480)
    score.time_signatures = [TimeSignature(0, 1, 4), TimeSignature(480, 3, 4)]
    score.tracks.append(Track("tune", 40))
    score.tracks[0].notes = [Note(240 * n, 240, 60 + n % 5, 80) for n in range(2 + 6 * 6)]
    write_score(score, tmp_path / "pickup.mid")
    given, _ = split(tmp_path / "pickup.mid", 0, 480 + 1440, {0})
    for seed in range(5):
        path = model.fill(tmp_path / "pickup.mid", bars="1:2", seed=seed).save(tmp_path / f"{seed}.mid")
        kept, new = split(path, 0, 480 + 1440, {0})
        assert kept == given
        assert any(onset < 480 for onset, *_ in new)


def test_metres_in_the_gap_are_those_of_the_file(model: Model, tmp_path: Path) -> None:
    score = Score(480)
    score.time_signatures = [TimeSignature(0, 4, 4), TimeSignature(4 * 1920, 6, 8)]
    score.tracks.append(Track("tune", 40))
    score.tracks[0].notes = [Note(480 * n, 480, 60 + n % 5, 80) for n in range(16 + 12)]
    write_score(score, tmp_path / "metres.mid")
    piece = model.fill(tmp_path / "metres.mid", bars="4:5", seed=0)
    marks = [(mark.time, mark.numerator) for mark in piece.score.time_signatures]
    assert marks == [(0, 4), (4 * 1920, 6)]
    tables = model.checkpoint.tokenizer.tables
    metres = [id_ for id_ in piece.result.ids if tables.kind[id_] == Kind.TIME_SIGNATURE]
    assert metres == [metres[0]] * 4 + [metres[-1]] * 4


def test_the_ranking_is_the_likelihood_of_the_new_bars_and_of_the_next(model: Model, tune: Path) -> None:
    """As they are of the file that was written, read again."""
    pieces = model.fill(tune, bars="5:8", num=4, rank=6, seed=2)
    tokenizer, machine = model.checkpoint.tokenizer, machine_of(model.checkpoint)
    ratings = []
    for piece in pieces:
        ids = tokenizer.encode(piece.score)
        assert ids.tolist()[1:-1] == piece.result.ids[1:]
        [nats] = stream_nats(machine, [[piece.result.ids[0], *ids[1:].tolist()]], [])
        bar = np.cumsum(tokenizer.tables.kind[ids] == Kind.BAR)[1:]
        assert piece.result.filled is not None
        after = piece.result.filled["log_likelihood_after"]
        assert after == pytest.approx(-nats[bar > 8].sum(), rel=1e-4)
        line, stop = (int(np.flatnonzero(bar == number)[0]) for number in (5, 9))
        assert piece.log_likelihood == pytest.approx(-nats[line + 1 : stop].sum(), rel=1e-4)
        ratings.append(-nats[line + 1 : stop].mean() - nats[bar == 9].mean())
    assert ratings == sorted(ratings, reverse=True)


def test_rhythm_keep(model: Model, tune: Path, tmp_path: Path) -> None:
    begin, end = spans_of(tune, 5, 8)
    _, old = split(tune, begin, end, {0})
    pieces = model.fill(tune, bars="5:8", rhythm="keep", num=3, seed=1)
    for piece in pieces:
        _, new = split(piece.save(tmp_path / "new.mid"), begin, end, {0})
        assert sorted(note[:2] for note in new) == sorted(note[:2] for note in old)
        assert new != old


def test_a_note_that_the_model_reads_in_another_bar_has_no_rhythm_to_keep(model: Model, tune: Path) -> None:
    """Played two ticks early, the first note of a gap is before it, and would come twice."""
    begin, end = spans_of(tune, 5, 8)
    score = read_score(tune)[0]
    notes = sorted(score.tracks[0].notes, key=lambda note: note.time)
    first = next(note for note in notes if begin <= note.time < end)
    assert first.time == begin
    for note in notes:
        if note.time < begin < note.time + note.duration + 2:
            note.duration -= 2
    first.time -= 2
    score.tracks[0].notes = notes
    write_score(score, tune)
    with pytest.raises(MusegenError, match="off the grid of the model"):
        model.fill(tune, bars="5:8", rhythm="keep")
    assert model.fill(tune, bars="5:8", seed=1).result.midi


def test_held_notes_of_a_grid_stay_and_nothing_of_their_voice_starts(
    chorales: Dataset, tmp_path: Path
) -> None:
    grid = replace(SHORT, tokenizer=TokenizerConfig(kind="grid"))
    choir = musegen.load(train(grid, chorales, tmp_path / "grid"))
    score = excerpt(chorales.score(chorales.pieces[0]), 0, 8)
    begin, held = int(bar_ticks(score)[2]), score.tpq * 3
    bass = score.tracks[-1]
    before = [note for note in bass.notes if note.time < begin]
    later = [note for note in bass.notes if note.time >= begin + held]
    before[-1].duration = begin + held - before[-1].time
    bass.notes = [*before, *later]
    write_score(score, tmp_path / "held.mid")
    last = mido.MidiFile(tmp_path / "held.mid")
    channels = {m.channel for own in last.tracks for m in own if m.type == "note_on"}
    first, stop = spans_of(tmp_path / "held.mid", 3, 4)
    given, _ = split(tmp_path / "held.mid", first, stop, channels)
    for seed in range(3):
        piece = choir.fill(tmp_path / "held.mid", bars="3:4", seed=seed, rank=2)
        kept, new = split(piece.save(tmp_path / "new.mid"), first, stop, channels)
        assert kept == given
        assert new
        starts = [note.time for note in piece.score.tracks[-1].notes if first <= note.time < stop]
        assert min(starts, default=stop) >= begin + held


def test_contour_keep(model: Model, tunes: Dataset, tmp_path: Path) -> None:
    """In its rhythm, from the note before the gap to the one after it, by mido's reading."""
    for number, piece in enumerate(tunes.pieces[:4]):
        score = excerpt(tunes.score(piece), 0, 12)
        write_score(score, tmp_path / "tune.mid")
        everything = split(tmp_path / "tune.mid", 0, 10**9, {0})[1]
        for filled in model.fill(tmp_path / "tune.mid", bars="5:8", contour="keep", num=3, seed=number):
            found = split(filled.save(tmp_path / "new.mid"), 0, 10**9, {0})[1]
            assert [note[:2] for note in found] == [note[:2] for note in everything]
            assert directions([pitch for *_, pitch in found]) == directions([p for *_, p in everything])
            assert found != everything


def test_contour_keep_where_hardly_a_pitch_is_left(model: Model, tune: Path, tmp_path: Path) -> None:
    """A long fall to the lowest pitch of all: there is always a way, the old one."""
    score = read_score(tune)[0]
    onsets = [note.time for note in score.tracks[0].notes]
    begin, end = spans_of(tune, 5, 8)
    falling = [onset for onset in onsets if begin <= onset < end]
    for note in score.tracks[0].notes:
        if begin <= note.time < end:
            note.pitch = 55 + len(falling) - 1 - falling.index(note.time)
    write_score(score, tmp_path / "falling.mid")
    old = split(tmp_path / "falling.mid", begin, end, {0})[1]
    for piece in model.fill(tmp_path / "falling.mid", bars="5:8", contour="keep", num=3, seed=1):
        new = split(piece.save(tmp_path / "new.mid"), begin, end, {0})[1]
        assert directions([pitch for *_, pitch in new]) == directions([pitch for *_, pitch in old])


def test_contour_of_several_voices(chorales: Dataset, tmp_path: Path) -> None:
    """Each has its own."""
    choir = musegen.load(train(SHORT, chorales, tmp_path / "choir"))
    score = excerpt(chorales.score(chorales.pieces[0]), 0, 8)
    piece = choir.fill(score, bars="3:4", rank=2, seed=1, contour="keep")
    check_voices(score, piece.score)
    for old, new in zip(score.tracks, piece.score.tracks, strict=True):
        assert [(n.time, n.duration) for n in new.notes] == [(n.time, n.duration) for n in old.notes]
        assert directions([n.pitch for n in new.notes]) == directions([n.pitch for n in old.notes])


def test_density(model: Model, tune: Path, tmp_path: Path) -> None:
    """Also of a model that has hardly been trained; the manifest has both figures."""
    begin, end = spans_of(tune, 5, 8)
    for density in (1, 2.5, 5):
        piece = model.fill(tune, bars="5:8", density=density, seed=2)
        new = split(piece.save(tmp_path / "new.mid"), begin, end, {0})[1]
        assert piece.result.filled is not None
        assert piece.result.filled["density"] == density
        assert piece.result.filled["notes_per_bar"] == len(new) / 4
        assert len(new) == pytest.approx(4 * density, abs=1)
    with pytest.raises(MusegenError, match="density"):
        model.fill(tune, bars="5:8", density=0)


def test_density_of_several_voices(chorales: Dataset, tmp_path: Path) -> None:
    """The more are requested, the more there are, in models that know instruments and that do not."""
    score = excerpt(chorales.score(chorales.pieces[0]), 0, 8)
    for number, programs in enumerate((True, False)):
        config = replace(SHORT, tokenizer=TokenizerConfig(programs=programs))
        choir = musegen.load(train(config, chorales, tmp_path / str(number)))
        counts = [
            choir.fill(score, bars="3:4", density=density, rank=4, seed=1).result.filled["notes"]
            for density in (2, 8, 16)
        ]
        assert counts == sorted(counts)
        assert counts[-1] > 2 * counts[0]


def test_density_needs_events(chorales: Dataset, tmp_path: Path) -> None:
    grid = replace(SHORT, tokenizer=TokenizerConfig(kind="grid"))
    choir = musegen.load(train(grid, chorales, tmp_path / "grid"))
    for control in ({"density": 4.0}, {"rhythm": "keep"}, {"contour": "keep"}):
        with pytest.raises(MusegenError, match="has a grid"):
            choir.fill(chorales.score(chorales.pieces[0]), bars="3:4", **control)  # type: ignore[arg-type]


def test_at_the_end_the_most_likely_bars_come_first(model: Model, tune: Path) -> None:
    """Per id; and candidate i of a seed is the same, however many there are."""
    pieces = model.fill(tune, bars="11:12", num=6, rank=6, seed=3)
    kind = model.checkpoint.tokenizer.tables.kind
    means = []
    for piece in pieces:
        ids = np.array(piece.result.ids)
        new = len(ids) - np.flatnonzero(np.cumsum(kind[ids] == Kind.BAR) == 11)[0]  # EOS, not the bar line
        means.append(piece.log_likelihood / new)
    assert means == sorted(means, reverse=True)
    assert model.fill(tune, bars="11:12", rank=6, seed=3).result.midi == pieces[0].result.midi


def test_until(model: Model, tune: Path, tunes: Dataset, tmp_path: Path) -> None:
    first = tunes.score(tunes.pieces[0])
    write_score(excerpt(first, 0, 4), tmp_path / "begin.mid")
    write_score(excerpt(first, 8, 12), tmp_path / "end.mid")
    options = {"bars": "5:6", "until": tmp_path / "end.mid", "seed": 1}
    piece = model.fill(tmp_path / "begin.mid", **options)
    lines = bar_ticks(piece.score)
    assert len(lines) - 1 == 10
    [track] = piece.score.tracks
    whole = [(n.time, n.duration, n.pitch) for n in track.notes]
    one, other = (
        [(n.time, n.duration, n.pitch) for n in read_score(tmp_path / name)[0].tracks[0].notes]
        for name in ("begin.mid", "end.mid")
    )
    after = [(time - int(lines[6]), *rest) for time, *rest in whole if time >= lines[6]]
    assert [note for note in whole if note[0] < lines[4]] == one
    assert after == other
    assert len(whole) > len(one) + len(other)


def test_until_keeps_what_the_second_file_is(
    model: Model, tune: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its later time signatures, its tempo and instrument, though it names neither; track names are lost."""
    first = excerpt(read_score(tune)[0], 0, 4)
    first.tracks[0].name, first.tracks[0].program = "Fiddle", 40
    first.tempos = [Tempo(0, qpm=90)]
    write_score(first, tmp_path / "begin.mid")
    [metre] = {(mark.numerator, mark.denominator) for mark in first.time_signatures}
    bar = 480 * 4 * metre[0] // metre[1]
    plain = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="Tin whistle")])
    plain.tracks.append(track)
    events: list[tuple[int, mido.Message | mido.MetaMessage]] = [
        (0, mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])),
        (2 * bar, mido.MetaMessage("time_signature", numerator=5, denominator=4)),
    ]
    for at in range(0, 2 * bar + 2400, 240):
        events += [
            (at, mido.Message("note_on", channel=2, note=70)),
            (at + 240, mido.Message("note_off", channel=2, note=70)),
        ]
    track.append(mido.MetaMessage("end_of_track"))
    rewrite(track, events)
    plain.save(tmp_path / "end.mid")
    piece = model.fill(tmp_path / "begin.mid", bars="5:6", until=tmp_path / "end.mid", seed=1)
    said = capsys.readouterr().err
    assert (
        "end.mid goes on in the tracks of the tune: its track names 'Tin whistle' and its channels 3 are not"
        in said
    )
    lines, score = bar_ticks(piece.score), piece.score
    assert len(lines) - 1 == 4 + 2 + 2 + 1
    assert [(m.time, m.numerator, m.denominator) for m in score.time_signatures][1:] == [(lines[8], 5, 4)]
    assert [(mark.time, round(mark.qpm)) for mark in score.tempos] == [(0, 90), (lines[6], 120)]
    written = mido.MidiFile(piece.save(tmp_path / "new.mid"))
    changes = [
        (tick, m.program) for own in written.tracks for tick, m in absolute(own) if m.type == "program_change"
    ]
    assert changes[-1] == (lines[6], 0)
    assert not any(m.type == "track_name" and m.name == "Tin whistle" for own in written.tracks for m in own)


def absolute(track: mido.MidiTrack) -> list[tuple[int, mido.Message | mido.MetaMessage]]:
    """The messages of a track with their ticks."""
    return list(zip(np.cumsum([message.time for message in track]).tolist(), track, strict=True))


SHORT = replace(TINY, trainer=replace(TINY.trainer, max_steps=2, val_check_interval=2))


def test_several_voices_without_programs(chorales: Dataset, tmp_path: Path) -> None:
    """Each new note is on the track that is nearest to it."""
    config = replace(SHORT, tokenizer=TokenizerConfig(programs=False))
    organ = musegen.load(train(config, chorales, tmp_path / "organ"))
    score = excerpt(chorales.score(chorales.pieces[0]), 0, 8)
    piece = organ.fill(score, bars="3:4", rank=2, seed=1)
    check_voices(score, piece.score)


@pytest.mark.parametrize("tokenizer", [TokenizerConfig(), TokenizerConfig(kind="grid")])
def test_several_voices(
    chorales: Dataset, tmp_path: Path, tokenizer: TokenizerConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a track that the model does not know stays as it is."""
    choir = musegen.load(train(replace(SHORT, tokenizer=tokenizer), chorales, tmp_path / "choir"))
    score = excerpt(chorales.score(chorales.pieces[0]), 0, 8)
    score.tracks.append(Track("Kazoo", 80))
    score.tracks[-1].notes = [Note(score.tpq * n, score.tpq, 80, 70) for n in range(28)]
    piece = choir.fill(score, bars="3:4", rank=2, seed=1)
    assert "the others stay as they are" in capsys.readouterr().err
    kazoo = [[(n.time, n.pitch) for n in each.tracks[-1].notes] for each in (score, piece.score)]
    assert kazoo[0] == kazoo[1]
    check_voices(score, piece.score)


def check_voices(before: Score, after: Score) -> None:
    """Bars 3 and 4 alone changed, in the same tracks."""
    assert [track.name for track in after.tracks] == [track.name for track in before.tracks]
    begin, end = bar_ticks(before)[[2, 4]].tolist()
    changed = 0
    for own, new in zip(before.tracks, after.tracks, strict=True):
        old, now = ([(n.time, n.duration, n.pitch) for n in track.notes] for track in (own, new))
        inside = [{note for note in notes if begin <= note[0] < end} for notes in (old, now)]
        assert set(old) - inside[0] == set(now) - inside[1]
        assert all(time + duration <= end for time, duration, _ in inside[1])
        changed += len(inside[1] - inside[0])
    assert changed


def test_the_command_line(
    trained: Path, tune: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["fill", str(trained), str(tune), "--bars", "5:8", "--seed", "7", "--rank", "5", "--no-picture"]
    for name, num in (("one", "1"), ("four", "4"), ("again", "4")):
        assert main([*line, "--num", num, "--out", str(tmp_path / name)]) == 0
    first = (tmp_path / "one/001.mid").read_bytes()
    assert first == (tmp_path / "four/001.mid").read_bytes()
    for number in range(1, 5):
        same = [(tmp_path / name / f"00{number}.mid").read_bytes() for name in ("four", "again")]
        assert same[0] == same[1]
    capsys.readouterr()
    assert main([*line, "--json", "--out", str(tmp_path / "json")]) == 0
    manifest = io.StringIO(capsys.readouterr().out).read()
    assert '"bars": [\n          "5:8"\n        ]' in manifest
    assert musegen.load(trained).fill(tune, bars="5:8", seed=7, rank=5).result.midi == first


def test_bad_input_is_refused(
    trained: Path, tune: Path, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(*argv: object) -> str:
        return refused(capsys, "fill", trained, tune, *argv, "--out", tmp_path / "out")

    assert "overlap" in says("--bars", "2:5", "5:8")
    assert "overlap" in says("--bars", "2:5", "3:4")
    assert "--bars has '8:5'" in says("--bars", "8:5")
    assert "--bars has 'x'" in says("--bars", "x")
    assert "has 12 bars" in says("--bars", "12:13")
    assert "nothing is missing" in says()
    assert "musegen generate" in says("--bars", "1:12")
    assert "--rank is 2: it must be at least --num" in says("--bars", "5", "--rank", "2", "--num", "3")
    assert "--density is 0.0: it must be above 0" in says("--bars", "5", "--density", "0")
    assert "--density is -2.0: it must be above 0" in says("--bars", "5", "--density", "-2")
    assert "--density" in says("--bars", "5", "--density", "many")
    assert "use only one of them" in says("--bars", "5", "--density", "4", "--contour", "keep")
    assert "--contour" in says("--bars", "5", "--contour", "wavy")
    assert "--rhythm" in says("--bars", "5", "--rhythm", "old")
    metre = tunes.pieces[0].time_signatures
    other = next(piece for piece in tunes.pieces if piece.time_signatures != metre)
    write_score(tunes.score(other), tmp_path / "end.mid")
    assert "same time signature" in says("--bars", "13:14", "--until", tmp_path / "end.mid")
    assert "no piece that tiny was trained on has more than" in says("--bars", "13:900", "--until", tune)
    assert "it must be 13:LAST" in says("--bars", "5:8", "--until", tmp_path / "end.mid")
    score = read_score(tune)[0]
    begin, end = spans_of(tune, 5, 6)
    score.tracks[0].notes = [note for note in score.tracks[0].notes if not begin <= note.time < end]
    write_score(score, tune)
    assert "no notes whose rhythm" in says("--bars", "5:6", "--rhythm", "keep")
    assert "no notes whose contour" in says("--bars", "5:6", "--contour", "keep")
    assert not (tmp_path / "out").exists()


def test_other_families_say_which_can(accompanist: Path, autoencoder: Path, tune: Path) -> None:
    with pytest.raises(MusegenError, match="not lm"):
        musegen.load(autoencoder).fill(tune, bars="5:8")
    with pytest.raises(MusegenError, match="accompanies melodies and fills nothing"):
        musegen.load(accompanist).fill(tune, bars="5:8")


def test_a_given_note_that_sounds_into_the_gap_stays(model: Model, tmp_path: Path) -> None:
    """And no new note of its pitch starts before it ends."""
    score = Score(480)
    score.time_signatures = [TimeSignature(0, 4, 4)]
    score.tracks.append(Track("tune", 40))
    score.tracks[0].notes = [Note(480 * n, 480, 60 + n % 5, 80) for n in range(16)]
    score.tracks[0].notes.append(Note(1440, 2880, 72, 80))
    write_score(score, tmp_path / "held.mid")
    given, _ = split(tmp_path / "held.mid", 1920, 3840, {0})
    for seed in range(3):
        path = model.fill(tmp_path / "held.mid", bars="2", seed=seed).save(tmp_path / "new.mid")
        kept, new = split(path, 1920, 3840, {0})
        assert kept == given
        assert all(pitch != 72 for *_, pitch in new)
