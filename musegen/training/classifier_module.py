"""The Lightning module of classifiers: weighted cross-entropy of windows, and metrics of whole pieces."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from musegen.models.classifier import Classifier, piece_log_probabilities
from musegen.training.learner import Learner
from musegen.training.sharding import Batch


class ClassifierModule(Learner):
    """Trains a classifier on batches of `LabelledData`."""

    model: Classifier

    figure = "val_nats_per_piece"
    """The cross-entropy of whole pieces, weighted as in training."""
    shown: ClassVar = {"nats_per_piece": "{:.3f} nats per piece", "accuracy": "accuracy {:.1%}"}

    def loss(self, batch: Batch) -> Tensor:
        """The weighted mean cross-entropy of windows, in nats."""
        nats = cross_entropy(self.model(batch["ids"]).float(), batch["label"], reduction="none")
        return (nats * batch["weight"]).sum() / batch["weights"]

    def training_step(self, batch: Batch) -> Tensor:
        """A step on a batch of windows."""
        loss = self.loss(batch)
        self.log("train_nats_per_window", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Count the nats and the hits of one piece, all of whose windows are in the batch."""
        found = piece_log_probabilities(self.model(batch["ids"]))
        label, weight = batch["label"][:1], batch["weight"][:1]
        hit = (found.argmax() == label).float()
        self.add_rows(-found[label] * weight, weight, hit, torch.ones_like(weight))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics over all pieces of all ranks."""
        nats, weights, hits, pieces = self.sums()
        self.log("val_nats_per_piece", nats / max(weights, 1e-9), rank_zero_only=True)
        self.log("val_accuracy", hits / max(pieces, 1), prog_bar=True, rank_zero_only=True)
