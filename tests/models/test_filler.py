"""Models that fill: the law, and what they read of the music before, after and beside a hole."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.build import build_model
from musegen.config.settings import DataConfig, LMConfig, Seq2SeqTrainConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.holes import draw_holes
from musegen.data.views import config_view
from musegen.models.seq2seq import Seq2Seq
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.holes import Cut, Holes, count_bars, cut_holes
from musegen.tokenizers.tables import Ints


def made(dataset: Dataset, kind: str, **settings: Any) -> tuple[Seq2Seq, Tables, list[Ints]]:
    config = Seq2SeqTrainConfig(
        data=DataConfig(holes="cells"),
        tokenizer=TokenizerConfig(kind=kind),  # type: ignore[arg-type]
        model=LMConfig(embedding_dim=16, hidden_size=32, **settings),
    )
    tokenizer = fit_tokenizer(dataset, config.tokenizer, config.data, fills=True)
    torch.manual_seed(0)
    model = build_model(config, tokenizer).eval()
    assert isinstance(model, Seq2Seq)
    view = config_view(config, dataset, tokenizer)
    return model, tokenizer.tables, [view.stream(index) for index in range(3)]


def batch(cuts: list[Cut]) -> tuple[Tensor, Tensor]:
    """Sources (B, S) and targets (B, T)."""
    sources, targets = ([torch.from_numpy(cut[column]) for cut in cuts] for column in (0, 1))
    return pad_sequence(sources, batch_first=True), pad_sequence(targets, batch_first=True)[:, :300]


@pytest.mark.parametrize("kind", ["grid", "remi"])
@pytest.mark.parametrize(
    "settings", [{}, {"cell": "transformer"}, {"features": False, "lookback": (1, 2, 4, 8)}]
)
def test_any_cutting_gives_the_same_logits(kind: str, settings: dict[str, Any], chorales: Dataset) -> None:
    model, tables, streams = made(chorales, kind, **settings)
    rng = np.random.default_rng(0)
    sources, ids = batch([cut_holes(s, tables, draw_holes(s, tables, "cells", rng)) for s in streams])
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(sources))
        for pieces in (2, 9, ids.shape[1]):
            cuts = np.sort(rng.choice(np.arange(1, ids.shape[1]), pieces - 1, replace=False)).tolist()
            state, parts = model.init_state(sources), []
            for begin, end in zip([0, *cuts], [*cuts, ids.shape[1]], strict=True):
                logits, state = model(ids[:, begin:end], state)
                parts.append(logits)
            assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["grid", "remi"])
def test_what_is_given_after_a_gap_matters_and_what_is_missing_does_not(kind: str, chorales: Dataset) -> None:
    """Logits in the gap are the same whatever was in it, and others if a bar after it changes."""
    model, tables, (ids, other, _) = made(chorales, kind)
    bars = np.zeros(count_bars(ids, tables), np.bool_)
    bars[2:4] = True
    lines = np.append(np.flatnonzero(tables.kind[ids] == Kind.BAR), len(ids) - 1)
    begin, end = lines[2], lines[4]
    their = np.flatnonzero(tables.kind[other] == Kind.BAR)
    missing = np.concatenate([ids[:begin], other[their[2] : their[4]], ids[end:]])
    later = np.concatenate([ids[:end], other[their[4] : their[5]], ids[lines[5] :]])

    def first_logits(stream: Ints) -> Tensor:
        cut = cut_holes(stream, tables, Holes(bars))
        with torch.inference_mode():
            state = model.init_state(torch.from_numpy(cut.source)[None])
            return model(torch.from_numpy(ids[: begin + 2])[None], state)[0][0, -1]

    real = first_logits(ids)
    assert torch.allclose(first_logits(missing), real, atol=1e-6)
    assert not torch.allclose(first_logits(later), real, atol=1e-4)


def test_the_decoder_knows_the_given_voices_at_its_position(chorales: Dataset) -> None:
    """Also those that come after it in the stream."""
    model, tables, (ids, *_) = made(chorales, "grid")
    cut = cut_holes(ids, tables, Holes(np.ones(count_bars(ids, tables), np.bool_), frozenset({0, 1})))
    source, target = torch.from_numpy(cut.source)[None], torch.from_numpy(ids)[None]
    step, _ = model.decoder.tracker(target, model.decoder.tracker.init_state(1))
    memory = model.encode(source)
    _, pitches, _ = model._melody_now(step, memory)
    checked, now = 0, tables.pitch[ids]
    place = step.place[0].tolist()
    for at in range(len(ids) - 1):
        begins = place[at] % 4 == 0 and (tables.kind[ids[at + 1 : at + 4]] >= Kind.PITCH).all()
        if begins and at + 4 < len(ids) and tables.kind[ids[at + 3]] == Kind.PITCH:
            # Before the soprano's id: what the tenor strikes at this position, and nothing of the alto.
            assert pitches[0, at, 2] == now[at + 3]
            assert pitches[0, at, 1] == -1
            checked += 1
    assert checked > 20
