"""Build a model with fresh weights from a configuration and a tokenizer: one function per family.

`families.py` lists which function belongs to which family.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import nn

from musegen.config.autoencoder import VAETrainConfig
from musegen.config.classifier import SEQUENTIAL, ClassifierTrainConfig
from musegen.config.frames import FramesTrainConfig
from musegen.config.performer import PerformerTrainConfig
from musegen.config.settings import Seq2SeqTrainConfig, TrainConfig
from musegen.errors import ConfigError
from musegen.families import family_of, load
from musegen.models.chord_planner import Planner, PlanReader
from musegen.models.classifier import BagEncoder, Classifier, RollConvolutions, TimeConvolutions, TokenEncoder
from musegen.models.conductor import BarEncoder, Conductor, PositionCodes, Slots
from musegen.models.decoder import StreamDecoder
from musegen.models.encoder import Encoder
from musegen.models.frame_outputs import NADE, RBM, Independent
from musegen.models.frames import FrameModel
from musegen.models.label_reader import LabelReader
from musegen.models.lm import LanguageModel
from musegen.models.minibach import MiniBach
from musegen.models.performer import Performer
from musegen.models.position import make_tracker
from musegen.models.position.features import Tracker
from musegen.models.seq2seq import Seq2Seq
from musegen.models.vae import VAE, ClipEncoder
from musegen.music.performance import SIZES
from musegen.tokenizers import Kind, Tables, Tokenizer, melody_tokenizer
from musegen.tokenizers.holes import source_tables
from musegen.tokenizers.label_ids import LabelVocabulary

MINIBACH_VOICES = 3
"""Besides the melody."""


def build_model(config: TrainConfig, tokenizer: Tokenizer) -> nn.Module:
    """A model with fresh weights, built from its configuration."""
    model: nn.Module = load(family_of(config.family).build)(config.settled(), tokenizer)
    return model


def build_lm(config: TrainConfig, tokenizer: Tokenizer) -> LanguageModel:
    """Build a language model."""
    settings: dict[str, Any] = asdict(config.model)
    labels = LabelVocabulary(settings.pop("labels"))
    tracker = _decoder_tracker(tokenizer.tables, settings.pop("lookback"), features=config.model.features)
    decoder = StreamDecoder(tracker=tracker, **settings)
    if not labels.names:
        return LanguageModel(decoder)
    reader = LabelReader(torch.from_numpy(labels.tonics), config.model.hidden_size)
    return LanguageModel(decoder, reader, len(labels.kinds))


def build_seq2seq(config: Seq2SeqTrainConfig, tokenizer: Tokenizer) -> Seq2Seq | MiniBach:
    """Build a model that accompanies (seq2seq), with a chord planner if configured, or fills holes.

    Raises:
        ConfigError: MiniBach with music that is not of four voices.
    """
    if config.is_minibach:
        return _build_minibach(config, tokenizer.tables)
    settings: dict[str, Any] = asdict(config.model)
    del settings["labels"]
    features = settings.pop("features")
    target = _decoder_tracker(tokenizer.tables, settings.pop("lookback"), features=features)
    source = source_tables(tokenizer.tables) if config.fills else melody_tokenizer(tokenizer).tables
    encoder = Encoder(
        tracker=make_tracker(source, ()),
        bar_positions=_bar_positions(source),
        has_holes=config.fills,
        **settings | {"num_layers": config.encoder.num_layers, "heads": _encoder_heads(config)},
    )
    is_aligned = config.encoder.alignment == "now"
    ahead = config.model.lookback if config.fills and is_aligned else ()
    given = encoder.tracker.num_given + len(ahead) if config.fills else 1
    extra = {"extra_references": given * is_aligned, "features": features}
    decoder = StreamDecoder(tracker=target, **extra, **settings)
    planner = reader = None
    if config.plans(tokenizer.tables.voices):
        lengths = _bar_positions(tokenizer.tables)
        planner = Planner()
        reader = PlanReader(hidden_size=config.model.hidden_size, bar_positions=lengths)
    return Seq2Seq(
        encoder=encoder,
        decoder=decoder,
        alignment=config.encoder.alignment,
        reach=config.encoder.reach,
        ahead=ahead,
        planner=planner,
        reader=reader,
    )


def _build_minibach(config: Seq2SeqTrainConfig, tables: Tables) -> MiniBach:
    if tables.voices != MINIBACH_VOICES:
        raise ConfigError(
            f"⟨model.cell⟩ mlp (MiniBach) is for music of four voices, and here the melody is accompanied by "
            f"{tables.voices}: name three with ⟨accompaniment⟩, or use another ⟨model.cell⟩"
        )
    return MiniBach(tables, hidden_size=config.model.hidden_size, dropout=config.model.dropout)


def build_vae(config: VAETrainConfig, tokenizer: Tokenizer) -> VAE:
    """Build a clip model (VAE) of any kind, with a conductor if it is hierarchical.

    Raises:
        ConfigError: the latent space is too small for the number of bars.
    """
    tables, settings = tokenizer.tables, config.model
    assert settings.latent_dim is not None
    assert settings.input_dropout is not None
    names = ("cell", "embedding_dim", "hidden_size", "dropout", "weight_dropout", "heads", "context")
    shared: dict[str, Any] = {name: getattr(settings, name) for name in names}  # by encoder and decoder
    reader = Encoder(
        tracker=make_tracker(tables, (), is_reader=True),
        bar_positions=_bar_positions(tables),
        num_layers=1,
        is_residual=True,
        **shared | {"heads": _encoder_heads(config)},
    )
    tracker = _decoder_tracker(tables, settings.lookback, features=settings.features)
    decoder = StreamDecoder(
        tracker=tracker,
        num_layers=settings.num_layers,
        input_dropout=settings.input_dropout,
        features=settings.features,
        **shared,
    )
    bars, latent_dim = settings.clip_bars, settings.latent_dim
    encoder: ClipEncoder | BarEncoder
    if settings.hierarchical:
        slots = Slots.of(latent_dim, bars)
        encoder = BarEncoder(reader=reader, slots=slots, is_variational=config.is_variational)
        conductor = Conductor(slots=slots, width=settings.hidden_size)
        keys = PositionCodes(None, tracker.num_places, settings.hidden_size)
    else:
        is_variational, conductor = config.is_variational, None
        encoder = ClipEncoder(reader=reader, latent_dim=latent_dim, is_variational=is_variational)
        keys = PositionCodes(bars, tracker.num_places, latent_dim)
    return VAE(
        encoder=encoder,
        decoder=decoder,
        conductor=conductor,
        keys=keys,
        clip_bars=bars,
        latent_dim=latent_dim,
        active=config.latent.active if config.latent.kind == "sparse" else None,
    )


def build_classifier(config: ClassifierTrainConfig, tokenizer: Tokenizer) -> Classifier:
    """Build a classifier with the encoder that is configured."""
    tables, settings = tokenizer.tables, config.model
    shared: dict[str, Any] = {name: getattr(settings, name) for name in ("hidden_size", "dropout")}
    sizes = shared | {"num_layers": settings.num_layers}
    encoder: nn.Module
    if settings.encoder in SEQUENTIAL:
        backbone: dict[str, Any] = {"cell": settings.encoder, "num_layers": settings.num_layers}
        if settings.encoder == "transformer":
            backbone |= {"heads": max(1, settings.heads // 2), "context": config.data.window}
        reader = Encoder(
            tracker=make_tracker(tables, ()),
            bar_positions=_bar_positions(tables),
            embedding_dim=settings.embedding_dim,
            is_residual=True,
            **shared,
            **backbone,
        )
        encoder = TokenEncoder(reader)
    elif settings.encoder == "mlp":
        encoder = BagEncoder(tables, **sizes)
    elif settings.encoder == "conv1d":
        encoder = TimeConvolutions(tables, **sizes)
    else:
        is_recurrent, channels = settings.encoder == "crnn", settings.embedding_dim
        encoder = RollConvolutions(tables, channels=channels, is_recurrent=is_recurrent, **sizes)
    return Classifier(encoder, classes=len(settings.classes), **shared)


def build_performer(config: PerformerTrainConfig, _tokenizer: Tokenizer) -> Performer:
    """Build a performer, which reads notes, not tokens."""
    settings: dict[str, Any] = asdict(config.model)
    del settings["lookback"], settings["features"], settings["labels"]
    return Performer(tuple(SIZES.values()), **settings | {"heads": _encoder_heads(config)})


def build_frames(config: FramesTrainConfig, _tokenizer: Tokenizer) -> FrameModel:
    """Build a model of piano-roll frames, which reads frames, not tokens."""
    settings: dict[str, Any] = asdict(config.model)
    for name in ("lookback", "features", "embedding_dim", "labels"):
        del settings[name]
    kind, units, rounds = (settings.pop(name) for name in ("output", "units", "rounds"))
    hidden_size = settings["hidden_size"]
    output: nn.Module = Independent(hidden_size)
    if kind == "nade":
        output = NADE(hidden_size, units)
    elif kind == "rbm":
        output = RBM(hidden_size, units, rounds)
    return FrameModel(output, **settings)


def _decoder_tracker(tables: Tables, lookback: Sequence[int], *, features: bool) -> Tracker:
    """The tracker of a decoder, without look-backs if it has no features."""
    return make_tracker(tables, lookback if features else ())


def _encoder_heads(config: TrainConfig) -> int:
    """Half the heads of the decoder for each direction, which is half as wide."""
    return max(1, config.model.heads // 2)


def _bar_positions(tables: Tables) -> torch.Tensor:
    """Positions per bar of each metre, by its rank from 1; before the first metre a bar never ends."""
    return torch.from_numpy(np.append(1 << 20, tables.bar_positions[tables.ids(Kind.TIME_SIGNATURE)]))
