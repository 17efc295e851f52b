"""Variations of a clip: around its point in the latent space, and along the sliders."""

from collections.abc import Mapping

from musegen.config import SamplingConfig
from musegen.generation.assemble import dress_like
from musegen.generation.clips import Clip
from musegen.generation.latent import GREEDY, decode_latents, draw_latents, latent_of
from musegen.generation.requests import Result
from musegen.generation.sampling import RowStreams
from musegen.generation.walks import slide, vary
from musegen.models.vae import VAE
from musegen.tokenizers import Tokenizer


def vary_clip(
    model: VAE,
    tokenizer: Tokenizer,
    clip: Clip,
    *,
    num: int = 1,
    amount: float = 0.0,
    moves: Mapping[str, float] | None = None,
    sampling: SamplingConfig = GREEDY,
    seed: int = 0,
) -> list[Result]:
    """Clips like one: first away from its point at random, then along the sliders.

    Each variation lies the share `amount` of the way from the clip's point (the mean of its posterior) to a
    point drawn as `generate` draws it, on the arc between the two. At 0 that is the clip as the model gives
    it back, at 1 a clip that has nothing to do with it.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        clip: to vary; its metre, tempo and instrument are kept.
        num: how many.
        amount: from 0 to 1.
        moves: by how many units each attribute is to change (see `slide`).
        sampling: how ids are drawn; unset, the likeliest each time.
        seed: fixes everything; variation i of a seed does not depend on `num`.

    Raises:
        ConfigError: the model was trained without sliders.
        MusegenError: a clip did not end.
    """
    streams = RowStreams(seed, range(num))
    z = vary(latent_of(model, clip.ids), draw_latents(model, streams), amount)
    results = decode_latents(
        model,
        tokenizer,
        slide(z, model.slider_slope.cpu(), moves or {}),
        clip.metre,
        sampling=sampling,
        streams=streams,
        ticks_per_quarter=clip.score.ticks_per_quarter,
    )
    for result in results:
        dress_like(result.score, clip.score, tokenizer)
    return results
