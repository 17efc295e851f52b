"""`train`: from a dataset and a configuration to a checkpoint folder."""

import copy
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from musegen.checkpoint.folder import Checkpoint, load_checkpoint, save_checkpoint
from musegen.config.ranges import flat
from musegen.config.settings import TrainConfig
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.data.origin import path_from
from musegen.errors import ConfigError
from musegen.families import family_of
from musegen.files import refuse_taken, remove_unfinished, write_atomic
from musegen.processes import is_first_process
from musegen.training.budget import DEFAULT_ON_CPU, changed, predicted, time_limit
from musegen.training.callbacks import (
    KeepBest,
    SampleEachValidation,
    StopAtNaN,
    WatchCollapse,
    WatchFigure,
)
from musegen.training.device import accelerator, limit_memory, precision
from musegen.training.faults import faults_in_words, quiet_libraries, say_when_one_dies, settings_in_words
from musegen.training.fine_tuning import between, for_fine_tuning, say_gain
from musegen.training.pace import Pace
from musegen.training.resume import (
    KeepState,
    StepSeeds,
    WholeFiles,
    delete_resume_state,
    describe_run,
    has_state,
    load_run,
    require_state,
    state_path,
)
from musegen.training.sample import write_sample
from musegen.training.setup import Run, set_up

KEPT = ("data.tracks", "latent.kind", "latent.active")
"""Settings, besides those of the model and the tokenizer, that a checkpoint to start from decides."""


def train(
    config: TrainConfig,
    dataset: Dataset,
    out: Path,
    *,
    init: Path | None = None,
    resume: bool = False,
    force: bool = False,
    fixed: frozenset[str] = frozenset(),
    say: Callable[[str], None] = say,
    watch: Callable[[int, float], bool] | None = None,
) -> Path:
    """Train a model and leave the best one on the validation split in the folder `out`.

    Args:
        config: of the run; unset values are chosen from the data.
        dataset: the music.
        out: checkpoint folder, new or empty unless `force`.
        init: a checkpoint to start from; its model and tokenizer are used.
        resume: resume the interrupted run in `out`, with its settings.
        force: replace the content of `out`.
        fixed: names of settings, such as "model.hidden_size", that are kept even where they do not suit the
            time; those that differ from their defaults are.
        say: prints one line.
        watch: see `WatchFigure`.

    Returns:
        `out`.

    Raises:
        MusegenError: `out` is taken, a setting does not fit, `init` cannot be used, there is nothing to train
            on, or the loss is not finite.
    """
    say = say if is_first_process() else lambda _line: None
    if is_first_process():  # for the others the folder already has its files
        refuse_taken(out, force=force or resume)
    quiet_libraries()
    limit_memory()
    before = load_run(out, config, dataset, say) if resume else None
    typed, config = (before.typed, before.config) if before else (config, config)
    pl.seed_everything(config.seed, verbose=False)
    limit, fixed, start = time_limit(typed), fixed | changed(config), None
    if init:
        start = _start(init, config, fixed)
        config = for_fine_tuning(config, fixed, start)
    elif before and before.init:
        start = load_checkpoint(before.init)
    run = set_up(config, dataset, start, say, before.tokenizer if before else None, fixed)
    run.manifest["dataset_path"] = path_from(out, dataset.path)
    _announce(run, config, say)
    if is_first_process():
        _clear(out, is_new=before is None)
    state = before.state if before else None
    best = _fit(run, typed, out, state=state, limit=limit, start=start, say=say, watch=watch)
    if start is not None:
        say_gain(start.path.name, best, say)
    if is_first_process():
        _save_steps(run, out)
        delete_resume_state(out)
    return out


def check(
    config: TrainConfig,
    out: Path,
    *,
    init: Path | None = None,
    resume: bool = False,
    force: bool = False,
    fixed: frozenset[str] = frozenset(),
) -> None:
    """Reject what can be rejected before the music is prepared, which may take minutes; see `train`."""
    refuse_taken(out, force=force or resume)
    quiet_libraries()
    if resume:
        require_state(out)
    if init:
        _start(init, config, fixed | changed(config))
    precision(config)
    if config.data.chords and config.data.tracks == "melody":
        raise ConfigError(
            "⟨data.chords⟩ adds a track, and a model of the melody alone does not see it: leave it out, or "
            "use ⟨data.tracks⟩ all"
        )
    config.settled().plans(int(config.tokenizer.kind == "grid"))
    _trainer(config, [], out, {})


def _fit(
    run: Run,
    typed: TrainConfig,
    out: Path,
    *,
    state: Path | None,
    limit: float | None,
    start: Checkpoint | None,
    say: Callable[[str], None],
    watch: Callable[[int, float], bool] | None = None,
) -> KeepBest:
    """Run the steps, from the first or from a saved state, for at most `limit` seconds; see `train`."""
    command = shlex.join(
        ["musegen", "train", run.config.family, str(run.dataset.path), "--out", str(out), "--resume"]
    )
    died = (
        "another process of this run has died (see its message above), so the run ends; what was saved "
        f"before is kept; resume with: {command}"
    )
    say_when_one_dies(say, died)
    every = run.config.trainer.val_check_interval or 1

    def described() -> str:
        return describe_run(typed, run.config, run.tokenizer, run.dataset, start.path if start else None)

    # The last callback: its states include what the others have stored in the step.
    last = KeepState(state_path(out), described, every=every, say=say, resume_command=command)
    clock = [pl.callbacks.Timer(timedelta(seconds=limit), verbose=False)] if limit else []
    most = run.longest if typed.trainer.max_time is None else None
    has_decay = run.config.optim.decay is not None and run.config.is_extendable
    is_paced = clock and has_decay and typed.trainer.max_steps is None
    pace = [Pace(clock[0], run.config, run.change, most=most)] if is_paced else []
    best = KeepBest(
        lambda metrics: _save(run, out, metrics), say, figure=run.module.figure, shown=run.module.shown
    )
    watching = [WatchFigure(run.module.figure, watch)] if watch else []
    callbacks = [*pace, *_callbacks(run, out, say, best), *watching, *clock, last]
    trainer = _trainer(run.config, callbacks, out, _limits(run))
    first = copy.deepcopy(run.model.state_dict()) if start else {}
    with faults_in_words(trainer, died, lambda: command if has_state(out) else "the same command again"):
        if start is not None and state is None:  # what is to be beaten, and kept if nothing beats it
            trainer.validate(run.module, datamodule=run.data, verbose=False)
        trainer.fit(run.module, datamodule=run.data, ckpt_path=state)
    steps = run.config.trainer.max_steps or 0
    if clock and trainer.global_step < steps and (clock[0].time_remaining() or 0) <= 0:
        say(f"the time is up after step {trainer.global_step} of {steps}")  # Lightning has validated then
    elif trainer.global_step % every:  # steps since the last validation
        trainer.validate(run.module, datamodule=run.data, verbose=False)
    for share in between(run.model, first) if start else ():
        say(f"with {share:.0%} of the change of the weights:")
        trainer.validate(run.module, datamodule=run.data, verbose=False)
    return best


def _callbacks(run: Run, out: Path, say: Callable[[str], None], best: KeepBest) -> list[pl.Callback]:
    module = run.module
    sampler = SampleEachValidation(
        lambda path: write_sample(path, run.checkpoint(out), run.dataset), out / "samples"
    )
    return [
        StepSeeds(run.config.seed),
        StopAtNaN(run.data.names, module.figure),
        best,
        *([sampler] if family_of(run.config.family).sample else []),
        WatchCollapse(say),
        pl.callbacks.EarlyStopping(module.figure, patience=run.config.optim.patience),
    ]


def _start(init: Path, config: TrainConfig, fixed: frozenset[str]) -> Checkpoint:
    """The checkpoint to start from; its model, tokenizer and tracks are used.

    Raises:
        ConfigError: of another family, or another of these is fixed.
    """
    start = load_checkpoint(init)
    if start.config.family != config.family:
        raise ConfigError(f"⟨init⟩ {start.path.name} is of family {start.config.family}, not {config.family}")
    wanted, kept = flat(asdict(config)), flat(asdict(start.config))
    for name in sorted(fixed):
        is_kept = name.startswith(("model.", "tokenizer.")) or name in KEPT
        if is_kept and wanted.get(name) != kept.get(name):
            raise ConfigError(
                f"⟨{name.replace('_', '-')}⟩ {wanted.get(name)}: with ⟨init⟩ {start.path.name} it stays "
                f"{kept.get(name)}; leave it out, or leave out ⟨init⟩"
            )
    return start


def _clear(out: Path, *, is_new: bool) -> None:
    """Check that the folder can be written, before the first epoch, and remove files of an old run.

    Raises:
        OSError: it cannot be written.
    """
    write_atomic(out / ".writable", b"")
    (out / ".writable").unlink()
    remove_unfinished(out)
    if is_new:
        delete_resume_state(out)
        for old in [out / "README.md", *(out / "samples").glob("step-*.mid")]:
            old.unlink(missing_ok=True)


def _save(run: Run, out: Path, metrics: dict[str, Any]) -> None:
    """Write the checkpoint, completed by its task."""
    metrics["valid"] |= run.task.before_saving(run.module, run.data)
    save_checkpoint(out, metrics=metrics, **run.kept())


def _save_steps(run: Run, out: Path) -> None:
    """Write the final configuration, if the steps were planned again after the best validation."""
    best = load_checkpoint(out)
    if best.config != run.config:
        kept = run.kept() | {"model": best.model}
        save_checkpoint(out, metrics=best.metrics, **kept)


def _announce(run: Run, config: TrainConfig, say: Callable[[str], None]) -> None:
    """Say what is trained and how long that takes; `config` is as it was before it was fitted."""
    weights = sum(p.numel() for p in run.module.parameters())
    steps = run.config.trainer.max_steps or 0
    about = "about " if run.config.optim.decay is not None and config.trainer.max_steps is None else ""
    line = (
        f"training {weights / 1e6:.1f} M weights for {about}{steps} steps of at most {run.data.batch_tokens} "
        f"tokens on {run.data.count} {run.data.unit}s"
    )
    if run.timing is None:
        say(line)
        return
    seconds, validating = predicted(run.config, run.timing)
    is_default = time_limit(config) is not None and config.trainer.max_time is None
    say(
        f"{line}: about {seconds / 60:.1f} minutes on this machine, {validating / 60:.1f} for validation"
        + (f"; at most {DEFAULT_ON_CPU}, for more set ⟨trainer.max-time⟩" if is_default else "")
    )


def _limits(run: Run) -> dict[str, int | float]:
    """How many batches per epoch are used, by Lightning's names: a share of a few is at least one."""
    settings, batches = run.config.trainer, (len(run.data.train_batches(0)), len(run.data.val_dataloader()))
    shares = settings.limit_train_batches, settings.limit_val_batches
    used = [1 if isinstance(s, float) and s * n < 1 else s for s, n in zip(shares, batches, strict=True)]
    return dict(zip(("limit_train_batches", "limit_val_batches"), used, strict=True))


def _trainer(
    config: TrainConfig, callbacks: list[pl.Callback], out: Path, limits: dict[str, int | float]
) -> pl.Trainer:
    settings, has_progress = config.trainer, sys.stderr.isatty()
    if has_progress:
        callbacks = [*callbacks, pl.callbacks.RichProgressBar()]
    with settings_in_words():
        return pl.Trainer(
            accelerator=accelerator(config),
            devices=int(settings.devices) if settings.devices.isdigit() else settings.devices,
            num_nodes=settings.num_nodes,
            strategy=settings.strategy,
            precision=precision(config),  # type: ignore[arg-type]
            max_steps=settings.max_steps or -1,
            max_epochs=-1,
            **limits,  # type: ignore[arg-type]
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
