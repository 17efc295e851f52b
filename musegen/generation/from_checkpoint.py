"""What a checkpoint generates: with its own settings, tempo and instruments unless others are requested.

This is decided here once, for the Python API and the command line, for evaluation, and for the samples of a
training. Each function is a verb of a family: see `families.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.settings import VAEConfig
from musegen.data.novelty import NoveltyIndex
from musegen.data.typical import typical
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany
from musegen.generation.accompany_holes import accompany_holes
from musegen.generation.backends import machine_of
from musegen.generation.clips import Clip
from musegen.generation.fill import Controls, Filled, fill
from musegen.generation.fill_holes import fill_holes
from musegen.generation.interpolate import Interpolation, Route, interpolate_clips
from musegen.generation.latent import ClipDecoder, latent_of, sample_clips
from musegen.generation.pieces import generate
from musegen.generation.rejection import (
    CANDIDATES,
    Filter,
    Rejection,
    accept_all,
    best_candidates,
    in_key,
    novel,
)
from musegen.generation.request import Request, Result, TrainingDefaults
from musegen.generation.sampling import RowStreams
from musegen.generation.vary import vary_clip
from musegen.music.chord_symbols import put_symbols
from musegen.music.chord_track import NAME, chord_track, find_chord_track, symbols_of_track
from musegen.music.gaps import Gapped
from musegen.music.melody import melody_track
from musegen.music.metre import bar_ticks
from musegen.tokenizers import FreeTokenizer, whole_tokenizer

BARS = 16
"""Default length of a piece."""
AMOUNT, VARIATIONS = 0.3, 4
"""Default amount and number of variations."""


@dataclass(frozen=True)
class Wanted:
    """What new music must be like; None leaves the choice to the checkpoint."""

    seed: int
    num: int = 1
    bars: int | None = None
    time_signature: tuple[int, int] | None = None
    pitches: frozenset[int] | None = None
    """The MIDI pitches allowed; drums are not restricted."""
    tempo: float | None = None
    """Quarter notes per minute (BPM)."""
    program: int | None = None
    """General MIDI program, from 0."""
    ends: bool = True
    """Whether the piece ends with its last bar."""
    prompt: ScoreTick | None = None
    """A tidy score to continue."""
    key: tuple[int, str] | None = None
    """The pitch class of the tonic and the mode in which pieces must end."""
    prior: bool = False
    """Sample clips from the prior instead of the mixture fitted to the training clips."""
    known: NoveltyIndex | None = None
    """Index of music that must not be copied."""
    max_copy: int = 0
    """The longest run of notes that may be copied from it."""
    candidates: int | None = None
    """Of each piece, of which the first typical one is accepted; clip models have none."""
    sampling: SamplingOptions | None = None

    def request(self, bars: int) -> Request:
        """The request for `bars` new bars."""
        return Request(bars, self.time_signature, self.pitches, self.tempo, self.program, self.ends)

    def rejecting_copies(self, accept: Filter, bars: int, words: list[str]) -> Filter:
        """The filter, which also rejects pieces whose new bars copy too much if there is an index."""
        if self.known is None:
            return accept
        return novel(accept, self.known, max_copy=self.max_copy, bars=bars, words=words)


@dataclass(frozen=True)
class Generated:
    """What was generated."""

    results: list[Result]
    words: list[str] = field(default_factory=list)
    """Remarks for the user, such as how many were rejected."""


def generate_pieces(checkpoint: Checkpoint, wanted: Wanted) -> Generated:
    """New pieces of a language model, or continuations of a prompt.

    Raises:
        ConfigError: the model cannot do what is requested, or too few pieces are accepted.
        TokenError: the prompt cannot be encoded.
        MusegenError: a piece did not end.
    """
    if wanted.prior:
        raise ConfigError(
            f"⟨prior⟩ is for clip models (VAEs), and {checkpoint.path.name} writes pieces: leave it out"
        )
    tokenizer, data = checkpoint.tokenizer, checkpoint.data
    settings = _settings(checkpoint, wanted.sampling, wanted.pitches)
    machine = machine_of(checkpoint, settings.precision)
    request, words = wanted.request(wanted.bars or BARS), list[str]()
    is_free = isinstance(tokenizer, FreeTokenizer)  # cut anywhere, and its segments are no bars
    tables, count = whole_tokenizer(tokenizer).tables, 1 if is_free else wanted.candidates or CANDIDATES
    is_typical = typical(data.get("typical", {}), tables, request.bars) if count > 1 else None
    if wanted.key is None:
        share = data.get("ends_on_tonic", 0.0) if wanted.ends and not is_free else 0.0
        accept = best_candidates(count, share=share, is_typical=is_typical)
    else:
        tonic, mode = wanted.key
        accept = in_key(
            machine,
            tokenizer,
            tonic=tonic,
            mode=mode,
            pitches=wanted.pitches,
            words=words,
            count=count,
            is_typical=is_typical,
        )
    rejection = Rejection(wanted.rejecting_copies(accept, request.bars, words)(wanted.num, wanted.seed))
    line = None if wanted.prompt is None else line_of(checkpoint, wanted.prompt)
    while rejection.wanted:
        num, seed = rejection.wanted
        results = generate(
            machine,
            tokenizer,
            request,
            num=num,
            prompt=wanted.prompt,
            line=line,
            sampling=settings,
            seed=seed,
            defaults=TrainingDefaults.of(data),
        )
        rejection.take(results)
    return Generated(rejection.results, words)


def fill_piece(
    checkpoint: Checkpoint,
    gapped: Gapped,
    *,
    num: int = 1,
    rank: int | None = None,
    controls: Controls | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
) -> list[Filled]:
    """New music in the gaps of a piece, the best first; see `fill` and `fill_holes`."""
    settings, config = _settings(checkpoint, sampling, None), checkpoint.config
    return (fill_holes if config.fills else fill)(
        machine_of(checkpoint, settings.precision),
        whole_tokenizer(checkpoint.tokenizer),
        gapped,
        num=num,
        rank=rank,
        controls=controls,
        sampling=settings,
        seed=seed,
        defaults=TrainingDefaults.of(checkpoint.data),
    )


def line_of(checkpoint: Checkpoint, prompt: ScoreTick) -> int | None:
    """The only track of a prompt that a checkpoint continues, from 0: the melody; None: all tracks."""
    is_pitched = any(not track.is_drum for track in prompt.tracks)
    return melody_track(prompt).track if checkpoint.is_line and is_pitched else None


def generate_clips(checkpoint: Checkpoint, wanted: Wanted) -> Generated:
    """New clips of a VAE.

    Raises:
        ConfigError: the model cannot do what is requested, or too few clips are accepted.
        MusegenError: a clip did not end.
    """
    name, settings = checkpoint.path.name, cast(VAEConfig, checkpoint.config.model)
    if wanted.prompt is not None:
        raise ConfigError(f"⟨prompt⟩: {name} continues no music; for clips like one of yours: musegen vary")
    if wanted.bars not in (None, settings.clip_bars):
        raise ConfigError(
            f"⟨bars⟩ is {wanted.bars}, and {name} writes clips of {settings.clip_bars} bars: leave it out"
        )
    if wanted.candidates:
        raise ConfigError(
            f"⟨candidates⟩ is for models that write pieces, and {name} writes clips: leave it out"
        )
    if wanted.key:
        raise ConfigError(
            "⟨key⟩ is for models that write pieces: clips end anywhere; restrict the notes with ⟨scale⟩"
        )
    request, words = wanted.request(settings.clip_bars), list[str]()
    rejection = Rejection(wanted.rejecting_copies(accept_all, request.bars, words)(wanted.num, wanted.seed))
    sampling = _settings(checkpoint, wanted.sampling, wanted.pitches)
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
    """Accompaniments to a melody, the most likely first; see `accompany` and `accompany_holes`."""
    settings, wanted = (
        _settings(checkpoint, sampling, wanted.pitches if wanted else None),
        wanted or Accompaniment(),
    )
    write = accompany_holes if checkpoint.config.fills else accompany
    results = write(
        machine_of(checkpoint, settings.precision),
        whole_tokenizer(checkpoint.tokenizer),
        melody,
        wanted,
        num=num,
        prompt=prompt,
        sampling=settings,
        seed=seed,
        defaults=TrainingDefaults.of(checkpoint.data),
    )
    return [_with_chords(checkpoint, result, wanted) for result in results]


def _with_chords(checkpoint: Checkpoint, result: Result, wanted: Accompaniment) -> Result:
    """The accompaniment with its chord symbols: of its track of chords, or those typed.

    A track of chords has the fixed voicing of the symbols that it is read as; see `chord_track`.
    """
    score, data = result.score.copy(), checkpoint.config.data
    number = find_chord_track(score) if data.chords else None
    if data.chords and number is None and data.accompaniment == (NAME,) and len(score.tracks) == 1:
        number = 0
    if number is None:
        put_symbols(score, wanted.symbols)
        return replace(result, score=score)
    bars = bar_ticks(score)
    symbols = symbols_of_track(score.tracks[number], bars)
    put_symbols(score, symbols)
    if not wanted.prompt_bars:  # the chords of a prompt are the user's
        tracks = list(score.tracks)
        voiced = chord_track(symbols, bars)
        voiced.program = tracks[number].program
        tracks[number] = voiced
        score.tracks = tracks
    return replace(result, score=score)


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


def _settings(
    checkpoint: Checkpoint, sampling: SamplingOptions | None, pitches: frozenset[int] | None
) -> SamplingOptions:
    """The requested settings, else the checkpoint's; a requested scale replaces the diatonic filter."""
    settings = sampling or checkpoint.config.sampling
    is_scale = pitches is not None and len({pitch % 12 for pitch in pitches}) < 12
    return replace(settings, diatonic=0.0) if is_scale else settings


def _clip_decoder(checkpoint: Checkpoint, sampling: SamplingOptions | None) -> ClipDecoder:
    """The decoder for clips of the user: by default greedy, with the checkpoint's other settings."""
    settings = sampling or replace(checkpoint.config.sampling, temperature=0.0)
    machine, bars = (
        machine_of(checkpoint, settings.precision),
        cast(VAEConfig, checkpoint.config.model).clip_bars,
    )
    return ClipDecoder(machine, checkpoint.tokenizer, bars, sampling=settings)
