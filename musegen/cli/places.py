"""What a word on the command line stands for: a file, a dataset, a checkpoint, a folder to write to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from musegen.console import say
from musegen.errors import CheckpointError, ConfigError, DataError, MidiError

if TYPE_CHECKING:
    from symusic import Score

    from musegen.checkpoint import Checkpoint
    from musegen.data.dataset import Dataset

DATASETS = Path("datasets")
CHECKPOINTS = Path("checkpoints")


def read_music(flag: str, path: Path) -> Score:
    """The Score in a music file that a flag names; what had to be repaired is said.

    Raises:
        ConfigError: nothing lies there, or a folder does.
        MidiError: the file cannot be read.
    """
    from musegen.music.read import read_score

    _refuse_no_file(flag, path)
    try:
        score, repairs = read_score(path)
    except MidiError as error:
        raise MidiError(f"{flag}: {error}; name a MIDI, MusicXML or ABC file") from error
    if repairs:
        say(f"{path}: {'; '.join(repairs)}")
    return score


def _refuse_no_file(flag: str, path: Path) -> None:
    if path.is_dir():
        raise ConfigError(f"{flag} {path} is a folder: name a music file in it")
    if not path.exists():
        raise ConfigError(f"{flag} {path} does not exist: name a MIDI, MusicXML or ABC file")


class Tune(NamedTuple):
    """A tune that wants an accompaniment, and what else its file holds."""

    given: Score
    """The tune as it stands in the file, alone on its track."""
    melody: Score
    """The same, tidy: what a model is told of it."""
    others: Score | None
    """The file's own accompaniment, tidy; None where there is none."""
    pickup: int
    """Ticks by which the tidy scores begin earlier than the given one: a pickup filled up to a bar."""


def read_melody(flag: str, path: Path, wanted: str | None) -> Tune:
    """The tune in a music file: the track named, or the one that is most like a melody; it is said which.

    Raises:
        ConfigError: nothing lies there, or a folder does.
        MidiError: the file cannot be read, or has no such track.
    """
    from musegen.music.ops import melody_track
    from musegen.music.read import read_piece

    _refuse_no_file(flag, path)
    try:
        raw, repairs = read_piece(path)
        score, homes, pickup, more = _tidy_tracks(raw)
        index, how = melody_track(score, wanted)
    except MidiError as error:
        raise MidiError(f"{flag}: cannot read {path}: {error}; name a MIDI, MusicXML or ABC file") from error
    except DataError as error:
        raise MidiError(f"{path}: {error}; choose the tune with --melody") from error
    name = score.tracks[index].name.strip()
    if how == "inferred":
        say(f"the tune is taken to be track {index + 1} {name!r}; --melody names another")
    if repairs + more:
        say(f"{path}: {'; '.join(repairs + more)}")
    given, melody, others = raw.copy(), score.copy(), score.copy()
    given.tracks, melody.tracks = [raw.tracks[homes[index]]], [score.tracks[index]]
    del others.tracks[index]
    return Tune(given, melody, others if others.tracks else None, pickup)


def _tidy_tracks(raw: Score) -> tuple[Score, list[int], int, list[str]]:
    """What `tidy` gives, and for each track that is left its number in the file."""
    from musegen.music.read import tidy

    numbered = raw.copy()
    for number, track in enumerate(numbered.tracks):
        track.name = str(number)
    score, pickup, repairs = tidy(numbered)
    homes = [int(track.name) for track in score.tracks]
    for track, number in zip(score.tracks, homes, strict=True):
        track.name = raw.tracks[number].name
    return score, homes, pickup, repairs


FAMILY_VERBS = {"lm": "generate", "seq2seq": "accompany", "vae": "reconstruct, interpolate or vary"}


def load_family(folder: Path, *families: str) -> Checkpoint:
    """Load the checkpoint in a folder, if it is of a family wanted.

    Raises:
        CheckpointError: it is of another, or cannot be used.
    """
    from musegen.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(folder)
    family = checkpoint.config.family
    if family not in families:
        raise CheckpointError(
            f"checkpoint {folder} is of family {family}, not {' or '.join(families)}: "
            f"use musegen {FAMILY_VERBS[family]}"
        )
    return checkpoint


def find_checkpoint(name: str) -> Path:
    """The folder of a checkpoint, named by its path or by its name under ./checkpoints.

    Raises:
        CheckpointError: there is none; the nearest name is given.
    """
    for path in (Path(name), CHECKPOINTS / name):
        if (path / "dataset.json").is_file():
            raise CheckpointError(
                f"{path} is a dataset, not a checkpoint: make one with: musegen train lm {path} --out DIR"
            )
        if path.is_dir():
            return path
    if Path(name).exists():
        raise CheckpointError(f"{name} is a file: a checkpoint is a folder, as `musegen train` writes it")
    there = sorted(path.name for path in CHECKPOINTS.glob("*") if path.is_dir())
    near = get_close_matches(Path(name).name, there, n=1)
    hint = (
        f"did you mean {CHECKPOINTS / near[0]}?" if near else "make one with: musegen train lm DATA --out DIR"
    )
    raise CheckpointError(f"no checkpoint {name}, here or under {CHECKPOINTS}/: {hint}")


def open_data(name: str) -> Dataset:
    """A dataset: prepared (a path, or a name under ./datasets), or prepared now from music files or a corpus.

    Raises:
        DataError: there is nothing of that name, or nothing usable in it.
    """
    from musegen.data.corpora import CORPORA
    from musegen.data.dataset import Dataset

    path, known = Path(name), DATASETS / name
    if (path / "dataset.json").exists():
        return Dataset.open(path)
    if path.exists():
        return _prepare_on_the_way(name, DATASETS / path.resolve().stem)
    if (known / "dataset.json").exists():
        return Dataset.open(known)
    if name in CORPORA:
        return _prepare_on_the_way(name, known)
    there = [str(folder.parent) for folder in DATASETS.glob("*/dataset.json")]
    near = get_close_matches(name, [*there, *CORPORA], n=1)
    hint = f"did you mean {near[0]}?" if near else f"name a folder of music or one of {', '.join(CORPORA)}"
    raise DataError(f"no dataset {name}: {hint}")


def _prepare_on_the_way(source: str, out: Path) -> Dataset:
    from musegen.data.prepare import prepare

    if out.exists():
        raise DataError(
            f"{source} would be prepared into {out}, which exists: use that ({out}), "
            f"or prepare {source} under another name (musegen prepare {source} --out {out}-2)"
        )
    dataset = prepare(source, out)
    say(f"{source} is prepared: {out} (next time, name that)")
    return dataset


def refuse_taken(out: Path, *, force: bool) -> None:
    """Refuse an output folder that holds something, before anything slow begins; nothing is written.

    Raises:
        ConfigError: it is a file, or a folder that is not empty and `force` is off.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise ConfigError(f"--out {out} is there already and not empty: name another folder, or add --force")


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Make an output folder, and see that it can be written to, before anything slow begins.

    Where an error ends the work, the folders made for it go again if nothing is in them.

    Raises:
        ConfigError: it cannot be written to.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out).close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(f"--out {out} cannot be written to ({reason}): name another folder") from error
        yield
    except BaseException:
        for folder in made:  # the innermost first
            with suppress(OSError):
                folder.rmdir()
        raise
