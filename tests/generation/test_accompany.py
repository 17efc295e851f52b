"""Accompaniments: the tune stays as it is, and the rest keeps to its bars."""

import json
from pathlib import Path

import pytest
from symusic import Note, Score, Tempo, TimeSignature, Track

from musegen.api.inputs import read_melody
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.cli import main
from musegen.config.options import SamplingOptions
from musegen.config.settings import TokenizerConfig
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany, first_bars, rosters_of
from musegen.generation.assemble import join
from musegen.generation.backends import machine_of
from musegen.generation.request import TrainingDefaults
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from musegen.tokenizers import RemiTokenizer


@pytest.fixture(scope="module")
def checkpoint(accompanist: Path) -> Checkpoint:
    return load_checkpoint(accompanist)


def tune() -> Score:
    """Five bars in three metres, with a held note over a bar line, rests, tempos and odd velocities."""
    score = Score(480)
    for time, n, d in ((0, 4, 4), (1920, 3, 4), (1920 + 2 * 1440, 6, 8)):
        score.time_signatures.append(TimeSignature(time, n, d))
    score.tempos.extend([Tempo(0, 97.0), Tempo(2000, 133.0)])
    score.tracks.append(Track("Tune", 73))
    rows = [
        (0, 480, 67, 99),
        (480, 1400, 69, 31),
        (2400, 480, 71, 64),
        (2880, 950, 72, 1),
        (4800, 1440, 67, 127),
    ]
    score.tracks[0].notes.extend([Note(*row) for row in rows])
    return score


def rows(track: Track) -> list[tuple[int, int, int, int]]:
    return [(n.time, n.duration, n.pitch, n.velocity) for n in track.notes]


def play(checkpoint: Checkpoint, melody: Score, *args: object, **kwargs: object) -> list[Score]:
    results = accompany(machine_of(checkpoint), checkpoint.tokenizer, melody, *args, **kwargs)  # type: ignore[arg-type]
    return [result.score for result in results]


def test_the_bars_and_metres_are_the_tunes(checkpoint: Checkpoint) -> None:
    melody = tune()
    for score in play(checkpoint, melody, num=4, seed=2):
        assert {track.name for track in score.tracks} <= {"Alto", "Tenor", "Bass"}
        metres = [(t.time, t.numerator, t.denominator) for t in score.time_signatures]
        assert metres == [(0, 4, 4), (1920, 3, 4), (4800, 6, 8)]
        assert bar_ticks(score)[-1] == bar_ticks(melody)[-1] == 6240
        assert max(note.end for track in score.tracks for note in track.notes) > 4800


def test_an_odd_bar_keeps_its_length(checkpoint: Checkpoint) -> None:
    """The model reads 11/16 as 3/4; what it writes is in bars of the tune again."""
    assert (11, 16) not in checkpoint.tokenizer.time_signatures
    melody, kept = tune(), Track("Bass", 0)
    melody.time_signatures = [TimeSignature(0, 4, 4), TimeSignature(1920, 11, 16), TimeSignature(3240, 4, 4)]
    kept.notes.extend([Note(0, 1920, 40, 80), Note(1920, 1320, 41, 80), Note(3240, 1920, 43, 80)])
    prompt = melody.copy()
    prompt.tracks = [kept]
    for score in play(checkpoint, melody, Accompaniment(prompt_bars=2), num=4, seed=2, prompt=prompt):
        metres = [(t.time, t.numerator, t.denominator) for t in score.time_signatures]
        assert metres == [(0, 4, 4), (1920, 11, 16), (3240, 4, 4)]
        assert bar_ticks(score)[-1] == bar_ticks(melody)[-1]
        assert [row[:3] for row in rows(score.tracks[0])][:2] == [(0, 1920, 40), (1920, 1320, 41)]
        assert {note.time % 120 for track in score.tracks for note in track.notes} == {0}
        assert max(note.end for track in score.tracks for note in track.notes) > 3240


def test_a_strict_accompaniment_shares_the_scale_of_its_tune(checkpoint: Checkpoint) -> None:
    melody = tune()
    melody.tracks[0].notes.append(Note(6000, 240, 78, 80))  # F sharp: with C, B and A only G major is left
    strict = SamplingOptions(diatonic=1.0)
    for score in play(checkpoint, melody, num=4, seed=2, sampling=strict):
        assert {note.pitch % 12 for track in score.tracks for note in track.notes} <= {0, 2, 4, 6, 7, 9, 11}


def test_the_likeliest_comes_first_and_the_seed_repeats(checkpoint: Checkpoint) -> None:
    results = accompany(machine_of(checkpoint), checkpoint.tokenizer, tune(), num=5, seed=7)
    again = accompany(machine_of(checkpoint), checkpoint.tokenizer, tune(), num=5, seed=7)
    likelihoods = [result.log_likelihood for result in results]
    assert likelihoods == sorted(likelihoods, reverse=True)
    assert [r.ids for r in results] == [r.ids for r in again]


def test_ranges_and_scales_are_kept(checkpoint: Checkpoint) -> None:
    names = [part.name for part in checkpoint.tokenizer.parts]
    wanted = Accompaniment(
        pitches=frozenset(p for p in range(128) if p % 12 in (0, 2, 4, 5, 7, 9, 11)),
        part_pitches={names.index("Bass"): frozenset(range(40, 49))},
    )
    for score in play(checkpoint, tune(), wanted, num=3):
        for track in score.tracks:
            assert all(note.pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for note in track.notes)
            if track.name == "Bass":
                assert all(40 <= note.pitch <= 48 for note in track.notes)


def test_a_prompt_stands_before_what_is_new(checkpoint: Checkpoint, chorales: object) -> None:
    melody = tune()
    own = tune()
    own.tracks[0].name, own.tracks[0].program = "Bass", 52
    for note in own.tracks[0].notes:
        note.pitch -= 24
    for score in play(checkpoint, melody, Accompaniment(prompt_bars=2), prompt=own, num=2):
        [bass] = [track for track in score.tracks if track.name == "Bass"]
        assert rows(bass)[:3] == [(0, 480, 43, 99), (480, 1400, 45, 31), (2400, 480, 47, 64)]
    with pytest.raises(ConfigError, match="prompt_bars is 4: it must be from 0 to 3"):
        play(checkpoint, melody, Accompaniment(prompt_bars=4))


def test_it_goes_on_where_the_melody_ends_before_the_piece(
    checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fault that was: the accompaniment ended where a melody of few notes did, bar 30 of 55."""
    piece = tune()
    bass = Track("Bass", 32)
    bass.notes.extend([Note(time, 1440, 43, 80) for time in range(0, 6240 + 6 * 1440, 1440)])
    piece.tracks.append(bass)
    piece.time_signatures.append(TimeSignature(6240, 4, 4))
    write_score(piece, tmp_path / "piece.mid", user_tracks=(0, 1))
    melody = read_melody(tmp_path / "piece.mid", "Tune")
    bars = len(bar_ticks(piece)) - 1
    assert f"the melody ends in bar 4 of {bars}" in capsys.readouterr().err
    for score in play(checkpoint, melody.melody, prompt=melody.others, num=2, seed=2):
        last = max(note.time for track in score.tracks for note in track.notes)
        assert last >= bar_ticks(piece)[-3]
        assert [(t.numerator, t.denominator) for t in score.time_signatures][-1] == (4, 4)
    alone, before = (play(checkpoint, each, seed=2)[0] for each in (melody.melody, tune()))
    assert [rows(track) for track in alone.tracks] == [rows(track) for track in before.tracks]


def test_only_the_parts_that_are_wanted_are_written(checkpoint: Checkpoint) -> None:
    defaults = TrainingDefaults.of(checkpoint.data)
    for wanted, expected in ((("bass",), {"Bass"}), (("Alto", "bass"), {"Alto", "Bass"})):
        parts = Accompaniment(parts=wanted)
        for score in play(checkpoint, tune(), parts, num=3, seed=2, defaults=defaults):
            assert {track.name for track in score.tracks} == expected
            last = max(note.time for track in score.tracks for note in track.notes)
            assert last > 4000  # it does not fall silent without the others
    with pytest.raises(ConfigError, match=r"accompaniment has 'tuba', .* it writes Alto, Tenor, Bass"):
        play(checkpoint, tune(), Accompaniment(parts=("bass", "tuba")), defaults=defaults)


def test_rosters_have_every_part_that_is_wanted() -> None:
    tokenizer = RemiTokenizer.build(TokenizerConfig(), time_signatures=[(4, 4)], programs=[-1, 0, 1, 33, 48])
    rosters = [[0, 33, 128], [1, 33], [0, 48], [33, 48]]
    assert rosters_of(["bass", "piano"], rosters, tokenizer) == [[1, 33]]
    assert rosters_of(["program:0"], rosters, tokenizer) == [[0, 33, 128], [0, 48]]  # the others are dropped
    assert rosters_of(["drums", "strings"], rosters, tokenizer) == [[48, 128]]  # no piece has both


def test_first_bars_end_at_their_bar_line() -> None:
    assert rows(first_bars(tune(), 1).tracks[0]) == [(0, 480, 67, 99), (480, 1400, 69, 31)]  # type: ignore[union-attr]


def test_a_pickup_is_taken_back(checkpoint: Checkpoint) -> None:
    given = tune()
    padded = given.shift_time(480)
    padded.time_signatures = [TimeSignature(0, 4, 4)]
    [result] = accompany(machine_of(checkpoint), checkpoint.tokenizer, padded, seed=3)
    joined = join(given, result, 480).score
    assert rows(joined.tracks[0]) == rows(given.tracks[0])
    shifted = {(n.time - 480, n.pitch) for t in result.score.tracks for n in t.notes if n.time >= 480}
    assert shifted <= {(n.time, n.pitch) for t in joined.tracks[1:] for n in t.notes}
    assert min(n.time for t in joined.tracks for n in t.notes) >= 0


def test_a_tune_with_a_pickup_is_accompanied_in_its_own_bars(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """The rest that fills up the first bar for the model is taken out again, as it was put in."""
    (tmp_path / "tune.abc").write_text("X:1\nM:4/4\nL:1/8\nK:G\nD|G2B2d2B2|c2A2F2D2|G2G2G3|]\n")
    melody = read_melody(tmp_path / "tune.abc", None)
    assert melody.pad == int(3.5 * melody.melody.tpq)
    [result] = play(checkpoint, melody.melody, seed=3)
    padded = min(note.time for track in result.tracks for note in track.notes)
    [found] = accompany(machine_of(checkpoint), checkpoint.tokenizer, melody.melody, seed=3)
    joined = join(melody.verbatim, found, melody.pad).score
    assert min(n.time for t in joined.tracks[1:] for n in t.notes) == max(0, padded - melody.pad)
    assert max(n.end for t in joined.tracks[1:] for n in t.notes) <= 12.5 * joined.tpq  # its last bar line


def test_a_tune_without_metre_and_tempo_gets_those_of_its_twin(checkpoint: Checkpoint) -> None:
    given = tune()
    given.time_signatures, given.tempos = [], []
    melody = tune()
    [result] = accompany(machine_of(checkpoint), checkpoint.tokenizer, melody, seed=3)
    joined = join(given, result, 0).score
    assert len(joined.time_signatures) == 3
    assert len(joined.tempos) == 2


def test_the_command_writes_the_tune_note_for_note(accompanist: Path, tmp_path: Path) -> None:
    write_score(tune(), tmp_path / "tune.mid", user_tracks=(0,))
    command = ["accompany", str(accompanist), str(tmp_path / "tune.mid"), "--num", "2", "--seed", "3"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [file["path"] for file in manifest["files"]] == ["001.mid", "002.mid"]
    for name in ("001", "002"):
        score, _ = read_score(tmp_path / "out" / f"{name}.mid")
        [melody] = [track for track in score.tracks if track.name == "Tune"]
        assert rows(melody) == rows(tune().tracks[0])
        assert melody.program == 73
        assert [(t.time, round(t.qpm)) for t in score.tempos] == [(0, 97), (2000, 133)]
        assert len(score.tracks) > 1
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1000
    assert main([*command, "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "out" / "001.mid").read_bytes() == (tmp_path / "again" / "001.mid").read_bytes()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--melody", "flute"], "choose the melody with --melody"),
        (["--accompaniment", "bass,tuba"], "--accompaniment has 'tuba', which the model does not write"),
        (["--pitch-range", "bas=2:20"], "its parts are Alto, Tenor, Bass"),
        (["--prompt-bars", "9"], "--prompt-bars is 9"),
    ],
)
def test_misuse_is_one_line(
    flags: list[str], words: str, accompanist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_score(tune(), tmp_path / "tune.mid", user_tracks=(0,))
    out = tmp_path / "out"
    assert main(["accompany", str(accompanist), str(tmp_path / "tune.mid"), "--out", str(out), *flags]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_a_language_model_does_not_accompany(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_score(tune(), tmp_path / "tune.mid")
    assert main(["accompany", str(trained), str(tmp_path / "tune.mid"), "--out", str(tmp_path / "out")]) == 2
    assert "of family lm, not seq2seq: use musegen generate" in capsys.readouterr().err
