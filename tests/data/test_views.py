import json
from pathlib import Path

import numpy as np

from musegen.config.settings import TokenizerConfig
from musegen.data.batches import plan_batches
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.prepare import prepare
from musegen.data.variations import transpose_together, transposition_tables
from musegen.data.views import token_view
from musegen.data.windows import cut_windows
from musegen.music.odd_bars import fill_odd_bars
from musegen.tokenizers import Kind, RemiTokenizer


def test_a_view_holds_every_piece_as_the_tokenizer_writes_it(tunes: Dataset) -> None:
    tokenizer = fit_tokenizer(tunes, TokenizerConfig())
    for _ in range(2):  # built, then opened
        view = token_view(tunes, tokenizer)
        assert len(view.pieces) + sum(view.skipped.values()) == len(tunes.pieces)
        filled = [fill_odd_bars(tunes.score(piece), tokenizer.time_signatures) for piece in view.pieces]
        assert view.odd_bars == sum(len(each.rests) for each in filled) > 0
        for index, (score, _) in enumerate(filled):
            assert view.stream(index).tolist() == tokenizer.encode(score).tolist()
            assert view.notes[index] == score.note_num()


def test_another_tokenizer_gets_another_view(
    tunes: Dataset, plain: RemiTokenizer, rich: RemiTokenizer
) -> None:
    assert len(token_view(tunes, plain).ids) < len(token_view(tunes, rich).ids)


def test_every_id_is_predicted_once(tunes: Dataset, plain: RemiTokenizer) -> None:
    view = token_view(tunes, plain)
    kind = plain.tables.kind
    for longest in (100, 256, 10_000):
        windows = cut_windows(view, kind, split="train", longest=longest)
        predicted = np.zeros(len(view.ids), dtype=int)
        for window in windows:
            predicted[window.start + 1 : window.stop] += 1
            assert kind[view.ids[window.start]] in (Kind.BOS, Kind.BAR)
        for index in view.indices("train"):
            begin, end = view.offsets[index], view.offsets[index + 1]
            assert predicted[begin] == 0
            assert (predicted[begin + 1 : end] == 1).all()
        assert predicted.sum() == sum(w.length for w in windows)
        if longest >= 256:
            assert max(w.length for w in windows) <= longest


def test_batches_hold_every_window_once_and_keep_to_their_size(tunes: Dataset, plain: RemiTokenizer) -> None:
    windows = cut_windows(token_view(tunes, plain), plain.tables.kind, split="train", longest=256)
    lengths = np.array([w.length for w in windows])
    plan = plan_batches(lengths, batch_tokens=2048, rng=np.random.default_rng(0))
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(windows)))
    assert all(len(batch) * lengths[batch].max() <= 2048 for batch in plan)


def test_transposed_ids_are_the_transposed_tune(
    tunes: Dataset, plain: RemiTokenizer, rich: RemiTokenizer
) -> None:
    from musegen.music.notes import transpose

    for tokenizer in (plain, rich):
        tables = transposition_tables(tokenizer.tables, range(-5, 7))
        score = tunes.score(tunes.pieces[0])
        moved = transpose_together([tokenizer.encode(score)], [tables], 5 + 3)[0]
        assert moved.tolist() == tokenizer.encode(transpose(score, 3)).tolist()


def test_drums_are_never_transposed_and_no_pitch_leaves_the_keyboard(rich: RemiTokenizer) -> None:
    up = transposition_tables(rich.tables, range(5, 6))
    drum, top = rich.vocab.index("PitchDrum_38"), rich.vocab.index("Pitch_127")
    assert up[0, drum] == drum
    assert up[0, top] == -1
    ids = np.array([top])
    assert transpose_together([ids], [up], 0)[0] is ids


def test_named_parts_of_one_program_stay_apart(tmp_path: Path) -> None:
    chorales = prepare("bach-chorales", tmp_path / "chorales", limit=4, workers=1)
    tokenizer = fit_tokenizer(chorales, TokenizerConfig())
    assert [part.name for part in tokenizer.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    again = RemiTokenizer.from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    for piece in chorales.pieces:
        score = chorales.score(piece)
        decoded = again.decode(again.encode(score), ticks_per_quarter=score.ticks_per_quarter)
        assert {t.name for t in decoded.tracks} == {t.name for t in score.tracks}
        for track in score.tracks:
            [same] = [t for t in decoded.tracks if t.name == track.name]
            assert [(n.time, n.pitch) for n in same.notes] == [(n.time, n.pitch) for n in track.notes]
            assert same.program == track.program


def test_a_single_line_has_no_parts(tunes: Dataset) -> None:
    assert fit_tokenizer(tunes, TokenizerConfig()).parts == ()
