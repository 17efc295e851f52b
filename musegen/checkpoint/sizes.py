"""The tensor sizes that the settings of a model imply, without torch: one function per family.

`families.py` lists which function belongs to which family.
"""

from typing import NamedTuple

from musegen.config.autoencoder import VAETrainConfig
from musegen.config.classifier import SEQUENTIAL, ClassifierTrainConfig
from musegen.config.frames import FramesTrainConfig
from musegen.config.performer import PerformerTrainConfig
from musegen.config.settings import Seq2SeqTrainConfig, TrainConfig
from musegen.families import family_of, load
from musegen.music.performance import SIZES
from musegen.music.rolls import KEYS
from musegen.tokenizers import Kind, Tokenizer, melody_tokenizer
from musegen.tokenizers.holes import source_tables

CLASSES = {"shift": 96, "velocity": 64, "stretch": 48}
"""Of the distributions of a performer, as in models/performer.py, which imports torch."""
EXCERPT = 4
"""Bars of MiniBach, as in models/minibach.py, which imports torch."""
COMPONENTS = 64
"""Of the mixture of a clip model, as in models/vae.py, which imports torch."""

MOST_NORMS = 1000
"""Layers of a classifier whose names are listed: no file has more."""


class Sizes(NamedTuple):
    """Tensor sizes that a configuration implies."""

    shapes: dict[str, tuple[int, ...]]
    """Shapes of some tensors, by name."""
    layers: dict[str, int]
    """Number of layers of the backbone under each prefix."""
    buffers: frozenset[str] = frozenset()
    """Names of tensors that are saved with the parameters of a model but are none."""


def expected_sizes(config: TrainConfig, tokenizer: Tokenizer) -> Sizes:
    """The tensor sizes that config.json and tokenizer.json imply."""
    reference = family_of(config.family).sizes
    sizes: Sizes = load(reference)(config, tokenizer) if reference else Sizes({}, {})
    return sizes


def decoder_sizes(config: TrainConfig, tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of every model with a `StreamDecoder`."""
    model, vocab = config.model, len(tokenizer.tables.kind)
    return Sizes(
        {
            "decoder.embedding.weight": (vocab, model.embedding_dim),
            "decoder.logits.weight": (vocab, model.hidden_size),
        },
        {"decoder.rnn.": model.num_layers},
    )


def lm_sizes(config: TrainConfig, tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of a language model."""
    own, model = decoder_sizes(config, tokenizer), config.model
    if not model.labels:
        return own
    return own._replace(
        shapes=own.shapes | {"labels.embedding.weight": (len(model.labels) + 1, model.hidden_size)}
    )


def seq2seq_sizes(config: Seq2SeqTrainConfig, tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of an accompaniment model."""
    if config.is_minibach:
        tables, hidden = tokenizer.tables, config.model.hidden_size
        one_hots = (
            EXCERPT * int(tables.bar_positions.max()) * (tables.vocab_size - int(tables.ids(Kind.PITCH)[0]))
        )
        return Sizes(
            {"input.weight": (one_hots, hidden), "output.weight": (tables.voices * one_hots, hidden)}, {}
        )
    own = decoder_sizes(config, tokenizer)
    source = source_tables(tokenizer.tables) if config.fills else melody_tokenizer(tokenizer).tables
    shapes = own.shapes | {
        "encoder.embedding.weight": (source.vocab_size, config.model.embedding_dim),
        "near": (2 * config.encoder.reach + 1,),
    }
    return Sizes(shapes, own.layers | {"encoder.forwards.": config.encoder.num_layers})


def vae_sizes(config: VAETrainConfig, tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of a clip model (VAE)."""
    own = decoder_sizes(config, tokenizer)
    latent_dim = config.model.settled().latent_dim
    assert latent_dim is not None
    mixture = {f"mixture_{name}" for name in ("log_weights", "means", "scales")}
    return Sizes(
        own.shapes | {"mixture_means": (COMPONENTS, latent_dim)},
        own.layers,
        frozenset(mixture | {"slider_slope", "slider_offset"}),
    )


def classifier_sizes(config: ClassifierTrainConfig, tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of a classifier."""
    model, layers = config.model, config.model.num_layers
    shapes: dict[str, tuple[int, ...]] = {"logits.weight": (len(model.classes), 2 * model.hidden_size)}
    if model.encoder in SEQUENTIAL:
        shapes["encoder.reader.embedding.weight"] = (len(tokenizer.tables.kind), model.embedding_dim)
        return Sizes(shapes, {"encoder.reader.forwards.": layers, "encoder.reader.backwards.": layers})
    counts, norms = {"encoder.": layers}, [f"norms.{layer}" for layer in range(min(layers, MOST_NORMS))]
    if model.encoder == "mlp":
        norms = ["norm"]
    elif model.encoder != "conv1d" and layers > 1:
        shapes["encoder.norms.0.weight"] = (model.embedding_dim,)
    if model.encoder == "crnn":
        counts |= {"encoder.forwards.": layers, "encoder.backwards.": layers}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return Sizes(shapes, counts, frozenset(f"encoder.{norm}.{each}" for norm in norms for each in statistics))


def frames_sizes(config: FramesTrainConfig, _tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of a model of piano-roll frames."""
    model = config.model
    shapes: dict[str, tuple[int, ...]] = {"input.weight": (model.hidden_size, KEYS)}
    if model.output == "rbm":
        shapes["output.weights"] = (KEYS, model.units)
    elif model.output == "nade":
        shapes["output.below"] = (KEYS, model.units)
    return Sizes(shapes, {"rnn.": model.num_layers})


def performer_sizes(config: PerformerTrainConfig, _tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of a performer."""
    width, hidden = config.model.embedding_dim, config.model.hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        f"embeddings.{number}.weight": (size, width) for number, size in enumerate(SIZES.values())
    }
    shapes |= {f"logits.{name}.weight": (count, 2 * hidden) for name, count in CLASSES.items()}
    shapes["input.weight"] = (hidden, (len(SIZES) + 1) * width)
    return Sizes(shapes, {"reader.": config.model.num_layers}, frozenset({"noise"}))
