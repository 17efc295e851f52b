"""An output folder: 001.mid, 002.mid, ... and manifest.json, which says how they came about."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import tyro

from musegen import __version__
from musegen.cli.parse import Flag
from musegen.console import print_json, say
from musegen.errors import ConfigError
from musegen.files import write_json

if TYPE_CHECKING:
    from musegen.api.model import Model
    from musegen.api.piece import Piece, Pieces
    from musegen.generation.request import Result

MANIFEST = "manifest.json"
JOINED = "all.mid"
CheckpointName = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
MusicFile = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]


@dataclass(frozen=True)
class Writing:
    """What becomes of the output folder, and what is printed."""

    force: Flag = False
    """Write into a folder that is not empty; files of an earlier run in it are replaced."""
    json: Flag = False
    """Print the manifest on stdout instead of the paths."""


class Row(NamedTuple):
    """Clips that belong together, in their order: one file end to end, all.mid, one picture, all.png."""

    pieces: Sequence[Piece]
    titles: Sequence[str]
    bars: int
    """Of each."""


def write_outputs(
    model: Model,
    pieces: Pieces,
    out: Path,
    argv: Sequence[str],
    *,
    pictures: bool = False,
    row: Row | None = None,
) -> dict[str, Any]:
    """Write each piece as a MIDI file, with its piano roll if wanted, the manifest last; returns it.

    What an earlier manifest of `out` lists is removed first, so that the folder holds one run.

    Args:
        model: that wrote them.
        pieces: one a file, numbered from 1.
        out: the folder.
        argv: the command as typed, from the verb on.
        pictures: write the piano roll of each.
        row: clips that are written together too.

    Raises:
        MidiError: a piece has no notes.
        OSError: the folder cannot be written to.
    """
    from musegen.display.piano_roll import write_piano_roll

    _remove_earlier(out)
    width = max(3, len(str(len(pieces))))
    paths = [out / f"{number:0{width}}.mid" for number in range(1, len(pieces) + 1)]
    manifest = {
        "command": shlex.join(["musegen", *argv]),
        "version": __version__,
        "seed": pieces.seed,
        "checkpoint": model.name,
        "checkpoint_sha256": model.checkpoint.sha256,
        "files": [
            {"path": path.name, **_facts(piece.result)} for path, piece in zip(paths, pieces, strict=True)
        ],
    }
    manifest |= {"together": JOINED} if row else {}
    manifest |= {"measured": pieces.measured} if pieces.measured is not None else {}
    try:
        for path, piece in zip(paths, pieces, strict=True):
            piece.save(path)
            if pictures:
                write_piano_roll(piece.score, path.with_suffix(".png"))
        if row:
            _write_row(row, out / JOINED)
        write_json(out / MANIFEST, manifest)
    except BaseException:
        for path in (*paths, out / JOINED):  # all of a run or nothing
            path.unlink(missing_ok=True)
            path.with_suffix(".png").unlink(missing_ok=True)
        raise
    return manifest


def print_outputs(out: Path, manifest: dict[str, Any], pieces: Pieces, *, as_json: bool) -> None:
    """Print the manifest, or the path of each MIDI file, one a line; and how far rounded weights led away."""
    if as_json:
        print_json(manifest)
    else:
        together = [manifest["together"]] if "together" in manifest else []
        for name in [*(file["path"] for file in manifest["files"]), *together]:
            print(out / name)
    report_precision_gap(pieces)


def report_precision_gap(pieces: Pieces) -> None:
    """Say how far rounded weights led away from the model, if they are."""
    if pieces.precision != "float32":
        mean = sum(piece.precision_gap for piece in pieces) / len(pieces)
        say(
            f"{pieces.precision} weights: {mean:+.4f} nats an id against the model's own, on what was written"
        )


def say_likeness(what: str, figures: dict[str, float]) -> None:
    """Say how like a clip is to the user's."""
    shown = {name: f"{value:.3f}" for name, value in figures.items()}
    say(
        f"{what}: note F1 {shown['note_f1']} (onset and pitch; precision {shown['precision']}, recall "
        f"{shown['recall']}), {shown['note_f1_durations']} with durations"
    )


def _write_row(row: Row, path: Path) -> None:
    """Write clips end to end, and their piano rolls side by side."""
    from musegen.display.piano_roll import write_roll_row
    from musegen.music.excerpt import end_to_end
    from musegen.music.writing.midi import write_score

    scores = [piece.score for piece in row.pieces]
    for words in write_score(end_to_end(scores, row.bars), path):
        say(f"{path}: {words}")
    write_roll_row(scores, row.titles, path.with_suffix(".png"), bars=row.bars)


def _facts(result: Result) -> dict[str, Any]:
    from musegen.music.facts import music_facts

    facts = music_facts(result.score)
    return {
        "bars": result.bars,
        "notes": facts.pop("notes"),
        "time_signature": facts.pop("time_signature"),
        "log_likelihood": result.log_likelihood,
        **{name: value for name, value in facts.items() if name != "bars"},
    }


def _remove_earlier(out: Path) -> None:
    try:
        earlier = json.loads((out / MANIFEST).read_text("utf-8"))
        listed = [str(file["path"]) for file in earlier["files"]]
        listed += [str(earlier["together"])] if "together" in earlier else []
    except (OSError, ValueError, KeyError, TypeError):
        return  # no manifest, or not one of ours: remove nothing
    for name in listed:
        path = out / name
        if (
            path.parent == out and path.suffix == ".mid"
        ):  # never outside the folder, whatever the manifest says
            path.unlink(missing_ok=True)
            path.with_suffix(".png").unlink(missing_ok=True)
    (out / MANIFEST).unlink()


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
