"""Whether a language model keeps to what its training pieces have, and ends as other bars do.

    python -m benchmarks.last_bar CKPT DATASET [--num 200] [--bars 8] [--seed 0] [--json]

Pieces of --bars bars are generated as `musegen generate` does. Counted are the drum hits on no drum of the
training pieces, the notes below or above the range that their program has there, and the tempos, velocities
and time signatures that are not there. The mean number of notes in the last bar,
in its last third, and in the bars before is set beside the same bars of the training pieces, cut at the same
bar; shorter pieces are left out. Targets: nothing unknown, and the notes of the last bar within 20% of the
real ones.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from benchmarks.runner import benchmark, need_lm
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.evaluation.lm import real_pieces
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.generation.request import Result
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays
from musegen.tokenizers.tables import KNOWN_KINDS, Ints, Kind

WITHIN = 0.2
"""The share of the real mean by which the notes of the last bar may differ."""


def notes_per_bar(score: ScoreTick, bars: int) -> tuple[Ints, int]:
    """The notes that start in each bar, (bars,), and in the last third of the last one."""
    lines = bar_ticks(score)
    lines = np.append(lines, lines[-1] + np.arange(1, bars + 2 - len(lines)) * (lines[-1] - lines[-2]))
    onsets = np.concatenate([note_arrays(track)[0] for track in score.tracks])
    late = lines[bars] - (lines[bars] - lines[bars - 1]) / 3
    return np.histogram(onsets, lines[: bars + 1])[0], int((onsets >= late).sum())


def density(scores: Iterable[ScoreTick], bars: int) -> dict[str, float]:
    """The mean notes of the last bar, of its last third, and of a bar before it."""
    found = [notes_per_bar(score, bars) for score in scores]
    counts, late = np.stack([each for each, _ in found]), np.mean([each for _, each in found])
    return {
        "last bar": float(counts[:, -1].mean()),
        "its last third": float(late),
        "other bars": float(counts[:, :-1].mean()),
    }


def pitches_of(scores: Iterable[ScoreTick], *, by_program: bool) -> dict[int, list[int]]:
    """The pitch of each note by program, -1 for drums; without programs all count as one."""
    found: dict[int, list[int]] = {}
    for track in (track for score in scores for track in score.tracks):
        voice = (-1 if track.is_drum else track.program) if by_program else 0
        found.setdefault(voice, []).extend(note.pitch for note in track.notes)
    return found


def outside(own: dict[int, list[int]], real: dict[int, list[int]]) -> int:
    """How many of the notes of each program are outside what it has in real music."""
    known = {
        voice: set(pitches) if voice < 0 else set(range(min(pitches), max(pitches) + 1))
        for voice, pitches in real.items()
    }
    return sum(p not in known.get(voice, ()) for voice, pitches in own.items() for p in pitches)


def unknown(checkpoint: Checkpoint, dataset: Dataset, results: list[Result]) -> dict[str, int]:
    """How many notes, tempos, velocities and time signatures no training piece has."""
    by_program, kinds = bool(checkpoint.tokenizer.config.programs), checkpoint.tokenizer.tables.kind
    view = model_view(checkpoint, dataset)
    known = set(np.concatenate([np.unique(view.stream(i)) for i in view.indices("train")]).tolist())
    real = pitches_of(map(dataset.score, dataset.split("train")), by_program=by_program)
    own = pitches_of([result.score for result in results], by_program=by_program)
    strange = [kinds[id_] for result in results for id_ in result.ids if id_ not in known]
    counts = {Kind(kind).name.lower().replace("_", " "): strange.count(kind) for kind in KNOWN_KINDS}
    return {"notes of unknown pitches": outside(own, real), "of notes": sum(map(len, own.values()))} | {
        f"unknown {name}": count for name, count in counts.items()
    }


def is_good(found: dict[str, Any]) -> bool:
    """Whether the targets are met."""
    strange = sum(count for name, count in found["unknown"].items() if "unknown" in name)
    return not strange and abs(found["last bar to real"] - 1) <= WITHIN


def measure(checkpoint: Checkpoint, dataset: Dataset, *, num: int, bars: int, seed: int) -> dict[str, Any]:
    """All figures; see above.

    Raises:
        ConfigError: the checkpoint is no language model.
    """
    need_lm(checkpoint)
    results = generate_pieces(checkpoint, Wanted(seed, num, bars)).results
    scores, forms = real_pieces(checkpoint, map(dataset.score, dataset.split("train")), bars)
    real = [score for score, form in zip(scores, forms, strict=True) if form.bars == bars]
    densities = {
        "real": density(real, bars),
        "generated": density([result.score for result in results], bars),
    }
    return densities | {
        "real pieces": len(real),
        "last bar to others": {name: row["last bar"] / row["other bars"] for name, row in densities.items()},
        "last bar to real": densities["generated"]["last bar"] / densities["real"]["last bar"],
        "unknown": unknown(checkpoint, dataset, results),
    }


@benchmark(print_facts, is_good=is_good)
def main(
    checkpoint: Checkpoint, dataset: Dataset, /, *, num: int = 200, bars: int = 8, seed: int = 0
) -> dict[str, Any]:
    """The figures above.

    Args:
        checkpoint: the folder of a language model
        dataset: the dataset it was trained on
        num: number of generated pieces
        bars: of each
        seed: random seed
    """
    return measure(checkpoint, dataset, num=num, bars=bars, seed=seed)
