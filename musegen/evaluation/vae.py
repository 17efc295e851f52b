"""Everything that is measured of a model of clips."""

from typing import Any

from musegen.checkpoint.folder import Checkpoint
from musegen.data.dataset import Dataset
from musegen.data.training_index import learnt
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.interpolation import measure_interpolation
from musegen.evaluation.latent_samples import SAMPLES, measure_samples
from musegen.evaluation.reconstruction import measure_reconstruction
from musegen.evaluation.sliders import measure_sliders


def evaluate_vae(
    checkpoint: Checkpoint,
    dataset: Dataset,
    split: str = "test",
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    limit: int | None = None,
) -> dict[str, Any]:
    """Reconstruction, what is drawn beside real clips, interpolation, and sliders where it has any.

    Args:
        checkpoint: of a VAE.
        dataset: the music.
        split: "train", "valid", "test" or "all".
        samples: clips that are drawn.
        seed: of all that is drawn.
        limit: give back at most so many clips, evenly spread.

    Raises:
        DataError: the split has no clips, or none that is new.
    """
    figures = measure_reconstruction(checkpoint, dataset, split, limit=limit)
    clips = ClipSet(checkpoint, dataset, split)
    if len(clips.clips.piece) < 2:  # nothing to hold what is drawn against
        return figures
    figures["samples"] = measure_samples(clips, learnt(dataset).known, num=samples, seed=seed)
    figures["interpolation"] = measure_interpolation(clips, seed=seed)
    if bool(clips.model.slider_slope.all()):
        figures["sliders"] = measure_sliders(clips, seed=seed)
    return figures
