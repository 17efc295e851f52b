"""All settings of a training run, as frozen dataclasses from which the command line is generated.

Standard library only, so that `musegen --help` stays fast. The string under a field is its help text.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias

from musegen.config.encoder import EncoderConfig
from musegen.config.label_kinds import KNOWN, refuse_labels
from musegen.config.options import SamplingOptions
from musegen.config.ranges import BELOW_ONE, ONE_UP, SEED, Check, Checked, setting
from musegen.config.trainer import LR, LR_SLOW, OptimConfig, TrainerConfig
from musegen.errors import ConfigError

Writes: TypeAlias = Literal["pieces", "accompaniments", "clips", "labels", "performances", "rolls"]
GRID_POSITIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Allowed grid positions per quarter note, all divisors of the ticks per quarter note that are written."""
BARS_BACK: Check = (lambda bars: all(1 <= bar <= 64 for bar in bars), "numbers of bars from 1 to 64")
_EVENTS = ("shift", "tempo", "lengths", "velocity")
UNSUPPORTED = {"grid": _EVENTS, "line": (*_EVENTS, "programs"), "free": _EVENTS[:3]}
"""Settings of the tokenizer that a kind of tokenizer does not support."""
HEADS = (1, 2, 4, 8)
"""They divide every width that is tried for a time, see training/budget.py."""


@dataclass(frozen=True)
class TokenizerConfig(Checked, prefix="tokenizer."):
    """The tokenizer: how music is represented as tokens."""

    kind: Literal["auto", "remi", "free", "grid", "line"] = "auto"
    """remi: notes as events, for any music. free: the same in steps of 10 ms, for recordings. grid: one token
    per voice and position, for chorales, quartets and melodies. line: pitch and duration alternate. auto:
    free as prepared, grid for accompaniments of voices, line for short clips of a melody, else remi."""
    positions: int | None = setting(
        None, (lambda value: value in GRID_POSITIONS, "1, 2, 3, 4, 6, 8, 12, 16 or 24")
    )
    """Grid positions per quarter note: 1, 2, 3, 4, 6, 8, 12, 16 or 24. Default: the smallest of 4, 8, 12 and
    24 that represents at least 95% of the pieces exactly."""
    programs: bool | None = None
    """Encode the instrument (program, drums) of each note. Default: only if the dataset has drums or several
    programs."""
    velocity: bool | None = None
    """Encode the velocity of each note. Default: only if the dataset was played (see `musegen prepare`)."""
    shift: bool | None = None
    """Encode by how much each note is early or late. Default: only if the dataset was played to beats."""
    tempo: bool = False
    """Encode tempo changes."""
    lengths: bool | None = None
    """Begin each piece with its number of bars, so that a language model ends there. Default: on for event
    tokens (remi)."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and settings that the kind does not support."""
        super().__post_init__()
        for name in UNSUPPORTED.get(self.kind, ()):
            if getattr(self, name):
                raise ConfigError(
                    f"⟨tokenizer.{name}⟩ does not go with ⟨tokenizer⟩ {self.kind}; use ⟨tokenizer⟩ remi"
                )
        if self.kind != "grid" and self.positions is not None:
            raise ConfigError(
                "⟨tokenizer.positions⟩ is a setting of grids: add ⟨tokenizer⟩ grid, or leave it out"
            )


@dataclass(frozen=True)
class DataConfig(Checked, prefix="data."):
    """Which part of a dataset a model is trained on."""

    tracks: Literal["all", "melody"] = "all"
    """All tracks of a piece, or only its melody (see `musegen prepare --melody`)."""
    melody: str | None = None
    """The melody track, by name, by number from 1, by role (top, piano, guitar, strings, ...) or by program
    (program:73). Default: the one recorded in the dataset."""
    accompaniment: tuple[str, ...] = ()
    """The accompaniment tracks, by name, role (bass, piano, guitar, strings, drums, ...) or program, several
    with commas: "bass,piano". Default: all but the melody."""
    taps: bool = False
    """Accompaniment models (seq2seq) only: given are the hits of the drums on one key, wanted the drums."""
    chords: bool = False
    """Add a track "chords", made from the chord symbols, or else from a track of block chords."""
    drums: bool = True
    """Keep drum tracks."""
    holes: Literal["none", "bars", "tracks", "cells"] = "none"
    """Accompaniment models (seq2seq) only: train a model that fills missing bars, missing tracks, or cells,
    which are bars, tracks, and bars of some tracks by turns. none: it accompanies a melody."""
    window: int = setting(1024, (lambda value: value >= 16, "16 or more"))
    """Maximum sequence length in training, in tokens; longer pieces are split at bar lines."""
    labels: str | None = None
    """Language models and classifiers: folders (the top folders of the music), composer (as kern, MusicXML
    and ABC files name him), key (as measured), the name of labels in the dataset, or a CSV file of lines
    file,label; of language models also several, "folders,key". Default: a classifier needs those of the
    dataset, a language model none."""
    transpose: int = setting(6, (lambda value: 0 <= value <= 12, "from 0 (off) to 12"))
    """Training pieces are transposed at random by at most this many semitones; drums never are."""


@dataclass(frozen=True)
class LMConfig(Checked, prefix="model."):
    """The language model."""

    cell: Literal["lstm", "gru", "rnn", "transformer", "mlp"] = "lstm"
    """What carries the state through time: recurrent layers of a type of cell, or a transformer. mlp, of
    accompaniment models (seq2seq) only: nothing does; one hidden layer reads four bars at once (MiniBach)."""
    embedding_dim: int = setting(128, ONE_UP)
    """Dimension of the token embedding."""
    hidden_size: int = setting(384, ONE_UP)
    """Width of each layer."""
    num_layers: int = setting(2, ONE_UP)
    """Number of layers."""
    dropout: float = setting(0.2, BELOW_ONE)
    """Dropout probability between layers."""
    weight_dropout: float = setting(0.0, BELOW_ONE)
    """Dropout probability of the recurrent weights (weight drop): useful with only a few hundred pieces."""
    lookback: tuple[int, ...] = setting((1, 2, 4, 8), BARS_BACK)
    """Extra input: the tokens at the same position in the bar, this many bars earlier."""
    features: bool = True
    """Musical features: position in the bar, recent tokens, intervals, look-back. Without them the decoder
    gets the tokens alone."""
    heads: int = setting(4, (lambda value: value in HEADS, "1, 2, 4 or 8"))
    """Attention heads of a transformer."""
    context: int | None = setting(None, (lambda value: value >= 16, "16 or more"))
    """Number of tokens that a transformer attends to at most. Default: as many as data.window."""
    labels: tuple[str, ...] = setting((), KNOWN)
    """The labels that a language model knows, as kind=label. Default: all of the training pieces."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and settings of another type of cell."""
        super().__post_init__()
        if not self.features and self.lookback != type(self).lookback:
            raise ConfigError("⟨model.lookback⟩ is one of the features, which are off: leave one of both out")
        if self.cell != "transformer":
            for name in ("heads", "context"):
                if getattr(self, name) != getattr(type(self), name):
                    raise ConfigError(
                        f"⟨model.{name}⟩ is for transformers, and ⟨model.cell⟩ is {self.cell}: leave it "
                        "out, or use ⟨model.cell⟩ transformer"
                    )
            return
        if self.weight_dropout:
            raise ConfigError(
                "⟨model.weight-dropout⟩ is for recurrent cells, and ⟨model.cell⟩ is transformer: leave it "
                "out; ⟨model.dropout⟩ is for both"
            )
        if self.hidden_size % (factor := max(4, 2 * self.heads)):
            raise ConfigError(
                f"⟨model.hidden-size⟩ is {self.hidden_size}: a transformer of {self.heads} ⟨model.heads⟩ "
                f"needs a multiple of {factor}"
            )


@dataclass(frozen=True)
class TrainConfig(Checked):
    """All settings of a training run, saved as the config.json of its checkpoint."""

    family: ClassVar[str] = "lm"
    writes: ClassVar[Writes] = "pieces"
    """What comes out: whole pieces, accompaniments to melodies, clips of a few bars, labels, how notes are
    played, or piano rolls."""
    data: DataConfig = field(default_factory=DataConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    model: LMConfig = field(default_factory=LMConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    """Default sampling settings of the checkpoint."""
    seed: int = setting(0, SEED)
    """Seed of all random numbers of the run."""

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and tokenizer settings that do not suit the family."""
        super().__post_init__()
        refuse_labels(self)
        if self.tokenizer.kind == "line" and self.writes != "clips":
            raise ConfigError(
                f"⟨tokenizer⟩ line is for clips, and a model of family {self.family} generates whole pieces: "
                "leave it out, or use ⟨tokenizer⟩ remi"
            )
        if isinstance(self.model, LMConfig) and self.model.cell == "mlp" and self.writes != "accompaniments":
            raise ConfigError(
                f"⟨model.cell⟩ mlp is for family seq2seq, and this is family {self.family}: leave it out"
            )
        if (self.fills or self.data.taps) and self.writes != "accompaniments":
            name = "holes" if self.fills else "taps"
            raise ConfigError(
                f"⟨data.{name}⟩ is for family seq2seq, and this is family {self.family}: leave it out"
            )
        if self.tokenizer.lengths and self.writes != "pieces":
            raise ConfigError(
                "⟨tokenizer.lengths⟩ is for language models, which generate whole pieces: leave it out"
            )

    @property
    def settled_tokenizer(self) -> TokenizerConfig:
        """The tokenizer settings, with the defaults of the family filled in."""
        is_default = self.writes == "pieces" and self.tokenizer.kind in ("auto", "remi")
        lengths = is_default if self.tokenizer.lengths is None else self.tokenizer.lengths
        return replace(self.tokenizer, lengths=lengths)

    @property
    def fills(self) -> bool:
        """Whether the model fills holes in pieces."""
        return self.data.holes != "none"

    @property
    def pairs(self) -> bool:
        """Whether pieces are separated into melody and accompaniment."""
        return self.writes == "accompaniments" and not self.fills

    @property
    def is_extendable(self) -> bool:
        """Whether no step before the learning rate falls depends on how many steps there will be."""
        return True

    @property
    def is_exportable(self) -> bool:
        """Whether the steps of the model can be exported as graphs: see generation/export.py."""
        return True

    @property
    def writes_lines(self) -> bool:
        """Whether `auto` selects the line tokenizer."""
        return False

    def plans(self, voices: int) -> bool:
        """Whether the model generates a chord plan before the notes.

        Args:
            voices: number of voices of a grid; 0 for event tokens.

        Raises:
            ConfigError: a plan is requested with a grid.
        """
        del voices
        return False

    def like(self, start: Self) -> Self:
        """A copy with those settings of another run on which its weights depend; new labels can be added."""
        model = start.model
        if labels := getattr(self.model, "labels", ()):
            model = replace(model, labels=model.labels or labels)
        return replace(self, model=model, tokenizer=start.tokenizer)

    def settled(self) -> Self:
        """A copy with the defaults that depend on other settings filled in."""
        is_transformer = self.model.cell == "transformer"
        context = self.model.context or (self.data.window if is_transformer else None)
        is_slow = self.model.cell in ("transformer", "mlp") or self.writes == "clips"
        rate = self.optim.lr or (LR_SLOW if is_slow else LR)
        model, optim = replace(self.model, context=context), replace(self.optim, lr=rate)
        return replace(self, model=model, optim=optim)


ACCOMPANIMENT = LMConfig(embedding_dim=48, hidden_size=192, dropout=0.4)
"""Smaller and with more dropout than a language model: pairs are few (see benchmarks/RESULTS.md)."""


@dataclass(frozen=True)
class Seq2SeqTrainConfig(TrainConfig):
    """Settings of a training run of an accompaniment model (seq2seq)."""

    family: ClassVar[str] = "seq2seq"
    writes: ClassVar[Writes] = "accompaniments"
    model: LMConfig = field(default_factory=lambda: ACCOMPANIMENT)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self) -> None:
        """Reject values that are not allowed, and those that do not go with holes or with MiniBach."""
        super().__post_init__()
        if self.is_minibach:
            self._refuse_unfitting()
        holes, data = self.data.holes, self.data
        others = {f"data.{name}": getattr(data, name) for name in ("melody", "accompaniment", "taps")}
        others |= {"encoder.plan": self.encoder.plan, "tokenizer.tempo": self.tokenizer.tempo}
        for name, value in others.items():
            if self.fills and value:
                raise ConfigError(f"⟨{name}⟩ does not go with ⟨data.holes⟩ {holes}: leave it out")
        if holes in ("tracks", "cells") and data.tracks == "melody":
            raise ConfigError(
                f"⟨data.holes⟩ {holes} needs several tracks: with ⟨data.tracks⟩ melody use bars"
            )

    def _refuse_unfitting(self) -> None:
        """Reject settings that MiniBach does not have: it is one hidden layer, and writes a grid."""
        own: dict[str, tuple[Any, tuple[Any, ...]]] = {
            "data.holes": (self.data.holes, ("none",)),
            "tokenizer": (self.tokenizer.kind, ("auto", "grid")),
            "model.num-layers": (self.model.num_layers, (ACCOMPANIMENT.num_layers, 1)),
            "model.weight-dropout": (self.model.weight_dropout, (0.0,)),
            "model.lookback": (self.model.lookback, (ACCOMPANIMENT.lookback,)),
            "model.features": (self.model.features, (True,)),
        }
        default = EncoderConfig()
        for each in fields(default):
            own[f"encoder.{each.name}"] = getattr(self.encoder, each.name), (getattr(default, each.name),)
        for name, (value, allowed) in own.items():
            if value not in allowed:
                raise ConfigError(
                    f"⟨{name}⟩ {value} does not go with ⟨model.cell⟩ mlp, which is one hidden layer from a "
                    "melody on a grid to three voices: leave it out"
                )

    @property
    def is_minibach(self) -> bool:
        """Whether the model is a feedforward network (`models/minibach.py`)."""
        return self.model.cell == "mlp"

    @property
    def is_exportable(self) -> bool:
        """See `TrainConfig.is_exportable`."""
        return not self.is_minibach

    @property
    def settled_tokenizer(self) -> TokenizerConfig:
        """See `TrainConfig.settled_tokenizer`; of MiniBach a grid, by default of sixteenths."""
        settled = super().settled_tokenizer
        return (
            replace(settled, kind="grid", positions=settled.positions or 4) if self.is_minibach else settled
        )

    def settled(self) -> Self:
        """See `TrainConfig.settled`; MiniBach has one layer."""
        settled = super().settled()
        model = replace(settled.model, num_layers=1) if self.is_minibach else settled.model
        return replace(settled, model=model)

    def plans(self, voices: int) -> bool:
        """See `TrainConfig.plans`; by default with event tokens, but not with holes."""
        if self.encoder.plan and voices:
            raise ConfigError(
                "⟨encoder.plan⟩ is for event tokens: leave it out, or leave out ⟨tokenizer⟩ grid"
            )
        return (
            not (voices or self.fills or self.data.taps) if self.encoder.plan is None else self.encoder.plan
        )
