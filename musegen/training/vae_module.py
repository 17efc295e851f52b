"""The Lightning module of a VAE: reconstruction, KL with free bits, and latent space metrics."""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from musegen.config.latent import LatentConfig
from musegen.metrics.attributes import ATTRIBUTES
from musegen.models.losses import above_free_bits, attribute_loss, beta_at, kl_nats, token_nats
from musegen.models.vae import VAE
from musegen.training.learner import Learner
from musegen.training.sharding import Batch

ACTIVE = 0.01
"""KL in nats above which a dimension counts as active."""


class VAEModule(Learner):
    """Trains a VAE on batches of `ClipDataModule`.

    Args:
        model: the VAE.
        latent: settings of its latent space, free bits included; beta depends on the step.
        others: see `Learner`.
    """

    model: VAE

    figure = "val_nats_per_clip"
    """The metric for the best checkpoint: the loss at the full beta, from the posterior mean."""
    shown: ClassVar = {
        "nats_per_clip": "{:.2f} nats per clip",
        "reconstruction_nats": "{:.2f} of them reconstruction",
        "kl": "KL {:.1f} nats",
        "active_units": "{:.0f} active units",
        "pitch_accuracy": "pitches {:.1%}",
    }

    def __init__(self, model: VAE, *, latent: LatentConfig, **others: Any) -> None:
        super().__init__(model, **others)
        assert latent.free_bits is not None
        self.latent, self.free_bits = latent, latent.free_bits
        self.kl_per_dimension: list[float] = []
        """In nats, of the last validation."""

    def follow(self, config: Any) -> None:
        """See `Learner`; that of beta, too."""
        super().follow(config)
        self.latent = config.latent

    def loss(self, batch: Batch) -> Tensor:
        """The training loss in nats per token, KL included."""
        ids = batch["ids"]
        posterior = self.model.posterior(ids)
        z = posterior.rsample()
        kl = kl_nats(posterior)
        beta = beta_at(self.global_step, self.steps, self.latent)
        nats = self._reconstruction_nats(ids, z, batch.get("changed"))
        nats = nats + beta * above_free_bits(kl, self.free_bits)
        if self.latent.sliders:
            nats = nats + self.latent.sliders * attribute_loss(z, batch["attributes"])
        return nats.sum() / batch["tokens"]

    def _reconstruction_nats(self, ids: Tensor, z: Tensor, changed: Tensor | None) -> Tensor:
        """Reconstruction nats of each clip, (B,), from its z, averaged with those from a modified clip's z.

        In the z of the modified clip the sliders' dimensions are those of the clip itself, so that the
        decoder must use them.
        """
        if changed is not None:
            sliders = len(ATTRIBUTES)
            modified = self.model.posterior(changed).rsample()
            z = torch.cat([z, torch.cat([z[:, :sliders], modified[:, sliders:]], dim=1)])
            ids = torch.cat([ids, ids])
        logits, _ = self.model(ids[:, :-1], self.model.init_state(z))
        nats = token_nats(logits, ids[:, 1:]).sum(dim=1)
        return nats if changed is None else nats.view(2, -1).mean(dim=0)

    def validation_step(self, batch: Batch) -> None:
        """Count the losses of some clips, decoded from the mean of their posterior."""
        ids = batch["ids"]
        posterior = self.model.posterior(ids)
        logits, _ = self.model(ids[:, :-1], self.model.init_state(posterior.mean))
        targets = ids[:, 1:]
        nats = token_nats(logits, targets).sum(dim=1)
        kl = kl_nats(posterior)
        excess = above_free_bits(kl, self.free_bits)
        is_pitch = self.is_note[targets] == 1  # type: ignore[index]
        right = (logits.argmax(dim=2) == targets) & is_pitch
        objective = nats + self.latent.beta * excess
        self.add_rows(nats, objective, right.sum(dim=1), is_pitch.sum(dim=1), torch.ones_like(nats), kl)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics over all clips of all ranks."""
        nats, objective, right, notes, clips, *kl_sums = self.sums()
        kl = [each / max(clips, 1) for each in kl_sums]
        self.kl_per_dimension = [round(each, 4) for each in kl]
        figures = {
            "val_nats_per_clip": objective / max(clips, 1),
            "val_reconstruction_nats": nats / max(clips, 1),
            "val_bits_per_note": nats / math.log(2) / max(notes, 1),
            "val_pitch_accuracy": right / max(notes, 1),
            "val_kl": sum(kl),
            "val_active_units": float(sum(each > ACTIVE for each in kl)),
        }
        self.log_dict(figures, rank_zero_only=True)
