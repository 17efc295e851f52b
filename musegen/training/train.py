"""`train`: from a dataset and a configuration to a checkpoint folder."""

import copy
import logging
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from musegen.checkpoint.folder import Checkpoint, load_checkpoint, save_checkpoint
from musegen.config.settings import TrainConfig
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError, MusegenError
from musegen.files import remove_unfinished, write_atomic
from musegen.processes import is_first_process
from musegen.training.callbacks import KeepBest, SampleEachValidation, StopAtNaN, WatchCollapse
from musegen.training.clips import ClipDataModule
from musegen.training.latent import VAEModule
from musegen.training.posterior import fit_latent_space
from musegen.training.resume import (
    KeepState,
    StepSeeds,
    WholeFiles,
    describe_run,
    forget_run,
    has_state,
    load_run,
    state_path,
)
from musegen.training.sample import write_sample
from musegen.training.setup import Run, set_up


def train(
    config: TrainConfig,
    dataset: Dataset,
    out: Path,
    *,
    init: Path | None = None,
    resume: bool = False,
    force: bool = False,
    say: Callable[[str], None] = say,
) -> Path:
    """Train a model and leave the best one on the validation split in the folder `out`.

    Args:
        config: of the run; what it leaves open is fitted to the data.
        dataset: the music.
        out: checkpoint folder, new or empty unless `force`.
        init: a checkpoint to start from; its model and tokenizer are used.
        resume: go on with the run in `out` that was interrupted, with the settings it has.
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
    say = say if is_first_process() else _nothing
    if not (force or resume):
        _refuse_taken(out)
    _quiet_libraries()
    asked, before = config, load_run(out, config, dataset, say) if resume else None
    config = before.config if before else config
    _precision(config)  # refused before anything is made
    pl.seed_everything(config.seed, verbose=False)
    start = _start(init, config, say) if init else None
    run = set_up(config, dataset, start, say, before.tokenizer if before else None)
    config, module, data = run.config, run.module, run.data
    _announce(run, say)
    if is_first_process():
        _clear(out, is_new=before is None)
    every = config.trainer.val_check_interval or 1
    going_on = shlex.join(
        ["musegen", "train", config.family, str(dataset.path), "--out", str(out), "--resume"]
    )
    died = (
        "another process of this run has died (see what it said above), so the run ends; what was saved "
        f"before is kept; go on with: {going_on}"
    )
    _say_when_one_dies(say, died)
    callbacks: list[pl.Callback] = [
        StepSeeds(config.seed),
        StopAtNaN(data.names, module.figure),
        KeepBest(
            lambda metrics: _save(run, dataset, out, metrics),
            say,
            figure=module.figure,
            shown=module.shown,
        ),
        SampleEachValidation(
            lambda path: write_sample(path, config, dataset, run.tokenizer, run.model, run.manifest),
            out / "samples",
        ),
        WatchCollapse(say),
        pl.callbacks.EarlyStopping(module.figure, patience=config.optim.patience),
        # After the others: what it saves holds what they have seen of the step.
        KeepState(
            state_path(out),
            describe_run(asked, config, run.tokenizer, dataset),
            every=every,
            say=say,
            going_on=going_on,
        ),
    ]
    if sys.stderr.isatty():
        callbacks.append(pl.callbacks.RichProgressBar())
    trainer = _trainer(config, callbacks, out, has_progress=sys.stderr.isatty())
    with _faults_in_words(trainer, died, lambda: going_on if has_state(out) else "the same command again"):
        trainer.fit(module, datamodule=data, ckpt_path=before.state if before else None)
    if trainer.global_step % every:  # steps since the last validation
        trainer.validate(module, datamodule=data, verbose=False)
    if is_first_process():
        forget_run(out)
    return out


@contextmanager
def _faults_in_words(trainer: pl.Trainer, died: str, following: Callable[[], str]) -> Iterator[None]:
    """Say what ends a run from outside: settings that do not work here, a full disk, a lost process.

    Args:
        trainer: at work.
        died: what is said of a process that is lost.
        following: the command that goes on.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"--trainer settings do not work here: {str(error).splitlines()[0]}") from error
    except BrokenPipeError:  # nobody listens any more
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = f": {error.filename}" if error.filename else ""
        raise MusegenError(
            f"training ends at step {trainer.global_step}: {reason}{where}; what was saved before is kept; "
            f"when that is mended, go on with: {following()}"
        ) from error
    except RuntimeError as error:
        if trainer.world_size == 1 or not _is_lost_connection(error):
            raise
        raise MusegenError(died) from error


def _refuse_taken(out: Path) -> None:
    """Refuse a folder that holds files; processes but the first find what it has begun to write."""
    if is_first_process() and out.exists() and any(out.iterdir()):
        raise ConfigError(f"--out {out} already holds files; choose another folder or add --force")


def _start(init: Path, config: TrainConfig, say: Callable[[str], None]) -> Checkpoint:
    """The checkpoint to start from."""
    start = load_checkpoint(init)
    if start.config.family != config.family:
        raise ConfigError(f"--init {start.path.name} is of family {start.config.family}, not {config.family}")
    if (config.model, config.tokenizer) != (start.config.model, start.config.tokenizer):
        say(f"model and tokenizer are those of {start.path.name}, whatever the settings say")
    return start


def _clear(out: Path, *, is_new: bool) -> None:
    """Find out whether the folder can be written, before the first epoch, and remove what an old run left.

    Raises:
        OSError: it cannot.
    """
    write_atomic(out / ".writable", b"")
    (out / ".writable").unlink()
    remove_unfinished(out)
    if is_new:
        forget_run(out)
        for old in [out / "README.md", *(out / "samples").glob("step-*.mid")]:
            old.unlink(missing_ok=True)


def _save(run: Run, dataset: Dataset, out: Path, metrics: dict[str, Any]) -> None:
    """Write the checkpoint; of a VAE, with what its latent space is like by now."""
    if isinstance(run.module, VAEModule):
        assert isinstance(run.data, ClipDataModule)
        fit_latent_space(
            run.module.model,
            run.data.train_clips,
            run.data.attributes,
            sliders=run.module.latent.sliders > 0,
            seed=run.config.seed,
        )
        metrics["valid"]["kl_per_dimension"] = run.module.kl_per_dimension
    save_checkpoint(
        out,
        config=run.config,
        dataset=dataset.name,
        tokenizer=run.tokenizer,
        model=run.model,
        data=run.manifest,
        metrics=metrics,
    )


def _announce(run: Run, say: Callable[[str], None]) -> None:
    weights = sum(p.numel() for p in run.module.parameters())
    steps = run.config.trainer.max_steps or 0
    seconds = _seconds_a_step(run)
    say(
        f"training {weights / 1e6:.1f} M weights for {steps} steps of at most {run.data.batch_tokens} tokens "
        f"on {run.data.size}: about {steps * seconds / 60:.1f} minutes at this machine's pace"
    )


def _seconds_a_step(run: Run) -> float:
    """Time two steps of a copy of the model, on the CPU or the first GPU; the run's random numbers stay."""
    device = "cuda" if _on_gpu(run.config) else "cpu"
    trial = copy.deepcopy(run.module).to(device)
    batches = run.data.train_batches(0)
    with torch.random.fork_rng():
        times = []
        for index in range(min(3, len(batches))):
            began = time.perf_counter()
            batch = {name: tensor.to(device) for name, tensor in batches[index].items()}
            with torch.autocast(device, torch.bfloat16, enabled=_precision(run.config).startswith("bf16")):
                trial.loss(batch).backward()  # type: ignore[no-untyped-call]
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
    """The precision asked for; else bfloat16 where the device computes in it, which halves the time.

    Raises:
        ConfigError: the processor cannot run an LSTM in it.
    """
    asked = config.trainer.precision
    if asked == "bf16-mixed" and not _on_gpu(config) and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        raise ConfigError(
            "--trainer.precision bf16-mixed: this processor does not compute in bfloat16; leave it out"
        )
    if asked:
        return asked
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
            plugins=[WholeFiles()],
            callbacks=callbacks,
            logger=[
                pl.loggers.CSVLogger(out, name="logs", version="csv"),
                pl.loggers.TensorBoardLogger(out, name="logs", version="tensorboard"),
            ],
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ConfigError(f"--trainer settings do not work here: {str(error).splitlines()[0]}") from error


def _nothing(line: str) -> None:
    """What processes but the first say."""
    del line


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error is what a process hears of another's death; gloo's has no type of its own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()


def _say_when_one_dies(say: Callable[[str], None], died: str) -> None:
    """Where a process of a run dies, Lightning kills the others, and says so where nobody listens."""

    def heard(record: logging.LogRecord) -> bool:
        if "terminated with code" in record.getMessage():
            say(f"error: {died}")
        return False

    logger = logging.getLogger("lightning_fabric.strategies.launchers.subprocess_script")
    logger.setLevel(logging.INFO)
    logger.filters = [heard]


def _quiet_libraries() -> None:
    """Lightning's own tips and warnings are about things that are decided here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
