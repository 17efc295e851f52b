"""What a checkpoint of clips generates, with its own settings unless others are requested.

Each function is a verb of a family: see `families.py`, and `from_checkpoint.py` for those of whole pieces.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from musegen.checkpoint.folder import Checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.backends import machine_of
from musegen.generation.clips import Clip
from musegen.generation.from_checkpoint import Generated, Wanted, settings_of
from musegen.generation.interpolate import Interpolation, Route, interpolate_clips
from musegen.generation.latent import ClipDecoder, latent_of, sample_clips
from musegen.generation.rejection import Rejection, accept_all
from musegen.generation.request import Result, TrainingDefaults
from musegen.generation.sampling import RowStreams
from musegen.generation.vary import vary_clip

AMOUNT, VARIATIONS = 0.3, 4
"""Default amount and number of variations."""


def generate_clips(checkpoint: Checkpoint, wanted: Wanted) -> Generated:
    """New clips of a VAE.

    Raises:
        ConfigError: the model cannot do what is requested, or too few clips are accepted.
        MusegenError: a clip did not end.
    """
    name, config = checkpoint.path.name, cast(VAETrainConfig, checkpoint.config)
    settings = config.model
    if wanted.prior and not config.is_variational:
        raise ConfigError(
            f"⟨prior⟩ is for variational autoencoders: {name} is trained with ⟨latent.kind⟩ "
            f"{config.latent.kind}, which has no prior; leave it out"
        )
    if wanted.prompt is not None:
        raise ConfigError(f"⟨prompt⟩: {name} continues no music; for clips like one of yours: musegen vary")
    if wanted.bars not in (None, settings.clip_bars):
        raise ConfigError(
            f"⟨bars⟩ is {wanted.bars}, and {name} writes clips of {settings.clip_bars} bars: leave it out"
        )
    wanted.labels.found((), name)
    if wanted.candidates:
        raise ConfigError(
            f"⟨candidates⟩ is for models that write pieces, and {name} writes clips: leave it out"
        )
    if wanted.key:
        raise ConfigError(
            "⟨key⟩ is for models that write pieces: clips end anywhere; restrict the notes with ⟨scale⟩"
        )
    request, words = wanted.request(settings.clip_bars), list[str]()
    if not config.is_variational:
        words.append(
            f"{name} has no prior: points are sampled from Gaussians fitted to the codes of training clips"
        )
    rejection = Rejection(wanted.rejecting_copies(accept_all, request.bars, words)(wanted.num, wanted.seed))
    sampling = settings_of(checkpoint, wanted.sampling, wanted.pitches)
    machine = machine_of(checkpoint, sampling.precision)
    while rejection.wanted:
        num, seed = rejection.wanted
        results = sample_clips(
            machine,
            checkpoint.tokenizer,
            request,
            num=num,
            prior=wanted.prior,
            sampling=sampling,
            seed=seed,
            defaults=TrainingDefaults.of(checkpoint.data),
        )
        rejection.take(results)
    return Generated(rejection.results, words)


def generate_reconstruction(
    checkpoint: Checkpoint, clip: Clip, *, sampling: SamplingOptions | None = None, seed: int = 0
) -> Result:
    """The reconstruction of a clip."""
    decoder = _clip_decoder(checkpoint, sampling).of(clip)
    [result] = decoder.decode(latent_of(decoder.machine, clip.ids)[None], RowStreams(seed, range(1)))
    return result


def generate_interpolation(
    checkpoint: Checkpoint,
    first: Clip,
    last: Clip,
    num: int,
    *,
    path: Route = "both",
    sampling: SamplingOptions | None = None,
    seed: int = 0,
) -> Interpolation:
    """The clips between two; see `interpolate_clips`."""
    decoder = _clip_decoder(checkpoint, sampling)
    return interpolate_clips(decoder, first, last, num, path=path, seed=seed)


def generate_variations(
    checkpoint: Checkpoint,
    clip: Clip,
    *,
    num: int | None = None,
    amount: float | None = None,
    moves: Mapping[str, float] | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
) -> list[Result]:
    """Clips like one; see `vary_clip`.

    The default of `amount` is 0.3, or 0 with `moves`; that of `num` is 4, or 1 where nothing is random.
    """
    decoder = _clip_decoder(checkpoint, sampling)
    distance = amount if amount is not None else 0.0 if moves else AMOUNT
    is_drawn = distance > 0 or decoder.sampling.temperature > 0
    count = num or (VARIATIONS if is_drawn else 1)
    return vary_clip(decoder, clip, num=count, amount=distance, moves=moves, seed=seed)


def as_result(clip: Clip, bars: int) -> Result:
    """The user's own clip as a result."""
    ids = clip.ids[:-1].tolist()
    return Result(clip.score, 0.0, bars, ids, user_tracks=tuple(range(len(clip.score.tracks))))


def _clip_decoder(checkpoint: Checkpoint, sampling: SamplingOptions | None) -> ClipDecoder:
    """The decoder for clips of the user: by default greedy, with the checkpoint's other settings."""
    settings = sampling or replace(checkpoint.config.sampling, temperature=0.0)
    machine, bars = (
        machine_of(checkpoint, settings.precision),
        cast(VAEConfig, checkpoint.config.model).clip_bars,
    )
    return ClipDecoder(machine, checkpoint.tokenizer, bars, sampling=settings)
