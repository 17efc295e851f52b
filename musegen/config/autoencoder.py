"""Settings of a training run of a clip model: a VAE, or an autoencoder of another kind; see `settings.py`.

Standard library only, so that `musegen --help` stays fast. The string under a field is its help text.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from musegen.config.latent import LatentConfig
from musegen.config.ranges import BELOW_ONE, ONE_UP, setting
from musegen.config.settings import BARS_BACK, DataConfig, LMConfig, TrainConfig, Writes
from musegen.config.trainer import OptimConfig
from musegen.errors import ConfigError

LONG_CLIP = 8
"""Clips of at least this many bars have a hierarchical decoder by default."""


@dataclass(frozen=True)
class VAEConfig(LMConfig):
    """The network of an autoencoder of clips."""

    embedding_dim: int = setting(64, ONE_UP)
    hidden_size: int = setting(256, ONE_UP)
    num_layers: int = setting(1, ONE_UP)
    dropout: float = setting(0.0, BELOW_ONE)
    lookback: tuple[int, ...] = setting((), BARS_BACK)
    clip_bars: int = setting(2, (lambda value: 1 <= value <= 64, "from 1 to 64"))
    """Number of bars in a clip."""
    latent_dim: int | None = setting(None, (lambda value: value >= 8, "8 or more"))
    """Dimension of the latent space. Default: 256; 512 with a hierarchical decoder."""
    hierarchical: bool | None = None
    """Hierarchical decoder: a conductor maps z to an embedding per bar, and the decoder sees z only through
    these. Default: on from 8 bars."""
    input_dropout: float | None = setting(None, BELOW_ONE)
    """Probability that training hides the previous token from the decoder. Default: 0; 0.5 if hierarchical,
    so that one wrong note does not lead to the next."""

    def settled(self) -> Self:
        """A copy with defaults filled in; raises a ConfigError if the latent space is too small."""
        is_hierarchical = self.clip_bars >= LONG_CLIP if self.hierarchical is None else self.hierarchical
        size = (512 if is_hierarchical else 256) if self.latent_dim is None else self.latent_dim
        if is_hierarchical and size < (least := 2 * self.clip_bars):
            raise ConfigError(f"⟨model.latent-dim⟩ is {size}: {self.clip_bars} bars need {least} or more")
        dropout = 0.5 if is_hierarchical else 0.0
        dropout = dropout if self.input_dropout is None else self.input_dropout
        return replace(self, hierarchical=is_hierarchical, latent_dim=size, input_dropout=dropout)


@dataclass(frozen=True)
class VAETrainConfig(TrainConfig):
    """Settings of a training run of an autoencoder of clips, by default a variational one (VAE)."""

    family: ClassVar[str] = "vae"
    writes: ClassVar[Writes] = "clips"
    data: DataConfig = field(default_factory=lambda: DataConfig(tracks="melody", transpose=5))
    model: VAEConfig = field(default_factory=VAEConfig)
    # Tuned on folk at equal training time: see benchmarks/RESULTS.md.
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(batch_tokens=4096))
    latent: LatentConfig = field(default_factory=LatentConfig)

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and line tokens or sliders for polyphonic clips."""
        super().__post_init__()
        if self.tokenizer.kind == "line" and self.data.tracks != "melody":
            raise ConfigError("⟨tokenizer⟩ line is for monophonic clips: leave out ⟨polyphonic⟩")
        if self.latent.sliders == 0:
            return
        is_plain = not (self.tokenizer.velocity or self.tokenizer.tempo or self.tokenizer.programs)
        if self.data.tracks != "melody" or self.tokenizer.kind == "grid" or not is_plain:
            raise ConfigError(
                "⟨latent.sliders⟩ is for monophonic clips with event tokens: leave out ⟨polyphonic⟩, "
                "⟨tokenizer⟩ grid and ⟨tokenizer.programs⟩, .velocity and .tempo"
            )

    @property
    def is_extendable(self) -> bool:
        """See `TrainConfig.is_extendable`: the cycles of beta are equal parts of the run."""
        return self.latent.schedule != "cyclical"

    @property
    def writes_lines(self) -> bool:
        """Whether `auto` selects the line tokenizer: for short clips of a melody, where it is better."""
        tokenizer = self.tokenizer
        is_plain = not (tokenizer.velocity or tokenizer.tempo or tokenizer.programs)
        is_short = self.model.clip_bars < LONG_CLIP and not self.model.hierarchical
        is_monophonic = self.data.tracks == "melody" and not self.latent.sliders
        return tokenizer.kind == "auto" and is_plain and is_short and is_monophonic

    @property
    def is_variational(self) -> bool:
        """Whether clips have a posterior, and the latent space a prior."""
        return self.latent.kind == "variational"

    def like(self, start: Self) -> Self:
        """See `TrainConfig.like`: the weights depend on the kind of the latent space, too."""
        latent = replace(self.latent, kind=start.latent.kind, active=start.latent.active)
        return replace(super().like(start), latent=latent)

    def settled(self) -> Self:
        """A copy with the defaults of the model and its latent space filled in.

        Raises:
            ConfigError: the latent space is too small.
        """
        settled = super().settled()
        model, latent = settled.model.settled(), self.latent
        if latent.kind == "sparse" and latent.active > (size := model.latent_dim or 0):
            raise ConfigError(
                f"⟨latent.active⟩ is {latent.active}: of {size} units (⟨model.latent-dim⟩) at most {size} "
                "can be active"
            )
        if self.is_variational and latent.free_bits is None:
            latent = replace(latent, free_bits=256.0 if model.hierarchical else 48.0)
        return replace(settled, model=model, latent=latent)
