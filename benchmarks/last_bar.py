"""Whether a language model keeps to what its training pieces have, and ends as other bars do.

    python -m benchmarks.last_bar CKPT DATASET [--num 200] [--bars 8] [--seed 0] [--json]

Pieces of --bars bars are generated as `musegen generate` does. Counted are the notes with a pitch, and the
tempos, velocities and time signatures, that no training piece has. The mean number of notes in the last bar,
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


def pitches_of(score: ScoreTick, *, by_program: bool) -> list[tuple[int, int]]:
    """The program, -1 for drums, and pitch of each note; without programs all count as one."""
    return [
        ((-1 if track.is_drum else track.program) if by_program else 0, note.pitch)
        for track in score.tracks
        for note in track.notes
    ]


def unknown(checkpoint: Checkpoint, dataset: Dataset, results: list[Result]) -> dict[str, int]:
    """How many notes, tempos, velocities and time signatures no training piece has."""
    by_program, kinds = bool(checkpoint.tokenizer.config.programs), checkpoint.tokenizer.tables.kind
    view = model_view(checkpoint, dataset)
    known = set(np.concatenate([np.unique(view.stream(i)) for i in view.indices("train")]).tolist())
    real = {
        each
        for piece in dataset.split("train")
        for each in pitches_of(dataset.score(piece), by_program=by_program)
    }
    own = [each for result in results for each in pitches_of(result.score, by_program=by_program)]
    strange = [kinds[id_] for result in results for id_ in result.ids if id_ not in known]
    counts = {Kind(kind).name.lower().replace("_", " "): strange.count(kind) for kind in KNOWN_KINDS}
    return {"notes of unknown pitches": sum(each not in real for each in own), "of notes": len(own)} | {
        f"unknown {name}": count for name, count in counts.items()
    }


def is_good(found: dict[str, Any]) -> bool:
    """Whether the targets are met."""
    strange = sum(count for name, count in found["unknown"].items() if "unknown" in name)
    return not strange and abs(found["last bar to real"] - 1) <= WITHIN


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
        "last bar to real": densities["generated"]["last bar"] / densities["real"]["last bar"],
        "unknown": unknown(checkpoint, dataset, results),
    }
