"""Fit the weights by which musegen finds the tune of a file (musegen/music/tune_features.py).

    python -m benchmarks.melody_weights WILD --pop POP --songs SONGS

WILD is the folder of the files of melody_tracks.csv, of which only the half for tuning is used; POP a folder
of POP909 as MIDI, whose MELODY is the tune; SONGS one of OpenScore Lieder, in which it is the voice. Of the
last two, 300 and 120 files are drawn, their track names are removed, and each counts a tenth: they keep the
rule from learning riffs alone. The weights are those of a softmax over the tracks and "none" (conditional
logit), with a penalty; each has the sign that sense demands, or is 0. Also printed: the shares of right and
wrong answers and of doubts, by the rule for lines on several tracks, in cross-validation on the half for
tuning, for several probabilities from which an answer is without a doubt; the same with one source of
files (a folder) left out at a time; and the share of right answers on 200 other songs of POP909.
"""

import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from symusic import Score

from benchmarks.melody_tracks import Labelled, pitched, read_labelled
from benchmarks.runner import benchmark
from musegen.cli.tables import print_facts
from musegen.errors import MidiError
from musegen.music.melody import SURE, best_line
from musegen.music.reading.read import read_score
from musegen.music.tune_features import WEIGHTS, Bools, same_lines, tune_features

NEGATIVE = ("accompaniment", "bass", "below", "scarce", "busy", "slow", "low", "narrow", "same", "new")
"""Features that can only speak against a track; the others but "height" only for one."""
OTHERS = 0.1
POPULAR, HELD_OUT = 300, 200
"""Songs of POP909: to fit, to measure."""
PENALTY = 0.004
FOLDS, REPEATS = 8, 4
STEPS = 1500
SURE_FROM = (0.5, 0.55, SURE, 0.65)
"""Probabilities from which an answer may be without a doubt."""
VOICES = ("voice", "vocal", "singstimme", "gesang", "chant", "soprano", "tenor", "baritone")


class Case(NamedTuple):
    """The features of a file's tracks (tracks, features), the right ones, and how much the file counts."""

    features: Any
    same: Bools
    """Whether two tracks play one line, (tracks, tracks)."""
    right: list[int]
    """Rows of `features`; their number if "none" is right."""
    weight: float


def _case(score: Score, tracks: set[int], weight: float, *, none: bool = False) -> Case:
    candidates = pitched(score)
    columns = tune_features(score, candidates)
    right = [row for row, index in enumerate(candidates) if index in tracks] + [len(candidates)] * none
    features = np.stack(list(columns.values()), axis=1)
    return Case(features, same_lines(score, candidates), right, weight)


def _nameless(folder: Path, suffix: str, count: int, names: tuple[str, ...]) -> list[Case]:
    """Cases of files that have one track of one of these names, and others, without the names."""
    paths = sorted(folder.rglob(f"*{suffix}"))
    cases = []
    for path in random.Random(0).sample(paths, min(count, len(paths))):  # noqa: S311
        try:
            score, _ = read_score(path)
        except MidiError:
            continue
        tracks = {i for i in pitched(score) if score.tracks[i].name.strip().lower() in names}
        if len(tracks) == 1 and len(pitched(score)) > 1:
            for track in score.tracks:
                track.name = ""
            cases.append(_case(score, tracks, OTHERS))
    return cases


def fit(cases: list[Case]) -> tuple[Any, float]:
    """The weight of each feature, and the log-odds of "none"."""
    rows = np.concatenate([case.features for case in cases])
    scale = rows.std(axis=0) + 1e-3
    most = max(len(case.features) for case in cases)
    inputs = torch.zeros(len(cases), most + 1, rows.shape[1])
    open_, right = torch.full((2, len(cases), most + 1), -1e9)
    for number, case in enumerate(cases):
        count = len(case.features)
        inputs[number, :count] = torch.tensor(case.features / scale)
        open_[number, [*range(count), most]] = 0.0
        right[number, [most if row == count else row for row in case.right]] = 0.0
    counts = torch.tensor([case.weight for case in cases])
    weights, none = torch.zeros(rows.shape[1], requires_grad=True), torch.zeros((), requires_grad=True)
    is_none = torch.nn.functional.one_hot(torch.tensor(most), most + 1)
    low = torch.tensor([-torch.inf if name in (*NEGATIVE, "height") else 0.0 for name in WEIGHTS])
    high = torch.tensor([0.0 if name in NEGATIVE else torch.inf for name in WEIGHTS])
    optimizer = torch.optim.Adam([weights, none], lr=0.02)
    for _ in range(STEPS):
        logits = inputs @ weights + none * is_none + open_  # (cases, most + 1)
        loss = counts @ (logits.logsumexp(1) - (logits + right).logsumexp(1)) / counts.sum()
        optimizer.zero_grad()
        (loss + PENALTY * (weights**2).sum()).backward()
        optimizer.step()
        with torch.no_grad():
            weights.clamp_(low, high)
    return weights.detach().numpy() / scale, float(none.detach())


def _answer(case: Case, weights: Any, none: float) -> tuple[bool, float]:
    """Whether the answer is right, and its probability; that of "none" is never in doubt: 1."""
    logits = np.append(case.features @ weights, none)
    odds = np.exp(logits - logits.max())
    odds /= odds.sum()
    row, sure, _ = best_line(odds[:-1], case.same)
    return (len(case.features) in case.right, 1.0) if odds[-1] > sure else (row in case.right, sure)


def _right(cases: list[Case], weights: Any, none: float) -> float:
    return float(np.mean([_answer(case, weights, none)[0] for case in cases]))


def cross_validated(wild: list[Case], others: list[Case], parts: list[set[int]]) -> dict[str, Any]:
    """How right the answers to each part of the wild files are, by weights fitted without it."""
    found = []
    for part in parts:
        weights = fit([case for i, case in enumerate(wild) if i not in part] + others)
        found += [_answer(wild[i], *weights) for i in sorted(part)]
    right, sure = (np.array(column) for column in zip(*found, strict=True))
    shares = {}
    for least in SURE_FROM:
        counts = (right & (sure >= least)).mean(), (sure < least).mean(), (~right & (sure >= least)).mean()
        shares[f"right, in doubt, wrong; sure from {least}"] = " ".join(f"{count:.3f}" for count in counts)
    return {"right in all": float(right.mean()), **shares}


def _folds(count: int) -> list[set[int]]:
    orders = [np.random.default_rng(repeat).permutation(count) for repeat in range(REPEATS)]
    return [set(order[fold::FOLDS].tolist()) for order in orders for fold in range(FOLDS)]


@benchmark(print_facts)
def main(wild: Path, /, *, pop: Path, songs: Path) -> dict[str, Any]:
    """The weights, rounded, and how right they are.

    Args:
        wild: folder of the labelled files
        pop: folder of POP909
        songs: folder of OpenScore Lieder
    """
    labelled: list[Labelled] = [each for each in read_labelled(wild) if each.is_tuning]
    cases = [_case(each.score, each.tracks, 1.0, none=each.none) for each in labelled]
    popular = _nameless(pop, ".mid", POPULAR + HELD_OUT, ("melody",))
    others = popular[:POPULAR] + _nameless(songs, ".mxl", 120, VOICES)
    weights, none = fit(cases + others)
    sources = [each.name.split("/")[0] for each in labelled]
    by_source = [{i for i, each in enumerate(sources) if each == source} for source in sorted({*sources})]
    return {
        **{name: round(float(weight), 2) for name, weight in zip(WEIGHTS, weights, strict=True)},
        "none": round(none, 2),
        "files": len(cases),
        "others": len(others),
        "right, seen": _right(cases, weights, none),
        "right, others": _right(others, weights, none),
        "right, POP909 held out": _right(popular[POPULAR:], weights, none),
        **{f"cross-validated: {k}": v for k, v in cross_validated(cases, others, _folds(len(cases))).items()},
        **{f"one source left out: {k}": v for k, v in cross_validated(cases, others, by_source).items()},
    }
