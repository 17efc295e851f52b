"""Whether the musical metrics agree with MusPy's, on real pieces.

    pip install muspy
    python -m benchmarks.muspy_agreement DATASET [--pieces 50] [--json]

Prints for each metric the number of pieces for which both libraries have a value, and the largest
difference. Where a definition differs intentionally (see the docstrings of musegen/metrics), MusPy receives
the music in a form for which both definitions agree: notes one tick shorter for empty beats, 4 ticks per
quarter note for grooves.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from symusic import Score

from benchmarks.runner import benchmark
from musegen.data.dataset import Dataset
from musegen.metrics.harmony import polyphony, polyphony_rate
from musegen.metrics.pitch import pitch_class_entropy, pitch_range, pitches_used, scale_consistency
from musegen.metrics.rhythm import POSITIONS, empty_beat_rate, groove_consistency
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays

TOLERANCE = 1e-6


class Agreement(NamedTuple):
    """The agreement on one metric, over pieces."""

    pieces: int
    """Pieces for which both have a value."""
    difference: float
    """The largest absolute difference."""
    mean: float


def muspy_music(score: Score, *, shorter: int = 0) -> Any:
    """The notes of a score in ticks as MusPy music, each shortened by `shorter` ticks."""
    import muspy

    tracks = []
    for track in score.tracks:
        notes = [muspy.Note(n.time, n.pitch, n.duration - shorter, n.velocity) for n in track.notes]
        tracks.append(muspy.Track(program=track.program, is_drum=track.is_drum, notes=notes))
    return muspy.Music(resolution=score.tpq, tracks=tracks)


def muspy_grooves(score: Score) -> float:
    """MusPy's groove consistency on sixteenth notes; NaN if the time signature changes."""
    import muspy

    bars = bar_ticks(score)
    lengths = np.unique(np.diff(bars))
    if len(lengths) > 1 or lengths[0] * POSITIONS % score.tpq:
        return float("nan")
    onsets = np.unique(np.concatenate([note_arrays(track)[0] for track in score.tracks]))
    places = (onsets * 2 * POSITIONS + score.tpq) // (2 * score.tpq)
    end = int(bars[-1]) * POSITIONS // score.tpq
    places = places[places < end]
    notes = [muspy.Note(int(place), 60, 0, 64) for place in places[:-1]]
    notes.append(muspy.Note(int(places[-1]), 60, end - 1 - int(places[-1]), 64))
    music = muspy.Music(resolution=POSITIONS, tracks=[muspy.Track(notes=notes)])
    return float(muspy.groove_consistency(music, int(lengths[0]) * POSITIONS // score.tpq))


def oracles() -> dict[str, tuple[Callable[[Score], float], Callable[[Score], float]]]:
    """For each metric musegen's and MusPy's function."""
    import muspy

    return {
        "pitch_range": (pitch_range, lambda s: muspy.pitch_range(muspy_music(s))),
        "pitches_used": (pitches_used, lambda s: muspy.n_pitches_used(muspy_music(s))),
        "pitch_class_entropy": (pitch_class_entropy, lambda s: muspy.pitch_class_entropy(muspy_music(s))),
        "scale_consistency": (scale_consistency, lambda s: muspy.scale_consistency(muspy_music(s))),
        "polyphony": (polyphony, lambda s: muspy.polyphony(muspy_music(s))),
        "polyphony_rate": (polyphony_rate, lambda s: muspy.polyphony_rate(muspy_music(s), threshold=1)),
        "empty_beat_rate": (empty_beat_rate, lambda s: muspy.empty_beat_rate(muspy_music(s, shorter=1))),
        "groove_consistency": (groove_consistency, muspy_grooves),
    }


def agreement(scores: Sequence[Score]) -> dict[str, Agreement]:
    """The differences between musegen's and MusPy's values, metric by metric."""
    found = {}
    for name, (ours, theirs) in oracles().items():
        pairs = np.array([(ours(score), theirs(score)) for score in scores])
        pairs = pairs[~np.isnan(pairs).any(axis=1)]
        difference = float(np.abs(pairs[:, 0] - pairs[:, 1]).max(initial=0.0))
        found[name] = Agreement(len(pairs), difference, float(pairs[:, 0].mean()))
    return found


def show(found: dict[str, Agreement]) -> None:
    """Print one row per metric."""
    for name, each in found.items():
        print(f"{name:<22}{each.pieces:>5} pieces  mean {each.mean:9.4f}  difference {each.difference:.1e}")


@benchmark(show, is_good=lambda found: all(each.difference <= TOLERANCE for each in found.values()))
def main(dataset: Dataset, /, *, pieces: int = 50) -> dict[str, Agreement]:
    """Compare the metrics.

    Args:
        dataset: a prepared dataset
        pieces: number of pieces, evenly spread over the dataset
    """
    chosen = np.linspace(0, len(dataset.pieces) - 1, min(pieces, len(dataset.pieces))).astype(int)
    return agreement([dataset.score(dataset.pieces[index]) for index in chosen])
