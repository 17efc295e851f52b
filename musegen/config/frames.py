"""Settings of a training run of a model of piano-roll frames; see `settings.py`.

Standard library only, so that `musegen --help` stays fast. The string under a field is its help text.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

from musegen.config.ranges import BELOW_ONE, ONE_UP, Checked, setting
from musegen.config.settings import BARS_BACK, GRID_POSITIONS, DataConfig, LMConfig, TrainConfig, Writes
from musegen.config.trainer import OptimConfig
from musegen.errors import ConfigError

TOKENS_ONLY = ("lookback", "features")
"""Settings of models that read tokens."""


@dataclass(frozen=True)
class FramesConfig(LMConfig):
    """The network over the frames, and the distribution of a frame."""

    output: Literal["independent", "nade", "rbm"] = "nade"
    """The distribution of a frame, the set of the keys that sound. independent: each key on its own. nade: a
    key given those below it. rbm: a restricted Boltzmann machine, whose likelihood is estimated."""
    units: int = setting(64, ONE_UP)
    """Hidden units of a NADE or an RBM."""
    rounds: int = setting(15, ONE_UP)
    """RBM only: rounds of Gibbs sampling in training (contrastive divergence)."""
    hidden_size: int = setting(256, ONE_UP)
    dropout: float = setting(0.3, BELOW_ONE)
    lookback: tuple[int, ...] = setting((), BARS_BACK)

    def __post_init__(self) -> None:
        """Reject values that are not allowed, settings of another output, and those of tokens."""
        super().__post_init__()
        for name in TOKENS_ONLY:
            if getattr(self, name) != getattr(type(self), name):
                raise ConfigError(
                    f"⟨model.{name.replace('_', '-')}⟩ is for models that read tokens, and here are frames: "
                    "leave it out"
                )
        for name, outputs in {"units": ("nade", "rbm"), "rounds": ("rbm",)}.items():
            if getattr(self, name) != getattr(type(self), name) and self.output not in outputs:
                raise ConfigError(
                    f"⟨model.{name}⟩ is for ⟨model.output⟩ {' or '.join(outputs)}, and it is {self.output}: "
                    "leave it out"
                )


@dataclass(frozen=True)
class RollConfig(Checked, prefix="roll."):
    """The piano roll."""

    positions: int | None = setting(
        None, (lambda value: value in GRID_POSITIONS, "1, 2, 3, 4, 6, 8, 12, 16 or 24")
    )
    """Frames per quarter note: 1, 2, 3, 4, 6, 8, 12, 16 or 24. Default: the fewest on which at least 95% of
    the pieces lie exactly."""


@dataclass(frozen=True)
class FramesTrainConfig(TrainConfig):
    """Settings of a training run of a model of frames."""

    family: ClassVar[str] = "frames"
    writes: ClassVar[Writes] = "rolls"
    data: DataConfig = field(default_factory=lambda: DataConfig(window=256))
    model: FramesConfig = field(default_factory=FramesConfig)
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(lr=3e-3, batch_tokens=2048))
    roll: RollConfig = field(default_factory=RollConfig)

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and tokenizers."""
        if (kind := self.tokenizer.kind) in ("grid", "line"):
            raise ConfigError(
                f"⟨tokenizer⟩ {kind} is for models that write tokens, and here are frames: leave it out; "
                "⟨roll.positions⟩ sets how many there are per quarter note"
            )
        super().__post_init__()

    @property
    def is_exportable(self) -> bool:
        """See `TrainConfig.is_exportable`."""
        return False

    def like(self, start: Self) -> Self:
        """See `TrainConfig.like`: of the same frames."""
        return replace(super().like(start), roll=start.roll)
