"""Training by `musegen train`, and the runs that a published benchmark scores, one row each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Score

from benchmarks.runner import Flags
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import ConfigError
from musegen.files import write_atomic
from musegen.music.writing.midi import midi_bytes

Row = Any
"""A named tuple: "system", then its figures, each a number or None."""


def train(family: str, dataset: Path, out: Path, *flags: str) -> Path:
    """Train by `musegen train`; returns the checkpoint's folder, `out`."""
    from musegen.cli.train import main as train_main

    train_main([family, str(dataset), "--out", str(out), "--force", *flags])
    return out


def train_grid(
    family: str, dataset: Dataset, out: Path, *, seed: int, positions: int, flags: Sequence[str]
) -> Path:
    """Train a model with a grid of so many positions per quarter note; returns its folder, `out`."""
    words = ["--seed", str(seed), "--tokenizer", "grid", "--tokenizer.positions", str(positions)]
    return train(family, dataset.path, out, *words, *flags)


def grid_models(
    family: str, dataset: Dataset, out: Path, *, positions: int, fixed: Path | None, seeds: int, flags: Flags
) -> list[Path]:
    """The checkpoint named by --checkpoint, or those of one run per seed.

    Args:
        family: of the models.
        dataset: to train on.
        out: folder of each run, without "-" and its seed.
        positions: per quarter note.
        fixed: the value of --checkpoint.
        seeds: number of runs.
        flags: of the training.

    Raises:
        ConfigError: there are flags of training although nothing is trained.
    """
    if fixed and flags:
        raise ConfigError(f"{flags[0]} is a flag of training, but with --checkpoint nothing is trained")
    if fixed:
        return [fixed]
    folders = [out.with_name(f"{out.name}-{seed}") for seed in range(seeds)]
    for seed, folder in enumerate(folders):
        train_grid(family, dataset, folder, seed=seed, positions=positions, flags=flags)
    return folders


def dataset_of(pieces: Iterator[tuple[str, Score]], midi: Path, folder: Path, melody: str) -> Dataset:
    """Pieces (split/name and score) as MIDI files, and the musegen dataset of them, made only once."""
    if not folder.exists():
        for name, score in pieces:
            write_score(score, midi / f"{name}.mid")
        prepare(str(midi), folder, melody=melody)
    return Dataset.open(folder)


def write_score(score: Score, path: Path) -> None:
    """Write a MIDI file, and create its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, midi_bytes(score))


def with_mean(rows: list[Row]) -> list[Row]:
    """The rows, followed by their mean if there are several; of a column with an empty cell there is none."""
    if len(rows) < 2:
        return rows
    columns = list(zip(*rows, strict=True))[1:]
    means = (None if None in column else float(np.mean(column)) for column in columns)
    return [*rows, type(rows[0])(f"mean of {len(rows)} seeds", *means)]


def table(rows: Sequence[Row], *, title: str, digits: int) -> str:
    """The rows as text, with empty cells for None."""
    lines = [f"{title:<28}" + "".join(f"{name.removeprefix('of_'):>8}" for name in rows[0]._fields[1:])]
    for system, *values in rows:
        cells = (f"{'':>8}" if value is None else f"{value:>8.{digits}f}" for value in values)
        lines.append(f"{system:<28}{''.join(cells)}".rstrip())
    return "\n".join(lines)
