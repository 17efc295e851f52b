"""Settings of the training objective of a latent space; standard library only."""

from dataclasses import dataclass
from typing import Literal

from musegen.config.ranges import ONE_UP, SHARE, ZERO_OFF, ZERO_UP, Checked, setting


@dataclass(frozen=True)
class LatentConfig(Checked, prefix="latent."):
    """The training objective of the latent space."""

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
