"""Autoencoders by kind: what a variational, a plain, a sparse and a denoising one gain and lose.

    python -m benchmarks.autoencoders DATASET [--seeds 3] [--steps 1500] [--units FOLDER] [train's flags]

The networks are the same, trained for the same number of steps on the same batches; every flag of `musegen
train vae` is passed on. Measured on clips of the test split that occur in no training piece:

    f1               note F1 of the reconstructions
    mended           the same of clips in which every seventh note, at random, has the pitch of another note
                     of these clips, against the right ones
    mixture, one,    overlap of pitches, durations and intervals with those of real clips (mean of the three)
    prior            of clips decoded greedily from points of the mixture of 64 Gaussians of `musegen
                     generate`, of one Gaussian fitted to the codes of training clips, and of N(0, I)
    away, jump       of interpolations in equal steps of z: see benchmarks/interpolation.py
    scale            share of the notes of the middle clip in the best major or minor scale
    active           dimensions whose variance over the clips is above 0.01
    on               units of a code that are not 0
    sparse           sparsity of the codes (Hoyer): 0 if all values are equally large, 1 if one is not 0
    minutes          of training

Of the sparse autoencoder of seed 0 the most active units are described by the clips that excite them most;
--units writes these clips, one file per unit.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from symusic.core import ScoreTick
from torch import Tensor

from benchmarks.runner import Flags, benchmark
from benchmarks.runs import table, train, with_mean
from musegen.checkpoint.folder import load_checkpoint
from musegen.cli.tables import print_rows
from musegen.data.clips import Clips
from musegen.data.dataset import Dataset
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.interpolation import PAIRS, measure_interpolation
from musegen.evaluation.latent_samples import overlaps
from musegen.evaluation.reconstruction import choose, reconstruct_clips
from musegen.generation.latent import draw_latents
from musegen.generation.sampling import RowStreams
from musegen.metrics.attributes import ATTRIBUTES, score_attributes
from musegen.metrics.codes import active_units, sparsity, units_on
from musegen.metrics.note_f1 import note_scores
from musegen.models.vae import VAE
from musegen.music.excerpt import end_to_end
from musegen.music.writing.midi import write_score
from musegen.tokenizers import Kind
from musegen.tokenizers.tables import Ints
from musegen.training.latent_space import FITTED, encode
from musegen.training.vae_module import with_wrong_notes

KINDS = ("variational", "autoencoder", "sparse", "denoising")
WRONG = 1 / 7
"""Share of wrong notes of the clips to mend."""
UNITS, LOUDEST = 8, 4
"""How many units of a sparse code are described, by how many clips each."""


class Row(NamedTuple):
    """A line of the table."""

    system: str
    f1: float | None = None
    mended: float | None = None
    mixture: float | None = None
    one: float | None = None
    prior: float | None = None
    away: float | None = None
    jump: float | None = None
    scale: float | None = None
    active: float | None = None
    on: float | None = None
    sparse: float | None = None
    minutes: float | None = None


class Unit(NamedTuple):
    """A unit of a sparse code: how often it is on, and the mean attributes of the clips that excite it."""

    share_of_clips: float
    density: float
    spread: float
    complexity: float
    pitch: float


def measure(folder: Path, dataset: Dataset, name: str, *, num: int, limit: int, pairs: int) -> list[Row]:
    """The row of a checkpoint, and those of the trivial systems on the same clips."""
    checkpoint = load_checkpoint(folder)
    clips = ClipSet(checkpoint, dataset, "test")
    model = cast(VAE, checkpoint.model)
    figures = reconstruct_clips(clips, "test", limit=limit)
    codes = encode(model, clips.clips, clips.clips.spread(FITTED))[0].double().numpy()
    drawn = clips.draw(2 * num, np.random.default_rng(0)).tolist()
    real, others = ([clips.score(index) for index in half] for half in (drawn[::2], drawn[1::2]))
    metres = [clips.metre(index) for index in drawn[::2]]
    alike = {
        source: _overlap(clips.decode(z, metres), real) for source, z in _points(clips, len(real)).items()
    }
    paths = measure_interpolation(clips, pairs=pairs)["systems"]["even"]
    f1 = {system: found["note_f1"]["mean"] for system, found in figures["systems"].items()}
    row = Row(
        name,
        f1=f1["model"],
        mended=_mended(clips, limit),
        **alike,
        **{"prior": None} if "prior" not in alike else {},
        away=paths["away"],
        jump=paths["jump"],
        scale=paths["in_scale"],
        active=active_units(codes),
        on=units_on(codes),
        sparse=sparsity(codes),
        minutes=checkpoint.metrics["minutes"],
    )
    halves = _overlap(others, real)
    return [
        row,
        Row("nearest training clip", f1=f1["nearest_training_clip"]),
        Row("a hold at every position", f1=f1["all_holds"]),
        Row("other half of the clips", mixture=halves, one=halves, prior=halves),
    ]


def _points(clips: ClipSet, count: int) -> dict[str, Any]:
    """Points of the latent space, (count, Z), by where they are from."""
    model, training = cast(VAE, clips.checkpoint.model), clips.of_split("train")
    codes = encode(model, training, training.spread(FITTED))[0].numpy()
    normal = draw_latents(clips.machine, RowStreams(0, range(count)), prior=True)
    points = {
        "mixture": draw_latents(clips.machine, RowStreams(0, range(count))),
        "one": (codes.mean(axis=0) + codes.std(axis=0) * normal).astype(np.float32),
    }
    is_variational = cast(Any, clips.checkpoint.config).is_variational
    return points | ({"prior": normal} if is_variational else {})


def _overlap(found: Sequence[ScoreTick], real: Sequence[ScoreTick]) -> float:
    """The mean overlap of the features of two sets of clips."""
    return float(np.mean([*overlaps([clip for clip in found if clip.note_num()], real).values()]))


def _mended(clips: ClipSet, limit: int) -> float:
    """Note F1 of clips decoded from themselves with wrong notes, against the right ones."""
    training, tables = clips.of_split("train"), clips.tokenizer.tables
    which = choose(clips.clips, training, tables, limit=limit, is_training=False).which
    model, is_note = cast(VAE, clips.checkpoint.model), torch.from_numpy((tables.kind == Kind.PITCH) * 1)
    torch.manual_seed(0)
    wrong = with_wrong_notes(torch.from_numpy(clips.clips.rows(which)), is_note, WRONG)
    with torch.inference_mode():
        z: Tensor = torch.cat([model.encode(rows) for rows in wrong.split(256)])
    mended = clips.decode(z.numpy(), [clips.metre(index) for index in which.tolist()])
    right = (clips.score(index) for index in which.tolist())
    return float(np.mean([note_scores(a, b).f1 for a, b in zip(right, mended, strict=True)]))


def describe_units(folder: Path, dataset: Dataset, out: Path | None) -> dict[str, Unit]:
    """The units of a sparse code that vary most over the test clips, and the clips that excite each most.

    Args:
        folder: the checkpoint.
        dataset: the music.
        out: folder for a MIDI file of these clips per unit; None: they are not written.
    """
    checkpoint = load_checkpoint(folder)
    clips = ClipSet(checkpoint, dataset, "test")
    chosen = clips.clips.spread(FITTED)
    codes = encode(cast(VAE, checkpoint.model), clips.clips, chosen)[0].numpy()
    found = {"all clips": Unit(1.0, *_attributes(clips, chosen))}
    for unit in np.argsort(-codes.var(axis=0))[:UNITS].tolist():
        loudest = chosen[_of_different_pieces(clips.clips, chosen, np.argsort(-codes[:, unit]))]
        name = f"unit-{unit:03}"
        found[name] = Unit(float((codes[:, unit] > 0).mean()), *_attributes(clips, loudest))
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            metre = clips.clips.metre[loudest]
            same = [clips.score(index) for index in loudest[metre == metre[0]].tolist()]
            write_score(end_to_end(same, clips.bars), out / f"{name}.mid")
    return found


def _of_different_pieces(clips: Clips, chosen: Ints, order: Ints) -> Ints:
    """The first `LOUDEST` of an order of chosen clips that are from different pieces."""
    _, first = np.unique(clips.piece[chosen[order]], return_index=True)
    return order[np.sort(first)[:LOUDEST]]


def _attributes(clips: ClipSet, which: Ints) -> list[float]:
    """The mean attributes of some clips."""
    scores = [clips.score(index) for index in which.tolist()]
    return np.nanmean(score_attributes(scores, clips.bars), axis=0).tolist()


def show(found: dict[str, Any]) -> str:
    """The table, and the units of the sparse code."""
    print_rows(
        {name: unit._asdict() for name, unit in found["units"].items()},
        f"units of the sparse code, seed 0, and the {LOUDEST} clips that excite each most: {ATTRIBUTES}",
    )
    return table(found["rows"], title="", digits=3)


@benchmark(show)
def main(
    dataset: Dataset,
    /,
    *,
    seeds: int = 3,
    steps: int = 1500,
    num: int = 400,
    limit: int = 400,
    pairs: int = PAIRS,
    units: Path | None = None,
    out: Path = Path("out/autoencoders"),
    flags: Flags,
) -> dict[str, Any]:
    """Train each kind, and measure.

    Args:
        dataset: a prepared dataset, such as datasets/folk
        seeds: number of runs of each kind
        steps: of each run
        num: clips of each kind of sample
        limit: the most clips that are reconstructed
        pairs: of clips between which is interpolated
        units: folder for the clips that excite the units of the sparse code
        out: folder for the checkpoints
        flags: passed on to `musegen train vae`
    """
    rows: list[Row] = []
    for kind in KINDS:
        own = []
        for seed in range(seeds):
            words = ["--latent.kind", kind, "--seed", str(seed), "--trainer.max-steps", str(steps), *flags]
            folder = train("vae", dataset.path, out / f"{kind}-{seed}", *words)
            row, *trivial = measure(
                folder, dataset, f"{kind}, seed {seed}", num=num, limit=limit, pairs=pairs
            )
            own.append(row)
        rows += with_mean(own)
    return {"rows": [*rows, *trivial], "units": describe_units(out / "sparse-0", dataset, units)}
