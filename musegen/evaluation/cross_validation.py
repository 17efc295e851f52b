"""Cross-validation of a classifier: the label of each piece is by a model not trained on its group."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.settings import TrainConfig
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.folds import dataset_groups, deal_folds, with_fold
from musegen.evaluation.labelling import labelled_view, predict
from musegen.music.notes import Ints
from musegen.training.train import train


class CrossValidated(NamedTuple):
    """The result of a cross-validation."""

    names: list[str]
    """Of the pieces, in any order."""
    true: Ints
    """(pieces,) their classes."""
    predicted: dict[str, Ints]
    """(pieces,) by the model and the baselines."""
    folds: int
    groups: int

    def facts(self) -> dict[str, Any]:
        """What was done, in numbers."""
        return {"folds": self.folds, "groups": self.groups}


def cross_validate(
    config: TrainConfig, dataset: Dataset, folds: str | int, *, seed: int = 0, has_baselines: bool = True
) -> CrossValidated:
    """Train a model for each fold, on the other folds, and let it label the pieces of the fold.

    Versions of a piece, and what else is one group, stay in one fold. A tenth of the other groups is for the
    validations, by which the weights are chosen: the fold itself has no part in that.

    Args:
        config: of the runs; the labels of the pieces are in the dataset.
        dataset: the music; pieces without a label are left out.
        folds: their number, or "leave-one-out".
        seed: of the folds.
        has_baselines: whether to measure these, too.

    Raises:
        ConfigError: more folds than groups.
        MusegenError: a run fails.
    """
    labels = [piece.labels.get(config.data.labels or "", "") for piece in dataset.pieces]
    known = [index for index, label in enumerate(labels) if label]
    groups = dataset_groups(dataset)
    own = [groups[index] for index in known]
    fold_of = deal_folds(own, [labels[index] for index in known], folds, seed=seed)
    count = max(fold_of) + 1
    names, true, predicted = list[str](), list[Ints](), list[dict[str, Ints]]()
    for fold in progress(range(count), count, "Folds"):
        part = with_fold(dataset, groups, labels, fold_of, fold)
        with TemporaryDirectory(prefix="musegen-fold-") as folder:
            path = train(config, part, Path(folder) / "fold", say=lambda _line: None)
            checkpoint = load_checkpoint(path)
            found = labelled_view(checkpoint, part)
            pieces = found.indices("test")
            if not pieces:  # none of them can be encoded
                continue
            names += [found.view.pieces[index].name for index in pieces]
            true.append(found.labels[pieces])
            predicted.append(predict(checkpoint, found, pieces, has_baselines=has_baselines))
    systems = {name: np.concatenate([each[name] for each in predicted]) for name in predicted[0]}
    return CrossValidated(names, np.concatenate(true), systems, count, len(set(own)))
