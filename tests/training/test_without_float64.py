"""A run on a device without float64, such as Apple's MPS, which is simulated: no such device is here."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.settings import Seq2SeqTrainConfig, TokenizerConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view, split_likelihood
from musegen.generation import backends
from musegen.training import device
from musegen.training import train as training
from tests.music_fixtures import TINY

CLIPS = VAETrainConfig(
    model=VAEConfig(embedding_dim=16, hidden_size=32, latent_dim=16, clip_bars=2),
    optim=TINY.optim,
    trainer=TINY.trainer,
)
PIANIST = Seq2SeqTrainConfig(
    data=TINY.data,
    tokenizer=TokenizerConfig(kind="remi"),
    model=TINY.model,
    optim=TINY.optim,
    trainer=TINY.trainer,
)


class WithoutFloat64(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Takes the CPU for a device without float64, except what `Tensor.cpu` returns and what is made of that.

    A tensor in float64 is on the CPU, since it cannot be made elsewhere. Any operation that makes one of
    tensors on the device alone, or of nothing, raises.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls = 0
        self._on_cpu = WeakTensorKeyDictionary()

    def moved(self, tensor: Tensor) -> Tensor:
        """In place of `Tensor.cpu`."""
        copy = tensor.detach().clone()
        self._on_cpu[copy] = True
        return copy

    def _is_on_cpu(self, tensor: Tensor) -> bool:
        return tensor.dtype == torch.float64 or tensor in self._on_cpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the operation and look at the tensors that it makes."""
        del types
        self.calls += 1
        result = func(*args, **(kwargs or {}))
        inputs = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        sized = [each for each in inputs if each.dim()]  # a number goes with tensors of any device
        on_cpu = any(map(self._is_on_cpu, sized or inputs))
        for made in tree_leaves(result):
            if not isinstance(made, Tensor):
                continue
            if made.dtype == torch.float64 and not on_cpu:
                raise TypeError(f"{func} made a tensor in float64 on a device without it")
            if on_cpu:
                self._on_cpu[made] = True
        return result


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[WithoutFloat64]:
    """Everything runs on a device without float64, except what is moved to the CPU, and samples."""
    mode = WithoutFloat64()

    def cpu(tensor: Tensor) -> Tensor:
        return mode.moved(tensor)

    monkeypatch.setattr(Tensor, "cpu", cpu)
    monkeypatch.setattr(training, "write_sample", lambda *_: None)  # see `NO_FLOAT64` in backends.py
    with mode:
        yield mode


def test_the_simulation_raises(simulated: WithoutFloat64) -> None:
    ones = torch.ones(3)
    assert float(ones.cpu().double().sum()) == 3.0
    for make in (ones.double, lambda: torch.zeros(3, dtype=torch.float64), lambda: ones.double().cpu()):
        with pytest.raises(TypeError, match="float64"):
            make()
    weights = torch.ones(3, requires_grad=True)
    (weights * 2.0).sum().backward()  # type: ignore[no-untyped-call]
    assert simulated.calls


@pytest.mark.parametrize(
    ("config", "music"),
    [(TINY, "tunes"), (PIANIST, "chorales"), (CLIPS, "tunes")],
    ids=lambda each: str(each)[:3],
)
def test_a_run_needs_no_float64_on_the_device(
    simulated: WithoutFloat64, config: TrainConfig, music: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    dataset: Dataset = request.getfixturevalue(music)
    trainer = replace(config.trainer, max_steps=4, val_check_interval=2)
    out = training.train(replace(config, trainer=trainer), dataset, tmp_path / "ck", say=lambda _: None)
    assert load_checkpoint(out).metrics["step"] > 0
    assert simulated.calls > 100


def test_nor_does_the_likelihood(request: pytest.FixtureRequest, trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    view = model_view(checkpoint, tunes)
    plain = split_likelihood(checkpoint, tunes, view, "valid")
    request.getfixturevalue("simulated")
    assert split_likelihood(checkpoint, tunes, view, "valid").nats.tolist() == plain.nats.tolist()


def test_samples_are_made_on_the_cpu(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_checkpoint(trained)
    checkpoint = replace(loaded, module=loaded.model)
    assert vars(backends.machine_of(checkpoint))["model"] is checkpoint.model
    monkeypatch.setattr(backends, "NO_FLOAT64", ("cpu",))
    copied = vars(backends.machine_of(checkpoint))["model"]
    assert copied is not checkpoint.model
    assert next(copied.parameters()).device.type == "cpu"


@pytest.mark.parametrize(
    ("chosen", "cuda", "mps", "expected"),
    [
        ("auto", True, True, "cuda"),
        ("auto", False, True, "mps"),
        ("auto", False, False, "cpu"),
        ("gpu", False, True, "mps"),
        ("cpu", True, True, "cpu"),
    ],
)
def test_auto_takes_the_best_device_that_is_here(
    chosen: str, *, cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends, "mps", SimpleNamespace(is_available=lambda: mps))
    trainer = replace(TINY.trainer, accelerator=chosen, precision=None)
    config = replace(TINY, trainer=trainer)
    assert device.accelerator(config) == expected
    if expected == "mps":
        assert device.precision(config) == "32-true"
