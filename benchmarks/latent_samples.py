"""Whether what a model of clips draws from its latent space is like real clips, and whether it copies.

    python -m benchmarks.latent_samples CKPT DATA [--num 1000] [--split test] [--seed 0] [--json]

Held against as many real clips: those drawn from the mixture fitted to the training clips ("mixture", the
default of `musegen generate`), those of the plain prior, and real ones sent through the model ("given back").
Overlap of pitches (MIDI), durations (quarters) and melodic intervals (semitones), pooled over the clips: the
sum over values of the smaller share. Two halves of twice as many real clips stand beside. Notes in a row that
are copied from training pieces, in any key: mean over clips, and the share of clips that are one such run.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from symusic.core import ScoreTick

from benchmarks.clip_sets import ClipSet
from musegen.data.dataset import Dataset
from musegen.data.learnt import learnt
from musegen.data.novelty import NoveltyIndex, copied
from musegen.errors import MusegenError
from musegen.generation.latent import latent_of, sample_clips
from musegen.generation.requests import Request
from musegen.metrics.lines import intervals
from musegen.music.notes import note_arrays
from musegen.tokenizers.tables import Ints

WANTED = 0.95
"""Of the overlap of two halves of the real clips."""


def pitches_of(score: ScoreTick) -> Ints:
    """MIDI pitches of all notes."""
    return np.concatenate([np.zeros(0, np.int64), *(note_arrays(track)[2] for track in score.tracks)])


def durations_of(score: ScoreTick) -> Ints:
    """Durations of all notes in 24ths of a quarter."""
    durations = np.concatenate([np.zeros(0, np.int64), *(note_arrays(track)[1] for track in score.tracks)])
    return np.asarray(np.round(durations * 24 / score.ticks_per_quarter), np.int64)


FEATURES: dict[str, Callable[[ScoreTick], Ints]] = {
    "pitch": pitches_of,
    "duration": durations_of,
    "interval": intervals,
}


def overlap(some: Ints, others: Ints) -> float:
    """Of two sets of whole numbers, the sum over values of the smaller share, 0 to 1."""
    values = np.unique(np.concatenate([some, others]))
    shares = [np.searchsorted(np.sort(each), values, side="right") for each in (some, others)]
    p, q = (np.diff(counts, prepend=0) / max(1, counts[-1]) for counts in shares)
    return float(np.minimum(p, q).sum())


def overlaps(some: Sequence[ScoreTick], others: Sequence[ScoreTick]) -> dict[str, float]:
    """Of each feature."""
    return {
        name: overlap(
            *(np.concatenate([np.asarray(read(score)) for score in each]) for each in (some, others))
        )
        for name, read in FEATURES.items()
    }


def copying(scores: Sequence[ScoreTick], index: NoveltyIndex) -> dict[str, float]:
    """How much of the clips stands in the training pieces."""
    found = [copied(score, index) for score in scores]
    notes = [len(each.runs) for each in found]
    whole = [each.longest >= count for each, count in zip(found, notes, strict=True)]
    return {
        "notes a clip": float(np.mean(notes)),
        "copied run": float(np.mean([each.longest for each in found])),
        "copied whole": float(np.mean(whole)),
    }


def systems(clips: ClipSet, num: int, seed: int) -> Iterator[tuple[str, list[ScoreTick]]]:
    """The clips of every system: the two real ones first."""
    drawn = clips.draw(2 * num, np.random.default_rng(seed))
    real, other = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
    yield "real", [clips.score(int(index)) for index in real]
    yield "real, other half", [clips.score(int(index)) for index in other]
    for name, is_prior in (("mixture", False), ("prior", True)):
        results = sample_clips(
            clips.model,
            clips.tokenizer,
            Request(bars=clips.model.clip_bars),
            num=len(real),
            metres=clips.checkpoint.data.get("metres", ()),
            prior=is_prior,
            sampling=clips.checkpoint.config.sampling,
            seed=seed,
        )
        yield name, [result.score for result in results]
    import torch

    z = torch.stack([latent_of(clips.model, clips.ids(int(index))) for index in other])
    yield "given back", clips.decode(z, [clips.metre(int(index)) for index in other])


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latent_samples", description=__doc__.split("\n")[0]
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of family vae")
    parser.add_argument("data", type=Path, help="the dataset that it learnt from")
    parser.add_argument("--num", type=int, default=1000, help="clips of each system (default 1000)")
    parser.add_argument("--split", default="test", help="of the real clips (default test)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    rows: dict[str, dict[str, float]] = {}
    try:
        clips = ClipSet(arguments.checkpoint, arguments.data, arguments.split)
        index = learnt(Dataset.open(arguments.data)).known
        real: list[ScoreTick] = []
        for name, scores in systems(clips, arguments.num, arguments.seed):
            real = real or scores
            sounding = [score for score in scores if score.note_num()]
            empty = {"empty": float(len(scores) - len(sounding))}
            rows[name] = overlaps(sounding, real) | copying(sounding, index) | empty
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    columns = list(rows["real"])
    print(f"{'':<18}" + "".join(f"{column:>14}" for column in columns))
    for name, row in rows.items():
        print(f"{name:<18}" + "".join(f"{row[column]:>14.3f}" for column in columns))
    halves = rows["real, other half"]
    for name in ("mixture", "prior"):
        met = all(rows[name][feature] >= WANTED * halves[feature] for feature in FEATURES)
        print(
            f"{name}: {'met' if met else 'NOT MET'} (every overlap at least {WANTED} of that of two halves)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
