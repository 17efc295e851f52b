from pathlib import Path

import pytest
import torch
from symusic import Note, Score, TimeSignature, Track

from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TokenizerConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.prepare import prepare
from musegen.errors import ConfigError, DataError
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.generation.pieces import generate
from musegen.generation.request import Request, TrainingDefaults
from musegen.metrics.pitch import scale_consistency
from musegen.music.metre import bar_ticks
from musegen.music.writing.midi import midi_bytes
from musegen.tokenizers import RemiTokenizer, known_pitches


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> Checkpoint:
    return load_checkpoint(trained)


def notes(score: object) -> list[tuple[int, int, int, int]]:
    return [(n.time, n.duration, n.pitch, n.velocity) for t in score.tracks for n in t.notes]  # type: ignore[attr-defined]


def test_exactly_the_bars_and_the_metre_asked_for(checkpoint: Checkpoint) -> None:
    for metre in ((4, 4), (6, 8), (5, 4)):
        request = Request(
            bars=5, time_signature=metre, tempo=90.0, pitches=frozenset(range(60, 73)), program=73
        )
        for result in generate(machine_of(checkpoint), checkpoint.tokenizer, request, num=2):
            assert len(bar_ticks(result.score)) - 1 == 5
            [mark] = result.score.time_signatures
            assert (mark.numerator, mark.denominator) == metre
            assert {n[2] for n in notes(result.score)} <= set(range(60, 73))
            assert result.score.tempos[0].qpm == pytest.approx(90.0)
            assert {t.program for t in result.score.tracks} == {73}
            assert result.log_likelihood < 0


def test_same_seed_same_bytes_whatever_the_threads(checkpoint: Checkpoint) -> None:
    def written(seed: int) -> list[bytes]:
        results = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=4), num=3, seed=seed)
        return [midi_bytes(r.score) for r in results]

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = written(3)
        torch.set_num_threads(2)
        assert written(3) == first
        assert written(4) != first
    finally:
        torch.set_num_threads(threads)


def test_one_alone_is_the_first_of_many(checkpoint: Checkpoint) -> None:
    for seed in range(5):
        [alone] = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=4), num=1, seed=seed)
        first, *_ = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=4), num=4, seed=seed)
        assert notes(alone.score) == notes(first.score)


def test_a_prompt_stands_unchanged_before_the_new_bars(checkpoint: Checkpoint, tunes: Dataset) -> None:
    for piece in tunes.pieces[:6]:
        prompt = tunes.score(piece)
        lines = bar_ticks(prompt)
        for result in generate(
            machine_of(checkpoint), checkpoint.tokenizer, Request(bars=3), num=2, prompt=prompt
        ):
            assert result.score.ticks_per_quarter == prompt.ticks_per_quarter
            old = [n for n in notes(result.score) if n[0] < lines[-1]]
            assert old == notes(prompt)
            assert len(bar_ticks(result.score)) == len(lines) + 3
            assert result.bars == len(lines) - 1 + 3


def test_a_prompt_in_a_metre_nobody_knows_is_refused_by_its_bar(checkpoint: Checkpoint) -> None:
    prompt = Score(480)
    prompt.time_signatures.append(TimeSignature(0, 2, 4))
    prompt.time_signatures.append(TimeSignature(960, 1, 64))
    prompt.tracks.append(Track("", 0, False))
    prompt.tracks[0].notes.append(Note(0, 1020, 60, 80))
    with pytest.raises(DataError, match=r"bar 2 of the prompt is in 1/64.*2/4, 3/4"):
        generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=1), prompt=prompt)


def test_a_prompt_that_ends_in_an_odd_bar_is_continued_in_its_lasting_metre(checkpoint: Checkpoint) -> None:
    prompt = Score(480)
    prompt.time_signatures.extend([TimeSignature(0, 2, 4), TimeSignature(1920, 1, 8)])
    prompt.tracks.append(Track())
    prompt.tracks[0].notes.extend([Note(t, 240, 60, 80) for t in range(0, 2160, 240)])
    [result] = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert notes(result.score)[:9] == notes(prompt)
    assert min(onset for onset, *_ in notes(result.score)[9:]) >= 2160
    metres = [(t.time, t.numerator, t.denominator) for t in result.score.time_signatures]
    assert metres == [(0, 2, 4), (1920, 1, 8), (2160, 2, 4)]


def test_a_prompt_off_the_grid_is_still_verbatim(checkpoint: Checkpoint) -> None:
    prompt = Score(96)
    prompt.time_signatures.append(TimeSignature(0, 3, 4))
    prompt.tracks.append(Track(name="Flute", program=73))
    # the last note rings on into a second bar
    prompt.tracks[0].notes.extend([Note(1, 50, 60, 64), Note(97, 13, 62, 65), Note(200, 150, 64, 66)])
    [result] = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert notes(result.score)[:3] == notes(prompt)
    assert result.score.tracks[0].name == "Flute"
    assert all(onset >= 2 * 3 * 96 for onset, *_ in notes(result.score)[3:])
    assert result.bars == 4


def test_greedy_does_not_depend_on_the_seed(checkpoint: Checkpoint) -> None:
    greedy = SamplingOptions(temperature=0.0)
    a, b = (
        generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2), sampling=greedy, seed=seed)[0]
        for seed in (1, 2)
    )
    assert notes(a.score) == notes(b.score)


def test_a_metre_the_checkpoint_does_not_know_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigError, match="13/4"):
        generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2, time_signature=(13, 4)))


@pytest.mark.parametrize("tpq", [24, 96, 100, 120, 220, 480])
def test_any_resolution_of_a_prompt_gives_exactly_the_bars(checkpoint: Checkpoint, tpq: int) -> None:
    for numerator, denominator in ((4, 4), (6, 8)):
        prompt = Score(tpq)
        prompt.time_signatures.append(TimeSignature(0, numerator, denominator))
        prompt.tracks.append(Track())
        prompt.tracks[0].notes.append(Note(0, tpq, 60, 64))
        hot = SamplingOptions(temperature=3.0)
        for result in generate(
            machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2), num=6, prompt=prompt, sampling=hot
        ):
            assert len(bar_ticks(result.score)) - 1 == 3


def test_without_a_tempo_asked_for_it_is_that_of_the_training_data(checkpoint: Checkpoint) -> None:
    [result] = generate(
        machine_of(checkpoint), checkpoint.tokenizer, Request(bars=1), defaults=TrainingDefaults(tempo=77.0)
    )
    assert [(t.time, round(t.qpm)) for t in result.score.tempos] == [(0, 77)]


def test_every_part_of_a_chorale_goes_on(tmp_path: Path) -> None:
    chorales = prepare("bach-chorales", tmp_path / "chorales", limit=3, workers=1)
    tokenizer = fit_tokenizer(chorales, TokenizerConfig())
    torch.manual_seed(0)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=32)), tokenizer).eval()
    named = chorales.score(chorales.pieces[0])
    silent = chorales.score(chorales.pieces[0])
    for track in silent.tracks:  # an export that lost its program changes
        track.program = 0
    nameless = chorales.score(chorales.pieces[0])
    for track in nameless.tracks:
        track.name = "Track"
    for prompt in (named, silent, nameless):
        seam = bar_ticks(prompt)[-1]
        [result] = generate(Eager(model, tokenizer.tables), tokenizer, Request(bars=6), prompt=prompt, seed=2)
        assert len(result.score.tracks) == 4
        assert all(any(n.time >= seam for n in t.notes) for t in result.score.tracks)


def test_drums_and_programs_of_a_prompt_go_on(rich: RemiTokenizer) -> None:
    torch.manual_seed(0)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=32)), rich).eval()
    prompt = Score(480)
    prompt.time_signatures.append(TimeSignature(0, 4, 4))
    for program, is_drum in ((33, False), (0, True)):
        prompt.tracks.append(Track(program=program, is_drum=is_drum))
        prompt.tracks[-1].notes.extend([Note(480 * i, 240, 40 + i, 90) for i in range(4)])
    [result] = generate(Eager(model, rich.tables), rich, Request(bars=4), prompt=prompt)
    assert {(t.program, t.is_drum) for t in result.score.tracks} == {(33, False), (0, True)}
    for track, old in zip(result.score.tracks, prompt.tracks, strict=True):
        assert [n for n in track.notes if n.time < 1920] == list(old.notes)


def test_an_onset_that_rounds_up_to_the_bar_line_is_not_written_twice(checkpoint: Checkpoint) -> None:
    prompt = Score(480)
    prompt.time_signatures.append(TimeSignature(0, 4, 4))
    prompt.tracks.append(Track())
    prompt.tracks[0].notes.extend([Note(0, 480, 60, 64), Note(1912, 8, 62, 64)])
    [result] = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert notes(result.score)[:2] == notes(prompt)
    assert len(bar_ticks(result.score)) - 1 == 3


def test_new_pitch_classes_are_kept_out_but_not_those_of_the_prompt(checkpoint: Checkpoint) -> None:
    strict = SamplingOptions(min_p_new=1.0)

    def written(sampling: SamplingOptions, prompt: "Score | None" = None) -> list[list[int]]:
        request = Request(bars=6, time_signature=(4, 4))
        results = generate(
            machine_of(checkpoint),
            checkpoint.tokenizer,
            request,
            num=8,
            prompt=prompt,
            sampling=sampling,
            seed=1,
        )
        return [result.ids for result in results]

    def classes(rows: list[list[int]]) -> float:
        found = checkpoint.tokenizer.tables.pitch_class
        return sum(len({int(found[id_]) for id_ in ids} - {12}) for ids in rows) / len(rows)

    assert classes(written(strict)) < classes(written(SamplingOptions())) - 0.5
    chromatic = Score(480)
    chromatic.time_signatures.append(TimeSignature(0, 4, 4))
    chromatic.tracks.append(Track(program=0))
    for step in range(12):
        chromatic.tracks[0].notes.append(Note(step * 160, 160, 60 + step, 80))
    assert written(strict, chromatic) == written(SamplingOptions(), chromatic)


def test_as_many_pieces_keep_to_one_scale_as_are_asked_for(checkpoint: Checkpoint) -> None:
    def written(diatonic: float) -> list[bool]:
        request, sampling = Request(bars=6, time_signature=(4, 4)), SamplingOptions(diatonic=diatonic)
        results = generate(
            machine_of(checkpoint), checkpoint.tokenizer, request, num=16, sampling=sampling, seed=1
        )
        return [scale_consistency(result.score) > 1 - 1e-9 for result in results]

    assert all(written(1.0))
    assert sum(written(0.5)) < 16
    assert sum(written(1e-9)) < 8


def test_what_training_never_has_is_not_written_unless_it_is_asked_for(rich: RemiTokenizer) -> None:
    band = Score(480)
    band.time_signatures.append(TimeSignature(0, 4, 4))
    drums, bass = Track("Drums", 0, is_drum=True), Track("Bass", 33)
    for step in range(16):
        drums.notes.append(Note(240 * step, 120, (36, 42, 38, 46)[step % 4], 90))
        bass.notes.append(Note(240 * step, 240, 36 + (0, 3, 7, 12)[step % 4], 80))
    band.tracks.append(drums)
    band.tracks.append(bass)
    known = known_pitches(rich.tables, [rich.encode(band)])
    assert known == {33: list(range(36, 49)), 128: [36, 38, 42, 46]}
    torch.manual_seed(0)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=32)), rich).eval()
    defaults = TrainingDefaults(
        rosters=[[33, 128]], pitches={voice: frozenset(own) for voice, own in known.items()}
    )
    machine, hot = Eager(model, rich.tables), SamplingOptions(temperature=2.0)
    for pitches, low, high in ((None, 36, 48), (frozenset(range(60, 70)), 60, 69)):
        request = Request(bars=4, pitches=pitches)
        results = generate(machine, rich, request, num=12, sampling=hot, defaults=defaults)
        written = {True: set[int](), False: set[int]()}
        for track in (track for each in results for track in each.score.tracks):
            written[track.is_drum] |= {note.pitch for note in track.notes}
        assert written[True] == {36, 38, 42, 46}
        assert written[False]
        assert low <= min(written[False]) <= max(written[False]) <= high


def test_a_checkpoint_keeps_to_the_pitches_of_its_training_pieces(
    checkpoint: Checkpoint, tunes: Dataset
) -> None:
    pitches = [note.pitch for piece in tunes.split("train") for note in tunes.score(piece).tracks[0].notes]
    assert checkpoint.data["pitches"] == {"0": list(range(min(pitches), max(pitches) + 1))}
    results = generate_pieces(
        checkpoint, Wanted(seed=1, num=20, bars=4, sampling=SamplingOptions(temperature=2.0))
    )
    for result in results.results:
        assert all(min(pitches) <= note.pitch <= max(pitches) for note in result.score.tracks[0].notes)
