"""From a checkpoint and what is asked for to results: what Python and the command line both call."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symusic.core import ScoreTick

from musegen.api.chords import chords_of
from musegen.api.given import Tune
from musegen.api.pitches import common_pitches, part_pitches
from musegen.checkpoint import Checkpoint
from musegen.config import SamplingConfig, VAEConfig
from musegen.errors import CheckpointError, ConfigError
from musegen.generation.accompany import PLAN_TEMPERATURE, Accompaniment, Players, accompany
from musegen.generation.assemble import dress_like, join
from musegen.generation.chosen import generate_in_key
from musegen.generation.clips import Clip
from musegen.generation.endings import generate_ending
from musegen.generation.latent import decode_latents, latent_of, sample_clips
from musegen.generation.requests import Request, Result
from musegen.generation.sampling import RowStreams
from musegen.generation.tasks import generate
from musegen.generation.vary import vary_clip
from musegen.models.lm import LanguageModel
from musegen.models.seq2seq import Seq2Seq
from musegen.models.vae import VAE
from musegen.music.metre import bar_ticks

BARS = 16
"""Of a piece, where nobody says."""
AMOUNT, VARIATIONS = 0.3, 4
"""Of `vary`, where nobody says."""
FAMILY_VERBS = {"lm": "generate", "seq2seq": "accompany", "vae": "reconstruct, interpolate or vary"}


def check_family(checkpoint: Checkpoint, *families: str) -> None:
    """Refuse a checkpoint that is of none of these families.

    Raises:
        CheckpointError: it is of another.
    """
    family = checkpoint.config.family
    if family not in families:
        raise CheckpointError(
            f"checkpoint {checkpoint.path} is of family {family}, not {' or '.join(families)}: "
            f"use musegen {FAMILY_VERBS[family]}"
        )


def new_bars(checkpoint: Checkpoint, bars: int | None, *, has_prompt: bool, prior: bool) -> int:
    """How many bars `generate` is to write; None leaves it to the model.

    Raises:
        ConfigError: something was asked for that is of no use to the checkpoint's family.
    """
    name, settings = checkpoint.path.name, checkpoint.config.model
    if not isinstance(settings, VAEConfig):
        if prior:
            raise ConfigError(f"--prior is for models of clips, and {name} writes pieces: leave it out")
        return bars or BARS
    if has_prompt:
        raise ConfigError(f"--prompt: {name} continues nothing; for clips like one of yours: musegen vary")
    if bars not in (None, settings.clip_bars):
        raise ConfigError(
            f"--bars is {bars}, and {name} writes clips of {settings.clip_bars} bars: leave it out"
        )
    return settings.clip_bars


def write_pieces(
    checkpoint: Checkpoint,
    request: Request,
    *,
    num: int,
    prompt: ScoreTick | None,
    key: tuple[int, str] | None,
    sampling: SamplingConfig,
    seed: int,
    prior: bool,
) -> tuple[list[Result], int]:
    """New pieces of a language model, or clips of a model of clips, and how many were thrown away.

    See `generate`, `generate_in_key` and `sample_clips`.

    Args:
        checkpoint: the model's.
        request: what is wanted.
        num: how many.
        prompt: to be continued.
        key: the tonic's pitch class and the mode in which pieces are to end; None: any.
        sampling: how ids are drawn.
        seed: fixes everything.
        prior: of a model of clips: draw from all of its latent space.

    Raises:
        ConfigError: something that the model cannot do.
    """
    model, data = checkpoint.model, checkpoint.data
    sampling = _leaving_scales(sampling, request.pitches)
    if isinstance(model, VAE):
        if key:
            raise ConfigError(
                "--key is for models that write pieces: clips end anywhere; keep to notes with --scale"
            )
        clips = sample_clips(
            model,
            checkpoint.tokenizer,
            request,
            num=num,
            metres=data.get("metres", ()),
            prior=prior,
            sampling=sampling,
            seed=seed,
            default_tempo=data["tempo"],
            default_program=data["program"],
        )
        return clips, 0
    assert isinstance(model, LanguageModel)

    def write(num: int, seed: int) -> list[Result]:
        return generate(
            model,
            checkpoint.tokenizer,
            request,
            num=num,
            prompt=prompt,
            sampling=sampling,
            seed=seed,
            default_tempo=data["tempo"],
            default_program=data["program"],
            rosters=[entry["programs"] for entry in data["train"]],
        )

    if key is None:
        return generate_ending(write, data.get("ends_on_tonic", 0.0), num=num, seed=seed), 0
    tonic, mode = key
    return generate_in_key(
        write,
        model,
        checkpoint.tokenizer,
        tonic=tonic,
        mode=mode,
        pitches=request.pitches,
        num=num,
        seed=seed,
    )


def _leaving_scales(sampling: SamplingConfig, pitches: frozenset[int] | None) -> SamplingConfig:
    """As given; where a scale is asked for, perhaps no diatonic one, no other is kept to."""
    is_asked = pitches is not None and len({pitch % 12 for pitch in pitches}) < 12
    return replace(sampling, diatonic=0.0) if is_asked else sampling


def wanted_accompaniment(
    checkpoint: Checkpoint,
    tune: Tune,
    *,
    scale: str | None,
    pitch_range: Sequence[str],
    prompt_bars: int,
    chords: str | None,
    plan_temperature: float | None,
) -> Accompaniment:
    """What accompaniment is wanted of a tune, from what was typed.

    Args:
        checkpoint: an accompanist's.
        tune: to accompany.
        scale: to keep to, as typed.
        pitch_range: as typed; those that name a part, such as bass=36:60, are its own, the last other one all
            parts'.
        prompt_bars: bars of the file's own accompaniment to keep.
        chords: as typed, such as "C Am F G"; None leaves them to the model.
        plan_temperature: of the chords; None: the likeliest.

    Raises:
        ConfigError: one of them cannot be understood, or there is no such part.
    """
    bars = len(bar_ticks(tune.melody)) - 1
    return Accompaniment(
        pitches=common_pitches(scale, pitch_range),
        part_pitches=part_pitches(pitch_range, [part.name for part in checkpoint.tokenizer.parts]),
        prompt_bars=prompt_bars,
        chords=chords_of(chords, bars) if chords is not None else (),
        plan_temperature=PLAN_TEMPERATURE if plan_temperature is None else plan_temperature,
    )


def write_accompaniments(
    checkpoint: Checkpoint,
    tune: Tune,
    wanted: Accompaniment,
    *,
    num: int,
    sampling: SamplingConfig,
    seed: int,
) -> list[Result]:
    """The tune as it was given, with accompaniments to it, the likeliest first; see `accompany`."""
    assert isinstance(checkpoint.model, Seq2Seq)
    results = accompany(
        checkpoint.model,
        checkpoint.tokenizer,
        tune.melody,
        wanted,
        num=num,
        prompt=tune.others,
        sampling=_leaving_scales(sampling, wanted.pitches),
        seed=seed,
        players=Players.of(checkpoint.data),
    )
    return [join(tune.given, result, tune.pickup) for result in results]


def write_reconstruction(
    checkpoint: Checkpoint, clip: Clip, *, sampling: SamplingConfig, seed: int
) -> Result:
    """A clip as the model gives it back."""
    model = checkpoint.model
    assert isinstance(model, VAE)
    [result] = decode_latents(
        model,
        checkpoint.tokenizer,
        latent_of(model, clip.ids)[None],
        clip.metre,
        sampling=sampling,
        streams=RowStreams(seed, range(1)),
        ticks_per_quarter=clip.score.tpq,
    )
    dress_like(result.score, clip.score, checkpoint.tokenizer)
    return result


def write_variations(
    checkpoint: Checkpoint,
    clip: Clip,
    *,
    num: int | None,
    amount: float | None,
    moves: Mapping[str, float],
    sampling: SamplingConfig,
    seed: int,
) -> list[Result]:
    """Clips like one; see `vary_clip`.

    An amount of None is 0.3, or 0 where something is moved; a `num` of None 4, or 1 where nothing is drawn.
    """
    assert isinstance(checkpoint.model, VAE)
    far = amount if amount is not None else 0.0 if moves else AMOUNT
    is_drawn = far > 0 or sampling.temperature > 0
    return vary_clip(
        checkpoint.model,
        checkpoint.tokenizer,
        clip,
        num=num or (VARIATIONS if is_drawn else 1),
        amount=far,
        moves=moves,
        sampling=sampling,
        seed=seed,
    )


def own(clip: Clip, bars: int) -> Result:
    """The user's clip as it is, among what a model wrote."""
    ids = clip.ids[:-1].tolist()
    return Result(clip.score, 0.0, bars, ids, given=tuple(range(len(clip.score.tracks))))
