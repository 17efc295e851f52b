"""Played drums: the timing and velocity that a performer predicts from the score, beside simpler systems.

    python -m benchmarks.performer GROOVE [--split validation] [--seeds 3] [--checkpoints CKPT ...] [--json]

GROOVE is the folder of the Groove MIDI Dataset (Gillick et al. 2019, arXiv:1905.06118) with its info.csv. A
performer is trained for each seed on its training split, beats and fills in all metres, in folders
OUT-performer-SEED; flags that are not listed are those of `musegen train`. What is predicted are the beats in
4/4 of the validation or the test split, with the pitches of the Roland kit and the tempo of info.csv. The
score is every note at its nearest 16th; two hits of a pitch in one 16th are told apart by their order alone.

Errors are mean absolute errors over notes. Systems: every note on the grid, with the median velocity of
training; the medians of the training beats by pitch and 16th of the bar; the same medians of each drummer
alone (of all, where he has none); the medians of the distributions that the performers predict. The last
table has the overlap of the distributions of shift and velocity over all notes of sampled takes with those of
the drummers, and that of two halves of these, every other piece: the smallest over the performers.
"""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np
from symusic import Score

from benchmarks.runner import Flags, benchmark
from benchmarks.runs import train
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.cli.tables import print_table
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import ConfigError, DataError
from musegen.evaluation.takes import Performed, Usual, compare_takes, errors
from musegen.generation.takes import medians, predict
from musegen.music.performance import frame_of, notes_of, played_beside, sheet_of

MISALIGNED = "drummer7/session3/149"
"""Left out: the performance does not fit its grid."""
POSITIONS = 4
TARGETS = {"timing_error_ms": 19.5, "velocity_error": 19.5}
MIN_OVERLAP = 0.95
SPLITS = {"train": "train", "validation": "valid", "test": "test"}


class Beat(NamedTuple):
    """A beat, and who played it."""

    drummer: str
    piece: Performed


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The performances that info.csv lists.

    Raises:
        DataError: there is no such file.
    """
    if not (folder / "info.csv").is_file():
        raise DataError(f"{folder} has no info.csv: name the folder of the Groove MIDI Dataset")
    with (folder / "info.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["id"] != MISALIGNED]


def groove_dataset(folder: Path, out: Path, kit: str | None = None) -> Dataset:
    """All performances as a dataset with the official split, and the kit as `prepare` maps it."""
    with TemporaryDirectory() as place:
        for row in rows_of(folder):
            copy = Path(place) / SPLITS[row["split"]] / row["midi_filename"]
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / row["midi_filename"], copy)
        return prepare(place, out, kit=kit, force=True)


def beats_of(folder: Path, split: str) -> list[Beat]:
    """The beats in 4/4 of a split, with all their notes."""
    beats = []
    for row in rows_of(folder):
        if (row["split"], row["beat_type"], row["time_signature"]) == (split, "beat", "4-4"):
            score = Score.from_midi((folder / row["midi_filename"]).read_bytes())
            frame = frame_of(score)._replace(tempo_times=np.zeros(1), tempos=np.array([float(row["bpm"])]))
            notes = notes_of(score)
            sheet = sheet_of(notes, frame, POSITIONS)
            beats.append(Beat(row["drummer"], Performed(sheet, played_beside(notes, sheet, POSITIONS))))
    return beats


def of_medians(before: Sequence[Beat], beats: Sequence[Beat]) -> dict[str, dict[str, float]]:
    """The errors of the systems that are not trained."""
    usual = Usual.of([beat.piece for beat in before])
    drummers = {beat.drummer for beat in before}
    own = {name: Usual.of([b.piece for b in before if b.drummer == name]) for name in drummers}
    by_drummer = {name: _or_of_all(each, usual) for name, each in own.items()}
    pieces = [beat.piece for beat in beats]
    return {
        "on the grid, one velocity": errors(pieces, [usual.on_the_grid(piece) for piece in pieces]),
        "median by drum and 16th": errors(pieces, [usual.by_place(piece) for piece in pieces]),
        "the same, of each drummer": errors(
            pieces, [by_drummer.get(beat.drummer, usual).by_place(beat.piece) for beat in beats]
        ),
    }


def _or_of_all(own: Usual, usual: Usual) -> Usual:
    """The medians of a drummer, of all drummers where he has none."""
    shifts: Mapping[tuple[int, int], float] = {**usual.shifts, **own.shifts}
    return Usual(own.velocity, shifts, {**usual.velocities, **own.velocities})


def of_performer(checkpoint: Checkpoint, beats: Sequence[Beat]) -> tuple[dict[str, float], dict[str, Any]]:
    """The errors of a performer's medians, and the overlap of its takes."""
    if checkpoint.config.family != "performer":
        raise ConfigError(f"{checkpoint.path} is of family {checkpoint.config.family}, not performer")
    pieces = [beat.piece for beat in beats]
    played = [medians(predict(checkpoint.model, piece.sheet)) for piece in pieces]  # type: ignore[arg-type]
    return errors(pieces, played), compare_takes(checkpoint, pieces)


def show(found: dict[str, Any]) -> None:
    """Print both tables."""
    rows = [[name, *(f"{row[each]:.2f}" for each in TARGETS)] for name, row in found["errors"].items()]
    print_table(["", "timing, ms", "velocity"], rows, [f"{found['beats']} beats, {found['notes']:,} notes"])
    overlaps = [
        [name, f"{row['takes']:.3f}", f"{row['halves']:.3f}"] for name, row in found["overlap"].items()
    ]
    print_table(["overlap", "takes", "two halves of the drummers"], overlaps, [])


def is_good(found: dict[str, Any]) -> bool:
    """Whether the mean of the performers, and their takes, meet the targets."""
    mean = found["errors"]["performers, mean"]
    return all(mean[name] <= most for name, most in TARGETS.items()) and all(
        row["takes"] >= min(MIN_OVERLAP, row["halves"]) for row in found["overlap"].values()
    )


@benchmark(show, is_good=is_good)
def main(
    folder: Path,
    /,
    *,
    out: Path = Path("checkpoints/groove"),
    split: Literal["validation", "test"] = "validation",
    seeds: int = 3,
    checkpoints: Sequence[Path] = (),
    flags: Flags,
) -> dict[str, Any]:
    """Train performers, unless some are named, and measure them beside medians.

    Args:
        folder: the Groove MIDI Dataset.
        out: the dataset and the checkpoints are written beside this name.
        split: what is predicted; settings are chosen on validation.
        seeds: number of performers that are trained.
        checkpoints: folders of trained performers.
        flags: of musegen train.
    """
    if checkpoints and flags:
        raise ConfigError(f"{flags[0]} is a flag of training, but with --checkpoints nothing is trained")
    before, beats = beats_of(folder, "train"), beats_of(folder, split)
    found = list(checkpoints)
    if not found:
        dataset = groove_dataset(folder, out.with_name(f"{out.name}-data"))
        for seed in range(seeds):
            place = out.with_name(f"{out.name}-performer-{seed}")
            found.append(train("performer", dataset.path, place, "--seed", str(seed), *flags))
    measured = [of_performer(load_checkpoint(path), beats) for path in found]
    table = of_medians(before, beats)
    table |= {f"performer {path.name}": row for path, (row, _) in zip(found, measured, strict=True)}
    table["performers, mean"] = {name: float(np.mean([row[name] for row, _ in measured])) for name in TARGETS}
    overlaps = {
        name: {
            "takes": min(takes[name]["takes"] for _, takes in measured),
            "halves": measured[0][1][name]["halves"],
        }
        for name in measured[0][1]
    }
    notes = sum(len(beat.piece.sheet.tempo) for beat in beats)
    return {"split": split, "beats": len(beats), "notes": notes, "errors": table, "overlap": overlaps}
