"""Excerpts of whole phrases, from which a planner learns; first ids that tell how long a piece is."""

import numpy as np
import torch

from musegen.config.settings import DataConfig, Seq2SeqTrainConfig, TokenizerConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import TokenView, token_view
from musegen.data.windows import cut_excerpts
from musegen.tokenizers import Kind, RemiTokenizer, Tables, Tokenizer
from musegen.tokenizers.chord_plan import CHORDS, UNKNOWN, stream_plan
from musegen.tokenizers.remi import MOST_BARS
from musegen.tokenizers.tables import Ints
from musegen.training.windows import EXCERPTS, TokenDataModule

BARS = 4


def paired(chorales: Dataset) -> tuple[Tokenizer, TokenView]:
    tokenizer = fit_tokenizer(chorales, TokenizerConfig(kind="remi"), pairs=True)
    return tokenizer, token_view(chorales, tokenizer, DataConfig(), pairs=True)


def test_excerpts_are_whole_bars_of_melody_and_stream_and_leave_nothing_out(chorales: Dataset) -> None:
    tokenizer, view = paired(chorales)
    assert view.sources is not None
    excerpts = cut_excerpts(view, tokenizer.tables.kind, BARS)
    covered = np.zeros(len(view.ids), dtype=bool)
    for excerpt in excerpts:
        covered[excerpt.start : excerpt.stop] = True
        stream = view.ids[excerpt.start : excerpt.stop].astype(np.int64)
        source = view.sources.ids[excerpt.source_start : excerpt.source_stop].astype(np.int64)
        assert stream[0] == tokenizer.bos_id or tokenizer.tables.kind[stream[0]] == Kind.BAR
        bars = int((tokenizer.tables.kind[stream] == Kind.BAR).sum())
        assert 1 <= bars <= BARS
        assert bars == int((view.sources.tables.kind[source] == Kind.BAR).sum())
    for index, piece in enumerate(view.pieces):
        own = covered[view.offsets[index] : view.offsets[index + 1]]
        assert own.all() if piece.split == "train" else not own.any()


def test_a_batch_has_the_plans_of_its_excerpts_and_each_rank_its_rows(chorales: Dataset) -> None:
    tokenizer, view = paired(chorales)
    data = TokenDataModule(view, tokenizer.tables, Seq2SeqTrainConfig(), 2048)
    whole = data.train_batches(0)
    batch = whole[1]
    ids, plan = batch["excerpt_ids"], batch["excerpt_plan"]
    assert len(ids) == len(plan) == EXCERPTS
    assert view.sources is not None
    bars = torch.from_numpy(view.sources.tables.kind)[ids] == Kind.BAR
    assert torch.equal(2 * bars.sum(dim=1), (plan[..., 0] != UNKNOWN).sum(dim=1))
    assert int(plan.max()) < CHORDS
    rank = data.train_batches(0)
    rank.share = 1, 2
    assert torch.equal(rank[1]["excerpt_ids"], ids[1::2])
    assert float(rank[1]["spans"]) == float(batch["spans"]) / 2 == int((plan[..., 0] != UNKNOWN).sum()) / 2
    assert not torch.equal(whole[0]["excerpt_ids"][:, :8], ids[:, :8])
    later = data.train_batches(1)
    assert not any(torch.equal(later[i]["excerpt_ids"][:, :8], ids[:, :8]) for i in range(2))


def chord_tones(source: Ints, plan: Ints, tables: Tables) -> list[bool]:
    """Whether the first note of each bar of a melody lies in the chord planned there."""
    found = []
    for bar, at in enumerate(np.flatnonzero(tables.kind[source] == Kind.BAR)):
        first = [int(tables.pitch[i]) for i in source[at : at + 5] if tables.pitch[i] >= 0][:1]
        chord = int(plan[2 * bar, 0])
        if first and chord > 0:
            root, is_minor = divmod(chord - 1, 2)
            found.append((first[0] - root) % 12 in (0, 4 - is_minor, 7))
    return found


def test_an_excerpt_and_its_plan_are_transposed_together(chorales: Dataset) -> None:
    """The notes of the melodies lie in their chords as often as they did."""
    tokenizer, view = paired(chorales)
    assert view.sources is not None
    tables, found, own = view.sources.tables, [], []
    data = TokenDataModule(view, tokenizer.tables, Seq2SeqTrainConfig(), 2048)
    for batch in (data.train_batches(0)[index] for index in range(2)):
        for ids, plan in zip(batch["excerpt_ids"].numpy(), batch["excerpt_plan"].numpy(), strict=True):
            found += chord_tones(ids, plan, tables)
    for index in view.indices("train"):
        own += chord_tones(view.source(index), stream_plan(view.stream(index), tokenizer.tables), tables)
    assert len(found) > 100
    assert np.mean(found) > 0.8 * np.mean(own) > 0.4


def test_most_pieces_tell_their_length_and_the_others_leave_it_open(tunes: Dataset) -> None:
    tokenizer = fit_tokenizer(tunes, TokenizerConfig(lengths=True))
    assert isinstance(tokenizer, RemiTokenizer)
    view = token_view(tunes, tokenizer, DataConfig())
    data = TokenDataModule(view, tokenizer.tables, TrainConfig(data=DataConfig(transpose=0)), 4096)
    told = []
    for epoch in range(4):
        batches = data.train_batches(epoch)
        for batch in (batches[i] for i in range(len(batches))):
            for ids, piece in zip(batch["input_ids"].numpy(), batch["piece"].tolist(), strict=True):
                own = view.stream(piece)
                assert ids[0] in (tokenizer.bos_id, tokenizer.bos_of(view.pieces[piece].bars))
                assert np.array_equal(ids[1:20], own[1:20])  # a tune fits into one window
                told.append(ids[0] != tokenizer.bos_id)
    assert 0.6 < np.mean(told) < 0.95
    [held_out] = {int(batch["input_ids"][0, 0]) for batch in data.val_dataloader()}
    assert held_out == tokenizer.bos_id


def test_a_length_that_no_id_tells_is_left_open(tunes: Dataset) -> None:
    tokenizer = fit_tokenizer(tunes, TokenizerConfig(lengths=True))
    assert isinstance(tokenizer, RemiTokenizer)
    assert tokenizer.bos_of(MOST_BARS) != tokenizer.bos_id
    assert tokenizer.bos_of(MOST_BARS + 1) == tokenizer.bos_id
    again = RemiTokenizer.from_dict(tokenizer.to_dict())
    assert again.vocab == tokenizer.vocab
    ids = again.encode(tunes.score(tunes.pieces[0]))
    assert ids[0] == again.bos_id
    ids[0] = again.bos_of(7)
    assert again.decode(ids) == tokenizer.decode(tokenizer.encode(tunes.score(tunes.pieces[0])))
