"""Clips and points of a latent space: the point of a clip, the clip of a point, new clips."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.generation.assemble import dress, trim
from musegen.generation.engine import sample_streams
from musegen.generation.pieces import asked_programs, longest_bar, metre_id
from musegen.generation.request import Request, Result
from musegen.generation.sampling import RowStreams, draw_ids, row_chunks
from musegen.models.vae import VAE
from musegen.tokenizers import Constraints, Kind, Tokenizer, make_grammar
from musegen.tokenizers.tables import Ints

GREEDY = SamplingOptions(temperature=0.0)
Metre = tuple[int, int]


@torch.inference_mode()
def latent_of(model: VAE, ids: Ints) -> Tensor:
    """The mean of the posterior of a clip, (Z,), from its ids, (T,): no chance is in it."""
    device = next(model.parameters()).device
    return model.posterior(torch.from_numpy(ids)[None].to(device)).mean[0].cpu()


@torch.inference_mode()
def draw_latents(model: VAE, streams: RowStreams, *, prior: bool = False) -> Tensor:
    """A point for each row, (B, Z): as training clips lie (the aggregated posterior), or of the prior."""
    uniform = torch.stack([streams.draw() for _ in range(1 + model.latent_dim)], dim=1)  # (B, 1 + Z)
    return model.sample_latent(uniform, prior=prior).cpu()


def decode_latents(
    model: VAE,
    tokenizer: Tokenizer,
    z: Tensor,
    metre: Metre,
    *,
    sampling: SamplingOptions = GREEDY,
    streams: RowStreams | None = None,
    pitches: frozenset[int] | None = None,
    programs: Sequence[frozenset[int]] = (),
    ticks_per_quarter: int = 480,
    pitches_alone: bool = False,
) -> list[Result]:
    """The clips that points stand for.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        z: (N, Z).
        metre: of every bar; it is not in z.
        sampling: how ids are drawn; unset, the likeliest each time.
        streams: N random streams; unset, those of seed 0.
        pitches: MIDI pitches allowed, drums aside.
        programs: the one set of programs (or parts) that may play; none: any.
        ticks_per_quarter: of the scores.
        pitches_alone: see `sample_streams`.

    Raises:
        ConfigError: the tokenizer does not know the metre, or no pitch is left.
        MusegenError: a clip did not end.
    """
    bars = model.clip_bars
    grammar = make_grammar(
        tokenizer.tables,
        Constraints(
            bars=bars,
            metre_ids=[metre_id(tokenizer, metre)] * bars,
            pitches=pitches,
            programs=programs,
            tempo=False,
            may_end_silent=True,
        ),
        device=next(model.parameters()).device,
    )
    streams = streams or RowStreams(0, range(len(z)))
    device = next(model.parameters()).device
    results = []
    for rows in row_chunks(len(z)):
        with torch.inference_mode():
            state = model.init_state(z[rows.start : rows.stop].to(device))
        for stream in sample_streams(
            model,
            state,
            grammar,
            prompt_ids=torch.tensor([tokenizer.bos_id], device=device),
            sampling=sampling,
            streams=streams.select(rows),
            max_new_tokens=longest_bar(tokenizer) * bars + 1,
            pitches_alone=pitches_alone,
        ):
            score = tokenizer.decode(stream.ids, ticks_per_quarter=ticks_per_quarter)
            trim(score, bars)
            results.append(Result.of(stream, score, bars))
    return results


def sample_clips(
    model: VAE,
    tokenizer: Tokenizer,
    request: Request,
    *,
    num: int = 1,
    metres: Collection[str] = (),
    prior: bool = False,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    default_tempo: float = 120.0,
    default_program: int = 0,
) -> list[Result]:
    """New clips, from points drawn from the latent space.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        request: what music is wanted; its bars are the model's.
        num: how many.
        metres: those to choose from where the request names none, such as "6/8"; none: all that are known.
        prior: draw from N(0, I) instead of where the training clips lie.
        sampling: how ids are drawn.
        seed: fixes everything; clip i of a seed does not depend on `num`.
        default_tempo: quarters a minute, where the request does not say.
        default_program: of the track, where neither stream nor request does.

    Raises:
        ConfigError: the tokenizer does not know the metre, or no pitch is left.
        MusegenError: a clip did not end.
    """
    streams = RowStreams(seed, range(num))
    z = draw_latents(model, streams, prior=prior)
    metre, program = request.time_signature, request.program
    drawn = [metre] * num if metre else _draw_metres(model, tokenizer, z, metres, streams)
    results: dict[int, Result] = {}
    for each in dict.fromkeys(drawn):
        rows = [row for row, its in enumerate(drawn) if its == each]
        clips = decode_latents(
            model,
            tokenizer,
            z[rows],
            each,
            sampling=sampling or SamplingOptions(),
            streams=streams.select(rows),
            pitches=request.pitches,
            programs=[] if program is None else [asked_programs(tokenizer, program)],
        )
        results |= dict(zip(rows, clips, strict=True))
    for clip in results.values():
        dress(clip.score, clip.ids, tokenizer, request, request.tempo or default_tempo, default_program)
    return [results[row] for row in range(num)]


@torch.inference_mode()
def _draw_metres(
    model: VAE, tokenizer: Tokenizer, z: Tensor, metres: Collection[str], streams: RowStreams
) -> list[Metre]:
    """A metre for each point, (B, Z), drawn as the model would begin its clip."""
    device = next(model.parameters()).device
    bar_id = int(tokenizer.tables.ids(Kind.BAR)[0])
    known = [metre for metre in tokenizer.time_signatures if not metres or f"{metre[0]}/{metre[1]}" in metres]
    allowed = torch.tensor([metre_id(tokenizer, metre) for metre in known], device=device)
    head = torch.tensor([[tokenizer.bos_id, bar_id]], device=device).expand(len(z), -1)
    logits, _ = model(head, model.init_state(z.to(device)))  # (B, 2, V)
    drawn = draw_ids(logits[:, -1, allowed].float(), streams.draw(), SamplingOptions())
    return [known[index] for index in drawn.tolist()]
