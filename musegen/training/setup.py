"""The parts of a run: completed configuration, tokenizer, model, batches, and Lightning module."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.left_out import in_words
from musegen.data.views import TokenView, config_view
from musegen.errors import DataError
from musegen.families import family_of, load
from musegen.music.key import ends_on_tonic
from musegen.tokenizers import (
    Kind,
    Tables,
    Tokenizer,
    known_ids,
    known_pitches,
    roster,
    voice_ranges,
    whole_tokenizer,
)
from musegen.tokenizers.tables import Ints
from musegen.training import fine_tuning
from musegen.training.budget import (
    DECAY,
    EPOCHS,
    MIN_BATCH,
    MIN_STEPS,
    Timing,
    fit_model,
    fit_steps,
    time_limit,
    time_run,
    tokens_per_second,
)
from musegen.training.learner import Learner
from musegen.training.sharding import EpochData
from musegen.training.task import Task

CHOIR = SamplingOptions(temperature=0.6, min_p=0.02)
"""At temperature 1 voices cross and move in parallel more often than Bach's (see benchmarks/RESULTS.md)."""
ENDLESS = 1 << 30
TONIC_PIECES = 512
"""The maximum number of training pieces whose endings are analysed."""


@dataclass
class Run:
    """A training run: the model and its data."""

    config: TrainConfig
    """With all settings filled in; its steps may change during the run."""
    dataset: Dataset
    task: Task
    tokenizer: Tokenizer
    model: nn.Module
    data: EpochData
    module: Learner
    manifest: dict[str, Any]
    """The content of data.json: names and hashes only."""
    timing: Timing | None
    """None: the run is short."""
    longest: int
    """Steps that suit the data."""

    def change(self, config: TrainConfig) -> None:
        """Go on with other numbers of steps."""
        self.config = config
        self.module.follow(config)

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
    fixed: frozenset[str] = frozenset(),
) -> Run:
    """Set up a run.

    Args:
        config: of the run; unset values are chosen from the data.
        dataset: the music.
        start: a checkpoint whose model and tokenizer are used.
        say: prints one line about pieces that are left out.
        tokenizer: of an interrupted run; None: fitted to the music.
        fixed: names of settings that are never changed, such as "model.hidden_size".

    Raises:
        ConfigError: a setting does not fit.
        DataError: nothing to train on.
    """
    task: Task = load(family_of(config.family).training)
    config, dataset = task.prepare(config if start is None else config.like(start.config), dataset, say)
    config, tokenizer, view = parts(config, dataset, start, tokenizer)
    config = config.settled()
    _say_view(view, say)
    _say_tracks(config, tokenizer, dataset, say)
    if not view.indices("train"):
        raise DataError("no training piece is left; add music to the dataset and prepare it again")
    tokens = sum(int(view.offsets[i + 1] - view.offsets[i]) for i in view.indices("train"))
    most = config.optim.batch_tokens
    batch_tokens = most if "optim.batch_tokens" in fixed else min(most, max(MIN_BATCH, tokens // 8))
    data: EpochData = task.data(dataset, view, tokenizer, config, batch_tokens)
    _say_skipped(data.left_out, data.unit, say)
    is_note = torch.from_numpy((tokenizer.tables.kind == Kind.PITCH).astype("int64"))
    seconds = time_limit(config) if config.trainer.max_steps is None else None
    if seconds is not None and start is None:

        def speed(tried: TrainConfig) -> tuple[int, float]:
            with torch.random.fork_rng():  # the weights of the run do not depend on what was tried
                module = _module(task, tried, build_model(tried, tokenizer), is_note)
                return tokens_per_second(tried, module, data)

        config, batch_tokens = fit_model(config, fixed, seconds, batch_tokens, speed)
        data = task.data(dataset, view, tokenizer, config, batch_tokens)
    config = replace(config, optim=replace(config.optim, batch_tokens=data.batch_tokens))
    model = build_model(config, tokenizer) if start is None else _started(config, start)
    model.train()  # a loaded checkpoint is in eval mode, which Lightning does not change
    timing = time_run(config, _module(task, config, model, is_note), data, seconds)
    epoch = len(data.train_batches(0))
    longest = fine_tuning.EPOCHS * epoch if start else max(MIN_STEPS, min(task.most_steps, EPOCHS * epoch))
    is_blind = start is not None and _valid_notes(view, tokenizer) < fine_tuning.FEW_NOTES
    if seconds is not None and start is None and "optim.decay" not in fixed and config.is_extendable:
        config = replace(config, optim=replace(config.optim, decay=DECAY))
    config = fit_steps(config, fixed, timing, seconds, longest, is_blind=is_blind)
    module = task.module(config, model, is_note)
    manifest = _manifest(dataset, view, tokenizer) | task.manifest(data, tokenizer)
    return Run(config, dataset, task, tokenizer, model, data, module, manifest, timing, longest)


def _valid_notes(view: TokenView, tokenizer: Tokenizer) -> int:
    """Number of notes in the validation split."""
    is_note = whole_tokenizer(tokenizer).tables.kind == Kind.PITCH
    return sum(int(is_note[view.stream(i)].sum()) for i in view.indices("valid"))


def _module(task: Task, config: TrainConfig, model: nn.Module, is_note: Tensor) -> Learner:
    """The module of a trial, which has no last step."""
    endless = replace(config, trainer=replace(config.trainer, max_steps=ENDLESS))
    return task.module(endless, model, is_note)


def parts(
    config: TrainConfig, dataset: Dataset, start: Checkpoint | None, tokenizer: Tokenizer | None = None
) -> tuple[TrainConfig, Tokenizer, TokenView]:
    """Configuration, tokenizer and token streams, from `start` if there is one."""
    if start is not None:
        config = config.like(start.config)
        return config, start.tokenizer, config_view(config, dataset, start.tokenizer)
    if dataset.timing == "free" and config.writes not in ("pieces", "labels"):
        raise DataError(
            f"{dataset.name} is in free time, and family {config.family} needs bars: prepare it with "
            "⟨timing⟩ beats, or with ⟨beats⟩ if there are files of beats"
        )
    tokenizer = tokenizer or fit_tokenizer(
        dataset,
        config.settled_tokenizer,
        config.data,
        pairs=config.pairs,
        fills=config.fills,
        lines=config.writes_lines,
        names=config.writes not in ("labels", "rolls"),
        played=config.writes in ("pieces", "accompaniments"),
    )
    config = _fit_sampling(replace(config, tokenizer=tokenizer.config), tokenizer)
    return config, tokenizer, config_view(config, dataset, tokenizer)


def _started(config: TrainConfig, start: Checkpoint) -> nn.Module:
    """The model of a checkpoint, which reads the labels that are new to it."""
    own, known = (getattr(each.model, "labels", ()) for each in (config, start.config))
    if own == known:
        return start.model
    model = build_model(config, start.tokenizer)
    model.load_state_dict(start.model.state_dict(), strict=False)
    return model


def _fit_sampling(config: TrainConfig, tokenizer: Tokenizer) -> TrainConfig:
    """The configuration with its sampling settings; by default `CHOIR` where an accompaniment has voices."""
    is_choir = config.writes == "accompaniments" and tokenizer.tables.voices > 1
    return replace(config, sampling=CHOIR) if is_choir and config.sampling == SamplingOptions() else config


def _say_view(view: TokenView, say: Callable[[str], None]) -> None:
    _say_skipped(view.skipped, "piece", say)
    if view.odd_bars:
        say(f"filled up {view.odd_bars} odd bars with rests to a metre of the vocabulary")
    if view.too_fine:
        say(f"left out {view.too_fine} notes finer than the grid; a larger ⟨tokenizer.positions⟩ has them")


def _say_skipped(skipped: dict[str, int], what: str, say: Callable[[str], None]) -> None:
    if skipped:
        count = sum(skipped.values())
        say(f"left out {count} {what}{'s' * (count > 1)}: {in_words(skipped)}")


def _say_tracks(
    config: TrainConfig, tokenizer: Tokenizer, dataset: Dataset, say: Callable[[str], None]
) -> None:
    """Say what becomes of pieces with several tracks where the streams of a language model have only one."""
    several = dataset.with_several_tracks
    if config.writes != "pieces" or tokenizer.config.programs or not several:
        return
    if config.data.tracks == "melody":
        say(f"of {several} pieces with several tracks the melody is used")
    elif tokenizer.tables.voices <= 1:
        say(
            f"{several} pieces have several tracks of one instrument, which become one; for the melody: "
            "⟨data.tracks⟩ melody"
        )


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
    whole = whole_tokenizer(tokenizer)
    tables = whole.tables

    def train() -> Iterator[Ints]:
        return (view.stream(i) for i in view.indices("train"))

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
        "longest": max(view.pieces[i].bars for i in view.indices("train")),
        "ranges": voice_ranges(tables, train()),
        "pitches": known_pitches(tables, train()),
        "known": [whole.vocab[id_] for id_ in known_ids(tables, train())],
        "train": [
            {
                "name": view.pieces[i].name,
                "sha256": view.pieces[i].sha256,
                "programs": roster(tables, view.stream(i)),
            }
            for i in view.indices("train")
        ],
    }
