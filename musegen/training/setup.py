"""What a run is made of: configuration filled in, tokenizer, model, batches, and the module that learns."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from musegen.api.model import Model
from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.settings import TrainConfig, VAETrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import TokenView, token_view
from musegen.errors import DataError
from musegen.models.vae import VAE
from musegen.music.key import ends_on_tonic
from musegen.tokenizers import Kind, Tokenizer, roster, voice_ranges, whole_tokenizer
from musegen.training.clips import ClipDataModule
from musegen.training.datamodule import TokenDataModule
from musegen.training.latent import VAEModule
from musegen.training.module import DecoderModule

CHOIR = SamplingOptions(temperature=0.6, min_p=0.02)
"""At 1.0 voices cross and move in parallel more often than Bach's (see benchmarks/RESULTS.md)."""
EPOCHS = 30
STEPS = (200, 20_000)
"""Fewest and most steps of a run that is sized to its data."""
MOST_CLIP_STEPS = 6_000
"""Most steps of a VAE's run that is sized to its data: clips overlap, and a VAE learns to copy soon."""
VALIDATIONS = 20
"""Validations of a run that is sized to its data, if that leaves `STEPS_BETWEEN` steps between them."""
STEPS_BETWEEN = 25
HEARD = 512
"""Training pieces, at most, whose endings are listened to."""


class Run(NamedTuple):
    """All that learns and all that is learnt from."""

    config: TrainConfig
    """With nothing left open."""
    tokenizer: Tokenizer
    model: Model
    data: TokenDataModule | ClipDataModule
    module: DecoderModule | VAEModule
    manifest: dict[str, Any]
    """What data.json says: names and hashes only."""


def set_up(
    config: TrainConfig,
    dataset: Dataset,
    start: Checkpoint | None,
    say: Callable[[str], None],
    tokenizer: Tokenizer | None = None,
) -> Run:
    """Everything a run needs.

    Args:
        config: of the run; what it leaves open is fitted to the data.
        dataset: the music.
        start: a checkpoint whose model and tokenizer are used.
        say: prints one line about what is left out.
        tokenizer: of an interrupted run; None: fitted to the music.

    Raises:
        ConfigError: a setting does not fit.
        DataError: nothing to train on.
    """
    config, tokenizer, model, view = parts(config, dataset, start, tokenizer)
    if isinstance(config, VAETrainConfig):
        config = config.settled()
    _say_skipped(view.skipped, "piece", say)
    if not view.indices("train"):
        raise DataError("no training piece is left; add music to the dataset and prepare it again")
    config, data = _size_run(config, view, tokenizer)
    manifest = _manifest(dataset, view, tokenizer)
    if isinstance(data, ClipDataModule):
        _say_skipped(data.train_clips.left_out, "clip", say)
        metres = Counter(tokenizer.vocab[id_] for id_ in data.train_clips.metre.tolist())
        manifest["metres"] = {name.removeprefix("TimeSig_"): count for name, count in metres.most_common()}
    return Run(config, tokenizer, model, data, _module(config, model, tokenizer), manifest)


def parts(
    config: TrainConfig, dataset: Dataset, start: Checkpoint | None, tokenizer: Tokenizer | None = None
) -> tuple[TrainConfig, Tokenizer, Model, TokenView]:
    """Configuration, tokenizer, model and token streams, those of `start` if there is one."""
    pairs = config.family == "seq2seq"
    if start is not None:
        data = replace(config.data, tracks=start.config.data.tracks)
        config = replace(config, model=start.config.model, tokenizer=start.config.tokenizer, data=data)
        start.model.train()  # a loaded checkpoint is in eval mode, and Lightning leaves it so
        view = token_view(dataset, start.tokenizer, data, pairs=pairs)
        return config, start.tokenizer, start.model, view
    lines = isinstance(config, VAETrainConfig) and config.writes_lines
    tokenizer = tokenizer or fit_tokenizer(
        dataset, config.settled_tokenizer, config.data, pairs=pairs, lines=lines
    )
    config = replace(config, tokenizer=tokenizer.config, sampling=_fit_sampling(config, tokenizer))
    view = token_view(dataset, tokenizer, config.data, pairs=pairs)
    return config, tokenizer, build_model(config, tokenizer), view


def _fit_sampling(config: TrainConfig, tokenizer: Tokenizer) -> SamplingOptions:
    """The settings asked for; of an accompanist of voices, where none are, what suits voices."""
    is_choir = config.family == "seq2seq" and tokenizer.tables.voices > 1
    return CHOIR if is_choir and config.sampling == SamplingOptions() else config.sampling


def _say_skipped(skipped: dict[str, int], what: str, say: Callable[[str], None]) -> None:
    for reason, count in skipped.items():
        say(f"left out {count} {what}{'s' * (count > 1)}: {reason}")


def _size_run(
    config: TrainConfig, view: TokenView, tokenizer: Tokenizer
) -> tuple[TrainConfig, TokenDataModule | ClipDataModule]:
    """Fit what the configuration leaves open to the data: batch, steps, validation."""
    tokens = sum(int(view.offsets[i + 1] - view.offsets[i]) for i in view.indices("train"))
    batch_tokens = min(config.optim.batch_tokens, max(2048, tokens // 8))
    data: TokenDataModule | ClipDataModule
    if isinstance(config, VAETrainConfig):
        data = ClipDataModule(view, tokenizer, config, batch_tokens)
    else:
        data = TokenDataModule(view, tokenizer.tables, config, batch_tokens)
    per_epoch = len(data.train_batches(0))
    most = MOST_CLIP_STEPS if isinstance(data, ClipDataModule) else STEPS[1]
    steps = config.trainer.max_steps or max(STEPS[0], min(most, EPOCHS * per_epoch))
    every = config.trainer.val_check_interval or max(STEPS_BETWEEN, steps // VALIDATIONS)
    trainer = replace(config.trainer, max_steps=steps, val_check_interval=min(every, steps))
    return replace(config, trainer=trainer, optim=replace(config.optim, batch_tokens=batch_tokens)), data


def _module(config: TrainConfig, model: Model, tokenizer: Tokenizer) -> DecoderModule | VAEModule:
    """The Lightning module around a model."""
    steps = config.trainer.max_steps
    assert steps is not None
    is_note = torch.from_numpy((tokenizer.tables.kind == Kind.PITCH).astype("int64"))
    if isinstance(config, VAETrainConfig):
        assert isinstance(model, VAE)
        return VAEModule(model, optim=config.optim, latent=config.latent, steps=steps, is_note=is_note)
    return DecoderModule(model, optim=config.optim, steps=steps, is_note=is_note)


def _at_rest(dataset: Dataset, view: TokenView) -> float:
    """Share of the training pieces, of some hundred spread evenly over them, that end on their tonic."""
    train = view.indices("train")
    some = [view.pieces[i] for i in train[:: -(-len(train) // HEARD)]]
    return round(sum(ends_on_tonic(dataset.score(piece)) for piece in some) / len(some), 3)


def _manifest(dataset: Dataset, view: TokenView, tokenizer: Tokenizer) -> dict[str, Any]:
    """What data.json says: names and hashes only."""
    tables = whole_tokenizer(tokenizer).tables
    return {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "licence": dataset.info.get("licence"),
        "splits": dict(Counter(piece.split for piece in view.pieces)),
        "skipped": view.skipped,
        "tempo": view.tempo,
        "program": view.program,
        "ends_on_tonic": _at_rest(dataset, view),
        "ranges": voice_ranges(tables, (view.stream(i) for i in view.indices("train"))),
        "train": [
            {
                "name": view.pieces[i].name,
                "sha256": view.pieces[i].sha256,
                "programs": roster(tables, view.stream(i)),
            }
            for i in view.indices("train")
        ],
    }
