"""Whether the tunes of a language model are like real ones: features, form, copying, endings.

    python -m benchmarks.tunes CKPT DATASET [--num 500] [--bars 40] [--split test] [--seed 0] [--json]
        [--min-p P] [--min-p-new P] [--diatonic SHARE]

Real tunes are the pieces of the split, complete or, if they are longer than --bars, their first bars. Each
generated tune has the time signature and the length of a randomly chosen real one, is sampled with the
settings of the checkpoint or those of the flags, and is read back from its file. Targets: for every feature
at least 0.95 of the overlap of two halves of the real tunes; means of repeated bars and of the similarity
of bars at each distance within 15% of the real ones; a mean longest run copied from a training piece, in
any key, no longer than that of real tunes; no tune empty or too long; each ends on the last bar line or
before. Also printed is how many end on the tonic of the best-fitting key (Krumhansl), and how many stay in
one scale throughout.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from symusic import Score

from benchmarks.runner import benchmark, need_lm
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts, print_rows
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.novelty import max_copied_run
from musegen.data.training_index import open_training_index
from musegen.evaluation.comparison import compare
from musegen.evaluation.lm import MOST_BARS, music_set, real_pieces, written
from musegen.metrics.pitch import scale_consistency
from musegen.music.key import ends_on_tonic
from musegen.music.metre import bar_ticks
from musegen.music.notes import last_end

WANTED = 0.95
"""The target, as a share of the overlap of two halves of the real tunes."""
FORM = ("repeated_bars", "similarity_short", "similarity_middle", "similarity_long")
WITHIN = 0.15
"""The share of the real mean by which the features of form may differ."""
ROUNDING = 1e-9


def measure(
    checkpoint: Checkpoint, dataset: Dataset, *, num: int, bars: int, split: str, seed: int
) -> dict[str, Any]:
    """All figures; see above.

    Raises:
        ConfigError: the checkpoint is no language model.
    """
    need_lm(checkpoint)
    real, forms = real_pieces(checkpoint, map(dataset.score, dataset.split(split)), bars)
    order = np.random.default_rng(seed).permutation(len(forms))
    chosen = [forms[order[i % len(forms)]] for i in range(num)]
    own = list(progress(written(checkpoint, chosen, seed), num, "Writing"))
    longest = max(form.bars for form in chosen)
    found = compare(music_set("real", real), music_set(checkpoint.path.name, own), seed=seed)
    index = open_training_index(dataset).known

    def copies(name: str, scores: list[Score]) -> dict[str, float]:
        searched = progress(scores, len(scores), f"Searching {name}")
        runs = [max_copied_run(score, index) for score in searched]
        return {"mean": float(np.mean(runs)), "median": float(np.median(runs))}

    return {
        "features": {name: _feature_figures(row) for name, row in found["features"].items()},
        "overlap": found["overlap"],
        "halves_overlap": found["halves_overlap"],
        "copied": {"real": copies("real", real), "own": copies("own", own)},
        "ends on the tonic": _shares(ends_on_tonic, real, own),
        "in one scale": _shares(lambda score: scale_consistency(score) > 1 - ROUNDING, real, own),
        "empty": num - len(own),
        "over the last bar": sum(bool(last_end(score) > bar_ticks(score)[-1]) for score in own),
        "too long": sum(len(bar_ticks(score)) - 1 > longest for score in own),
    }


def _feature_figures(row: dict[str, Any]) -> dict[str, float]:
    """The means of a feature if they are numbers, the overlap, that of two halves, and their ratio."""
    found = [row["overlap"]["mean"], row["halves"]["overlap"]["mean"]]
    overlap, halves = np.array(found, np.float64).tolist()  # NaN for None
    means = {"real": row["real"]["mean"], "own": row["generated"]["mean"]}
    shown = {} if isinstance(means["real"], list) else means
    return shown | {"overlap": overlap, "halves": halves, "share": overlap / halves}


def _shares(holds: Callable[[Score], bool], real: list[Score], own: list[Score]) -> dict[str, float]:
    """The shares of the scores for which a condition holds."""
    shares = (float(np.mean(list(map(holds, scores)))) for scores in (real, own))
    return dict(zip(("real", "own"), shares, strict=True))


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    """The targets, and whether each is met."""
    features, copied = found["features"], found["copied"]
    low = [name for name, row in features.items() if row["share"] < WANTED]
    form = {name: features[name] for name in FORM if name in features}
    off = [name for name, row in form.items() if abs((row["own"] or 0.0) / row["real"] - 1) > WITHIN]
    copies = copied["own"]["mean"] > copied["real"]["mean"]
    late = found["empty"] or found["over the last bar"] or found["too long"]
    return {
        "features": f"NOT MET: {', '.join(low)}" if low else "met",
        "form": f"NOT MET: {', '.join(off)}" if off else "met",
        "copies no more than real ones": "NOT MET" if copies else "met",
        "none empty, all end in time": "NOT MET" if late else "met",
    }


def show(found: dict[str, Any]) -> None:
    """Print the features in one table, and the other figures below."""
    print_rows(found["features"], "features: means, overlap with real tunes, overlap of their halves")
    print_facts({name: value for name, value in found.items() if name != "features"})


@benchmark(show)
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    num: int = 500,
    bars: int = MOST_BARS,
    split: Literal["valid", "test"] = "test",
    seed: int = 0,
    min_p: float | None = None,
    min_p_new: float | None = None,
    diatonic: float | None = None,
) -> dict[str, Any]:
    """All figures, and whether the targets are met.

    Args:
        checkpoint: the folder of a language model
        dataset: the dataset it was trained on
        num: number of generated tunes
        bars: the most bars of each tune
        split: split of the real tunes
        seed: random seed
        min_p: replaces the checkpoint's setting
        min_p_new: replaces the checkpoint's setting
        diatonic: replaces the checkpoint's setting
    """
    settings = {"min_p": min_p, "min_p_new": min_p_new, "diatonic": diatonic}
    overrides: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    config = replace(checkpoint.config, sampling=replace(checkpoint.config.sampling, **overrides))
    own = replace(checkpoint, config=config)
    found = measure(own, dataset, num=num, bars=bars, split=split, seed=seed)
    lowest = min(found["features"], key=lambda name: found["features"][name]["share"])
    found["lowest share"] = f"{lowest}, {found['features'][lowest]['share']:.3f}"
    return found | {"verdicts": verdicts(found)}
