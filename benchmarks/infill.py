"""Gaps of four bars filled by two models, beside copies: 6 bars before, 4 missing, 6 after.

    python -m benchmarks.infill LM FILLER DATASET [--gaps 100] [--rank 16] [--split test] [--seed 0] [--json]

LM is a language model, FILLER one that was trained with holes (`train seq2seq --data.holes bars`).

The protocol is that of the MUSIB benchmark (Araneda-Hernandez et al. 2023), on one line in all metres: 16
bars in a row of each piece, chosen at random, one gap per piece. The model reads them as a whole piece. A gap
repeats if one of its bars stands among the 12 given; gaps that repeat and others are in tables of their own.

Position F1 is of onsets; pitch and rhythm accuracy are the shares of the matched onsets with the same pitch
and the same duration. The divergences are between a gap and the 12 bars around it: of the share of silence
and of the pitch class entropy (in bits), absolute differences; of groove, 1 minus the mean share of the 24
positions of a bar at which both or neither of two bars have an onset. They have no best value: they are to be
as large as in real music. Means over gaps, with 95% bootstrap intervals.

The first table is of the likelihood of the real gaps, in bits per note, totals over totals: of the notes,
positions and bar lines in the four bars, with the bar line after them; the metres are given. The language
model has the left side and the length of the passage, the other model both sides. The interval of the saving
is of a bootstrap over gaps.

Systems: the first sample of the filler, and the best of 8; the first sample of the language model, which
knows the right side only by its length; the best of its 8 and of `--rank` samples, as `musegen fill` ranks
them; the bars 4 and 8 before the gap (the latter begin
before the 16); and the gap of the training passage whose 12 bars have the most notes in common with those
given, in any key.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from symusic import Score

from benchmarks.runner import benchmark, need_filler, need_lm
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_table
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.generation.from_checkpoint import fill_piece
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.pitch import pitch_class_entropy
from musegen.metrics.repetition import bar_keys
from musegen.models.losses import stream_nats
from musegen.models.protocol import first_state
from musegen.music.excerpt import bar_lines, excerpt
from musegen.music.gaps import Gap, Gapped, merged, split_notes
from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import Floats, Ints, note_arrays, put_notes
from musegen.music.odd_bars import fill_odd_bars
from musegen.tokenizers import Kind, RemiTokenizer
from musegen.tokenizers.holes import Holes, count_bars, cut_holes

BEFORE, MISSING, AFTER = 6, 4, 6
BARS = BEFORE + MISSING + AFTER
GAP = Gap(BEFORE + 1, BEFORE + MISSING)
FARTHEST = 8
"""Bars before the gap from which it is copied."""
GRID = 24
"""Positions of a bar at which passages are compared."""
SILENT = -1
"""The pitch of a rest."""
WIDE = 160
"""Characters of a line of the tables."""
FEW = 8
"""Samples of the smaller ranking."""
RESAMPLES = 2000
"""Of the bootstrap."""
KEYS = 6
"""Semitones up or down to which passages are transposed."""


class Case(NamedTuple):
    """Sixteen bars with a gap."""

    score: Score
    """The bars, complete."""
    earlier: dict[int, Score]
    """The four bars that begin N bars before the gap, by N."""
    repeats: bool
    """Whether a bar of the gap stands among those given."""


class Passages(NamedTuple):
    """All passages of sixteen bars in one metre, of the training split."""

    metre: Ints
    """(N, 2)"""
    pitches: Ints
    """(N, 16 * 24) what sounds at each position, `SILENT` for nothing."""
    place: list[tuple[int, int]]
    """The piece and the first bar of each."""


def cases(dataset: Dataset, split: str, gaps: int, seed: int) -> list[Case]:
    """Random gaps, at most one of each piece, all with notes."""
    rng, found = np.random.default_rng(seed), list[Case]()
    pieces = dataset.split(split)
    for index in rng.permutation(len(pieces)).tolist():
        score = dataset.score(pieces[index])
        last = len(bar_ticks(score)) - 1 - BARS
        first_allowed = FARTHEST - BEFORE
        if last < first_allowed or len(score.tracks) != 1 or len(found) == gaps:
            continue
        first = int(rng.integers(first_allowed, last + 1))
        whole, begin = excerpt(score, first, first + BARS), first + BEFORE
        keys = bar_keys(whole)
        if len(keys) < BARS or not len(_gap_of(whole)[0]):
            continue
        own, given = keys[BEFORE : BEFORE + MISSING], {*keys[:BEFORE], *keys[BEFORE + MISSING :]}
        earlier = {n: excerpt(score, begin - n, begin - n + MISSING) for n in (4, FARTHEST)}
        found.append(Case(whole, earlier, bool(set(own) & given)))
    return found


def passages(dataset: Dataset) -> Passages:
    """All passages of the training split."""
    metres, pitches, place = [], [], []
    for number, piece in enumerate(progress(dataset.split("train"), len(dataset.split("train")), "Reading")):
        score = dataset.score(piece)
        count = len(bar_ticks(score)) - 1
        if count < BARS or len(score.tracks) != 1 or len(score.time_signatures) > 1:
            continue
        sounding = _sounding(score, count).reshape(-1)
        [metre] = metres_at(score, np.array([0]))
        for first in range(count - BARS + 1):
            metres.append(metre)
            pitches.append(sounding[first * GRID : (first + BARS) * GRID])
            place.append((number, first))
    return Passages(np.array(metres), np.array(pitches, np.int16), place)


def _sounding(score: Score, bars: int) -> Ints:
    """The pitch that sounds at each position of each bar, (bars, 24)."""
    lines = bar_lines(score, bars)[: bars + 1]
    at = lines[:-1, None] + np.diff(lines)[:, None] * np.arange(GRID) // GRID
    onsets, durations, pitches, _ = note_arrays(score.tracks[0])
    if not len(onsets):
        return np.full(at.shape, SILENT)
    last = np.searchsorted(onsets, at, side="right") - 1
    sounds = (last >= 0) & (at < (onsets + durations)[np.maximum(last, 0)])
    return np.where(sounds, pitches[np.maximum(last, 0)], SILENT)


def nearest(case: Case, known: Passages, dataset: Dataset) -> Score:
    """The gap of the most similar training passage, in the key of the case; all its bars."""
    here = np.ones((BARS, GRID), np.bool_)
    here[BEFORE : BEFORE + MISSING] = False
    [metre] = metres_at(case.score, np.array([0]))
    rows = np.flatnonzero((known.metre == metre).all(axis=1))
    if not len(rows):
        return split_notes(case.score, [(0, 2**31)], [0])[0]
    own = _sounding(case.score, BARS)[here]
    others = known.pitches[rows][:, here.reshape(-1)]
    shift = np.where((own != SILENT) & (others != SILENT), own - others, 999)
    best = (-1, 0, 0)
    for move in range(-KEYS, KEYS + 1):
        same = (shift == move).sum(axis=1)
        row = int(same.argmax())
        best = max(best, (int(same[row]), row, move))
    number, first = known.place[rows[best[1]]]
    found = excerpt(dataset.score(dataset.split("train")[number]), first, first + BARS)
    found = found.resample(case.score.tpq)
    onsets, durations, pitches, velocities = note_arrays(found.tracks[0])
    put_notes(found.tracks[0], onsets, durations, pitches + best[2], velocities)
    return found


def _gap_of(score: Score) -> tuple[Ints, Ints, Ints]:
    """Onsets in the gap, from its begin, durations and pitches of the notes of sixteen bars."""
    begin, end = bar_lines(score, BARS)[[BEFORE, BEFORE + MISSING]].tolist()
    onsets, durations, pitches, _ = note_arrays(score.tracks[0])
    inside = (onsets >= begin) & (onsets < end)
    return onsets[inside] - begin, np.minimum(durations, end - onsets)[inside], pitches[inside]


def with_gap(score: Score, onsets: Ints, durations: Ints, pitches: Ints) -> Score:
    """Sixteen bars with other notes in the gap, by onset from its begin."""
    begin, end = bar_lines(score, BARS)[[BEFORE, BEFORE + MISSING]].tolist()
    given, new = split_notes(score, [(begin, end)], [0])
    kept = onsets < end - begin
    put_notes(new.tracks[0], onsets[kept] + begin, durations[kept], pitches[kept], 0 * pitches[kept] + 90)
    return merged(given, new)


def gap_nats(case: Case, checkpoint: Checkpoint) -> tuple[float, int]:
    """The negative log-likelihood of the real gap under a model, in nats, and its number of notes."""
    tokenizer, model = checkpoint.tokenizer, checkpoint.model
    assert isinstance(tokenizer, RemiTokenizer)
    ids = tokenizer.encode(fill_odd_bars(case.score, tokenizer.time_signatures).score)
    ids[0] = tokenizer.bos_of(BARS)
    bars = np.zeros(count_bars(ids, tokenizer.tables), np.bool_)
    bars[BEFORE : BEFORE + MISSING] = True
    source, target, scored = cut_holes(ids, tokenizer.tables, Holes(bars))
    sources = torch.from_numpy(source)[None] if checkpoint.config.fills else None
    with torch.inference_mode():
        nats = stream_nats(model, first_state(model, 1, sources), torch.from_numpy(target)[None])[0].numpy()
    notes = int((tokenizer.tables.kind[target[scored]] == Kind.PITCH).sum())
    return float(nats[scored[1:]].sum()), notes


def likelihoods(cases: list[Case], lm: Checkpoint, filler: Checkpoint) -> dict[str, Any]:
    """Bits per note of the gaps under both models, and the share that the filler saves."""
    rows = np.array([[*gap_nats(case, lm), gap_nats(case, filler)[0]] for case in cases])  # (gaps, 3)
    draws = np.random.default_rng(0).integers(0, len(rows), (RESAMPLES, len(rows)))
    sums = rows[draws].sum(axis=1)
    saved = 1 - rows[:, 2].sum() / rows[:, 0].sum()
    low, high = np.quantile(1 - sums[:, 2] / sums[:, 0], (0.025, 0.975))
    bits = rows.sum(axis=0) / np.log(2) / rows[:, 1].sum()
    return {"language model": bits[0], "filler": bits[2], "saved": [saved, low, high], "gaps": len(rows)}


def systems(
    case: Case, checkpoint: Checkpoint, filler: Checkpoint, rank: int, seed: int
) -> Iterator[tuple[str, Score]]:
    """Each system's sixteen bars."""
    gapped = Gapped(case.score, [GAP], [0])
    begin, end = bar_lines(case.score, BARS)[[BEFORE, BEFORE + MISSING]].tolist()
    given, _ = split_notes(case.score, [(begin, end)], [0])
    candidates = fill_piece(checkpoint, gapped, num=rank, rank=rank, seed=seed)  # the best first
    for count in sorted({1, min(FEW, rank), rank}):
        best = next(each for each in candidates if each.candidate < count)
        yield "LM, first sample" if count == 1 else f"LM, best of {count}", merged(given, best.notes)
    own = fill_piece(filler, gapped, num=FEW, rank=FEW, seed=seed)
    yield "filler, first sample", merged(given, next(each for each in own if not each.candidate).notes)
    yield f"filler, best of {FEW}", merged(given, own[0].notes)
    for distance, score in case.earlier.items():
        columns = note_arrays(score.tracks[0])[:3] if score.tracks else (np.zeros(0, np.int64),) * 3
        yield f"{distance} bars before", with_gap(case.score, *columns)
    yield "real music", case.score


def figures(own: Score, real: Score) -> dict[str, float]:
    """All figures of one gap, NaN where there is none."""
    (onsets, durations, pitches), (at, lengths, wanted) = _gap_of(own), _gap_of(real)
    here, there = (
        dict(zip(o.tolist(), zip(p.tolist(), d.tolist(), strict=True), strict=True))
        for o, d, p in ((onsets, durations, pitches), (at, lengths, wanted))
    )
    matched = here.keys() & there.keys()
    same = np.array([[a == b for a, b in zip(here[o], there[o], strict=True)] for o in matched], np.float64)
    return {
        "position F1": 2 * len(matched) / (len(here) + len(there)),
        "pitch accuracy": float(same[:, 0].mean()) if len(matched) else float("nan"),
        "rhythm accuracy": float(same[:, 1].mean()) if len(matched) else float("nan"),
    } | _divergences(own)


def _divergences(score: Score) -> dict[str, float]:
    sounding = _sounding(score, BARS) != SILENT
    lines = bar_lines(score, BARS)[: BARS + 1]
    onsets = note_arrays(score.tracks[0])[0]
    bar = np.searchsorted(lines, onsets, side="right") - 1
    grooves = np.zeros((BARS, GRID), np.bool_)
    grooves[bar, (onsets - lines[bar]) * GRID // np.diff(lines)[bar]] = True
    gap = np.zeros(BARS, np.bool_)
    gap[BEFORE : BEFORE + MISSING] = True
    spans = [(int(lines[BEFORE]), int(lines[BEFORE + MISSING]))]
    entropies = [pitch_class_entropy(each) for each in split_notes(score, spans, [0])]
    alike: Floats = (grooves[gap][:, None] == grooves[~gap][None]).mean(axis=2)
    return {
        "silence": abs(float(sounding[gap].mean() - sounding[~gap].mean())),
        "pitch entropy": abs(entropies[0] - entropies[1]),
        "groove": 1 - float(alike.mean()),
    }


def show(found: dict[str, Any]) -> None:
    """A table for gaps that repeat, and one for the others."""
    for name, own in found["likelihood"].items():
        saved = "{:.1%} ({:.1%}, {:.1%})".format(*own["saved"])
        print(
            f"{name}, bits per note of {own['gaps']}: language model {own['language model']:.3f}, "
            f"filler {own['filler']:.3f}, saved {saved}"
        )
    for name, table in found["tables"].items():
        titles = list(next(iter(table.values()), {}))
        rows = [
            [system, *(f"{row[each][0]:.3f} ({row[each][1]:.3f}, {row[each][2]:.3f})" for each in titles)]
            for system, row in table.items()
        ]
        print(f"{name}: {found['counts'][name]}")
        if rows:
            print_table(["", *titles], rows, width=WIDE)


@benchmark(show)
def main(
    checkpoint: Checkpoint,
    filler: Checkpoint,
    dataset: Dataset,
    /,
    *,
    gaps: int = 100,
    rank: int = 16,
    split: Literal["valid", "test"] = "test",
    seed: int = 0,
) -> dict[str, Any]:
    """All figures, of gaps that repeat and of others.

    Args:
        checkpoint: the folder of a language model of one line
        filler: the folder of a model that was trained with holes
        dataset: the dataset it was trained on
        gaps: number of gaps
        rank: the largest number of ranked samples
        split: split of the pieces
        seed: random seed
    """
    need_lm(checkpoint)
    need_filler(filler)
    own = dataset.as_recorded({piece["name"] for piece in checkpoint.data["train"]})
    found, known = cases(own, split, gaps, seed), passages(own)
    values: dict[str, dict[str, list[dict[str, float]]]] = {"gaps that repeat": {}, "other gaps": {}}
    for number, case in enumerate(progress(found, len(found), "Filling")):
        table = values["gaps that repeat" if case.repeats else "other gaps"]
        scores = dict(systems(case, checkpoint, filler, rank, seed + number))
        scores["nearest in training"] = with_gap(case.score, *_gap_of(nearest(case, known, own)))
        for system, score in scores.items():
            table.setdefault(system, []).append(figures(score, case.score))
    tables = {
        name: {
            system: {key: bootstrap_mean([row[key] for row in rows]) for key in rows[0]}
            for system, rows in table.items()
        }
        for name, table in values.items()
    }
    counts = {name: len(next(iter(table.values()), [])) for name, table in values.items()}
    kinds: dict[str, list[Case]] = {"all gaps": found}
    kinds |= {name: [each for each in found if each.repeats == (name != "other gaps")] for name in values}
    bits = {name: likelihoods(chosen, checkpoint, filler) for name, chosen in kinds.items() if chosen}
    return {"likelihood": bits, "counts": counts, "tables": tables}
