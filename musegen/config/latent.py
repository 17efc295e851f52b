"""Settings of the training objective of a latent space; standard library only."""

from dataclasses import dataclass
from typing import Literal

from musegen.config.ranges import ONE_UP, SHARE, ZERO_OFF, ZERO_UP, Checked, setting
from musegen.errors import ConfigError

OF_KIND = {
    "variational": ("beta", "free_bits", "schedule", "warmup", "cycles", "sliders"),
    "sparse": ("active",),
    "denoising": ("noise",),
}
"""The settings that one kind of latent space has."""


@dataclass(frozen=True)
class LatentConfig(Checked, prefix="latent."):
    """The training objective of the latent space."""

    kind: Literal["variational", "autoencoder", "sparse", "denoising"] = "variational"
    """variational: a posterior near a standard normal prior (VAE). autoencoder: a point for each clip, and
    nothing but reconstruction. sparse: the same with few units active. denoising: the same, of clips with
    wrong notes, from which the right ones are reconstructed."""
    beta: float = setting(0.2, ZERO_UP)
    """Weight of the KL beyond the free bits: higher for a smoother space, lower for fidelity."""
    free_bits: float | None = setting(None, ZERO_UP)
    """KL per clip that is not penalised, in bits (0.69 nats each; reported KL is in nats). Default: 48; 256
    if hierarchical (Roberts 2018)."""
    schedule: Literal["linear", "cyclical", "constant"] = "linear"
    """Schedule of beta: linear warm-up, cyclical annealing, or constant."""
    warmup: float = setting(0.25, SHARE)
    """Fraction of the steps over which beta rises, if linear."""
    cycles: int = setting(4, ONE_UP)
    """Number of cycles of the cyclical schedule."""
    sliders: float = setting(0.0, ZERO_OFF)
    """Weight of the loss that ties dimensions to density, spread, complexity and pitch; 0 is off."""
    active: int = setting(32, ONE_UP)
    """Sparse only: the number of units of a clip that may be active, those with the largest values."""
    noise: float = setting(0.15, SHARE)
    """Denoising only: the share of the notes of a clip that have the pitch of another note of the batch."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and settings of another kind."""
        super().__post_init__()
        for kind, names in OF_KIND.items():
            for name in names:
                if kind != self.kind and getattr(self, name) != getattr(type(self), name):
                    raise ConfigError(
                        f"⟨latent.{name.replace('_', '-')}⟩ is for ⟨latent.kind⟩ {kind}, and it is "
                        f"{self.kind}: leave it out"
                    )
