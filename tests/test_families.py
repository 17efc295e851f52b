"""A family is one row and one file: one is made here, and nothing else of musegen knows it."""

import ast
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import musegen
from musegen.checkpoint.folder import load_checkpoint
from musegen.checkpoint.names import checkpoint_facts
from musegen.config.settings import LMConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.families import FAMILIES, Family, load
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.models.losses import token_nats
from musegen.models.protocol import Function
from musegen.tokenizers import Tokenizer
from musegen.training.train import train
from tests.music_fixtures import TINY

ROOT = Path(musegen.__file__).parent
TELLING = ("families.py", "config/", "models/", "checkpoint/build.py", "checkpoint/sizes.py")
"""Where families may be told apart."""
TYPES = {"LanguageModel", "Seq2Seq", "VAE", "Classifier", "Seq2SeqTrainConfig", "VAETrainConfig"}
TYPES |= {"ClassifierTrainConfig"}


class Toy(nn.Module):
    """A GRU over ids, and nothing that musegen's own models have besides."""

    def __init__(self, vocab: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.logits = nn.Linear(width, vocab)

    def init_state(self, batch_size: int) -> Tensor:
        """(B, 1, H)."""
        return self.logits.weight.new_zeros(batch_size, 1, self.rnn.hidden_size)

    def functions(self) -> dict[str, Function]:
        """The state of one row, and the nats of streams."""
        ids = torch.arange(1, 22).view(3, 7)
        return {"start": Function(lambda: self.init_state(1), ()), "nats": Function(self._nats, (ids,))}

    def _nats(self, ids: Tensor) -> Tensor:
        return token_nats(self(ids[:, :-1], self.init_state(len(ids)))[0], ids[:, 1:])

    def forward(self, ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to (B, T, V)."""
        output, last = self.rnn(self.embedding(ids), state.transpose(0, 1).contiguous())
        return self.logits(output), last.transpose(0, 1)


@dataclass(frozen=True)
class ToyConfig(TrainConfig):
    """The settings of every language model."""

    family: ClassVar[str] = "toy"
    model: LMConfig = field(default_factory=lambda: LMConfig(hidden_size=16, num_layers=1))


def build_toy(config: ToyConfig, tokenizer: Tokenizer) -> Toy:
    return Toy(len(tokenizer.tables.kind), config.model.hidden_size)


ROW = Family(
    noun="toy",
    purpose="a toy",
    config=ToyConfig,
    build="tests.test_families:build_toy",
    training="musegen.training.task:PIECES",
    sample="musegen.training.sample:sample_piece",
    evaluate="musegen.evaluation.lm:evaluate_lm",
    verbs={"generate": "musegen.generation.from_checkpoint:generate_pieces"},
    example="generate {} --out out/",
    card_example="generate {} --out out/",
    advice="generate",
)


@pytest.fixture
def toy(tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained toy, while there are toys."""
    monkeypatch.setitem(FAMILIES, ROW.name, ROW)
    settings = asdict(TINY.trainer) | {"max_steps": 2, "val_check_interval": 2}
    config = ToyConfig(data=TINY.data, optim=TINY.optim, trainer=type(TINY.trainer)(**settings))
    return train(config, tunes, tmp_path / "toy", say=lambda _: None)


def test_a_row_and_a_model_are_a_family(toy: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(toy)
    assert isinstance(checkpoint.model, Toy)
    [result] = generate_pieces(checkpoint, Wanted(seed=0, bars=2)).results
    assert result.bars == 2
    found = load(ROW.evaluate)(checkpoint, tunes, "test", samples=2, seed=1)
    assert found.figures["family"] == "toy"
    assert found.figures["bits_per_note"] > 0
    facts = checkpoint_facts(toy)
    assert facts["family"] == "toy"
    assert facts["parameters"] == sum(weights.numel() for weights in checkpoint.model.parameters())
    card = (toy / "README.md").read_text("utf-8")
    assert "A musegen toy trained on" in card
    assert "musegen generate toy --out out/" in card
    assert [path.name for path in (toy / "samples").iterdir()] in ([], ["step-000002.mid"])


def test_it_takes_three_files_at_most() -> None:
    named = (ROW.build, ROW.training, ROW.sample, ROW.evaluate, *ROW.verbs.values())
    own = {Toy.__module__, ToyConfig.__module__} | {
        reference.partition(":")[0]
        for reference in named
        if not all(reference in everything(row) for row in (FAMILIES["lm"],))
    }
    assert own == {__name__}  # where musegen would have models/toy.py; its row is in families.py
    assert len(own | {Family.__module__}) <= 3


def everything(row: Family) -> set[str]:
    return {row.build, row.training, row.sample, row.evaluate, *row.verbs.values()}


def strings(node: ast.AST) -> set[Any]:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}


def told_apart(tree: ast.AST) -> list[str]:
    """The lines on which something depends on a family's name, or on the type of its model or settings."""
    found = []
    for node in ast.walk(tree):
        telling: set[Any] = set()
        if isinstance(node, ast.Compare | ast.MatchValue):
            telling = strings(node) & set(FAMILIES)
        elif isinstance(node, ast.Dict):
            telling = set().union(*(strings(key) for key in node.keys if key)) & set(FAMILIES)
        elif isinstance(node, ast.MatchClass):
            telling = {each.id for each in ast.walk(node.cls) if isinstance(each, ast.Name)} & TYPES
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            telling = {each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name)} & TYPES
        if telling:
            found.append(f"line {getattr(node, 'lineno', '?')}: {', '.join(sorted(telling))}")
    return found


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_nothing_else_tells_families_apart(path: Path) -> None:
    if not path.relative_to(ROOT).as_posix().startswith(TELLING):
        assert told_apart(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    ['x == "lm"', 'x in ("a", "vae")', '{"vae": 1}', "isinstance(x, VAE)", "isinstance(x, (A, Seq2Seq))"],
)
def test_telling_apart_is_noticed(line: str) -> None:
    assert told_apart(ast.parse(line))


def test_the_model_of_a_toy_keeps_the_law() -> None:
    model, ids = Toy(12, 4).eval(), torch.tensor([[1, 2, 3, 4]])
    whole, _ = model(ids, model.init_state(1))
    first, state = model(ids[:, :2], model.init_state(1))
    second, _ = model(ids[:, 2:], state)
    assert torch.allclose(whole, torch.cat([first, second], dim=1), atol=1e-6)
