"""Settings of a training run of a classifier: music in, a label out.

Standard library only, so that `musegen --help` stays fast. The string under a field is its help text.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

from musegen.config.options import SamplingOptions
from musegen.config.ranges import BELOW_ONE, ONE_UP, Check, Checked, setting
from musegen.config.settings import HEADS, TrainConfig, Writes
from musegen.config.trainer import LR_SLOW
from musegen.errors import ConfigError

SEQUENTIAL = ("lstm", "transformer")
"""Encoders that read tokens one by one; the others see piano rolls, or count."""
CLASSES: Check = (lambda names: len(set(names)) == len(names) != 1, "two labels or more, each named once")


@dataclass(frozen=True)
class ClassifierConfig(Checked, prefix="model."):
    """The classifier: an encoder, pooling over time, and a linear layer."""

    encoder: Literal["mlp", "lstm", "conv1d", "conv2d", "crnn", "transformer"] = "conv1d"
    """mlp: a bag of features (pitch classes, intervals, durations, positions). lstm, transformer: the tokens,
    in both directions. conv1d: convolutions over time with a channel per pitch; conv2d: over a piano roll;
    crnn: these, then an LSTM."""
    classes: tuple[str, ...] = setting((), CLASSES)
    """The labels to tell apart; pieces with another are left out. Default: all."""
    embedding_dim: int = setting(32, ONE_UP)
    """Dimension of the token embedding (lstm, transformer), or channels of the first layer (conv2d, crnn)."""
    hidden_size: int = setting(64, ONE_UP)
    """Width of each layer."""
    num_layers: int = setting(2, ONE_UP)
    """Number of layers."""
    dropout: float = setting(0.3, BELOW_ONE)
    """Dropout probability."""
    heads: int = setting(4, (lambda value: value in HEADS, "1, 2, 4 or 8"))
    """Attention heads of a transformer."""
    balanced: bool = True
    """Weigh the pieces in the loss so that each class counts the same, however many it has."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and settings of another encoder."""
        super().__post_init__()
        if self.encoder != "transformer":
            if self.heads != type(self).heads:
                raise ConfigError(
                    f"⟨model.heads⟩ is for transformers, and ⟨model.encoder⟩ is {self.encoder}: leave it out"
                )
            even = 2 if self.encoder in ("lstm", "crnn") else 1
        else:
            even = 2 * max(4, self.heads)
        if self.hidden_size % even:
            raise ConfigError(
                f"⟨model.hidden-size⟩ is {self.hidden_size}: ⟨model.encoder⟩ {self.encoder} needs a multiple "
                f"of {even}"
            )

    @property
    def cell(self) -> str:
        """The encoder, by the name that language models give theirs."""
        return self.encoder


@dataclass(frozen=True)
class ClassifierTrainConfig(TrainConfig):
    """Settings of a training run of a classifier."""

    family: ClassVar[str] = "classifier"
    writes: ClassVar[Writes] = "labels"
    # It has the settings that training depends on, and no other of a language model.
    model: ClassifierConfig = field(default_factory=ClassifierConfig)  # type: ignore[assignment]
    sampling: SamplingOptions = field(default=SamplingOptions(), init=False)
    """Nothing is sampled."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and tokens other than events."""
        if (kind := self.tokenizer.kind) in ("grid", "line"):
            raise ConfigError(
                f"⟨tokenizer⟩ {kind} is for models that write music: leave it out, or use ⟨tokenizer⟩ remi"
            )
        super().__post_init__()

    def settled(self) -> Self:
        """A copy with the defaults that depend on other settings filled in."""
        return replace(self, optim=replace(self.optim, lr=self.optim.lr or LR_SLOW))
