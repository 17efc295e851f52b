"""The parts of a run: completed configuration, tokenizer, model, batches, and Lightning module."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.left_out import in_words
from musegen.data.views import TokenView, token_view
from musegen.errors import DataError
from musegen.families import family_of, load
from musegen.music.key import ends_on_tonic
from musegen.tokenizers import Kind, Tables, Tokenizer, roster, voice_ranges, whole_tokenizer
from musegen.training.learner import Learner
from musegen.training.sharding import EpochData
from musegen.training.task import Task

CHOIR = SamplingOptions(temperature=0.6, min_p=0.02)
"""At temperature 1 voices cross and move in parallel more often than Bach's (see benchmarks/RESULTS.md)."""
EPOCHS = 30
MIN_STEPS = 200
"""Minimum of a run whose length depends on its data."""
VALIDATIONS = 20
"""Validations of a run whose length depends on its data, at least `STEPS_BETWEEN` steps apart."""
STEPS_BETWEEN = 25
TONIC_PIECES = 512
"""The maximum number of training pieces whose endings are analysed."""


class Run(NamedTuple):
    """A training run: the model and its data."""

    config: TrainConfig
    """With all settings filled in."""
    dataset: Dataset
    task: Task
    tokenizer: Tokenizer
    model: nn.Module
    data: EpochData
    module: Learner
    manifest: dict[str, Any]
    """The content of data.json: names and hashes only."""

    def checkpoint(self, path: Path) -> Checkpoint:
        """The current model as a checkpoint without metrics."""
        kept = self.kept()
        return Checkpoint(path=path, metrics={}, sha256="", module=kept.pop("model"), **kept)

    def kept(self) -> dict[str, Any]:
        """The content of a checkpoint, except metrics."""
        return {
            "config": self.config,
            "dataset": self.dataset.name,
            "tokenizer": self.tokenizer,
            "model": self.model,
            "data": self.manifest,
        }


def set_up(
    config: TrainConfig,
    dataset: Dataset,
    start: Checkpoint | None,
    say: Callable[[str], None],
    tokenizer: Tokenizer | None = None,
) -> Run:
    """Set up a run.

    Args:
        config: of the run; unset values are chosen from the data.
        dataset: the music.
        start: a checkpoint whose model and tokenizer are used.
        say: prints one line about pieces that are left out.
        tokenizer: of an interrupted run; None: fitted to the music.

    Raises:
        ConfigError: a setting does not fit.
        DataError: nothing to train on.
    """
    config, tokenizer, model, view = parts(config, dataset, start, tokenizer)
    config, task = config.settled(), load(family_of(config.family).training)
    _say_skipped(view.skipped, "piece", say)
    if view.odd_bars:
        say(f"filled up {view.odd_bars} odd bars with rests to a metre of the vocabulary")
    if not view.indices("train"):
        raise DataError("no training piece is left; add music to the dataset and prepare it again")
    tokens = sum(int(view.offsets[i + 1] - view.offsets[i]) for i in view.indices("train"))
    batch_tokens = min(config.optim.batch_tokens, max(2048, tokens // 8))
    data: EpochData = task.data(view, tokenizer, config, batch_tokens)
    _say_skipped(data.left_out, data.unit, say)
    config = _size_run(config, data, task.most_steps)
    is_note = torch.from_numpy((tokenizer.tables.kind == Kind.PITCH).astype("int64"))
    module = task.module(config, model, is_note)
    manifest = _manifest(dataset, view, tokenizer) | task.manifest(data, tokenizer)
    return Run(config, dataset, task, tokenizer, model, data, module, manifest)


def parts(
    config: TrainConfig, dataset: Dataset, start: Checkpoint | None, tokenizer: Tokenizer | None = None
) -> tuple[TrainConfig, Tokenizer, nn.Module, TokenView]:
    """Configuration, tokenizer, model and token streams, from `start` if there is one."""
    pairs = config.writes == "accompaniments"
    if start is not None:
        data = replace(config.data, tracks=start.config.data.tracks)
        config = replace(config, model=start.config.model, tokenizer=start.config.tokenizer, data=data)
        start.model.train()  # a loaded checkpoint is in eval mode, which Lightning does not change
        view = token_view(dataset, start.tokenizer, data, pairs=pairs)
        return config, start.tokenizer, start.model, view
    tokenizer = tokenizer or fit_tokenizer(
        dataset, config.settled_tokenizer, config.data, pairs=pairs, lines=config.writes_lines
    )
    config = replace(config, tokenizer=tokenizer.config, sampling=_fit_sampling(config, tokenizer))
    view = token_view(dataset, tokenizer, config.data, pairs=pairs)
    return config, tokenizer, build_model(config, tokenizer), view


def _fit_sampling(config: TrainConfig, tokenizer: Tokenizer) -> SamplingOptions:
    """The sampling settings; by default `CHOIR` for accompaniment models that write voices."""
    is_choir = config.writes == "accompaniments" and tokenizer.tables.voices > 1
    return CHOIR if is_choir and config.sampling == SamplingOptions() else config.sampling


def _say_skipped(skipped: dict[str, int], what: str, say: Callable[[str], None]) -> None:
    if skipped:
        count = sum(skipped.values())
        say(f"left out {count} {what}{'s' * (count > 1)}: {in_words(skipped)}")


def _size_run(config: TrainConfig, data: EpochData, most_steps: int) -> TrainConfig:
    """Choose unset values from the data: batch size, steps, validation interval."""
    wanted = max(MIN_STEPS, min(most_steps, EPOCHS * len(data.train_batches(0))))
    steps = config.trainer.max_steps or wanted
    every = config.trainer.val_check_interval or max(STEPS_BETWEEN, steps // VALIDATIONS)
    trainer = replace(config.trainer, max_steps=steps, val_check_interval=min(every, steps))
    return replace(config, trainer=trainer, optim=replace(config.optim, batch_tokens=data.batch_tokens))


def _share_on_tonic(dataset: Dataset, view: TokenView) -> float:
    """Share of training pieces that end on their tonic, from a sample spread evenly over them."""
    train = view.indices("train")
    pieces = [view.pieces[i] for i in train[:: -(-len(train) // TONIC_PIECES)]]
    return round(sum(ends_on_tonic(dataset.score(piece)) for piece in pieces) / len(pieces), 3)


def _notes_per_onset(view: TokenView, tables: Tables) -> float:
    """The mean number of notes that begin together in the training pieces; 1 for lines."""
    notes = onsets = 0
    for index in view.indices("train"):
        kinds = tables.kind[view.stream(index)]
        notes += int((kinds == Kind.PITCH).sum())
        onsets += int((kinds == Kind.POSITION).sum())
    return round(notes / onsets, 3) if onsets else 1.0  # a grid has no positions, and one note per voice


def _manifest(dataset: Dataset, view: TokenView, tokenizer: Tokenizer) -> dict[str, Any]:
    """The content of data.json: names and hashes only."""
    tables = whole_tokenizer(tokenizer).tables
    return {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "licence": dataset.info.get("licence"),
        "splits": dict(Counter(piece.split for piece in view.pieces)),
        "skipped": view.skipped,
        "tempo": view.tempo,
        "program": view.program,
        "ends_on_tonic": _share_on_tonic(dataset, view),
        "notes_per_onset": _notes_per_onset(view, tables),
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
