"""The model families: each is one row here and one file in models/. Nothing else names them.

A row refers to functions of higher packages as "module:name", imported on use, so that this module imports
only from below and loads nothing heavy.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from musegen.config.autoencoder import VAETrainConfig
from musegen.config.classifier import ClassifierTrainConfig
from musegen.config.frames import FramesTrainConfig
from musegen.config.performer import PerformerTrainConfig
from musegen.config.settings import Seq2SeqTrainConfig, TrainConfig
from musegen.errors import ConfigError


@dataclass(frozen=True)
class Family:
    """A row of the table.

    Functions are given as "module:name"; their signatures are those of the existing families.
    """

    noun: str
    """What its models are called in model cards."""
    purpose: str
    """Its description in the help of `musegen train`."""
    config: type[TrainConfig]
    """Training settings; their `family` is the name of the row."""
    build: str
    """Builds a model from a configuration and a tokenizer: see checkpoint/build.py."""
    training: str
    """How it is trained: a `Task` of training/task.py."""
    evaluate: str
    """Evaluates a checkpoint: see evaluation/lm.py."""
    verbs: Mapping[str, str]
    """Its functions by verb of the command line: see generation/from_checkpoint.py."""
    example: str
    """The command suggested after training; {} stands for the checkpoint folder."""
    card_example: str
    """The command in the model card; {} stands for the model's name."""
    advice: str
    """Its verbs, in words."""
    sample: str = ""
    """Writes the sample of each validation, if its models write music: see training/sample.py."""
    sizes: str = ""
    """Expected tensor sizes, checked before memory is allocated: see checkpoint/sizes.py."""
    skips: frozenset[str] = field(default_factory=frozenset)
    """Options of `musegen evaluate` that it does not have."""
    min_samples: int = 1
    """The fewest samples of `musegen evaluate`, apart from none at all."""

    @property
    def name(self) -> str:
        """Its name on the command line and in config.json."""
        return self.config.family


def load(reference: str) -> Any:
    """The object that a reference such as "musegen.models.lm:LanguageModel" names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


_VERBS, _CLIPS = "musegen.generation.from_checkpoint", "musegen.generation.clip_verbs"
FAMILIES: dict[str, Family] = {
    row.name: row
    for row in (
        Family(
            noun="language model",
            purpose="a language model: generates music note by note, from scratch or from a prompt",
            config=TrainConfig,
            build="musegen.checkpoint.build:build_lm",
            sizes="musegen.checkpoint.sizes:lm_sizes",
            training="musegen.training.task:PIECES",
            sample="musegen.training.sample:sample_piece",
            evaluate="musegen.evaluation.lm:evaluate_lm",
            verbs={"generate": f"{_VERBS}:generate_pieces", "fill": f"{_VERBS}:fill_piece"},
            example="generate {} --bars 16 --num 4 --out out/",
            card_example="generate {} --bars 16 --num 4 --out out/",
            advice="generate or fill",
            skips=frozenset({"limit", "folds"}),
            min_samples=2,
        ),
        Family(
            noun="accompaniment model",
            purpose="an accompaniment model (seq2seq): accompanies a melody, or fills what is missing",
            config=Seq2SeqTrainConfig,
            build="musegen.checkpoint.build:build_seq2seq",
            sizes="musegen.checkpoint.sizes:seq2seq_sizes",
            training="musegen.training.task:PIECES",
            sample="musegen.training.sample:sample_accompaniment",
            evaluate="musegen.evaluation.accompaniment:evaluate_seq2seq",
            verbs={
                "accompany": f"{_VERBS}:generate_accompaniments",
                "fill": f"{_VERBS}:fill_piece",
            },
            example="accompany {} tune.mid --out out/",
            card_example="accompany {} tune.mid --num 4 --out out/",
            advice="accompany or fill",
            skips=frozenset({"folds"}),
        ),
        Family(
            noun="clip model",
            purpose="a clip model (VAE): reconstructs, interpolates, varies and samples short clips",
            config=VAETrainConfig,
            build="musegen.checkpoint.build:build_vae",
            sizes="musegen.checkpoint.sizes:vae_sizes",
            training="musegen.training.task:CLIPS",
            sample="musegen.training.sample:sample_reconstruction",
            evaluate="musegen.evaluation.vae:evaluate_vae",
            verbs={
                "generate": f"{_CLIPS}:generate_clips",
                "reconstruct": f"{_CLIPS}:generate_reconstruction",
                "interpolate": f"{_CLIPS}:generate_interpolation",
                "vary": f"{_CLIPS}:generate_variations",
            },
            example="reconstruct {} tune.mid --out out/",
            card_example="generate {} --num 8 --out out/",
            advice="reconstruct, interpolate or vary",
            skips=frozenset({"folds"}),
        ),
        Family(
            noun="classifier",
            purpose="a classifier: tells labels apart, such as composers, genres or styles",
            config=ClassifierTrainConfig,
            build="musegen.checkpoint.build:build_classifier",
            sizes="musegen.checkpoint.sizes:classifier_sizes",
            training="musegen.training.task:LABELLED",
            evaluate="musegen.evaluation.labelling:evaluate_classifier",
            verbs={"classify": "musegen.evaluation.labelling:classify"},
            example="classify {} tune.mid",
            card_example="classify {} tune.mid",
            advice="classify",
            skips=frozenset({"samples", "limit"}),
            min_samples=0,
        ),
        Family(
            noun="performer",
            purpose="a performer: plays a score, with a shift, a velocity and a length for each note",
            config=PerformerTrainConfig,
            build="musegen.checkpoint.build:build_performer",
            sizes="musegen.checkpoint.sizes:performer_sizes",
            training="musegen.training.task:PERFORMANCES",
            sample="musegen.training.sample:sample_performance",
            evaluate="musegen.evaluation.takes:evaluate_performer",
            verbs={"humanize": "musegen.generation.humanize:humanize_file"},
            example="humanize {} score.mid --out out/",
            card_example="humanize {} score.mid --num 4 --out out/",
            advice="humanize",
            skips=frozenset({"limit", "folds"}),
        ),
        Family(
            noun="model of piano-roll frames",
            purpose="a model of piano-roll frames: any polyphonic music, frame by frame, by sets of keys",
            config=FramesTrainConfig,
            build="musegen.checkpoint.build:build_frames",
            sizes="musegen.checkpoint.sizes:frames_sizes",
            training="musegen.training.task:FRAMES",
            sample="musegen.training.sample:sample_frames",
            evaluate="musegen.evaluation.frame_nats:evaluate_frames",
            verbs={"generate": "musegen.generation.frame_sampling:generate_frames"},
            example="generate {} --bars 16 --num 4 --out out/",
            card_example="generate {} --bars 16 --num 4 --out out/",
            advice="generate",
            skips=frozenset({"limit", "folds"}),
            min_samples=2,
        ),
    )
}
"""By name, in the order in which they are listed."""


def family_of(name: str) -> Family:
    """The family with this name.

    Raises:
        ConfigError: there is no such family.
    """
    if name not in FAMILIES:
        raise ConfigError(f"unknown family {name!r}: choose one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def example_of(config: TrainConfig) -> str:
    """The command suggested after training; {} stands for the checkpoint folder."""
    if config.data.holes == "bars":  # without tracks there is nothing to accompany with
        return "fill {} tune.mid --bars 5:8 --out out/"
    example = family_of(config.family).example
    for label in getattr(config.model, "labels", ())[:1]:
        named = shlex.quote(label.partition("=")[2])
        example = example.replace("generate {}", f"generate {{}} --label {named}")
    return example


def families_that(verb: str) -> list[str]:
    """Names of the families that have this verb."""
    return [name for name, family in FAMILIES.items() if verb in family.verbs]
