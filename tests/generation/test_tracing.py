"""A recorded step draws the ids that the step itself draws."""

import gc
import resource
from pathlib import Path

import pytest

from musegen.checkpoint import build_model, load_checkpoint
from musegen.config import LMConfig, SamplingConfig, TrainConfig
from musegen.generation import engine
from musegen.generation.accompany import Players, accompany
from musegen.generation.requests import Result
from musegen.generation.tasks import Request, generate
from musegen.models.lm import LanguageModel
from musegen.models.seq2seq import Seq2Seq
from musegen.tokenizers import GridTokenizer, RemiTokenizer, Tokenizer
from tests.generation.test_accompany import tune


def drawn(results: list[Result]) -> list[tuple[list[int], float]]:
    return [(result.ids, result.log_likelihood) for result in results]


@pytest.mark.parametrize("kind", ["rich", "choir"])
def test_a_language_model_writes_the_same(
    kind: str, rich: RemiTokenizer, choir: GridTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer: Tokenizer = rich if kind == "rich" else choir
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=24)), tokenizer).eval()
    assert isinstance(model, LanguageModel)
    written = []
    for steps in (10**9, 5):
        monkeypatch.setattr(engine, "FIRST_STEPS", steps)
        sampling = SamplingConfig(temperature=0.9, top_k=40, top_p=0.95, min_p=0.01)
        written.append(drawn(generate(model, tokenizer, Request(bars=3), num=3, sampling=sampling, seed=4)))
    assert written[0] == written[1]
    assert min(len(ids) for ids, _ in written[0]) > 5


def test_an_accompanist_writes_the_same(accompanist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = load_checkpoint(accompanist)
    assert isinstance(checkpoint.model, Seq2Seq)
    written = []
    for steps in (10**9, 5):
        monkeypatch.setattr(engine, "FIRST_STEPS", steps)
        players = Players.of(checkpoint.data)
        written.append(
            drawn(accompany(checkpoint.model, checkpoint.tokenizer, tune(), num=2, seed=4, players=players))
        )
    assert written[0] == written[1]


def test_what_is_recorded_is_forgotten(rich: RemiTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece after piece in one process takes no more memory; and a model can still be trained."""
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=24)), rich).eval()
    assert isinstance(model, LanguageModel)
    monkeypatch.setattr(engine, "FIRST_STEPS", 5)

    def resident_after(pieces: int) -> float:
        for seed in range(pieces):
            generate(model, rich, Request(bars=1), num=1, seed=seed)
        gc.collect()
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize() / 2**20

    before = resident_after(3)
    assert resident_after(12) - before < 60  # MiB; it took some 170 once
    assert all(weight.requires_grad for weight in model.parameters())
