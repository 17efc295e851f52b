"""How a performer plays a score: sampled takes, and the medians of its distributions."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from musegen.models.noise import sample_noise
from musegen.models.performer import QUANTITIES, Performer, quantiles
from musegen.music.notes import Floats
from musegen.music.performance import UNITS, Played, Sheet


@torch.no_grad()
def predict(model: Performer, sheet: Sheet) -> dict[str, Tensor]:
    """The logits of each quantity for the notes of a score, (N, C) each, in double precision on the CPU.

    Args:
        model: in eval mode.
        sheet: the score, of at least one note.
    """
    device = model.noise.device
    features = torch.from_numpy(sheet.features)[None].to(device)
    tempo = torch.from_numpy(sheet.tempo.astype(np.float32))[None].to(device)
    logits = model(features, tempo, torch.tensor([len(sheet.tempo)], device=device))
    return {name: each[0].cpu().double() for name, each in logits.items()}


def medians(logits: dict[str, Tensor]) -> Played:
    """The median of each distribution."""
    return _played(logits, {name: torch.full(each.shape[:1], 0.5) for name, each in logits.items()})


def sample_takes(
    model: Performer, sheet: Sheet, logits: dict[str, Tensor], *, num: int, seed: int
) -> Iterator[Played]:
    """Takes of a score, each with random numbers of its own.

    Args:
        model: whose noise is used.
        sheet: the score.
        logits: of `predict`.
        num: of takes.
        seed: of all random numbers.
    """
    noise = model.noise.cpu().double().numpy()
    for take in range(num):
        rng = np.random.default_rng([seed, take])
        scores = torch.from_numpy(sample_noise(noise, sheet.position / UNITS, rng))
        shares = torch.special.ndtr(scores)
        yield _played(logits, {name: shares[:, number] for number, name in enumerate(QUANTITIES)})


def _played(logits: dict[str, Tensor], shares: dict[str, Tensor]) -> Played:
    values: dict[str, Floats] = {
        name: quantiles(name, logits[name], shares[name]).numpy() for name in QUANTITIES
    }
    velocity = np.clip(np.round(values["velocity"]), 1.0, 127.0)
    return Played(values["shift"], velocity, values["stretch"])
