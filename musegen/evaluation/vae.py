"""Evaluation of a VAE."""

from typing import Any, Unpack

from musegen.checkpoint.folder import Checkpoint
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.data.training_index import open_training_index
from musegen.errors import MusegenError, attempt
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.comparison import Evaluation, EvaluationArguments, samples_and_seed
from musegen.evaluation.interpolation import measure_interpolation
from musegen.evaluation.latent_samples import SAMPLES, measure_samples
from musegen.evaluation.likelihood import heading
from musegen.evaluation.reconstruction import reconstruct_clips
from musegen.evaluation.sliders import measure_sliders


def evaluate_vae(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", **arguments: Unpack[EvaluationArguments]
) -> Evaluation:
    """Reconstruction, samples compared with real clips, interpolation, and sliders if it has any.

    Args:
        checkpoint: of a VAE.
        dataset: the music.
        split: "train", "valid", "test" or "all".
        **arguments: `samples`, the number of sampled clips, by default `SAMPLES`, 0 for none; `seed`; and
            `limit`, the maximum number of clips to reconstruct, evenly spread, by default 1,000.

    Raises:
        DataError: the split has no clips, or none that is new.
    """
    (samples, seed), limit = samples_and_seed(arguments, SAMPLES), arguments.get("limit")
    clips = ClipSet(checkpoint, dataset, split)
    figures = heading(checkpoint, dataset, split) | reconstruct_clips(clips, split, limit=limit)
    if len(clips.clips.piece) < 2:  # too few for a comparison
        return Evaluation(figures)
    if samples:
        index = attempt(open_training_index, dataset)
        known = None if isinstance(index, MusegenError) else index.known
        figures["samples"] = measure_samples(clips, known, num=samples, seed=seed)
    figures["interpolation"] = measure_interpolation(clips, seed=seed)
    if missing := _not_measured(figures):
        say(f"not measured, without melodies to compare with: {', '.join(missing)}")
    if bool(clips.machine.weight("slider_slope").all()):
        figures["sliders"] = measure_sliders(clips, seed=seed)
    return Evaluation(figures)


def _not_measured(figures: dict[str, Any]) -> list[str]:
    """What was left out, since drums do not have it."""
    real, paths = figures.get("samples", {}).get("real"), figures["interpolation"]
    lacks = {
        "copies of training pieces": real is not None and "copied_run" not in real,
        "intervals": real is not None and "interval" not in real,
        "scales": paths["pairs"] > 0 and "ends_in_scale" not in paths,
    }
    return [name for name, missing in lacks.items() if missing]
