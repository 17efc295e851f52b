"""Settings of the optimizer and of Lightning's Trainer; see `settings.py`.

Standard library only, so that `musegen --help` stays fast. The string under a field is its help text.
"""

from dataclasses import dataclass
from typing import Literal

from musegen.config.ranges import (
    DEVICES,
    DURATION,
    LIMIT,
    ONE_UP,
    POSITIVE,
    SHARE,
    ZERO_OFF,
    ZERO_UP,
    Checked,
    one_of,
    setting,
)

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
LR, LR_SLOW = 5e-3, 2e-3
"""Default learning rates: of recurrent models, and of VAEs, transformers and classifiers."""


@dataclass(frozen=True)
class OptimConfig(Checked, prefix="optim."):
    """The optimizer."""

    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad"] = "adamw"
    """Optimizer, as in torch.optim."""
    lr: float | None = setting(None, POSITIVE)
    """Maximum learning rate. Default: 5e-3; 2e-3 for a VAE, a transformer or a classifier."""
    weight_decay: float = setting(0.01, ZERO_UP)
    """Weight decay per step, relative to the learning rate (AdamW)."""
    warmup: float = setting(0.05, SHARE)
    """Fraction of the steps over which the learning rate rises from zero."""
    decay: float | None = setting(None, SHARE)
    """Fraction of the steps, the last ones, over which the learning rate falls. Default: all after the
    warmup; 0.25 of a run that is fitted to a time."""
    clip: float = setting(1.0, ZERO_OFF)
    """Maximum gradient norm; 0 is off."""
    batch_tokens: int = setting(16384, ONE_UP)
    """Tokens per batch, padding included."""
    patience: int = setting(8, ONE_UP)
    """Early stopping: number of validations without improvement."""


@dataclass(frozen=True)
class TrainerConfig(Checked, prefix="trainer."):
    """Arguments of Lightning's Trainer."""

    max_steps: int | None = setting(None, ONE_UP)
    """Maximum number of steps. Default: depends on the size of the dataset, and on the maximum time."""
    max_time: str | None = setting(None, DURATION)
    """Maximum time of the training, such as 90s, 8m or 1h30m; size of the model, batches, steps and
    validations are fitted to it, unless they are set. Default: 15m on a CPU; no limit on a GPU."""
    accelerator: str = setting("auto", one_of(ACCELERATORS))
    """cpu, gpu, cuda, mps, tpu or auto."""
    devices: str = setting("auto", DEVICES)
    """Number of devices, or auto."""
    num_nodes: int = setting(1, ONE_UP)
    """Number of machines (nodes)."""
    strategy: str = "auto"
    """Lightning strategy, such as ddp or fsdp."""
    precision: str | None = setting(None, one_of(PRECISIONS))
    """32-true, bf16-mixed, 16-mixed or 64-true. Default: bf16-mixed if the device supports it, else
    32-true."""
    limit_train_batches: int | float = setting(1.0, LIMIT)
    """Fraction (up to 1.0) or number of training batches per epoch."""
    limit_val_batches: int | float = setting(1.0, LIMIT)
    """Fraction (up to 1.0) or number of validation pieces."""
    val_check_interval: int | None = setting(None, ONE_UP)
    """Steps between validations. Default: depends on the size of the dataset."""
