"""The tensor sizes that the settings of a model imply, without torch: one function per family.

`families.py` lists which function belongs to which family.
"""

from typing import NamedTuple

from musegen.config.performer import PerformerTrainConfig
from musegen.config.settings import Seq2SeqTrainConfig, TrainConfig, VAETrainConfig
from musegen.families import family_of, load
from musegen.music.performance import SIZES
from musegen.tokenizers import Tokenizer, melody_tokenizer

CLASSES = {"shift": 96, "velocity": 64, "stretch": 48}
"""Of the distributions of a performer, as in models/performer.py, which imports torch."""
COMPONENTS = 64
"""Of the mixture of a clip model, as in models/vae.py, which imports torch."""


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


def seq2seq_sizes(config: Seq2SeqTrainConfig, tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of an accompaniment model."""
    own = decoder_sizes(config, tokenizer)
    melody_vocab = len(melody_tokenizer(tokenizer).tables.kind)
    shapes = own.shapes | {
        "encoder.embedding.weight": (melody_vocab, config.model.embedding_dim),
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


def performer_sizes(config: PerformerTrainConfig, _tokenizer: Tokenizer) -> Sizes:
    """Tensor sizes of a performer."""
    width, hidden = config.model.embedding_dim, config.model.hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        f"embeddings.{number}.weight": (size, width) for number, size in enumerate(SIZES.values())
    }
    shapes |= {f"logits.{name}.weight": (count, 2 * hidden) for name, count in CLASSES.items()}
    shapes["input.weight"] = (hidden, (len(SIZES) + 1) * width)
    return Sizes(shapes, {"reader.": config.model.num_layers}, frozenset({"noise"}))
