"""Whether the tunes of a language model are like real ones: features, form, copying, ends.

    python -m benchmarks.tunes CKPT DATASET [--num 500] [--bars 40] [--split test] [--seed 0] [--json]
        [--min-p P] [--min-p-new P] [--diatonic SHARE]

Real are the pieces of the split, whole, or their first bars where they have more than so many; each of the
model's has the metre and the length of one of them, drawn at random, is written at the checkpoint's settings
or at others, and is read back from its file. Wanted: of every feature at least 0.95 of the overlap that two
halves of the real ones have; means of repeated bars and of the likeness of bars at each distance within 15%
of the real; the mean longest run that is copied from a training piece, in any key, no longer than real ones
copy; no tune empty or endless; each ends on the last bar line or before. Beside it stands how many end on
the tonic of the key that fits best (Krumhansl), and how many keep to one scale from first to last.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.cli.tables import print_facts, print_rows
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.novelty import max_copied_run
from musegen.data.training_index import learnt
from musegen.errors import ConfigError, MusegenError
from musegen.evaluation.comparison import compare
from musegen.evaluation.lm import MOST_BARS, music_set, real_pieces, written
from musegen.metrics.pitch import scale_consistency
from musegen.models.lm import LanguageModel
from musegen.music.key import ends_on_tonic
from musegen.music.metre import bar_ticks
from musegen.music.notes import last_end

WANTED = 0.95
"""Of the overlap of two halves of the real ones."""
FORM = ("repeated_bars", "similarity_short", "similarity_middle", "similarity_long")
SETTINGS = ("min_p", "min_p_new", "diatonic")
WITHIN = 0.15
"""Of the real mean, by which those of form may differ."""
ROUNDING = 1e-9


def measure(
    checkpoint: Checkpoint, dataset: Dataset, *, num: int, bars: int, split: str, seed: int
) -> dict[str, Any]:
    """Everything; see above.

    Raises:
        ConfigError: the checkpoint is of no language model.
    """
    if not isinstance(checkpoint.model, LanguageModel):
        raise ConfigError(f"{checkpoint.path} is of family {checkpoint.config.family}, not lm")
    real, forms = real_pieces(checkpoint, map(dataset.score, dataset.split(split)), bars)
    order = np.random.default_rng(seed).permutation(len(forms))
    chosen = [forms[order[i % len(forms)]] for i in range(num)]
    own = list(progress(written(checkpoint, chosen, seed), num, "Writing"))
    longest = max(form.bars for form in chosen)
    found = compare(music_set("real", real), music_set(checkpoint.path.name, own), seed=seed)
    index = learnt(dataset).known
    copied = {
        name: [max_copied_run(score, index) for score in progress(scores, len(scores), f"Asking {name}")]
        for name, scores in (("real", real), ("own", own))
    }
    features = found["features"].items()
    return {
        "features": {
            name: {
                "real": row["real"]["mean"],
                "own": row["generated"]["mean"],
                "overlap": row["overlap"]["mean"],
                "halves": row["halves"]["overlap"]["mean"],
                "share": row["overlap"]["mean"] / row["halves"]["overlap"]["mean"],
            }
            for name, row in features
            if not isinstance(row["real"]["mean"], list)
        }
        | {
            name: {
                "overlap": row["overlap"]["mean"],
                "halves": row["halves"]["overlap"]["mean"],
                "share": row["overlap"]["mean"] / row["halves"]["overlap"]["mean"],
            }
            for name, row in features
            if isinstance(row["real"]["mean"], list)
        },
        "overlap": found["overlap"],
        "halves_overlap": found["halves_overlap"],
        "copied": {
            name: {"mean": float(np.mean(runs)), "median": float(np.median(runs))}
            for name, runs in copied.items()
        },
        "ends on the tonic": {
            "real": float(np.mean([ends_on_tonic(score) for score in real])),
            "own": float(np.mean([ends_on_tonic(score) for score in own])),
        },
        "in one scale": {
            "real": float(np.mean([scale_consistency(score) > 1 - ROUNDING for score in real])),
            "own": float(np.mean([scale_consistency(score) > 1 - ROUNDING for score in own])),
        },
        "empty": num - len(own),
        "over the last bar": sum(bool(last_end(score) > bar_ticks(score)[-1]) for score in own),
        "too long": sum(len(bar_ticks(score)) - 1 > longest for score in own),
    }


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    """What is wanted, and whether it is so."""
    low = [name for name, row in found["features"].items() if row["share"] < WANTED]
    off = [
        name
        for name in FORM
        if abs(found["features"][name]["own"] / found["features"][name]["real"] - 1) > WITHIN
    ]
    copied = found["copied"]
    copies = copied["own"]["mean"] > copied["real"]["mean"]
    return {
        "features": f"NOT MET: {', '.join(low)}" if low else "met",
        "form": f"NOT MET: {', '.join(off)}" if off else "met",
        "copies no more than real ones": "NOT MET" if copies else "met",
        "none empty, all end in time": (
            "NOT MET" if found["empty"] or found["over the last bar"] or found["too long"] else "met"
        ),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tunes", description=__doc__.split("\n")[0] if __doc__ else None
    )
    parser.add_argument("checkpoint", type=Path, help="a language model's")
    parser.add_argument("dataset", type=Path, help="that it learnt from")
    parser.add_argument("--num", type=int, default=500, help="tunes that it writes (default 500)")
    parser.add_argument("--bars", type=int, default=MOST_BARS, help="of each, at most (default 40)")
    parser.add_argument("--split", default="test", choices=["valid", "test"], help="real ones (default test)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")
    for name in SETTINGS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, help="instead of the checkpoint's")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args(argv)
    given = {name: getattr(arguments, name) for name in SETTINGS if getattr(arguments, name) is not None}
    try:
        checkpoint = load_checkpoint(arguments.checkpoint)
        sampling = replace(checkpoint.config.sampling, **given)
        found = measure(
            replace(checkpoint, config=replace(checkpoint.config, sampling=sampling)),
            Dataset.open(arguments.dataset),
            num=arguments.num,
            bars=arguments.bars,
            split=arguments.split,
            seed=arguments.seed,
        )
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lowest = min(found["features"], key=lambda name: found["features"][name]["share"])
    found["lowest share"] = f"{lowest}, {found['features'][lowest]['share']:.3f}"
    found["verdicts"] = verdicts(found)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    print_rows(found["features"], "features: means, overlap with real ones, that of two halves of these")
    print_facts({name: value for name, value in found.items() if name != "features"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
