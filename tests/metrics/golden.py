"""Small scores, and what MusPy 0.5.0 measures of them; `python -m tests.metrics.golden` prints that anew.

That takes an environment with musegen and `pip install muspy`, which is no dependency, not even of the tests:
it is no longer maintained and brings SciPy along. On real pieces: benchmarks/muspy_agreement.py.
"""

import json
import sys

from symusic import Note, Score, Track

from tests.music.scores import TPQ, line, score


def pattern(count: int, *, step: int, low: int, span: int, metre: tuple[int, int]) -> Score:
    """Notes that overlap, double and pause without any regularity that a measure could hide behind."""
    rows = []
    for i in range(count):
        onset = i * step + (i * i % 3) * step // 2
        rows.append(Note(onset, step * (1 + i * 5 % 4) // 2, low + (i * i * 7 + i) % span, 64))
    first, second = Track("a", 0), Track("b", 40)
    first.notes, second.notes = rows[: 2 * count // 3], rows[count // 3 :]
    return score(first, second, metres=[(0, *metre)])


def golden_scores() -> dict[str, Score]:
    """The scores by name."""
    chords = Track("chords")
    chords.notes = [
        Note(bar * 4 * TPQ, 3 * TPQ, pitch, 80)
        for bar, chord in enumerate([(48, 64, 67), (53, 65, 69), (55, 62, 71), (48, 64, 72)])
        for pitch in chord
    ]
    beats = line([36, 42, 38, 42] * 6, drums=True)
    return {
        "scale": score(line([60, 62, 64, 65, 67, 69, 71, 72]), metres=[(0, 2, 4)]),
        "chords and drums": score(chords, beats, metres=[(0, 4, 4)]),
        "doubled": score(line([60, 64, 67] * 4), line([60, 63, 67] * 4, start=120), metres=[(0, 3, 4)]),
        "rests": score(line([61, 66, 70]), line([50, 49], start=7 * TPQ + 30), metres=[(0, 4, 4)]),
        "sixteenths": pattern(60, step=120, low=45, span=37, metre=(4, 4)),
        "triplets": pattern(41, step=160, low=30, span=71, metre=(3, 4)),
    }


GOLDEN: dict[str, dict[str, float]] = {
    "scale": {
        "pitch_range": 12.0,
        "pitches_used": 8.0,
        "pitch_class_entropy": 2.75,
        "scale_consistency": 1.0,
        "polyphony": 1.0,
        "polyphony_rate": 0.0,
        "empty_beat_rate": 0.0,
        "groove_consistency": 1.0,
    },
    "chords and drums": {
        "pitch_range": 24.0,
        "pitches_used": 10.0,
        "pitch_class_entropy": 2.688721875540867,
        "scale_consistency": 1.0,
        "polyphony": 3.0,
        "polyphony_rate": 0.8,
        "empty_beat_rate": 0.0,
        "groove_consistency": 0.8541666666666666,
    },
    "doubled": {
        "pitch_range": 7.0,
        "pitches_used": 4.0,
        "pitch_class_entropy": 1.9182958340544896,
        "scale_consistency": 0.8333333333333334,
        "polyphony": 1.6,
        "polyphony_rate": 0.6,
        "empty_beat_rate": 0.0,
        "groove_consistency": 0.5,
    },
    "rests": {
        "pitch_range": 21.0,
        "pitches_used": 5.0,
        "pitch_class_entropy": 1.9219280948873623,
        "scale_consistency": 0.8,
        "polyphony": 1.0,
        "polyphony_rate": 0.0,
        "empty_beat_rate": 0.5555555555555556,
        "groove_consistency": 0.78125,
    },
    "sixteenths": {
        "pitch_range": 36.0,
        "pitches_used": 19.0,
        "pitch_class_entropy": 3.121596383178741,
        "scale_consistency": 0.775,
        "polyphony": 1.3333333333333333,
        "polyphony_rate": 0.3008130081300813,
        "empty_beat_rate": 0.0,
        "groove_consistency": 0.33333333333333337,
    },
    "triplets": {
        "pitch_range": 69.0,
        "pitches_used": 36.0,
        "pitch_class_entropy": 3.4222941505818514,
        "scale_consistency": 0.7454545454545455,
        "polyphony": 1.364864864864865,
        "polyphony_rate": 0.32926829268292684,
        "empty_beat_rate": 0.0,
        "groove_consistency": 0.9166666666666666,
    },
}


def muspy_values() -> dict[str, dict[str, float]]:
    """What stands in GOLDEN, found anew."""
    from benchmarks.muspy_agreement import oracles

    theirs = {measure: oracle for measure, (_, oracle) in oracles().items()}
    return {
        name: {measure: float(oracle(made)) for measure, oracle in theirs.items()}
        for name, made in golden_scores().items()
    }


if __name__ == "__main__":
    sys.stdout.write(f"GOLDEN: dict[str, dict[str, float]] = {json.dumps(muspy_values(), indent=4)}\n")
