"""Fine-tuning: lower rates and fewer steps than from nothing, and weights between those before and after."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from torch import Tensor, nn

from musegen.checkpoint.folder import Checkpoint
from musegen.config.settings import TrainConfig
from musegen.training.callbacks import KeepBest

RATE = 0.06
"""Learning rate of fine-tuning, relative to the default."""
EPOCHS = 12
FEW_NOTES = 2000
"""With fewer notes in the validation split, fine-tuning is validated before and after only: the best of many
validations on a few tunes is best for these alone."""
BETWEEN = (0.25, 0.5, 0.75)
"""Shares of the change by fine-tuning that are tried beside all of it and none."""


def for_fine_tuning(config: TrainConfig, fixed: Iterable[str], start: Checkpoint) -> TrainConfig:
    """Settings for weights that are trained already, unless others are fixed.

    They are a low learning rate, and the tracks of the model, or the melody alone if its pieces are lines.
    """
    if "optim.lr" not in fixed:
        usual = replace(type(config)(), model=start.config.model).settled().optim.lr
        assert usual is not None
        config = replace(config, optim=replace(config.optim, lr=usual * RATE))
    if "data.tracks" not in fixed:
        tracks = "melody" if start.is_line else start.config.data.tracks
        config = replace(config, data=replace(config.data, tracks=tracks))
    return config


def between(model: nn.Module, before: dict[str, Tensor]) -> Iterator[float]:
    """Set weights between those before and after fine-tuning, which often suit other music better.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".

    Args:
        model: with the weights after it.
        before: the weights before it.

    Yields:
        the share of the change that the model has now.
    """
    after = copy.deepcopy(model.state_dict())
    for share in BETWEEN:
        model.load_state_dict({name: old + share * (after[name] - old) for name, old in before.items()})
        yield share


def say_gain(name: str, best: KeepBest, say: Callable[[str], None]) -> None:
    """Say what fine-tuning the checkpoint `name` has gained on the validation split."""
    what = best.figure.removeprefix("val_").replace("_", " ")
    if best.best < best.first:
        gain = f"{(best.first - best.best) / abs(best.first):.1%} lower" if best.first else "lower"
        say(f"fine-tuned: {what} {best.best:.3f} on valid, {gain} than {name} ({best.first:.3f})")
    else:
        say(f"fine-tuning has gained nothing: the weights are those of {name} ({what} {best.first:.3f})")
