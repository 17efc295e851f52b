"""`musegen train FAMILY`: train a model on a dataset."""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from musegen.api.datasets import check_data, open_data, recorded_path
from musegen.cli.outputs import output_folder
from musegen.cli.parse import Flag, flags_of, parse
from musegen.config.ranges import flat
from musegen.config.settings import TrainConfig
from musegen.console import say
from musegen.errors import ConfigError
from musegen.families import FAMILIES, example_of
from musegen.files import refuse_taken
from musegen.processes import is_first_process


@dataclass(frozen=True)
class Train:
    """Train a model on a dataset; the checkpoint has the weights with the lowest validation loss.

    Short forms: --tokenizer (--tokenizer.kind), --melody (--data.melody), --polyphonic (--data.tracks all),
    --accompaniment (--data.accompaniment), --labels (--data.labels).

    $ musegen train lm datasets/mine --out checkpoints/mine
    $ musegen train lm datasets/mine --out checkpoints/small --model.hidden-size 256 --trainer.max-steps 500
    $ musegen train seq2seq bach-chorales --out checkpoints/chorale
    $ musegen train seq2seq songs/ --melody MELODY --out checkpoints/pop
    $ musegen train seq2seq songs/ --melody top --accompaniment "bass,piano" --out checkpoints/trio
    $ musegen train vae folk --model.clip-bars 2 --out checkpoints/clips
    $ musegen train vae songs/ --polyphonic --out checkpoints/poly
    $ musegen train vae folk --latent.kind autoencoder --out checkpoints/plain
    $ musegen train seq2seq bach-chorales --model.cell mlp --out checkpoints/minibach
    $ musegen train frames songs/ --model.output rbm --out checkpoints/rolls
    $ musegen train classifier corpora/ --labels folders --model.encoder crnn --out checkpoints/who
    $ musegen train lm corpora/ --labels folders --out checkpoints/styles
    $ musegen train lm bach-chorales --tokenizer grid --out checkpoints/bach-lm
    $ musegen train lm datasets/mine --out checkpoints/again --config checkpoints/mine/config.json
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """A dataset, a folder of music (prepared first) or a built-in corpus. Default: the dataset named by
    --config."""
    out: Path
    """The checkpoint folder, such as checkpoints/mine."""
    config: Path | None = None
    """Settings from a JSON file, such as another checkpoint's config.json; flags override it."""
    init: str | None = None
    """Start from the weights of this checkpoint (fine-tuning); its tokenizer and model sizes are used."""
    resume: Flag = False
    """Resume the interrupted run in --out, exactly as if it had not been interrupted."""
    force: Flag = False
    """Replace an existing checkpoint."""
    run: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)


T = TypeVar("T")
SHORT = {
    "--tokenizer": "--tokenizer.kind",
    "--melody": "--data.melody",
    "--accompaniment": "--data.accompaniment",
    "--polyphonic": "--data.tracks=all",
    "--labels": "--data.labels",
}
"""Short forms of flags."""


def main(argv: list[str]) -> None:
    """Train a model, and report the path of its checkpoint."""
    found = parse_training(Train, argv, "train")
    if found is not None:
        _train(*found)


def parse_training(kind: Callable[..., T], argv: list[str], verb: str) -> tuple[T, frozenset[str]] | None:
    """The arguments of a verb that trains, and the names of the settings that are set; None: help was shown.

    Args:
        kind: a dataclass with the fields data, out, config and run.
        argv: as typed after the verb: a family, unless a configuration file names it, and flags.
        verb: its name.

    Raises:
        ConfigError: they cannot be understood.
    """
    if not argv or argv[0] in ("-h", "--help"):
        usage = f"usage: musegen {verb} FAMILY DATA --out DIR   (more: musegen {verb} FAMILY --help)"
        print(f"{usage}\n\nfamilies:")
        print("\n".join(f"  {name:<10}{row.purpose}" for name, row in FAMILIES.items()))
        return None
    argv = [re.sub(r"^--[a-z]+(?=$|=)", lambda flag: SHORT.get(flag[0], flag[0]), word) for word in argv]
    file = _config_file(argv)
    # for an unknown family, which is rejected below, any settings
    defaults = FAMILIES[argv[0]].config() if argv[0] in FAMILIES else TrainConfig()
    config, dataset, fixed = _read_config(file) if file else (defaults, "", frozenset[str]())
    dataset = str(recorded_path(file.parent) or dataset) if file else dataset
    if argv[0] in FAMILIES:
        if argv[0] != config.family:
            raise ConfigError(f"--config {file} is of family {config.family}, not {argv[0]}: leave one out")
        argv = argv[1:]
    elif not file:  # a configuration file names its family
        near = get_close_matches(argv[0], FAMILIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(FAMILIES)}"
        raise ConfigError(f"unknown family {argv[0]!r}: {hint} (musegen {verb} lm DATA --out DIR)")
    missing = "" if {"-h", "--help"} & set(argv) else tyro.MISSING  # the help must not call DATA required
    default = kind(data=dataset or missing, out=tyro.MISSING, run=config)
    flags = {word.partition("=")[0] for word in argv if word.startswith("--")}
    _refuse_others(flags, default, verb)
    fixed |= {flag.removeprefix("--").replace("-", "_") for flag in flags}
    return parse(type(default), argv, prog=f"musegen {verb} {config.family}", default=default), fixed


def _refuse_others(flags: set[str], default: Any, verb: str) -> None:
    """Refuse flags that other families have, but not this one.

    Args:
        flags: as typed, without values.
        default: the arguments of the verb that trains, with the settings of the family.
        verb: its name.

    Raises:
        ConfigError: the flag, and these families.
    """
    for flag in sorted(flags - flags_of(type(default), default)):
        others = {name: replace(default, run=row.config()) for name, row in FAMILIES.items()}
        owners = [name for name, other in others.items() if flag in flags_of(type(other), other)]
        if owners:
            raise ConfigError(
                f"{flag} is for family {' or '.join(owners)}, and this is family {default.run.family}: "
                f"leave it out, or use musegen {verb} {owners[0]}"
            )


def _train(arguments: Train, fixed: frozenset[str]) -> None:
    from musegen.checkpoint.folder import load_checkpoint
    from musegen.checkpoint.names import find_checkpoint

    if arguments.resume and (arguments.force or arguments.init):
        raise ConfigError("--resume continues a run unchanged: leave out --force and --init")
    # Only the first process checks: the others may find files that it has begun to write.
    is_first = is_first_process()
    if is_first:
        refuse_taken(arguments.out, force=arguments.force or arguments.resume)
    init = find_checkpoint(arguments.init) if arguments.init else None
    check_data(arguments.data)
    how: dict[str, Any] = {"init": init, "resume": arguments.resume, "force": arguments.force, "fixed": fixed}
    with output_folder(arguments.out) if is_first else nullcontext():
        from musegen.training.train import check, train  # takes seconds

        if is_first:  # before the music is prepared
            check(arguments.run, arguments.out, **how)
        out = train(
            arguments.run, open_data(arguments.data, arguments.run.data.labels or ""), arguments.out, **how
        )
    if is_first:
        example = example_of(load_checkpoint(out).config).format(shlex.quote(str(out)))
        say(f"checkpoint: {out}\nnext: musegen {example}")


def _config_file(argv: Sequence[str]) -> Path | None:
    """The file of --config: it is read first, since other flags override it."""
    for index, word in enumerate(argv[:-1]):
        if word == "--config":
            return Path(argv[index + 1])
    return next((Path(word.removeprefix("--config=")) for word in argv if word.startswith("--config=")), None)


def _read_config(path: Path) -> tuple[TrainConfig, str, frozenset[str]]:
    """The settings of a file, the name of its dataset, and the names of the settings that it has."""
    from musegen.checkpoint.folder import parse_checkpoint_config

    if not path.is_file():
        fault = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigError(f"--config {path} {fault}: name a JSON file, such as a checkpoint's config.json")
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"--config {path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f'--config {path} must hold an object of settings, such as {{"model": {{...}}}}')
    try:
        config, dataset = parse_checkpoint_config(values)
    except ConfigError as error:
        raise ConfigError(f"--config {path}: {error}") from error
    return config, dataset, frozenset(flat(values))
