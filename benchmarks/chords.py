"""Chords to melodies: a model, a rule, the commonest progression of the training split, and people.

    python -m benchmarks.chords CKPT DATASET [--split test] [--limit 0] [--seed 0] [--json]

The checkpoint is an accompaniment model of chords (`musegen train seq2seq DATA --data.chords --accompaniment
chords`). Roots and triads: shares of the beats on which they agree with the human's, over the beats on which
the human has a chord (`chord_agreement`). Chord tones: share of the melody's notes on strong beats that are
among what sounds (`chord_tone_rate`). Means over pieces, with 95% bootstrap intervals, for each folder of the
dataset.

Systems: the human's chords; the model's with the settings of the checkpoint; the triad of the melody's key
that covers most of it, on each strong beat or in each bar (`block_chords`); and in each bar the commonest
triad of the training split, relative to the melody's key, in keys of that mode and at that bar of eight; and
the tonic alone. The key is estimated from the melody (Krumhansl and Schmuckler).

The last line is for melodies over given chords: chord tones of the melody of another piece of the split, in
the same metre and moved to the same key, over the human's chords. A model that writes melodies over chords is
to lie between that and the human's melody.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from symusic import Score
from symusic.core import TrackTick

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_table
from musegen.console import progress
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.selection import Selected, select
from musegen.errors import ConfigError, DataError
from musegen.evaluation.baselines import MelodyAndScore, block_chords
from musegen.generation.from_checkpoint import generate_accompaniments
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.harmony import chord_agreement, chord_tone_rate
from musegen.music.chord_symbols import NO_CHORD, ChordSymbol, chord_symbols, moved
from musegen.music.chord_track import Symbols, chord_track, chords_of_score, symbols_of_track
from musegen.music.key import Key, estimate_key, pitch_class_weights
from musegen.music.metre import all_beats, bar_ticks, metres_at
from musegen.music.notes import note_arrays, put_notes

CYCLE = 8
"""Bars after which the commonest progression repeats."""
OTHER = "another melody, human chords"
WIDE = 120
Phase = tuple[str, int]
"""The mode of the key, and the number of the bar in its cycle."""


class Case(NamedTuple):
    """A piece with a melody and chords."""

    folder: str
    whole: Score
    """Tidy, all tracks, as the dataset has it."""
    melody: Score
    """Its melody alone."""
    human: Symbols
    key: Key
    """Of the melody."""
    first: int
    """The bar in which the piece begins: 1 after a pickup."""


def cases(checkpoint: Checkpoint, dataset: Dataset, split: str) -> Iterator[Case]:
    """The pieces of a split that the model could learn from."""
    pieces = dataset.split(split)
    for piece in progress(pieces, len(pieces), f"Reading {split}"):
        try:
            chosen = select(dataset, piece, checkpoint.config.data, pairs=True, metres=_metres(checkpoint))
        except DataError:
            continue
        yield _case(dataset, piece, chosen)


def _metres(checkpoint: Checkpoint) -> Any:
    return checkpoint.tokenizer.time_signatures


def _case(dataset: Dataset, piece: IndexEntry, chosen: Selected) -> Case:
    melody = chosen.melody
    assert melody is not None
    folder = piece.name.partition("/")[0] if "/" in piece.name else dataset.name
    whole = chosen.score.copy()
    whole.tracks = [melody.tracks[0], *chosen.score.tracks]
    key = estimate_key(pitch_class_weights(melody.tracks)) or Key(0, "major")
    return Case(folder, whole, melody, chords_of_score(whole, 0), key, int(piece.pickup > 0))


def commonest(known: list[Case]) -> dict[Phase, ChordSymbol]:
    """The commonest triad of each phase, relative to C."""
    counts: dict[Phase, Counter[ChordSymbol]] = {}
    for case in known:
        bars = bar_ticks(case.whole)
        for (time, symbol), (after, _) in pairwise([*case.human, (int(bars[-1]), NO_CHORD)]):
            begins, ends = np.maximum(bars[:-1], time), np.minimum(bars[1:], after)
            for bar in np.flatnonzero(ends > begins).tolist():
                phase = case.key.mode, (bar - case.first) % CYCLE
                triad = moved(symbol.triad, -case.key.tonic)
                counts.setdefault(phase, Counter())[triad] += (ends - begins)[bar] / case.whole.tpq
    return {phase: found.most_common(1)[0][0] for phase, found in counts.items()}


def systems(
    case: Case, checkpoint: Checkpoint, known: dict[Phase, ChordSymbol], seed: int
) -> dict[str, Symbols]:
    """The chords of each system."""
    piece, bars = MelodyAndScore(case.whole, 0), bar_ticks(case.whole)
    [made] = generate_accompaniments(checkpoint, case.melody, seed=seed)
    tonic = ChordSymbol(case.key.tonic, "" if case.key.mode == "major" else "m")
    progression = [
        (
            time,
            moved(
                known.get((case.key.mode, (bar - case.first) % CYCLE), moved(tonic, -case.key.tonic)),
                case.key.tonic,
            ),
        )
        for bar, time in enumerate(bars[:-1].tolist())
    ]
    rules = {
        name: block_chords(piece, by_bar=by_bar).tracks[1]
        for name, by_bar in (("beat", False), ("bar", True))
    }
    return {
        "human": case.human,
        "model": chord_symbols(made.score),
        "rule by strong beat": symbols_of_track(rules["beat"], bars),
        "rule by bar": symbols_of_track(rules["bar"], bars),
        "commonest progression": progression,
        "tonic": [(0, tonic)],
    }


def figures(case: Case, symbols: Symbols) -> dict[str, float]:
    """All figures of the chords of one system."""
    bars = bar_ticks(case.whole)
    agreement = chord_agreement(symbols, case.human, all_beats(case.whole, bars))
    return agreement._asdict() | {"chord tones": _chord_tones(case, case.melody.tracks[0], symbols)}


def _chord_tones(case: Case, melody: TrackTick, symbols: Symbols) -> float:
    sounding = case.melody.copy()
    sounding.tracks = [chord_track(symbols, bar_ticks(case.whole))]
    return chord_tone_rate(melody, sounding)


def other_melody(case: Case, others: list[Case], rng: np.random.Generator) -> TrackTick | None:
    """The melody of another piece in the same metre and mode, moved to the key; None if there is none."""
    start = np.zeros(1, np.int64)
    fitting = [
        other
        for other in others
        if other is not case
        and other.key.mode == case.key.mode
        and metres_at(other.whole, start) == metres_at(case.whole, start)
    ]
    if not fitting:
        return None
    other = fitting[int(rng.integers(len(fitting)))]
    track = other.melody.resample(case.whole.tpq).tracks[0]
    onsets, durations, pitches, velocities = note_arrays(track)
    up = (case.key.tonic - other.key.tonic + 6) % 12 - 6
    kept = onsets < bar_ticks(case.whole)[-1]
    put_notes(
        track, *(column[kept] for column in (onsets, durations, np.clip(pitches + up, 0, 127), velocities))
    )
    return track


def show(found: dict[str, dict[str, dict[str, Any]]]) -> None:
    """A table for each folder."""
    for folder, table in found.items():
        titles = list(next(iter(table.values())))
        rows = [
            [
                system,
                *(f"{row[t][0]:.3f} ({row[t][1]:.3f}, {row[t][2]:.3f})" if t in row else "" for t in titles),
            ]
            for system, row in table.items()
        ]
        print(folder)
        print_table(["", *titles], rows, width=WIDE)


@benchmark(show)
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    split: Literal["valid", "test"] = "test",
    limit: int = 0,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, Any]]]:
    """All figures of each folder.

    Args:
        checkpoint: the folder of an accompaniment model of chords
        dataset: the dataset it was trained on
        split: split of the pieces
        limit: the most pieces of each folder, 0 for all
        seed: random seed
    """
    if checkpoint.config.family != "seq2seq" or not checkpoint.config.data.chords:
        raise ConfigError(f"{checkpoint.path} is no model of chords: train seq2seq with --data.chords")
    own = dataset.as_recorded({piece["name"] for piece in checkpoint.data["train"]})
    known, every = commonest(list(cases(checkpoint, own, "train"))), list(cases(checkpoint, own, split))
    folders = Counter(case.folder for case in every)
    values: dict[str, dict[str, list[dict[str, float]]]] = {}
    rng = np.random.default_rng(seed)
    for number, case in enumerate(progress(every, len(every), "Harmonising")):
        table = values.setdefault(case.folder, {})
        if limit and len(table.get("human", ())) >= limit:
            continue
        for system, symbols in systems(case, checkpoint, known, seed + number).items():
            table.setdefault(system, []).append(figures(case, symbols))
        if melody := other_melody(case, every, rng):
            table.setdefault(OTHER, []).append({"chord tones": _chord_tones(case, melody, case.human)})
    return {
        f"{folder}: {len(table['human'])} of {folders[folder]} {split} pieces": {
            system: {key: bootstrap_mean([row[key] for row in rows]) for key in rows[0]}
            for system, rows in table.items()
        }
        for folder, table in values.items()
    }
