"""What a VAE's latent space is like, kept in its checkpoint: the mixture of its z, and the sliders."""

import torch
from torch import Tensor

from musegen.data.clips import Clips
from musegen.models.mixture import fit_mixture
from musegen.models.vae import COMPONENTS, VAE
from musegen.music.notes import Floats
from musegen.tokenizers.tables import Ints

FITTED = 4096
"""Training clips that are encoded, spread evenly over all of them: some seconds on a processor."""
ROWS = 256


@torch.no_grad()
def fit_latent_space(model: VAE, clips: Clips, attributes: Floats, *, sliders: bool, seed: int) -> None:
    """Fill in the model's buffers: the mixture, and what one unit of each slider's dimension stands for.

    Args:
        model: in eval mode.
        clips: of training.
        attributes: of them, (C, 4).
        sliders: whether the first dimensions were trained to stand for attributes.
        seed: of what is drawn.
    """
    chosen = clips.spread(FITTED)
    means, scales = encode(model, clips, chosen)
    noise = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed)).to(means.device)
    mixture = fit_mixture(means + scales * noise, COMPONENTS, seed=seed)
    model.mixture_log_weights.copy_(mixture.log_weights)
    model.mixture_means.copy_(mixture.means)
    model.mixture_scales.copy_(mixture.scales)
    if sliders:
        slope, offset = _lines(means.cpu().double(), torch.from_numpy(attributes[chosen]))
        model.slider_slope.copy_(slope)
        model.slider_offset.copy_(offset)


@torch.no_grad()
def encode(model: VAE, clips: Clips, chosen: Ints) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the posterior of some clips, (N, Z) each."""
    device = model.mixture_means.device
    normals = [
        model.posterior(torch.from_numpy(clips.rows(chosen[start : start + ROWS])).to(device))
        for start in range(0, len(chosen), ROWS)
    ]
    return torch.cat([n.mean for n in normals]), torch.cat([n.stddev for n in normals])


def _lines(latents: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset, (A,) each, of the straight line from dimension i, (N, Z), to attribute i, (N, A)."""
    known = values.isfinite().all(dim=1)
    values, z = values[known], latents[known][:, : values.shape[1]]
    apart = z - z.mean(dim=0)
    slope = (apart * values).mean(dim=0) / apart.square().mean(dim=0).clamp(min=1e-9)
    return slope, values.mean(dim=0) - slope * z.mean(dim=0)
