"""Training tasks: pieces in windows, clips through a latent space, pieces with labels, performances, frames.

`families.py` names the `Task` of each family.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from torch import Tensor

from musegen.config.classifier import ClassifierTrainConfig
from musegen.config.frames import FramesTrainConfig
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.labels import labelled
from musegen.data.piece_labels import label_manifest, label_pieces
from musegen.data.rolls import survey
from musegen.data.typical import typical_ranges
from musegen.data.views import TokenView
from musegen.tokenizers import Tokenizer, whole_tokenizer
from musegen.training.classifier_module import ClassifierModule
from musegen.training.clip_batches import ClipDataModule
from musegen.training.decoder_module import DecoderModule
from musegen.training.frame_batches import FrameDataModule
from musegen.training.frames_module import FramesModule
from musegen.training.latent_space import fit_latent_space
from musegen.training.learner import Learner
from musegen.training.performances import PerformanceDataModule
from musegen.training.performer_module import PerformerModule, fit_takes
from musegen.training.piece_batches import LabelledData
from musegen.training.sharding import EpochData
from musegen.training.vae_module import AutoencoderModule, VAEModule
from musegen.training.windows import TokenDataModule


@dataclass(frozen=True)
class Task:
    """How some families are trained."""

    data: Callable[[Dataset, TokenView, Tokenizer, Any, int], EpochData]
    """Makes batches from a dataset, its view, a tokenizer, a configuration and the ids per batch."""
    module: Callable[[Any, Any, Tensor], Learner]
    """Makes the module from a completed configuration, a model, and the mask of note ids, (V,)."""
    most_steps: int
    """The maximum steps of a run whose length depends on its data."""
    prepare: Callable[[Any, Dataset, Callable[[str], None]], tuple[Any, Dataset]] = lambda c, d, _say: (c, d)
    """Completes a configuration from a dataset, and the dataset by it, before anything else is set up."""
    manifest: Callable[[Any, Tokenizer], dict[str, Any]] = lambda _data, _tokenizer: {}
    """Additional content of data.json."""
    before_saving: Callable[[Any, Any], dict[str, Any]] = lambda _module, _data: {}
    """Completes the model before its weights are saved; returns additional validation metrics."""


def _windows(
    _dataset: Dataset, view: TokenView, tokenizer: Tokenizer, config: Any, batch_tokens: int
) -> EpochData:
    return TokenDataModule(view, tokenizer.tables, config, batch_tokens)


def _clips(
    _dataset: Dataset, view: TokenView, tokenizer: Tokenizer, config: Any, batch_tokens: int
) -> EpochData:
    return ClipDataModule(view, tokenizer, config, batch_tokens)


def _labelled(
    _dataset: Dataset, view: TokenView, tokenizer: Tokenizer, config: Any, batch_tokens: int
) -> EpochData:
    return LabelledData(view, tokenizer, config, batch_tokens)


def _performances(
    dataset: Dataset, view: TokenView, _tokenizer: Tokenizer, config: Any, batch_notes: int
) -> EpochData:
    return PerformanceDataModule(dataset, view, config, batch_notes)


def _decoder(config: Any, model: Any, is_note: Tensor) -> Learner:
    return DecoderModule(model, optim=config.optim, steps=config.trainer.max_steps, is_note=is_note)


def _autoencoder(config: Any, model: Any, is_note: Tensor) -> Learner:
    steps, module = config.trainer.max_steps, VAEModule if config.is_variational else AutoencoderModule
    return module(model, optim=config.optim, latent=config.latent, steps=steps, is_note=is_note)


def _performer(config: Any, model: Any, is_note: Tensor) -> Learner:
    return PerformerModule(model, optim=config.optim, steps=config.trainer.max_steps, is_note=is_note)


def _typical(data: TokenDataModule, tokenizer: Tokenizer) -> dict[str, Any]:
    """How repetitive and dense the training pieces of a language model are, an even sample of them."""
    view = data.view
    if view.sources is not None or data.holes:  # accompaniments, or gaps
        return {}
    train = view.indices("train")
    streams = (view.stream(i) for i in islice(train, 0, None, -(-len(train) // MEASURED_PIECES)))
    return {"typical": typical_ranges(streams, whole_tokenizer(tokenizer).tables)}


def _metres(data: ClipDataModule, tokenizer: Tokenizer) -> dict[str, Any]:
    """The number of clips of each metre, the most frequent first."""
    metres = Counter(tokenizer.vocab[id_] for id_ in data.train_clips.metre.tolist())
    return {"metres": {name.removeprefix("TimeSig_"): count for name, count in metres.most_common()}}


def _fit(module: VAEModule | AutoencoderModule, data: ClipDataModule) -> dict[str, Any]:
    """Describe the current latent space."""
    has_sliders = module.latent.sliders > 0
    fit_latent_space(module.model, data.train_clips, data.attributes, sliders=has_sliders, seed=data.seed)
    return module.per_dimension()


def _classifier(config: Any, model: Any, is_note: Tensor) -> Learner:
    return ClassifierModule(model, optim=config.optim, steps=config.trainer.max_steps, is_note=is_note)


def _label(
    config: ClassifierTrainConfig, dataset: Dataset, say: Callable[[str], None]
) -> tuple[ClassifierTrainConfig, Dataset]:
    """The labels of the pieces, and their names as classes of the model."""
    dataset, how, classes = labelled(dataset, config.data.labels or "", config.model.classes, say)
    data, model = replace(config.data, labels=how), replace(config.model, classes=classes)
    return replace(config, data=data, model=model), dataset


def _given_labels(
    config: TrainConfig, dataset: Dataset, say: Callable[[str], None]
) -> tuple[TrainConfig, Dataset]:
    """The labels that the model reads, if any, and their names as settings of the model."""
    if not config.data.labels and not config.model.labels:
        return config, dataset
    dataset, data, names = label_pieces(dataset, config.data, config.model.labels, say)
    return replace(config, data=data, model=replace(config.model, labels=names)), dataset


def _known_labels(data: TokenDataModule, _tokenizer: Tokenizer) -> dict[str, Any]:
    """The labels of the pieces, and their counts, if the model reads any."""
    return label_manifest(data.view.pieces, data.label_names) if data.label_names else {}


def _labels(data: LabelledData, _tokenizer: Tokenizer) -> dict[str, Any]:
    """The label of each piece of the dataset that has one."""
    rows = zip(data.view.pieces, data.has_label, data.labels, strict=True)
    return {"labels": [{"name": p.name, "label": data.classes[label]} for p, known, label in rows if known]}


def _instruments(data: PerformanceDataModule, _tokenizer: Tokenizer) -> dict[str, Any]:
    """The instruments of the training pieces, see `music.performance.DRUMS`."""
    return {"instruments": data.instruments()}


def _frames(
    dataset: Dataset, view: TokenView, _tokenizer: Tokenizer, config: Any, batch_frames: int
) -> EpochData:
    return FrameDataModule(dataset, view, config, batch_frames)


def _frames_module(config: Any, model: Any, is_note: Tensor) -> Learner:
    return FramesModule(model, optim=config.optim, steps=config.trainer.max_steps, is_note=is_note)


def _divide(
    config: FramesTrainConfig, dataset: Dataset, say: Callable[[str], None]
) -> tuple[FramesTrainConfig, Dataset]:
    """How many frames per quarter note suit the music; what the frames lack is said."""
    positions, empty, outside = survey(dataset, config.data, config.roll.positions)
    say(f"{positions} frames per quarter note")
    if empty:
        say(f"left out {empty} piece{'s' * (empty > 1)}: no note in the 88 keys of a piano")
    if outside:
        say(f"left out {outside} note{'s' * (outside > 1)} outside the 88 keys of a piano")
    return replace(config, roll=replace(config.roll, positions=positions)), dataset


def _first_metres(data: FrameDataModule, _tokenizer: Tokenizer) -> dict[str, Any]:
    """The number of training pieces that begin in each time signature, the most frequent first."""
    return {"metres": dict(data.metres().most_common())}


MEASURED_PIECES = 4000
"""The maximum number of training pieces that are measured."""
PIECES = Task(
    data=_windows,
    module=_decoder,
    most_steps=20_000,
    prepare=_given_labels,
    manifest=lambda data, tokenizer: _typical(data, tokenizer) | _known_labels(data, tokenizer),
)
CLIPS = Task(
    data=_clips,
    module=_autoencoder,
    most_steps=6_000,  # clips overlap, and a VAE soon learns to copy
    manifest=_metres,
    before_saving=_fit,
)
LABELLED = Task(
    data=_labelled,
    module=_classifier,
    most_steps=3_000,
    prepare=_label,
    manifest=_labels,
)
PERFORMANCES = Task(
    data=_performances,
    module=_performer,
    most_steps=20_000,
    manifest=_instruments,
    before_saving=fit_takes,
)
FRAMES = Task(
    data=_frames,
    module=_frames_module,
    most_steps=10_000,
    prepare=_divide,
    manifest=_first_metres,
)
