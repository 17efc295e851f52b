"""A checkpoint: a folder that holds a model, its tokenizer, its recipe and what is known of it.

config.json, tokenizer.json, model.safetensors, data.json, metrics.json, README.md, SHA256SUMS.
Generation needs this folder and nothing else. Nothing in it is executed when it is loaded.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from musegen import __version__
from musegen.config import (
    RUNS,
    Seq2SeqTrainConfig,
    TrainConfig,
    VAEConfig,
    VAETrainConfig,
)
from musegen.config_json import parse_config
from musegen.errors import CheckpointError, ConfigError, TokenError
from musegen.files import write_atomic, write_json
from musegen.models.chord_planner import Planner, PlanReader
from musegen.models.conductor import BarEncoder, Conductor, Keys, Slots
from musegen.models.decoder import StreamDecoder
from musegen.models.encoder import Encoder
from musegen.models.lm import LanguageModel
from musegen.models.position import make_tracker
from musegen.models.seq2seq import Seq2Seq
from musegen.models.vae import COMPONENTS, VAE, ClipEncoder
from musegen.tokenizers import Kind, Tables, Tokenizer, load_tokenizer, melody_tokenizer
from musegen.weights import Sizes, check_sizes, load_weights

FORMAT_VERSION = 1
Model = LanguageModel | Seq2Seq | VAE
"""A model of any family."""
_TEXTS = ("config.json", "tokenizer.json", "data.json", "metrics.json")
_SUMMED = (*_TEXTS, "model.safetensors")
MAX_TEXT = 1 << 25
"""Bytes of a JSON file; a manifest of a hundred thousand pieces takes half of it."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint folder."""

    path: Path
    config: TrainConfig
    dataset: str
    """Name of the dataset it was trained on."""
    tokenizer: Tokenizer
    model: Model
    """In eval mode."""
    data: dict[str, Any]
    metrics: dict[str, Any]
    sha256: str
    """Of model.safetensors."""


def build_model(config: TrainConfig, tokenizer: Tokenizer) -> Model:
    """The model a configuration asks for, with fresh weights."""
    if isinstance(config, VAETrainConfig):
        return _build_vae(config.model, tokenizer.tables)
    settings: dict[str, Any] = asdict(config.model)
    target = make_tracker(tokenizer.tables, settings.pop("lookback"))
    if not isinstance(config, Seq2SeqTrainConfig):
        return LanguageModel(StreamDecoder(tracker=target, **settings))
    is_aligned = config.encoder.alignment == "now"
    listener = melody_tokenizer(tokenizer).tables
    is_planned = has_plans(config, tokenizer.tables)
    lengths = _bar_positions(tokenizer.tables)
    return Seq2Seq(
        encoder=Encoder(
            tracker=make_tracker(listener, ()),
            bar_positions=_bar_positions(listener),
            **settings | {"num_layers": config.encoder.num_layers},
        ),
        decoder=StreamDecoder(tracker=target, more_anchors=int(is_aligned), **settings),
        alignment=config.encoder.alignment,
        reach=config.encoder.reach,
        planner=Planner() if is_planned else None,
        reader=PlanReader(hidden_size=config.model.hidden_size, bar_positions=lengths)
        if is_planned
        else None,
    )


def has_plans(config: TrainConfig, tables: Tables) -> bool:
    """Whether the model of a configuration makes plans.

    Raises:
        ConfigError: plans are wanted of voices on a grid.
    """
    if not isinstance(config, Seq2SeqTrainConfig):
        return False
    if config.encoder.plan and tables.voices:
        raise ConfigError("--encoder.plan is for notes written as events: leave it out, or --tokenizer grid")
    return not tables.voices if config.encoder.plan is None else config.encoder.plan


def _bar_positions(tables: Tables) -> torch.Tensor:
    """Positions of a bar of each metre, by its rank from 1 up; before the first metre a bar never ends."""
    return torch.from_numpy(np.append(1 << 20, tables.bar_positions[tables.ids(Kind.TIME_SIGNATURE)]))


def _build_vae(config: VAEConfig, tables: Tables) -> VAE:
    config = config.settled()
    assert config.latent_dim is not None
    assert config.input_dropout is not None
    hidden_size = config.hidden_size
    shared: dict[str, Any] = {
        "cell": config.cell,
        "embedding_dim": config.embedding_dim,
        "hidden_size": hidden_size,
        "dropout": config.dropout,
        "weight_dropout": config.weight_dropout,
    }
    tracker = make_tracker(tables, config.lookback)
    lengths = _bar_positions(tables)
    reader = Encoder(
        tracker=make_tracker(tables, (), is_reader=True),
        bar_positions=lengths,
        num_layers=1,
        is_residual=True,
        **shared,
    )
    decoder = StreamDecoder(
        tracker=tracker, num_layers=config.num_layers, input_dropout=config.input_dropout, **shared
    )
    bars, latent_dim = config.clip_bars, config.latent_dim
    if not config.hierarchical:
        return VAE(
            encoder=ClipEncoder(reader=reader, latent_dim=latent_dim),
            decoder=decoder,
            conductor=None,
            keys=Keys(bars, tracker.num_places, latent_dim),
            clip_bars=bars,
            latent_dim=latent_dim,
        )
    if latent_dim < 2 * bars:
        raise ConfigError(f"--model.latent-dim is {latent_dim}: {bars} bars want at least {2 * bars}")
    slots = Slots.of(latent_dim, bars)
    return VAE(
        encoder=BarEncoder(reader=reader, slots=slots),
        decoder=decoder,
        conductor=Conductor(slots=slots, width=hidden_size),
        keys=Keys(None, tracker.num_places, hidden_size),
        clip_bars=bars,
        latent_dim=latent_dim,
    )


def save_checkpoint(
    path: Path,
    *,
    config: TrainConfig,
    dataset: str,
    tokenizer: Tokenizer,
    model: nn.Module,
    data: dict[str, Any],
    metrics: dict[str, Any],
) -> None:
    """Write the folder, each file atomically, SHA256SUMS last.

    Raises:
        OSError: the folder cannot be written.
    """
    from safetensors.torch import save

    head = {"format_version": FORMAT_VERSION, "family": config.family, "musegen_version": __version__}
    write_json(path / "config.json", head | {"dataset": dataset} | asdict(config))
    write_json(path / "tokenizer.json", tokenizer.to_dict())
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomic(path / "model.safetensors", save(weights))
    write_json(path / "data.json", data)
    write_metrics(path, metrics)
    if not (path / "README.md").exists():
        write_atomic(path / "README.md", _card(path.name, dataset, config, data).encode())


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Replace what was measured, and the sums with it."""
    write_json(path / "metrics.json", metrics)
    sums = "".join(f"{_sha256(path / name)}  {name}\n" for name in _SUMMED)
    write_atomic(path / "SHA256SUMS", sums.encode())


def load_checkpoint(path: Path, *, device: str = "cpu") -> Checkpoint:
    """Load and check a checkpoint folder.

    Args:
        path: the folder.
        device: where the model is wanted, such as "cpu" or "cuda".

    Raises:
        CheckpointError: a file is missing, damaged, of an unknown format, or fits no other.
    """
    if not path.is_dir():
        raise CheckpointError(f"there is no checkpoint folder {path}; train one with musegen train")
    missing = [name for name in (*_SUMMED, "SHA256SUMS") if not (path / name).is_file()]
    if missing:
        raise CheckpointError(
            f"checkpoint {path} lacks {', '.join(missing)}; copy the whole folder or train it again"
        )
    _check_sums(path, _TEXTS)
    raw = _read_json(path / "config.json")
    if raw.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {path} has format version {raw.get('format_version')}; "
            f"this musegen reads version {FORMAT_VERSION}; install the musegen that wrote it"
        )
    try:
        config, dataset = parse_checkpoint_config(raw)
        tokenizer = load_tokenizer(_read_json(path / "tokenizer.json"))
    except (ConfigError, TokenError) as error:
        raise CheckpointError(f"checkpoint {path} cannot be used: {error}") from error
    data = _read_data(path / "data.json")
    weights = path / "model.safetensors"
    check_sizes(weights, _sizes(config, tokenizer))
    _check_sums(path, (weights.name,))
    model = build_model(config, tokenizer)
    load_weights(model, weights)
    return Checkpoint(
        path=path,
        config=config,
        dataset=dataset,
        tokenizer=tokenizer,
        model=model.to(device).eval(),
        data=data,
        metrics=_read_json(path / "metrics.json"),
        sha256=_sha256(weights),
    )


def parse_checkpoint_config(raw: dict[str, Any]) -> tuple[TrainConfig, str]:
    """The training configuration in a checkpoint's config.json, and its dataset's name.

    Raises:
        ConfigError: an unknown key or a value of the wrong type.
    """
    family = raw.get("family", "lm")
    if family not in RUNS:
        raise ConfigError(f"family {family!r} is unknown; this musegen knows {', '.join(RUNS)}")
    settings = {k: v for k, v in raw.items() if k not in ("format_version", "musegen_version", "dataset")}
    return parse_config(RUNS[family], settings), str(raw.get("dataset", ""))


def _read_data(path: Path) -> dict[str, Any]:
    data = _read_json(path)
    data.setdefault("ranges", [])
    wanted = {"tempo": int | float, "program": int, "train": list, "dataset_sha256": str, "splits": dict}
    wrong = [name for name, kind in wanted.items() if not isinstance(data.get(name), kind)]
    if wrong or not all(isinstance(entry, dict) and "programs" in entry for entry in data["train"]):
        raise CheckpointError(
            f"{path} lacks {', '.join(wrong) or 'programs of its pieces'}; train the checkpoint again"
        )
    return data


def _sizes(config: TrainConfig, tokenizer: Tokenizer) -> Sizes:
    """What the weights must be, as far as numbers in config.json and tokenizer.json decide it."""
    model, vocab = config.model, len(tokenizer.tables.kind)
    shapes: dict[str, tuple[int, ...]] = {
        "decoder.embedding.weight": (vocab, model.embedding_dim),
        "decoder.logits.weight": (vocab, model.hidden_size),
    }
    layers = {"decoder.rnn.": model.num_layers}
    if isinstance(config, Seq2SeqTrainConfig):
        heard = len(melody_tokenizer(tokenizer).tables.kind)
        shapes["encoder.embedding.weight"] = (heard, model.embedding_dim)
        shapes["near"] = (2 * config.encoder.reach + 1,)
        layers["encoder.forwards."] = config.encoder.num_layers
    if isinstance(config, VAETrainConfig):
        latent_dim = config.model.settled().latent_dim
        assert latent_dim is not None
        shapes["mixture_means"] = (COMPONENTS, latent_dim)
    return Sizes(shapes, layers)


def _check_sums(path: Path, names: Sequence[str]) -> None:
    large = [name for name in (*_TEXTS, "SHA256SUMS") if (path / name).stat().st_size > MAX_TEXT]
    if large:
        raise CheckpointError(f"{path / large[0]} is larger than {MAX_TEXT >> 20} MB: it is no checkpoint's")
    text = (path / "SHA256SUMS").read_bytes().decode("utf-8", errors="replace")
    lines = (line.partition(" ") for line in text.splitlines())
    wanted = {
        name.strip().lstrip("*"): digest for digest, _, name in lines
    }  # "*" marks binary, as sha256sum has it
    for name in names:
        found = _sha256(path / name)
        if wanted.get(name) != found:
            raise CheckpointError(
                f"{path / name} is not the file that SHA256SUMS lists ({found[:12]}, not "
                f"{wanted.get(name, 'any')[:12]}): it was changed, damaged or is another model's; "
                "restore it or train the checkpoint again"
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object")
    return value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _card(name: str, dataset: str, config: TrainConfig, data: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in data["splits"].items())
    what, command = {
        "lm": ("language model", f"musegen generate {name} --bars 16 --num 4 --out out/"),
        "seq2seq": ("accompanist", f"musegen accompany {name} tune.mid --num 4 --out out/"),
        "vae": ("latent space of clips", f"musegen generate {name} --num 8 --out out/"),
    }[config.family]
    return (
        f"# {name}\n\n"
        f"A musegen {what} of {dataset}: {counts} pieces; "
        f"{config.model.num_layers} {config.model.cell} layers of {config.model.hidden_size}.\n\n"
        f"    {command}\n\n"
        f"Data: {(data.get('licence') or 'licensed as the owner of the music has it').rstrip('.')}.\n"
        "What was measured is in metrics.json; every training piece is named in data.json.\n"
    )
