"""`train`: from a dataset and a configuration to a checkpoint folder."""

import copy
import logging
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from musegen.checkpoint import Checkpoint, Model, build_model, load_checkpoint, save_checkpoint
from musegen.config import TrainConfig
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import TokenView, token_view
from musegen.errors import ConfigError, DataError
from musegen.files import write_atomic
from musegen.models.losses import first_state
from musegen.tokenizers import Kind, Tokenizer, roster, voice_ranges
from musegen.training.callbacks import KeepBest, SampleEachValidation, StopAtNaN
from musegen.training.datamodule import TokenDataModule
from musegen.training.module import DecoderModule
from musegen.training.sample import write_sample

EPOCHS = 30
STEPS = (200, 20_000)
"""Fewest and most steps of a run that is sized to its data."""
VALIDATIONS = 20
"""Validations of a run that is sized to its data, if that leaves `STEPS_BETWEEN` steps between them."""
STEPS_BETWEEN = 25


def train(
    config: TrainConfig,
    dataset: Dataset,
    out: Path,
    *,
    init: Path | None = None,
    force: bool = False,
    say: Callable[[str], None] = say,
) -> Path:
    """Train a model and leave the best one on the validation split in the folder `out`.

    Args:
        config: of the run; what it leaves open is fitted to the data.
        dataset: the music.
        out: checkpoint folder, new or empty unless `force`.
        init: a checkpoint to start from; its model and tokenizer are used.
        force: replace what is in `out`.
        say: prints one line.

    Returns:
        `out`.

    Raises:
        ConfigError: `out` is taken, or a setting does not fit.
        DataError: nothing to train on.
        CheckpointError: `init` cannot be used.
        MusegenError: the loss is not a number any more.
    """
    if out.exists() and any(out.iterdir()) and not force:
        raise ConfigError(f"--out {out} already holds files; choose another folder or add --force")
    _quiet_libraries()
    pl.seed_everything(config.seed, verbose=False)
    start = load_checkpoint(init) if init else None
    if start and start.config.family != config.family:
        raise ConfigError(f"--init {start.path.name} is of family {start.config.family}, not {config.family}")
    if start and (config.model, config.tokenizer) != (start.config.model, start.config.tokenizer):
        say(f"model and tokenizer are those of {start.path.name}, whatever the settings say")
    config, tokenizer, model, view = _parts(config, dataset, start)
    _check_view(view, say)
    config, data = _size_run(config, view, tokenizer)
    steps = config.trainer.max_steps
    assert steps is not None
    notes_of = torch.from_numpy((tokenizer.tables.kind == Kind.PITCH).astype("int64"))
    module = DecoderModule(model, optim=config.optim, steps=steps, is_note=notes_of)
    manifest = _manifest(dataset, view, tokenizer)
    _announce(config, model, data, say)
    write_atomic(out / ".writable", b"")  # found out now, not after the first epoch
    (out / ".writable").unlink()
    keep = {
        "config": config,
        "dataset": dataset.name,
        "tokenizer": tokenizer,
        "model": model,
        "data": manifest,
    }
    for old in [out / "README.md", *(out / "samples").glob("step-*.mid")]:
        old.unlink(missing_ok=True)  # with --force: what speaks of the model that goes
    callbacks: list[pl.Callback] = [
        StopAtNaN(),
        KeepBest(lambda metrics: save_checkpoint(out, metrics=metrics, **keep), say),  # type: ignore[arg-type]
        SampleEachValidation(
            lambda path: write_sample(path, config, dataset, tokenizer, model, manifest), out / "samples"
        ),
        pl.callbacks.EarlyStopping("val_bits_per_note", patience=config.optim.patience),
    ]
    if sys.stderr.isatty():
        callbacks.append(pl.callbacks.RichProgressBar())
    trainer = _trainer(config, callbacks, out, has_progress=sys.stderr.isatty())
    try:
        trainer.fit(module, datamodule=data)
    except MisconfigurationException as error:
        raise ConfigError(f"--trainer settings do not work here: {str(error).splitlines()[0]}") from error
    if trainer.global_step % (config.trainer.val_check_interval or 1):  # steps since the last validation
        trainer.validate(module, datamodule=data, verbose=False)
    return out


def _parts(
    config: TrainConfig, dataset: Dataset, start: Checkpoint | None
) -> tuple[TrainConfig, Tokenizer, Model, TokenView]:
    pairs = config.family == "seq2seq"
    if start is not None:
        data = replace(config.data, tracks=start.config.data.tracks)
        config = replace(config, model=start.config.model, tokenizer=start.config.tokenizer, data=data)
        start.model.train()  # a loaded checkpoint is in eval mode, and Lightning leaves it so
        view = token_view(dataset, start.tokenizer, data, pairs=pairs)
        return config, start.tokenizer, start.model, view
    tokenizer = fit_tokenizer(dataset, config.tokenizer, config.data, pairs=pairs)
    config = replace(config, tokenizer=tokenizer.config)
    view = token_view(dataset, tokenizer, config.data, pairs=pairs)
    return config, tokenizer, build_model(config, tokenizer), view


def _check_view(view: TokenView, say: Callable[[str], None]) -> None:
    for reason, count in view.skipped.items():
        say(f"left out {count} piece{'s' * (count > 1)}: {reason}")
    if not view.indices("train"):
        raise DataError("no training piece is left; add music to the dataset and prepare it again")


def _size_run(
    config: TrainConfig, view: TokenView, tokenizer: Tokenizer
) -> tuple[TrainConfig, TokenDataModule]:
    """Fit what the configuration leaves open to the data: batch, steps, validation."""
    tokens = sum(int(view.offsets[i + 1] - view.offsets[i]) for i in view.indices("train"))
    batch_tokens = min(config.optim.batch_tokens, max(2048, tokens // 8))
    data = TokenDataModule(view, tokenizer.tables, config, batch_tokens)
    per_epoch = len(data.train_batches(0))
    steps = config.trainer.max_steps or max(STEPS[0], min(STEPS[1], EPOCHS * per_epoch))
    every = config.trainer.val_check_interval or max(STEPS_BETWEEN, steps // VALIDATIONS)
    trainer = replace(config.trainer, max_steps=steps, val_check_interval=min(every, steps))
    return replace(config, trainer=trainer, optim=replace(config.optim, batch_tokens=batch_tokens)), data


def _manifest(dataset: Dataset, view: TokenView, tokenizer: Tokenizer) -> dict[str, Any]:
    """What data.json says: names and hashes only."""
    return {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "licence": dataset.info.get("licence"),
        "splits": dict(Counter(piece.split for piece in view.pieces)),
        "skipped": view.skipped,
        "tempo": view.tempo,
        "program": view.program,
        "ranges": voice_ranges(tokenizer.tables, (view.stream(i) for i in view.indices("train"))),
        "train": [
            {
                "name": view.pieces[i].name,
                "sha256": view.pieces[i].sha256,
                "programs": roster(tokenizer.tables, view.stream(i)),
            }
            for i in view.indices("train")
        ],
    }


def _announce(config: TrainConfig, model: Model, data: TokenDataModule, say: Callable[[str], None]) -> None:
    weights = sum(p.numel() for p in model.parameters())
    steps = config.trainer.max_steps or 0
    seconds = _seconds_a_step(config, model, data)
    say(
        f"training {weights / 1e6:.1f} M weights for {steps} steps of at most {data.batch_tokens} tokens "
        f"on {len(data.windows)} windows: about {steps * seconds / 60:.1f} minutes at this machine's pace"
    )


def _seconds_a_step(config: TrainConfig, model: Model, data: TokenDataModule) -> float:
    """Time two steps of a copy of the model, on the CPU or the first GPU; the run's random numbers stay."""
    device = "cuda" if _on_gpu(config) else "cpu"
    trial = copy.deepcopy(model).to(device)
    batches = data.train_batches(0)
    with torch.random.fork_rng():
        times = []
        for index in range(min(3, len(batches))):
            began = time.perf_counter()
            batch = {name: tensor.to(device) for name, tensor in batches[index].items()}
            ids = batch["input_ids"]
            with torch.autocast(device, torch.bfloat16, enabled=_precision(config).startswith("bf16")):
                logits, _ = trial(ids, first_state(trial, len(ids), batch.get("source_ids")))
                logits.float().logsumexp(-1).mean().backward()
            times.append(time.perf_counter() - began)
    return min(times)


def _accelerator(config: TrainConfig) -> str:
    """What Lightning is told: "auto" means CUDA or the CPU, since MPS lacks float64, which sums here want."""
    if config.trainer.accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.trainer.accelerator


def _on_gpu(config: TrainConfig) -> bool:
    return config.trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def _precision(config: TrainConfig) -> str:
    """The precision asked for; else bfloat16 where the device computes in it, which halves the time."""
    if config.trainer.precision:
        return config.trainer.precision
    if _on_gpu(config):
        return "bf16-mixed"
    computes_bf16 = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - it has no public name
    return "bf16-mixed" if computes_bf16 else "32-true"


def _trainer(
    config: TrainConfig, callbacks: list[pl.Callback], out: Path, *, has_progress: bool
) -> pl.Trainer:
    settings = config.trainer
    try:
        return pl.Trainer(
            accelerator=_accelerator(config),
            devices=int(settings.devices) if settings.devices.isdigit() else settings.devices,
            num_nodes=settings.num_nodes,
            strategy=settings.strategy,
            precision=_precision(config),  # type: ignore[arg-type]
            max_steps=settings.max_steps or -1,
            max_epochs=-1,
            limit_train_batches=settings.limit_train_batches,
            limit_val_batches=settings.limit_val_batches,
            val_check_interval=settings.val_check_interval,
            check_val_every_n_epoch=None,
            gradient_clip_val=config.optim.clip,
            use_distributed_sampler=False,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=has_progress,
            log_every_n_steps=10,
            callbacks=callbacks,
            logger=[
                pl.loggers.CSVLogger(out, name="logs", version="csv"),
                pl.loggers.TensorBoardLogger(out, name="logs", version="tensorboard"),
            ],
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ConfigError(f"--trainer settings do not work here: {str(error).splitlines()[0]}") from error


def _quiet_libraries() -> None:
    """Lightning's own tips and warnings are about things that are decided here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
