"""What a checkpoint generates: with its own settings, tempo and instruments unless others are requested.

This is decided here once, for the Python API and the command line, for evaluation, and for the samples of a
training. Each function is a verb of a family: see `families.py`.
"""

from dataclasses import dataclass, field, replace

from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.data.novelty import NoveltyIndex
from musegen.data.typical import typical
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany
from musegen.generation.accompany_holes import accompany_holes
from musegen.generation.backends import machine_of
from musegen.generation.chorded import with_chords
from musegen.generation.fill import Controls, Filled, fill
from musegen.generation.fill_holes import fill_holes
from musegen.generation.guidance import LabelRequest
from musegen.generation.pieces import generate
from musegen.generation.rejection import (
    CANDIDATES,
    Filter,
    Rejection,
    best_candidates,
    in_key,
    novel,
)
from musegen.generation.request import Request, Result, TrainingDefaults
from musegen.music.gaps import Gapped
from musegen.music.melody import melody_track
from musegen.tokenizers import FreeTokenizer, whole_tokenizer
from musegen.tokenizers.label_ids import key_label

BARS = 16
"""Default length of a piece."""
NO_LABELS = LabelRequest()


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
    labels: LabelRequest = NO_LABELS

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
    settings = settings_of(checkpoint, wanted.sampling, wanted.pitches)
    labels = wanted.labels.found(
        checkpoint.config.model.labels, checkpoint.path.name, wanted.key and key_label(*wanted.key)
    )
    machine = machine_of(checkpoint, settings.precision, labels, wanted.labels.guidance)
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
    facts = wanted.labels.facts(labels)
    return Generated([replace(each, given=facts) for each in rejection.results], words)


def fill_piece(
    checkpoint: Checkpoint,
    gapped: Gapped,
    *,
    num: int = 1,
    rank: int | None = None,
    controls: Controls | None = None,
    labels: LabelRequest = NO_LABELS,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
) -> list[Filled]:
    """New music in the gaps of a piece, the best first; see `fill` and `fill_holes`."""
    settings, config = settings_of(checkpoint, sampling, None), checkpoint.config
    found = labels.found(config.model.labels, checkpoint.path.name)
    filled = (fill_holes if config.fills else fill)(
        machine_of(checkpoint, settings.precision, found, labels.guidance),
        whole_tokenizer(checkpoint.tokenizer),
        gapped,
        num=num,
        rank=rank,
        controls=controls,
        sampling=settings,
        seed=seed,
        defaults=TrainingDefaults.of(checkpoint.data),
    )
    return [each._replace(given=labels.facts(found)) for each in filled]


def line_of(checkpoint: Checkpoint, prompt: ScoreTick) -> int | None:
    """The only track of a prompt that a checkpoint continues, from 0: the melody; None: all tracks."""
    is_pitched = any(not track.is_drum for track in prompt.tracks)
    return melody_track(prompt).track if checkpoint.is_line and is_pitched else None


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
        settings_of(checkpoint, sampling, wanted.pitches if wanted else None),
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
    return [with_chords(checkpoint.config.data, result, wanted) for result in results]


def settings_of(
    checkpoint: Checkpoint, sampling: SamplingOptions | None, pitches: frozenset[int] | None
) -> SamplingOptions:
    """The requested settings, else the checkpoint's; a requested scale replaces the diatonic filter."""
    settings = sampling or checkpoint.config.sampling
    is_scale = pitches is not None and len({pitch % 12 for pitch in pitches}) < 12
    return replace(settings, diatonic=0.0) if is_scale else settings
