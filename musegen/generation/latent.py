"""Clips and points of a VAE's latent space: encode a clip, decode a point, sample new clips."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from symusic.core import ScoreTick
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.console import progress
from musegen.generation.assemble import copy_tempo_key_program, set_tempo_and_program, to_result
from musegen.generation.clips import Clip, Metre
from musegen.generation.engine import sample_streams
from musegen.generation.pieces import longest_bar, metre_id, requested_programs
from musegen.generation.request import Request, Result, TrainingDefaults
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.generation.step import draw_from
from musegen.models.vae import VAE
from musegen.tokenizers import Constraints, Kind, Tokenizer
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.tables import Ints

GREEDY = SamplingOptions(temperature=0.0)
Made = TypeVar("Made")


@torch.inference_mode()
def latent_of(model: VAE, ids: Ints) -> Tensor:
    """The mean of the posterior of a clip, (Z,), from its ids, (T,): deterministic."""
    device = next(model.parameters()).device
    return model.posterior(torch.from_numpy(ids)[None].to(device)).mean[0].cpu()


@torch.inference_mode()
def draw_latents(model: VAE, streams: RowStreams, *, prior: bool = False) -> Tensor:
    """Sample a point per row, (B, Z), from the mixture fitted to the training clips or from the prior."""
    uniform = torch.stack([streams.draw() for _ in range(1 + model.latent_dim)], dim=1)  # (B, 1 + Z)
    return model.sample_latent(uniform, prior=prior).cpu()


@dataclass(frozen=True)
class ClipDecoder:
    """Decodes points of the latent space to clips with the settings that they share."""

    model: VAE
    """In eval mode."""
    tokenizer: Tokenizer
    """The model's own."""
    metre: Metre = (4, 4)
    """Of every bar; it is not in z."""
    sampling: SamplingOptions = GREEDY
    """The sampling settings; greedy by default."""
    pitches: frozenset[int] | None = None
    """The MIDI pitches allowed; drums are not restricted."""
    programs: Sequence[frozenset[int]] = ()
    """The one set of programs (or parts) allowed; empty: any."""
    like: ScoreTick | None = None
    """A score whose ticks, tempo, key and instrument the clips take over."""

    def of(self, clip: Clip) -> "ClipDecoder":
        """The same decoder for clips like this one: its metre, ticks, tempo, key and instrument."""
        return replace(self, metre=clip.metre, like=clip.score)

    def decode(
        self, z: Tensor, streams: RowStreams | None = None, *, pitches_alone: bool = False
    ) -> list[Result]:
        """Decode points to clips.

        Args:
            z: (N, Z).
            streams: N random streams; default: those of seed 0.
            pitches_alone: see `sample_streams`.

        Raises:
            ConfigError: the tokenizer does not know the metre, or no pitch is allowed.
            MusegenError: a clip did not end.
        """
        bars, tokenizer, device = self.model.clip_bars, self.tokenizer, next(self.model.parameters()).device
        constraints = Constraints(
            bars=bars,
            metre_ids=[metre_id(tokenizer, self.metre)] * bars,
            pitches=self.pitches,
            programs=self.programs,
            tempo=False,
            may_end_silent=True,
        )
        grammar = make_grammar(tokenizer.tables, constraints, device=device)
        streams = streams or RowStreams(0, range(len(z)))
        results = []
        for rows in row_chunks(len(z)):
            with torch.inference_mode():
                state = self.model.init_state(z[rows.start : rows.stop].to(device))
            found = sample_streams(
                self.model,
                state,
                grammar,
                prompt_ids=torch.tensor([tokenizer.bos_id], device=device),
                sampling=self.sampling,
                streams=streams.select(rows),
                max_new_tokens=longest_bar(tokenizer) * bars + 1,
                pitches_alone=pitches_alone,
            )
            ticks = self.like.tpq if self.like else 480
            results += [to_result(stream, tokenizer, bars, ticks) for stream in found]
        if self.like is not None:
            for result in results:
                copy_tempo_key_program(result.score, self.like, tokenizer)
        return results


def sample_clips(
    model: VAE,
    tokenizer: Tokenizer,
    request: Request,
    *,
    num: int = 1,
    prior: bool = False,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Result]:
    """New clips, decoded from points sampled from the latent space.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        request: what the clips must be like; its bars are the model's.
        num: how many.
        prior: sample points from N(0, I) instead of the mixture fitted to the training clips.
        sampling: the sampling settings.
        seed: of all random numbers; clip i of a seed does not depend on `num`.
        defaults: tempo, program and metres, where the request has none.

    Raises:
        ConfigError: the tokenizer does not know the metre, or no pitch is allowed.
        MusegenError: a clip did not end.
    """
    streams, defaults = RowStreams(seed, range(num)), defaults or TrainingDefaults()
    z = draw_latents(model, streams, prior=prior)
    metre, program = request.time_signature, request.program
    decoder = ClipDecoder(
        model,
        tokenizer,
        sampling=sampling or SamplingOptions(),
        pitches=request.pitches,
        programs=[] if program is None else [requested_programs(tokenizer, program)],
    )
    results = by_metre(
        [metre] * num if metre else _draw_metres(model, tokenizer, z, defaults.metres, streams),
        lambda rows, metre: replace(decoder, metre=metre).decode(z[rows], streams.select(rows)),
    )
    for clip in results:
        set_tempo_and_program(clip.score, clip.ids, tokenizer, request, defaults)
    return results


def by_metre(
    metres: list[Metre], make: Callable[[list[int], Metre], list[Made]], what: str | None = None
) -> list[Made]:
    """Call a function once for all rows of each metre; the results, (N,), in the order of the rows.

    Args:
        metres: of the rows.
        make: the function, from the numbers of some rows and their metre to a result for each row.
        what: label of a progress bar on stderr; None: there is none.
    """
    found: dict[int, Made] = {}
    choices = list(dict.fromkeys(metres))
    for metre in progress(choices, len(choices), what) if what else choices:
        rows = [row for row, of_row in enumerate(metres) if of_row == metre]
        found |= dict(zip(rows, make(rows, metre), strict=True))
    return [found[row] for row in range(len(metres))]


@torch.inference_mode()
def _draw_metres(
    model: VAE, tokenizer: Tokenizer, z: Tensor, metres: Collection[str], streams: RowStreams
) -> list[Metre]:
    """Sample a metre for each point, (B, Z), from the first logits of its clip."""
    device = next(model.parameters()).device
    bar_id = int(tokenizer.tables.ids(Kind.BAR)[0])
    choices = [
        metre for metre in tokenizer.time_signatures if not metres or f"{metre[0]}/{metre[1]}" in metres
    ]
    allowed = torch.tensor([metre_id(tokenizer, metre) for metre in choices], device=device)
    prefix = torch.tensor([[tokenizer.bos_id, bar_id]], device=device).expand(len(z), -1)
    logits, _ = model(prefix, model.init_state(z.to(device)))  # (B, 2, V)
    drawn = draw_from(logits[:, -1, allowed].double(), streams.draw().to(device))
    return [choices[index] for index in drawn.tolist()]
