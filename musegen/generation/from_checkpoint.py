"""What a checkpoint plays: its settings, tempo, instruments and endings, unless something else is asked for.

Decided here once, for the Python API and the command line, for evaluation, and for the samples of a training.
Each function is a verb of a family: `families.py` says whose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.settings import VAEConfig
from musegen.data.novelty import NoveltyIndex
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany
from musegen.generation.clips import Clip
from musegen.generation.interpolate import Interpolation, Route, interpolate_clips
from musegen.generation.latent import ClipDecoder, latent_of, sample_clips
from musegen.generation.pieces import generate
from musegen.generation.rejection import Rejection, Wish, at_rest, in_key, novel, once
from musegen.generation.request import Request, Result, TrainingDefaults
from musegen.generation.sampling import RowStreams
from musegen.generation.vary import vary_clip
from musegen.models.lm import LanguageModel
from musegen.models.seq2seq import Seq2Seq
from musegen.models.vae import VAE

BARS = 16
"""Of a piece, where nobody says."""
AMOUNT, VARIATIONS = 0.3, 4
"""Of variations, where nobody says."""


@dataclass(frozen=True)
class Wanted:
    """What new music is wanted; None leaves the choice to the checkpoint."""

    seed: int
    num: int = 1
    bars: int | None = None
    time_signature: tuple[int, int] | None = None
    pitches: frozenset[int] | None = None
    """MIDI pitches allowed, drums aside."""
    tempo: float | None = None
    """Quarters a minute."""
    program: int | None = None
    """General MIDI program, from 0."""
    ends: bool = True
    """Whether the last bar is to be the end of a piece."""
    prompt: ScoreTick | None = None
    """A tidy score to be continued."""
    key: tuple[int, str] | None = None
    """The tonic's pitch class and the mode in which pieces are to end."""
    prior: bool = False
    """Draw clips from all of the latent space."""
    known: NoveltyIndex | None = None
    """Of music that may not be copied."""
    max_copy: int = 0
    """Notes in a row that may be, where there is such an index."""
    sampling: SamplingOptions | None = None

    def request(self, bars: int) -> Request:
        """The music of so many new bars."""
        return Request(bars, self.time_signature, self.pitches, self.tempo, self.program, self.ends)

    def but_for_copies(self, wish: Wish, bars: int, words: list[str]) -> Wish:
        """The wish, and where that is wanted nothing that copies too much in so many new bars."""
        if self.known is None:
            return wish
        return novel(wish, self.known, max_copy=self.max_copy, bars=bars, words=words)


@dataclass(frozen=True)
class Written:
    """What came of it."""

    results: list[Result]
    words: list[str] = field(default_factory=list)
    """What there is to say, such as how many were thrown away."""


def generate_pieces(checkpoint: Checkpoint, wanted: Wanted) -> Written:
    """New pieces of a language model, or continuations of a prompt.

    Raises:
        ConfigError: something that the model cannot do, or too few pieces are as wanted.
        TokenError: the prompt cannot be encoded.
        MusegenError: a piece did not end.
    """
    if wanted.prior:
        raise ConfigError(
            f"--prior is for models of clips, and {checkpoint.path.name} writes pieces: leave it out"
        )
    model, tokenizer, data = cast(LanguageModel, checkpoint.model), checkpoint.tokenizer, checkpoint.data
    request, words = wanted.request(wanted.bars or BARS), list[str]()
    if wanted.key is None:
        wish = at_rest(data.get("ends_on_tonic", 0.0) if wanted.ends else 0.0)
    else:
        tonic, mode = wanted.key
        wish = in_key(model, tokenizer, tonic=tonic, mode=mode, pitches=wanted.pitches, words=words)
    drawing = Rejection(wanted.but_for_copies(wish, request.bars, words)(wanted.num, wanted.seed))
    while drawing.wanted:
        num, seed = drawing.wanted
        results = generate(
            model,
            tokenizer,
            request,
            num=num,
            prompt=wanted.prompt,
            sampling=_settings(checkpoint, wanted.sampling, wanted.pitches),
            seed=seed,
            defaults=TrainingDefaults.of(data),
        )
        drawing.take(results)
    return Written(drawing.results, words)


def generate_clips(checkpoint: Checkpoint, wanted: Wanted) -> Written:
    """New clips of a model of clips.

    Raises:
        ConfigError: something that the model cannot do, or too few clips are as wanted.
        MusegenError: a clip did not end.
    """
    name, settings = checkpoint.path.name, cast(VAEConfig, checkpoint.config.model)
    if wanted.prompt is not None:
        raise ConfigError(f"--prompt: {name} continues nothing; for clips like one of yours: musegen vary")
    if wanted.bars not in (None, settings.clip_bars):
        raise ConfigError(
            f"--bars is {wanted.bars}, and {name} writes clips of {settings.clip_bars} bars: leave it out"
        )
    if wanted.key:
        raise ConfigError(
            "--key is for models that write pieces: clips end anywhere; keep to notes with --scale"
        )
    request, words = wanted.request(settings.clip_bars), list[str]()
    drawing = Rejection(wanted.but_for_copies(once, request.bars, words)(wanted.num, wanted.seed))
    while drawing.wanted:
        num, seed = drawing.wanted
        results = sample_clips(
            cast(VAE, checkpoint.model),
            checkpoint.tokenizer,
            request,
            num=num,
            prior=wanted.prior,
            sampling=_settings(checkpoint, wanted.sampling, wanted.pitches),
            seed=seed,
            defaults=TrainingDefaults.of(checkpoint.data),
        )
        drawing.take(results)
    return Written(drawing.results, words)


def generate_accompaniments(
    checkpoint: Checkpoint,
    melody: ScoreTick,
    wanted: Accompaniment | None = None,
    *,
    num: int = 1,
    prompt: ScoreTick | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
) -> list[Result]:
    """Accompaniments alone to a melody, the likeliest first; see `accompany`."""
    return accompany(
        cast(Seq2Seq, checkpoint.model),
        checkpoint.tokenizer,
        melody,
        wanted,
        num=num,
        prompt=prompt,
        sampling=_settings(checkpoint, sampling, wanted.pitches if wanted else None),
        seed=seed,
        defaults=TrainingDefaults.of(checkpoint.data),
    )


def generate_reconstruction(
    checkpoint: Checkpoint, clip: Clip, *, sampling: SamplingOptions | None = None, seed: int = 0
) -> Result:
    """A clip as the model gives it back."""
    decoder = _clip_decoder(checkpoint, sampling).of(clip)
    [result] = decoder.decode(latent_of(decoder.model, clip.ids)[None], RowStreams(seed, range(1)))
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
    """What lies between two clips; see `interpolate_clips`."""
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

    An amount of None is 0.3, or 0 where something is moved; a `num` of None 4, or 1 where nothing is drawn.
    """
    decoder = _clip_decoder(checkpoint, sampling)
    far = amount if amount is not None else 0.0 if moves else AMOUNT
    is_drawn = far > 0 or decoder.sampling.temperature > 0
    count = num or (VARIATIONS if is_drawn else 1)
    return vary_clip(decoder, clip, num=count, amount=far, moves=moves, seed=seed)


def own(clip: Clip, bars: int) -> Result:
    """The user's clip as it is, among what a model wrote."""
    ids = clip.ids[:-1].tolist()
    return Result(clip.score, 0.0, bars, ids, user_tracks=tuple(range(len(clip.score.tracks))))


def _settings(
    checkpoint: Checkpoint, sampling: SamplingOptions | None, pitches: frozenset[int] | None
) -> SamplingOptions:
    """As asked for, else the checkpoint's; where a scale is asked for no other one is kept to."""
    settings = sampling or checkpoint.config.sampling
    is_scale = pitches is not None and len({pitch % 12 for pitch in pitches}) < 12
    return replace(settings, diatonic=0.0) if is_scale else settings


def _clip_decoder(checkpoint: Checkpoint, sampling: SamplingOptions | None) -> ClipDecoder:
    """The decoder of clips like given ones: unless told else, it takes the likeliest id each time."""
    settings = sampling or replace(checkpoint.config.sampling, temperature=0.0)
    return ClipDecoder(cast(VAE, checkpoint.model), checkpoint.tokenizer, sampling=settings)
