"""Settings of a training run of a performer; see `settings.py`.

Standard library only, so that `musegen --help` stays fast. The string under a field is its help text.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from musegen.config.ranges import BELOW_ONE, ONE_UP, Checked, setting
from musegen.config.settings import BARS_BACK, DataConfig, LMConfig, TrainConfig, Writes
from musegen.config.trainer import OptimConfig
from musegen.errors import ConfigError


@dataclass(frozen=True)
class PerformerConfig(LMConfig):
    """The network of a performer."""

    embedding_dim: int = setting(24, ONE_UP)
    """Dimension of the embedding of each feature of a note."""
    hidden_size: int = setting(192, ONE_UP)
    """Width of each layer, half of it for each direction."""
    dropout: float = setting(0.3, BELOW_ONE)
    lookback: tuple[int, ...] = setting((), BARS_BACK)

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and settings of models that write token by token."""
        super().__post_init__()
        for name in ("lookback", "features"):
            if getattr(self, name) != getattr(type(self), name):
                raise ConfigError(
                    f"⟨model.{name}⟩ is for models that write token by token, and a performer reads a whole "
                    "score: leave it out"
                )
        if self.hidden_size % 2:
            raise ConfigError(
                f"⟨model.hidden-size⟩ is {self.hidden_size}: each direction has half, so it must be even"
            )


@dataclass(frozen=True)
class ScoreConfig(Checked, prefix="score."):
    """The score from which a performer plays."""

    positions: int = setting(4, (lambda value: value in (4, 12), "4 or 12"))
    """Positions per quarter note of the score: 4 (16ths), or 12, for beats in 16ths or in eighth triplets,
    whichever is nearer to what was played."""


@dataclass(frozen=True)
class PerformerTrainConfig(TrainConfig):
    """Settings of a training run of a performer."""

    family: ClassVar[str] = "performer"
    writes: ClassVar[Writes] = "performances"
    data: DataConfig = field(default_factory=lambda: DataConfig(window=256))
    model: PerformerConfig = field(default_factory=PerformerConfig)
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(lr=3e-3, batch_tokens=6144))
    score: ScoreConfig = field(default_factory=ScoreConfig)

    @property
    def is_exportable(self) -> bool:
        """See `TrainConfig.is_exportable`."""
        return False
