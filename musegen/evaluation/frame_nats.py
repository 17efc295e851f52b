"""Evaluation of a model of piano-roll frames: nats per frame given all frames before it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack, cast

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.folder import Checkpoint
from musegen.config.frames import FramesTrainConfig
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.rolls import read_rolls
from musegen.errors import DataError
from musegen.evaluation.comparison import Evaluation, EvaluationArguments, samples_and_seed
from musegen.evaluation.likelihood import heading, model_view
from musegen.evaluation.lm import SAMPLES, compared_with_real
from musegen.models.frames import FrameModel
from musegen.music.rolls import KEYS, Roll

CHAINS, STEPS = 20, 400
"""Of the estimate for an RBM, see models/annealing.py."""
BATCH = 16
"""Rolls that are read at once."""


class FrameNats(NamedTuple):
    """The negative log-likelihood of frames."""

    total: float
    """In nats, of all that are scored."""
    frames: int
    """How many are scored: all but the first of each roll."""
    variance: float
    """Of the total, where it is an estimate."""

    @property
    def per_frame(self) -> float:
        """Nats per frame."""
        return self.total / max(self.frames, 1)

    @property
    def error(self) -> float:
        """Standard error of the nats per frame by the estimate; 0 if they are exact."""
        return float(np.sqrt(self.variance) / max(self.frames, 1))


def evaluate_frames(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", **arguments: Unpack[EvaluationArguments]
) -> Evaluation:
    """Nats per frame of a split, beside keys that switch independently, and generated music compared with it.

    The first frame of a piece is not scored, and all others count the same (Boulanger-Lewandowski 2012). The
    likelihood of an RBM is an estimate, whose standard error is given.

    Args:
        checkpoint: of a model of frames.
        dataset: the music.
        split: "train", "valid", "test" or "all".
        **arguments: `samples` and `seed`, as of a language model.

    Raises:
        DataError: the split has no piece with notes.
    """
    config, (samples, seed) = cast(FramesTrainConfig, checkpoint.config), samples_and_seed(arguments, SAMPLES)
    positions = config.roll.positions
    assert positions is not None
    view = model_view(checkpoint, dataset)

    def rolls(name: str) -> list[Roll]:
        found = read_rolls(dataset, [view.pieces[i] for i in view.indices(name)], config.data, positions)
        return [roll for roll in found if len(roll) > 1]

    own = rolls(split)
    if not own:
        raise DataError(f"dataset {dataset.name} has no {split} piece of two frames or more")
    found = roll_nats(cast(FrameModel, checkpoint.model), own)
    figures: dict[str, Any] = heading(checkpoint, dataset, split) | {
        "pieces": len(own),
        "scored_frames": found.frames,
        "frames_per_quarter": positions,
        "nats_per_frame": found.per_frame,
        **({"nats_per_frame_error": found.error} if found.variance else {}),
        "nats_per_frame_of_switching_keys": switching_nats(rolls("train"), own).per_frame,
    }
    return compared_with_real(checkpoint, dataset, split, figures, samples=samples, seed=seed)


@torch.inference_mode()
def roll_nats(
    model: FrameModel, rolls: Sequence[Roll], *, chains: int = CHAINS, steps: int = STEPS
) -> FrameNats:
    """The cost of all frames but the first of each roll.

    Args:
        model: in eval mode.
        rolls: (frames, KEYS) each.
        chains: of an estimate.
        steps: of an estimate.
    """
    device = next(model.parameters()).device
    order = sorted(rolls, key=len)
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    total = variance = 0.0
    for batch in progress(batches, len(batches), "Evaluating"):
        frames = pad_sequence([torch.from_numpy(roll).float() for roll in batch], batch_first=True).to(device)
        lengths = torch.tensor([len(roll) for roll in batch], device=device)
        when = torch.arange(frames.shape[1], device=device)
        scored = (when < lengths[:, None]) & (when > 0)
        nats = model.nats(frames, scored, chains=chains, steps=steps)
        total += float(nats.value.double().sum())
        variance += float(nats.variance.double().sum())
    return FrameNats(total, sum(len(roll) - 1 for roll in rolls), variance)


def switching_nats(train: Sequence[Roll], rolls: Sequence[Roll]) -> FrameNats:
    """The cost under a baseline in which each key switches on or off independently, as often as in training.

    For each key it counts how often it sounds after a frame in which it did, and after one in which it did
    not, adding 0.5 to every count.
    """
    counts, keys = np.full((2, 2, KEYS), 0.5), np.arange(KEYS)  # [before, now, key]
    for roll in train:
        states = roll.astype(np.int64)
        np.add.at(counts, (states[:-1], states[1:], np.broadcast_to(keys, states[1:].shape)), 1)
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))
    total = 0.0
    for roll in rolls:
        states = roll.astype(np.int64)
        total += float(nats[states[:-1], states[1:], keys].sum())
    return FrameNats(total, sum(len(roll) - 1 for roll in rolls), 0.0)
