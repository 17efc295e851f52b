"""Models of piano-roll frames: the law, and that their distributions are what they say."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.checkpoint.build import build_model
from musegen.config.frames import FramesConfig, FramesTrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.models.frame_outputs import NADE, RBM, Draw, Independent
from musegen.models.frames import FrameModel
from musegen.music.rolls import KEYS, roll_of
from musegen.tokenizers import RemiTokenizer

OUTPUTS = ("independent", "nade", "rbm")
WIDTH = 8


@pytest.fixture(scope="module")
def frames(chorales: Dataset) -> Tensor:
    """Two chorales on eighths, (2, 40, KEYS)."""
    rolls = [roll_of(chorales.score(piece), 2)[:40] for piece in chorales.pieces[:2]]
    return torch.from_numpy(np.stack(rolls)).float()


def made(output: str, plain: RemiTokenizer, cell: str = "lstm") -> FrameModel:
    torch.manual_seed(0)
    model = FramesConfig(output=output, hidden_size=WIDTH, cell=cell)  # type: ignore[arg-type]
    found = build_model(FramesTrainConfig(model=model), plain)
    assert isinstance(found, FrameModel)
    return found.eval()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "transformer"])
def test_any_cutting_gives_the_same_states(cell: str, frames: Tensor, plain: RemiTokenizer) -> None:
    model = made("nade", plain, cell)
    with torch.inference_mode():
        whole, _ = model(frames, model.init_state(2))
        state, parts = model.init_state(2), []
        for part in frames.split([1, 7, 20, 12], dim=1):
            output, state = model(part, state)
            parts.append(output)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


def test_a_frame_is_predicted_from_those_before_it_alone(frames: Tensor, plain: RemiTokenizer) -> None:
    model, other = made("nade", plain), frames.clone()
    other[:, 10:] = 1 - other[:, 10:]
    with torch.inference_mode():
        assert torch.equal(model.states(frames)[:, :11], model.states(other)[:, :11])
        assert not torch.equal(model.states(frames)[:, 11], model.states(other)[:, 11])


def all_frames(count: int) -> Tensor:
    """All sets of the `count` lowest keys, (2 ** count, KEYS)."""
    sets = torch.tensor([*itertools.product([0.0, 1.0], repeat=count)])
    return torch.nn.functional.pad(sets, (0, KEYS - count))


def silenced(output: Independent | NADE | RBM, count: int) -> None:
    """Make all but the lowest keys impossible, so that what is left can be summed."""
    bias = output.logits.bias if isinstance(output, Independent) else output.visible.bias
    with torch.no_grad():
        bias[count:] = -60.0
        if isinstance(output, NADE | RBM):
            (output.above if isinstance(output, NADE) else output.weights)[count:] = 0.0


@pytest.mark.parametrize("kind", OUTPUTS)
def test_the_probabilities_of_all_frames_sum_to_one(kind: str) -> None:
    torch.manual_seed(0)
    outputs = {"independent": Independent(WIDTH), "nade": NADE(WIDTH, 6), "rbm": RBM(WIDTH, 6, 1)}
    output, sets = outputs[kind], all_frames(6)
    if isinstance(output, RBM):
        torch.nn.init.normal_(output.weights, std=1.0)
    silenced(output, 6)
    state = torch.randn(1, WIDTH).expand(len(sets), -1)
    with torch.inference_mode():
        nats = output.nats(state, sets, chains=50, steps=100)
        # The estimate of an RBM differs from row to row, so one row's partition function is used for all.
        value = nats.value
        if isinstance(output, RBM):
            value = output.free_energy(state, sets) + (nats.value - output.free_energy(state, sets)).mean()
    assert float((-value.double()).exp().sum()) == pytest.approx(1.0, abs=0.02 if kind == "rbm" else 1e-4)
    assert output.is_exact == (nats.variance.max() == 0)


def test_a_nade_equals_its_definition() -> None:
    torch.manual_seed(0)
    output, state = NADE(WIDTH, 5), torch.randn(3, WIDTH)
    frames = (torch.rand(3, KEYS) < 0.2).float()
    with torch.inference_mode():
        found, inputs = torch.zeros(3), output.hidden(state)
        for key in range(KEYS):
            p = (output.visible(state)[:, key] + inputs.sigmoid() @ output.above[key]).sigmoid()
            found -= torch.where(frames[:, key] > 0, p, 1 - p).log()
            inputs = inputs + frames[:, key, None] * output.below[key]
        assert torch.allclose(output.loss(state, frames), found, rtol=1e-4)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_samples_follow_the_distribution(kind: str) -> None:
    """The shares of all sets of three keys among many samples, and their probabilities."""
    torch.manual_seed(2)
    outputs = {"independent": Independent(WIDTH), "nade": NADE(WIDTH, 6), "rbm": RBM(WIDTH, 6, 1)}
    output, sets = outputs[kind], all_frames(3)
    if isinstance(output, RBM):
        torch.nn.init.normal_(output.weights, std=1.0)
    silenced(output, 3)
    state, count = torch.randn(1, WIDTH), 5000
    draw = Draw(lambda n: torch.rand(count, n), 1.0, torch.zeros(KEYS))
    with torch.inference_mode():
        sampled, _ = output.sample(state.expand(count, -1), torch.zeros(count, KEYS), draw)
        nats = output.nats(state.expand(len(sets), -1), sets, chains=100, steps=100).value
    wanted = (-nats).softmax(dim=0)
    shares = torch.stack([(sampled == each).all(dim=1).float().mean() for each in sets])
    assert torch.allclose(shares, wanted, atol=0.03)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_keys_that_are_not_allowed_stay_silent(kind: str, plain: RemiTokenizer) -> None:
    output = made(kind, plain).output
    allowed = torch.full((KEYS,), -torch.inf)
    allowed[40:45] = 0.0
    draw = Draw(lambda n: torch.rand(50, n), 3.0, allowed)
    with torch.inference_mode():
        sampled, _ = output.sample(torch.randn(50, WIDTH), torch.zeros(50, KEYS), draw)
    assert sampled[:, 40:45].any()
    assert not sampled[:, :40].any()
    assert not sampled[:, 45:].any()


def test_contrastive_divergence_raises_the_likelihood_of_what_is_seen() -> None:
    torch.manual_seed(0)
    output, state = RBM(WIDTH, 6, 5), torch.zeros(64, WIDTH)
    silenced(output, 4)
    seen = all_frames(4)[torch.tensor([3, 12]).repeat(32)]  # two frames, with keys that go together
    optimizer = torch.optim.Adam(output.parameters(), lr=0.05)
    with torch.inference_mode():
        before = output.nats(state, seen, chains=20, steps=50).value.mean()
    for _ in range(150):
        optimizer.zero_grad()
        output.loss(state, seen).mean().backward()
        optimizer.step()
    with torch.inference_mode():
        after = output.nats(state, seen, chains=20, steps=100).value.mean()
    assert after < before - 1
    assert after < 1.2  # ln 2 is the least; keys on their own cost 4 ln 2 = 2.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": 5, "output": "independent"}, "model.units is for model.output nade or rbm"),
        ({"rounds": 5}, "model.rounds is for model.output rbm, and it is nade"),
        ({"lookback": (1,)}, "model.lookback is for models that read tokens"),
    ],
)
def test_settings_of_another_output_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FramesConfig(**settings)  # type: ignore[arg-type]
