import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.evaluation.likelihood import model_view, split_likelihood, total_figures
from musegen.models.losses import stream_nats, token_nats
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Kind


def figures_of(checkpoint: Checkpoint, dataset: Dataset, split: str) -> dict[str, Any]:
    return total_figures(split_likelihood(checkpoint, dataset, model_view(checkpoint, dataset), split))


def test_token_nats_by_hand() -> None:
    logits = torch.log(torch.tensor([[[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]]))
    nats = token_nats(logits, torch.tensor([[2, 0]]))
    assert nats[0, 0].item() == pytest.approx(-math.log(0.7), abs=1e-6)
    assert nats[0, 1].item() == 0.0  # padding


def test_chunks_do_not_change_the_sum(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    ids = torch.from_numpy(checkpoint.tokenizer.encode(tunes.score(tunes.pieces[0])))[None]

    def nats(chunk: int) -> Tensor:
        return stream_nats(checkpoint.model, checkpoint.model.init_state(1), ids, chunk=chunk)

    assert nats(7).shape == (1, ids.shape[1] - 1)
    assert torch.allclose(nats(7), nats(10_000), atol=1e-4)


def test_bits_a_note_are_those_of_the_pieces_one_by_one(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    found = figures_of(checkpoint, tunes, "test")
    nats, notes, tokens, beats = 0.0, 0, 0, 0.0
    for piece in tunes.split("test"):
        score = tunes.score(piece)
        ids = torch.from_numpy(checkpoint.tokenizer.encode(score))
        logits, _ = checkpoint.model(ids[None, :-1], checkpoint.model.init_state(1))
        picked = logits[0].double().log_softmax(-1).gather(1, ids[1:, None])
        nats -= float(picked.detach().sum())
        notes += score.note_num()
        tokens += len(ids) - 1
        lines = bar_ticks(score) / score.ticks_per_quarter
        beats += lines[-1] - (lines[1] - piece.pickup if piece.pickup else 0)  # the rest before a pickup
    assert found["pieces"] == len(tunes.split("test"))
    assert (found["notes"], found["tokens"]) == (notes, tokens)
    assert found["bits_per_note"] == pytest.approx(nats / math.log(2) / notes, rel=1e-4)
    assert any(piece.pickup for piece in tunes.split("test"))
    assert found["nats_per_beat"] == pytest.approx(nats / beats, rel=1e-4)
    assert found["nats_per_token"] == pytest.approx(nats / tokens, rel=1e-4)


def test_each_kind_of_id_has_its_share_and_padding_none(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    found = figures_of(checkpoint, tunes, "test")
    nats: dict[str, float] = {}
    count: Counter[str] = Counter()
    for piece in tunes.split("test"):
        ids = torch.from_numpy(checkpoint.tokenizer.encode(tunes.score(piece)))
        with torch.inference_mode():
            logits, _ = checkpoint.model(ids[None, :-1], checkpoint.model.init_state(1))
        each = -logits[0].double().log_softmax(-1).gather(1, ids[1:, None])[:, 0]
        for id_, cost in zip(ids[1:].tolist(), each.tolist(), strict=True):
            kind = Kind(checkpoint.tokenizer.tables.kind[id_]).name.lower()
            nats[kind] = nats.get(kind, 0.0) + cost
            count[kind] += 1
    kinds = found["by_kind"]
    assert kinds.keys() == nats.keys() > {"bar", "position", "pitch", "duration", "eos"}
    for kind, row in kinds.items():
        assert row["count"] == count[kind]
        assert row["nats_each"] == pytest.approx(nats[kind] / count[kind], rel=1e-4)
    assert sum(row["share_of_nats"] for row in kinds.values()) == pytest.approx(1.0)
    bits = sum(nats.values()) / math.log(2)
    assert found["bits_per_bar"] == pytest.approx(bits / count["bar"], rel=1e-4)


def test_an_empty_split_is_one_line(trained: Path, tunes: Dataset) -> None:
    with pytest.raises(DataError, match="no exam pieces"):
        figures_of(load_checkpoint(trained), tunes, "exam")
