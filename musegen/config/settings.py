"""Every setting of musegen as a frozen dataclass; the command line is built from them.

Standard library only, so that `musegen --help` loads nothing heavy. The string under a field is
its help text.
"""

import re
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, TypeAlias

from musegen.config.options import SamplingOptions
from musegen.config.ranges import (
    BELOW_ONE,
    LIMIT,
    ONE_UP,
    POSITIVE,
    SEED,
    SHARE,
    ZERO_OFF,
    ZERO_UP,
    Check,
    Checked,
    setting,
)
from musegen.errors import ConfigError

Writes: TypeAlias = Literal["pieces", "accompaniments", "clips"]
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
GRID_POSITIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Positions a quarter that a grid may have, each a divisor of the ticks a quarter written."""
BARS_BACK: Check = (lambda bars: all(1 <= bar <= 64 for bar in bars), "numbers of bars from 1 to 64")
DEVICES: Check = (
    lambda value: bool(re.fullmatch(r"auto|-1|[1-9]\d*|\d+(,\d+)+", value, re.ASCII)),
    "auto, a number from 1, -1 (all) or a list such as 0,1",
)
UNSAID = {"grid": ("velocity", "tempo", "lengths"), "line": ("velocity", "tempo", "lengths", "programs")}
"""What a kind of tokens cannot say."""
CONDUCTED = 8
"""Bars of a clip from which on a conductor leads the decoder, unless told otherwise."""


def _one_of(values: tuple[str, ...]) -> Check:
    return (lambda value: value in values, f"one of {', '.join(values)}")


@dataclass(frozen=True)
class TokenizerConfig(Checked, prefix="tokenizer."):
    """How music becomes tokens."""

    kind: Literal["auto", "remi", "grid", "line"] = "auto"
    """remi: notes as events, for any music. grid: one id a voice a position (pitch, hold or rest), for
    chorales, quartets and single lines. line: pitch and duration in turn, for clips of one line. auto: grid
    for accompaniments whose tracks are voices of one note at a time; line for short clips of a melody; else
    remi. `--tokenizer grid` says it too."""
    positions: int | None = setting(
        None, (lambda value: value in GRID_POSITIONS, "1, 2, 3, 4, 6, 8, 12, 16 or 24")
    )
    """Positions a quarter of a grid: 1, 2, 3, 4, 6, 8, 12, 16 or 24. Unset: the fewest of 4, 8, 12 and 24
    that hold at least 95 in 100 pieces whole."""
    programs: bool | None = None
    """Write each note's instrument (program, drums) into the stream. Unset: only where the dataset
    has drums or more than one program."""
    velocity: bool = False
    """Write how loud each note is."""
    tempo: bool = False
    """Write tempo changes."""
    lengths: bool | None = None
    """Tell a language model at the start how many bars a piece has, so that it ends there. Unset: where its
    pieces are written as events."""

    def __post_init__(self) -> None:
        """Refuse what is out of range, and what a grid cannot say."""
        super().__post_init__()
        for name in UNSAID.get(self.kind, ()):
            if getattr(self, name):
                raise ConfigError(
                    f"--tokenizer.{name} does not go with --tokenizer {self.kind}; use --tokenizer remi"
                )
        if self.kind != "grid" and self.positions is not None:
            raise ConfigError("--tokenizer.positions is a grid's; add --tokenizer grid, or leave it out")


@dataclass(frozen=True)
class DataConfig(Checked, prefix="data."):
    """What of a dataset a model sees."""

    tracks: Literal["all", "melody"] = "all"
    """Every track of a piece, or its melody alone (see `musegen prepare --melody`)."""
    melody: str | None = None
    """The melody's track by name, or by number from 1. Unset: the one that the dataset names."""
    accompaniment: tuple[str, ...] = ()
    """Names of the tracks that accompany the melody. Unset: all the others."""
    drums: bool = True
    """Keep tracks of drums."""
    window: int = setting(1024, (lambda value: value >= 16, "16 or more"))
    """Longest sequence trained on, in tokens; longer pieces are cut on bar lines."""
    transpose: int = setting(6, (lambda value: 0 <= value <= 12, "from 0 (off) to 12"))
    """Training pieces are transposed at random by at most this many semitones; never drums."""


@dataclass(frozen=True)
class LMConfig(Checked, prefix="model."):
    """The recurrent language model."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell."""
    embedding_dim: int = setting(128, ONE_UP)
    """Width of the token embedding."""
    hidden_size: int = setting(384, ONE_UP)
    """Width of each recurrent layer."""
    num_layers: int = setting(2, ONE_UP)
    """Recurrent layers."""
    dropout: float = setting(0.2, BELOW_ONE)
    """Share of activations dropped between layers in training."""
    weight_dropout: float = setting(0.0, BELOW_ONE)
    """Share of the recurrent weights dropped at each step of training: what a few hundred pieces want."""
    lookback: tuple[int, ...] = setting((1, 2, 4, 8), BARS_BACK)
    """The model is shown what stood at this place so many bars ago."""


@dataclass(frozen=True)
class VAEConfig(LMConfig):
    """The autoencoder of short clips."""

    embedding_dim: int = setting(64, ONE_UP)
    hidden_size: int = setting(256, ONE_UP)
    num_layers: int = setting(1, ONE_UP)
    dropout: float = setting(0.0, BELOW_ONE)
    lookback: tuple[int, ...] = setting((), BARS_BACK)
    clip_bars: int = setting(2, (lambda value: 1 <= value <= 64, "from 1 to 64"))
    """Bars of a clip."""
    latent_dim: int | None = setting(None, (lambda value: value >= 8, "8 or more"))
    """Dimensions of the latent space. Unset: 256; 512 with a conductor."""
    hierarchical: bool | None = None
    """A conductor makes an embedding of each bar, through which alone the decoder sees z. Unset: from 8
    bars up."""
    input_dropout: float | None = setting(None, BELOW_ONE)
    """Share of the steps at which training hides from the decoder what stands before. Unset: 0; 0.5 with a
    conductor, so that one wrong note does not lead to the next."""

    def settled(self) -> Self:
        """The same, with what is unset filled in."""
        is_hierarchical = self.clip_bars >= CONDUCTED if self.hierarchical is None else self.hierarchical
        latent_dim = (512 if is_hierarchical else 256) if self.latent_dim is None else self.latent_dim
        hidden = (0.5 if is_hierarchical else 0.0) if self.input_dropout is None else self.input_dropout
        return replace(self, hierarchical=is_hierarchical, latent_dim=latent_dim, input_dropout=hidden)


@dataclass(frozen=True)
class LatentConfig(Checked, prefix="latent."):
    """What the latent space is asked for."""

    beta: float = setting(0.2, ZERO_UP)
    """Weight of the KL beyond the free bits: higher for a smoother space, lower for truer clips."""
    free_bits: float | None = setting(None, ZERO_UP)
    """Bits a clip that cost nothing. Unset: 48; 256 with a conductor (Roberts 2018)."""
    schedule: Literal["linear", "cyclical", "constant"] = "linear"
    """How beta comes to its height: through the first quarter of the run, again and again, or at once."""
    cycles: int = setting(4, ONE_UP)
    """How often it rises in a cyclical schedule."""
    sliders: float = setting(0.0, ZERO_OFF)
    """Weight of what ties the first dimensions to density, spread, complexity and pitch; 0 is off."""


@dataclass(frozen=True)
class EncoderConfig(Checked, prefix="encoder."):
    """How an accompanist hears the melody."""

    alignment: Literal["now", "bars", "none"] = "now"
    """now: the decoder is told what the melody does at this moment, and attends to the bars around; bars:
    it attends to the bars around; none: it attends to the whole melody."""
    num_layers: int = setting(1, ONE_UP)
    """Recurrent layers of the encoder, forwards and backwards."""
    reach: int = setting(2, (lambda value: 0 <= value <= 16, "from 0 to 16 bars"))
    """Bars before and after the present one that attention covers."""
    plan: bool | None = None
    """First plan chords and how busy the accompaniment is, half a bar at a time, then write its notes. Unset:
    where notes are events."""


@dataclass(frozen=True)
class OptimConfig(Checked, prefix="optim."):
    """How the weights are fitted."""

    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad"] = "adamw"
    """Update rule of torch.optim."""
    lr: float = setting(5e-3, POSITIVE)
    """Highest learning rate."""
    weight_decay: float = setting(0.01, ZERO_UP)
    """Decay of weights a step, relative to the learning rate (AdamW)."""
    warmup: float = setting(0.05, SHARE)
    """Share of the steps in which the learning rate rises from zero."""
    clip: float = setting(1.0, ZERO_OFF)
    """Largest norm of the gradient; 0 leaves it as it is."""
    batch_tokens: int = setting(16384, ONE_UP)
    """Tokens a step, padding included."""
    patience: int = setting(8, ONE_UP)
    """Stop after so many validations without an improvement."""


@dataclass(frozen=True)
class TrainerConfig(Checked, prefix="trainer."):
    """Passed on to Lightning's Trainer."""

    max_steps: int | None = setting(None, ONE_UP)
    """Stop after so many steps. Unset: sized to the data."""
    accelerator: str = setting("auto", _one_of(ACCELERATORS))
    """cpu, gpu, cuda, mps, tpu or auto."""
    devices: str = setting("auto", DEVICES)
    """How many devices, or auto."""
    num_nodes: int = setting(1, ONE_UP)
    """Machines that train together."""
    strategy: str = "auto"
    """Lightning strategy, such as ddp or fsdp."""
    precision: str | None = setting(None, _one_of(PRECISIONS))
    """32-true, bf16-mixed, 16-mixed or 64-true. Unset: bf16-mixed where the device computes in it, else
    32-true."""
    limit_train_batches: int | float = setting(1.0, LIMIT)
    """Share (below or at 1.0) or number of training batches an epoch."""
    limit_val_batches: int | float = setting(1.0, LIMIT)
    """Share or number of validation pieces."""
    val_check_interval: int | None = setting(None, ONE_UP)
    """Validate every so many steps. Unset: sized to the data."""


@dataclass(frozen=True)
class TrainConfig(Checked):
    """A whole training run; written to a checkpoint's config.json, which repeats it."""

    family: ClassVar[str] = "lm"
    writes: ClassVar[Writes] = "pieces"
    """Whole pieces, accompaniments to melodies, or clips of some bars."""
    data: DataConfig = field(default_factory=DataConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    model: LMConfig = field(default_factory=LMConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    """Defaults of `musegen generate` for this checkpoint."""
    seed: int = setting(0, SEED)
    """Fixes everything that is drawn at random."""

    def __post_init__(self) -> None:
        """Refuse what is out of range, and clips where there are none."""
        super().__post_init__()
        if self.tokenizer.kind == "line" and self.writes != "clips":
            raise ConfigError(
                f"--tokenizer line is for clips, and a model of family {self.family} writes whole pieces: "
                "leave it out, or use --tokenizer remi"
            )
        if self.tokenizer.lengths and self.writes != "pieces":
            raise ConfigError(
                "--tokenizer.lengths is for language models, which write whole pieces: leave it out"
            )

    @property
    def settled_tokenizer(self) -> TokenizerConfig:
        """The tokenizer's settings, with what follows from the family filled in."""
        tells = self.writes == "pieces" and self.tokenizer.kind in ("auto", "remi")
        lengths = tells if self.tokenizer.lengths is None else self.tokenizer.lengths
        return replace(self.tokenizer, lengths=lengths)

    @property
    def writes_lines(self) -> bool:
        """Whether its pieces are clips that are written as lines."""
        return False

    def plans(self, voices: int) -> bool:
        """Whether the model writes a plan of chords before the notes.

        Args:
            voices: of a grid; 0 where notes are events.

        Raises:
            ConfigError: plans are wanted of voices on a grid.
        """
        del voices
        return False

    def settled(self) -> Self:
        """The same, with what is unset of the model filled in."""
        return self


@dataclass(frozen=True)
class Seq2SeqTrainConfig(TrainConfig):
    """A training run of an accompanist: what every run has, and an encoder."""

    family: ClassVar[str] = "seq2seq"
    writes: ClassVar[Writes] = "accompaniments"
    # Smaller and with more dropout than a language model's: pairs are few (see benchmarks/RESULTS.md).
    model: LMConfig = field(default_factory=lambda: LMConfig(embedding_dim=48, hidden_size=192, dropout=0.4))
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def plans(self, voices: int) -> bool:
        """See `TrainConfig.plans`: unless told otherwise, where notes are events."""
        if self.encoder.plan and voices:
            raise ConfigError(
                "--encoder.plan is for notes written as events: leave it out, or --tokenizer grid"
            )
        return not voices if self.encoder.plan is None else self.encoder.plan


@dataclass(frozen=True)
class VAETrainConfig(TrainConfig):
    """A training run of a variational autoencoder."""

    family: ClassVar[str] = "vae"
    writes: ClassVar[Writes] = "clips"
    data: DataConfig = field(default_factory=lambda: DataConfig(tracks="melody", transpose=5))
    model: VAEConfig = field(default_factory=VAEConfig)
    # Found on folk at equal time: see benchmarks/RESULTS.md.
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(lr=2e-3, batch_tokens=4096))
    latent: LatentConfig = field(default_factory=LatentConfig)

    def __post_init__(self) -> None:
        """Refuse what is out of range, and lines and sliders of what has no line of notes."""
        super().__post_init__()
        if self.tokenizer.kind == "line" and self.data.tracks != "melody":
            raise ConfigError("--tokenizer line is for one line of notes: leave out --polyphonic")
        if self.latent.sliders == 0:
            return
        is_plain = not (self.tokenizer.velocity or self.tokenizer.tempo or self.tokenizer.programs)
        if self.data.tracks != "melody" or self.tokenizer.kind == "grid" or not is_plain:
            raise ConfigError(
                "--latent.sliders is for one line of notes written as events: leave out --polyphonic, "
                "--tokenizer grid and --tokenizer.programs, .velocity and .tempo"
            )

    @property
    def writes_lines(self) -> bool:
        """Whether clips are written as lines: where these were found better, unless told otherwise."""
        tokenizer = self.tokenizer
        is_plain = not (tokenizer.velocity or tokenizer.tempo or tokenizer.programs)
        is_short = self.model.clip_bars < CONDUCTED and not self.model.hierarchical
        is_one = self.data.tracks == "melody" and not self.latent.sliders
        return tokenizer.kind == "auto" and is_plain and is_short and is_one

    def settled(self) -> Self:
        """The same, with what is unset of the model and its latent space filled in."""
        model = self.model.settled()
        free_bits = (256.0 if model.hierarchical else 48.0) if self.latent.free_bits is None else None
        latent = self.latent if free_bits is None else replace(self.latent, free_bits=free_bits)
        return replace(self, model=model, latent=latent)
