"""Losses as pure functions, in nats."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn import functional

from musegen.config.latent import LatentConfig
from musegen.models.protocol import Decoder, State


def token_nats(logits: Tensor, target_ids: Tensor) -> Tensor:
    """Negative log-likelihood of each target, 0 where it is padding (id 0).

    Args:
        logits: (B, T, V).
        target_ids: (B, T).

    Returns:
        (B, T), in nats.
    """
    nats = functional.cross_entropy(
        logits.float().flatten(0, 1), target_ids.flatten(), ignore_index=0, reduction="none"
    )
    return nats.view_as(target_ids)


@torch.no_grad()
def stream_nats(model: Decoder[State], state: State, ids: Tensor, *, chunk: int = 1024) -> Tensor:
    """Negative log-likelihood of every id after the first, with the state carried from chunk to chunk.

    Args:
        model: in eval mode.
        state: its first state, for B rows.
        ids: (B, T), padded at the end with 0.
        chunk: ids per call; limits memory and changes nothing else.

    Returns:
        (B, T - 1) in nats, 0 at padding.
    """
    nats = []
    for start in range(0, ids.shape[1] - 1, chunk):
        inputs = ids[:, start : start + chunk]
        targets = ids[:, start + 1 : start + chunk + 1]
        logits, state = model(inputs[:, : targets.shape[1]], state)
        nats.append(token_nats(logits, targets))
    return torch.cat(nats, dim=1)


def kl_nats(posterior: Normal) -> Tensor:
    """KL divergence of each posterior from the prior N(0, I), per dimension, (B, Z), in nats."""
    mean, scale = posterior.loc, posterior.scale
    return 0.5 * (mean.square() + scale.square() - 1.0) - scale.log()


def above_free_bits(kl: Tensor, free_bits: float) -> Tensor:
    """The part of each clip's KL above the free bits, (B,), in nats.

    Args:
        kl: (B, Z) in nats.
        free_bits: bits per clip, subtracted from the sum over the dimensions, as in MusicVAE.
    """
    return (kl.sum(dim=1) - free_bits * math.log(2)).clamp(min=0.0)


def beta_at(step: int, steps: int, latent: LatentConfig) -> float:
    """The weight of the KL at a step of the training.

    Args:
        step: steps done.
        steps: of the whole run.
        latent: its schedule. "linear": beta rises from 0 through the first `warmup` of the run, then stays;
            "cyclical": the run is `cycles` equal parts, and in each it rises from 0 through the first half
            (Fu 2019, arXiv:1903.10145); "constant".
    """
    share = 1.0
    if latent.schedule == "linear":
        share = step / max(1, round(steps * latent.warmup))
    elif latent.schedule == "cyclical" and step < steps:
        share = 2 * (step / steps * latent.cycles % 1.0)
    return latent.beta * min(1.0, share)


def attribute_loss(latents: Tensor, attributes: Tensor, *, steepness: float = 10.0) -> Tensor:
    """Attribute regularisation of the first latent dimensions (Pati and Lerch 2020).

    For every two clips, tanh of the steepened difference of a dimension is compared with the sign of the
    difference of its attribute; the mean absolute error over pairs, summed over the attributes
    (arXiv:2004.05485, equations 4 to 7).

    Args:
        latents: (B, Z).
        attributes: (B, A), A at most Z; NaN where a clip has none.
        steepness: the paper's delta.
    """
    z = latents[:, : attributes.shape[1]].float()
    apart = torch.tanh(steepness * (z[:, None] - z[None]))  # (B, B, A)
    higher = attributes[:, None] - attributes[None]
    errors = torch.where(higher.isnan(), 0.0, (apart - higher.nan_to_num().sign()).abs())
    return errors.mean(dim=(0, 1)).sum()
