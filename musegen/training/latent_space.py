"""The description of a VAE's latent space in its checkpoint: the mixture of its z, and the sliders."""

import torch
from torch import Tensor

from musegen.data.clips import Clips
from musegen.models.mixture import fit_mixture
from musegen.models.vae import COMPONENTS, VAE
from musegen.music.notes import Floats
from musegen.tokenizers.tables import Ints

FITTED = 4096
"""How many training clips are encoded, spread evenly over all of them: some seconds on a CPU."""
ROWS = 256


@torch.no_grad()
def fit_latent_space(model: VAE, clips: Clips, attributes: Floats, *, sliders: bool, seed: int) -> None:
    """Set the model's buffers: the mixture, and the linear map from each slider's dimension to its attribute.

    Args:
        model: in eval mode.
        clips: of training.
        attributes: of them, (C, 4).
        sliders: whether the first dimensions were trained to follow attributes.
        seed: of all random numbers.
    """
    chosen = clips.spread(FITTED)
    means, scales = encode(model, clips, chosen)
    noise = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed))
    mixture = fit_mixture(means + scales * noise, COMPONENTS, seed=seed)
    model.mixture_log_weights.copy_(mixture.log_weights)
    model.mixture_means.copy_(mixture.means)
    model.mixture_scales.copy_(mixture.scales)
    if sliders:
        slope, offset = _regress(means.double(), torch.from_numpy(attributes[chosen]))
        model.slider_slope.copy_(slope.float())
        model.slider_offset.copy_(offset.float())


@torch.no_grad()
def encode(model: VAE, clips: Clips, chosen: Ints) -> tuple[Tensor, Tensor]:
    """Points of some clips, and the standard deviations of their posteriors, (N, Z) each, on the CPU.

    Kinds without a posterior have deviations of 0.

    What is fitted to them is fitted in float64, which not every device has.
    """
    device = model.mixture_means.device
    parts = [
        model.point_and_scale(torch.from_numpy(clips.rows(chosen[start : start + ROWS])).to(device))
        for start in range(0, len(chosen), ROWS)
    ]
    points, scales = (torch.cat(columns).cpu() for columns in zip(*parts, strict=True))
    return points, scales


def _regress(latents: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset, (A,) each, of the regression of attribute i, (N, A), on dimension i, (N, Z)."""
    known = values.isfinite().all(dim=1)
    values, z = values[known], latents[known][:, : values.shape[1]]
    centred = z - z.mean(dim=0)
    slope = (centred * values).mean(dim=0) / centred.square().mean(dim=0).clamp(min=1e-9)
    return slope, values.mean(dim=0) - slope * z.mean(dim=0)
