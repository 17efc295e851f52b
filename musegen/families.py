"""The families of models: each is one row here and one file in models/. Nothing else names them.

What belongs to a family further up is named by module and function, "module:name", and imported when it is
wanted, so that this file stays on its floor and loads nothing heavy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from musegen.config.settings import Seq2SeqTrainConfig, TrainConfig, VAETrainConfig
from musegen.errors import ConfigError


@dataclass(frozen=True)
class Family:
    """A row of the table.

    Functions are named as "module:name"; the signatures wanted stand with those that are there.
    """

    noun: str
    """What a model of it is called in its card."""
    purpose: str
    """What it is for, in the help of `musegen train`."""
    config: type[TrainConfig]
    """The settings of its training; their `family` is its name."""
    build: str
    """Makes a model of a configuration and a tokenizer: see checkpoint/build.py."""
    training: str
    """How it learns: a `Task` of training/task.py."""
    sample: str
    """Writes what is heard at every validation: see training/sample.py."""
    evaluate: str
    """Measures a checkpoint: see evaluation/lm.py."""
    verbs: Mapping[str, str]
    """What it can do, by verb of the command line: see generation/from_checkpoint.py."""
    example: str
    """What to type next, of a model just trained; {} stands for its folder."""
    card_example: str
    """What the card shows; {} stands for its name."""
    advice: str
    """The verbs that are its own, in words."""
    sizes: str = ""
    """What its weights must be, before any memory is taken for them: see checkpoint/build.py."""
    skips: frozenset[str] = field(default_factory=frozenset)
    """Options of `musegen evaluate` that are none of its."""

    @property
    def name(self) -> str:
        """As it is typed, and stands in config.json."""
        return self.config.family


def load(reference: str) -> Any:
    """What a reference such as "musegen.models.lm:LanguageModel" names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


_HERE = "musegen.generation.from_checkpoint"
FAMILIES: dict[str, Family] = {
    row.name: row
    for row in (
        Family(
            noun="language model",
            purpose="a language model: writes music note by note, from silence or a prompt",
            config=TrainConfig,
            build="musegen.checkpoint.build:build_lm",
            sizes="musegen.checkpoint.build:decoder_sizes",
            training="musegen.training.task:PIECES",
            sample="musegen.training.sample:sample_piece",
            evaluate="musegen.evaluation.lm:evaluate_lm",
            verbs={"generate": f"{_HERE}:generate_pieces"},
            example="generate {} --bars 16 --num 4 --out out/",
            card_example="generate {} --bars 16 --num 4 --out out/",
            advice="generate",
            skips=frozenset({"limit"}),
        ),
        Family(
            noun="accompanist",
            purpose="an accompanist: writes the rest of the music to a given melody",
            config=Seq2SeqTrainConfig,
            build="musegen.checkpoint.build:build_seq2seq",
            sizes="musegen.checkpoint.build:seq2seq_sizes",
            training="musegen.training.task:PIECES",
            sample="musegen.training.sample:sample_accompaniment",
            evaluate="musegen.evaluation.accompaniment:evaluate_seq2seq",
            verbs={"accompany": f"{_HERE}:generate_accompaniments"},
            example="accompany {} tune.mid --out out/",
            card_example="accompany {} tune.mid --num 4 --out out/",
            advice="accompany",
        ),
        Family(
            noun="latent space of clips",
            purpose="a latent space of short clips: reconstructs, interpolates, varies and samples them",
            config=VAETrainConfig,
            build="musegen.checkpoint.build:build_vae",
            sizes="musegen.checkpoint.build:vae_sizes",
            training="musegen.training.task:CLIPS",
            sample="musegen.training.sample:sample_reconstruction",
            evaluate="musegen.evaluation.vae:evaluate_vae",
            verbs={
                "generate": f"{_HERE}:generate_clips",
                "reconstruct": f"{_HERE}:generate_reconstruction",
                "interpolate": f"{_HERE}:generate_interpolation",
                "vary": f"{_HERE}:generate_variations",
            },
            example="reconstruct {} tune.mid --out out/",
            card_example="generate {} --num 8 --out out/",
            advice="reconstruct, interpolate or vary",
        ),
    )
}
"""By name, in the order in which people are told of them."""


def family_of(name: str) -> Family:
    """The family of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FAMILIES:
        raise ConfigError(f"family {name!r} is unknown; this musegen knows {', '.join(FAMILIES)}")
    return FAMILIES[name]


def families_that(verb: str) -> list[str]:
    """The names of the families that have a verb."""
    return [name for name, family in FAMILIES.items() if verb in family.verbs]
