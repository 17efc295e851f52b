"""Clips and points of a VAE's latent space: encode a clip, decode a point, sample new clips."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import NamedTuple, TypeVar

import numpy as np
from symusic.core import ScoreTick

from musegen.config.options import SamplingOptions
from musegen.console import progress
from musegen.generation.assemble import copy_tempo_key_program, set_tempo_and_program, to_result
from musegen.generation.clips import Clip, Metre
from musegen.generation.engine import sample_streams
from musegen.generation.machine import Array, Machine
from musegen.generation.pieces import longest_bar, metre_id, requested_programs
from musegen.generation.request import Request, Result, TrainingDefaults
from musegen.generation.sampling import ROWS_AT_ONCE, RowStreams, draw_from, row_chunks
from musegen.music.notes import Floats
from musegen.tokenizers import Constraints, Kind, Tokenizer, limits_of
from musegen.tokenizers.tables import NO_CLASS, Ints

GREEDY = SamplingOptions(temperature=0.0)
Made = TypeVar("Made")


def latent_of(machine: Machine, ids: Ints) -> Array:
    """The mean of the posterior of a clip, (Z,) float32, from its ids, (T,): deterministic."""
    [mean] = machine.call("encode", ids[None])
    return mean[0]


class Mixture(NamedTuple):
    """K diagonal Gaussians, fitted to the points of the training clips: see models/mixture.py."""

    shares: Floats
    """(K,)"""
    means: Array
    """(K, Z) float32"""
    scales: Array
    """(K, Z) float32 standard deviations"""

    @classmethod
    def of(cls, machine: Machine) -> "Mixture":
        """That of a clip model."""
        logs, means, scales = (
            machine.weight(f"mixture_{name}") for name in ("log_weights", "means", "scales")
        )
        shares = np.exp(logs.astype(np.float64) - logs.max())
        return cls(shares / shares.sum(), means, scales)


def draw_latents(machine: Machine, streams: RowStreams, *, prior: bool = False) -> Array:
    """Sample a point per row, (B, Z) float32, from the mixture fitted to the training clips or N(0, I)."""
    mixture = Mixture.of(machine)
    components, latent_dim = mixture.means.shape
    choice, *uniform = (streams.draw() for _ in range(1 + latent_dim))
    quantile = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
    normal = quantile(np.stack(uniform, axis=1).clip(1e-9, 1 - 1e-9)).astype(np.float32)  # (B, Z)
    if prior:
        return normal
    chosen = np.searchsorted(mixture.shares.cumsum(), choice, side="right").clip(max=components - 1)
    return mixture.means[chosen] + mixture.scales[chosen] * normal


@dataclass(frozen=True)
class ClipDecoder:
    """Decodes points of the latent space to clips with the settings that they share."""

    machine: Machine
    """A clip model."""
    tokenizer: Tokenizer
    """The model's own."""
    bars: int
    """Of a clip."""
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
        self, z: Array, streams: RowStreams | None = None, *, pitches_alone: bool = False
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
        bars, tokenizer = self.bars, self.tokenizer
        constraints = Constraints(
            bars=bars,
            metre_ids=[metre_id(tokenizer, self.metre)] * bars,
            pitches=self.pitches,
            programs=self.programs,
            tempo=False,
            may_end_silent=True,
        )
        limits = limits_of(tokenizer.tables, constraints)
        streams = streams or RowStreams(0, range(len(z)))
        results = []
        for rows in row_chunks(len(z), min(self.machine.most_rows, ROWS_AT_ONCE)):
            found = sample_streams(
                self.machine,
                [z[rows.start : rows.stop]],
                limits,
                prompt_ids=[tokenizer.bos_id],
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
    machine: Machine,
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
        machine: a clip model.
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
    z = draw_latents(machine, streams, prior=prior)
    metre, program = request.time_signature, request.program
    decoder = ClipDecoder(
        machine,
        tokenizer,
        request.bars,
        sampling=sampling or SamplingOptions(),
        pitches=request.pitches,
        programs=[] if program is None else [requested_programs(tokenizer, program)],
    )
    results = by_metre(
        [metre] * num if metre else _draw_metres(machine, tokenizer, z, defaults.metres, streams),
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


def _draw_metres(
    machine: Machine, tokenizer: Tokenizer, z: Array, metres: Collection[str], streams: RowStreams
) -> list[Metre]:
    """Sample a metre for each point, (B, Z), from the first logits of its clip."""
    bar_id = int(tokenizer.tables.ids(Kind.BAR)[0])
    choices = [
        metre for metre in tokenizer.time_signatures if not metres or f"{metre[0]}/{metre[1]}" in metres
    ]
    allowed = [metre_id(tokenizer, metre) for metre in choices]
    limits = limits_of(tokenizer.tables, Constraints(bars=1))
    run = machine.run([z], limits, np.zeros((len(z), NO_CLASS + 1), np.bool_))
    run.read(np.array([tokenizer.bos_id, bar_id]))
    drawn = draw_from(run.logits()[:, allowed], streams.draw())
    return [choices[index] for index in drawn.tolist()]
