"""The Lightning modules of clip models: of a VAE, and of the other kinds of autoencoders."""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from musegen.config.latent import LatentConfig
from musegen.metrics.attributes import ATTRIBUTES
from musegen.metrics.codes import ACTIVE
from musegen.models.losses import above_free_bits, attribute_loss, beta_at, kl_nats, token_nats
from musegen.models.vae import VAE
from musegen.training.learner import Learner
from musegen.training.sharding import Batch


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

    def per_dimension(self) -> dict[str, list[float]]:
        """The KL of each dimension in nats, of the last validation."""
        return {"kl_per_dimension": self.kl_per_dimension}

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
        nats, right, notes = reconstructed(self.model, ids, posterior.mean, self.is_note)
        kl = kl_nats(posterior)
        objective = nats + self.latent.beta * above_free_bits(kl, self.free_bits)
        self.add_rows(nats, objective, right, notes, torch.ones_like(nats), kl)

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


class AutoencoderModule(Learner):
    """Trains an autoencoder without a posterior on batches of `ClipDataModule`.

    Args:
        model: the autoencoder.
        latent: settings of its latent space.
        others: see `Learner`.
    """

    model: VAE

    figure = "val_nats_per_clip"
    """The metric for the best checkpoint."""
    shown: ClassVar = {
        "nats_per_clip": "{:.2f} nats per clip",
        "active_units": "{:.0f} active units",
        "pitch_accuracy": "pitches {:.1%}",
    }

    def __init__(self, model: VAE, *, latent: LatentConfig, **others: Any) -> None:
        super().__init__(model, **others)
        self.latent = latent
        self.variance_per_dimension: list[float] = []
        """Of the codes of the last validation."""

    def per_dimension(self) -> dict[str, list[float]]:
        """The variance of each dimension over the clips of the last validation."""
        return {"variance_per_dimension": self.variance_per_dimension}

    def loss(self, batch: Batch) -> Tensor:
        """The training loss in nats per token."""
        ids = seen = batch["ids"]
        if self.latent.kind == "denoising":
            seen = with_wrong_notes(ids, self.is_note, self.latent.noise)
        logits, _ = self.model(ids[:, :-1], self.model.init_state(self.model.encode(seen)))
        return token_nats(logits, ids[:, 1:]).sum() / batch["tokens"]

    def validation_step(self, batch: Batch) -> None:
        """Count the losses of some clips, encoded without wrong notes."""
        z = self.model.encode(batch["ids"])
        nats, right, notes = reconstructed(self.model, batch["ids"], z, self.is_note)
        self.add_rows(nats, right, notes, torch.ones_like(nats), z, z.square())

    def on_validation_epoch_end(self) -> None:
        """Log the metrics over all clips of all ranks."""
        nats, right, notes, clips, *sums = self.sums()
        means = [each / max(clips, 1) for each in sums]  # of z, then of its squares
        half = len(means) // 2
        variances = [max(0.0, s - m * m) for m, s in zip(means[:half], means[half:], strict=True)]
        self.variance_per_dimension = [round(each, 4) for each in variances]
        figures = {
            "val_nats_per_clip": nats / max(clips, 1),
            "val_bits_per_note": nats / math.log(2) / max(notes, 1),
            "val_pitch_accuracy": right / max(notes, 1),
            "val_active_units": float(sum(each > ACTIVE for each in variances)),
        }
        self.log_dict(figures, rank_zero_only=True)


def reconstructed(
    model: VAE, ids: Tensor, z: Tensor, is_note: Tensor | nn.Module
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each clip, (B,): nats from its point, pitches that are the most likely, and notes.

    Args:
        model: in eval mode.
        ids: (B, T).
        z: the points, (B, Z).
        is_note: (V,) 1 for each id that is a pitch.
    """
    logits, _ = model(ids[:, :-1], model.init_state(z))
    targets = ids[:, 1:]
    is_pitch = is_note[targets] == 1  # type: ignore[index]
    right = (logits.argmax(dim=2) == targets) & is_pitch
    return token_nats(logits, targets).sum(dim=1), right.sum(dim=1), is_pitch.sum(dim=1)


def with_wrong_notes(ids: Tensor, is_note: Tensor | nn.Module, share: float) -> Tensor:
    """Clips in which a share of the notes has the pitch of another note of the batch, (B, T).

    Args:
        ids: (B, T), padded at the end with 0.
        is_note: (V,) 1 for each id that is a pitch.
        share: the probability of each note.
    """
    is_pitch = is_note[ids] == 1  # type: ignore[index]
    pitches = ids[is_pitch]
    is_wrong = is_pitch & (torch.rand(ids.shape, device=ids.device) < share)
    drawn = pitches[torch.randint(max(1, len(pitches)), (int(is_wrong.sum()),), device=ids.device)]
    return ids.masked_scatter(is_wrong, drawn)
