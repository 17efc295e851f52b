"""The output folder: 001.mid, 002.mid, ... and manifest.json, which records how they were made."""

from __future__ import annotations

import json
import math
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    """What to do with an existing output folder, and what to print."""

    force: Flag = False
    """Write into a folder that is not empty; files of an earlier run are replaced."""
    json: Flag = False
    """Print the manifest on stdout instead of the paths."""


@dataclass
class Run:
    """One run of a verb that samples."""

    model: Model
    pieces: Pieces = field(init=False)
    """The results; set by the verb."""
    report: list[str] = field(default_factory=list)
    """Lines about them, printed once the files are written."""


@contextmanager
def sampling_run(verb: str, argv: Sequence[str], arguments: Any, **how: bool) -> Iterator[Run]:
    """Shared by the verbs that sample: load the model before, write files and print their paths after.

    Args:
        verb: its name.
        argv: as typed after the verb.
        arguments: of the verb, with `checkpoint`, `out` and `writing`.
        **how: `pictures` and `together`, see `write_outputs`.
    """
    from musegen.api.model import Model  # slower to import than the command line is to parse

    out, run = arguments.out, Run(Model.load(arguments.checkpoint))
    with output_folder(out):
        yield run
        for message in run.pieces.words:
            say(message)
        manifest = write_outputs(run.model, run.pieces, out, [verb, *argv], **how)
    for line in run.report:
        say(line)
    if arguments.writing.json:
        print_json(manifest)
    else:
        for name in _listed(manifest):
            print(out / name)
    precision, gaps = run.pieces.precision, [piece.precision_gap for piece in run.pieces]
    if precision != "float32":
        mean = sum(gaps) / len(gaps)
        say(f"{precision} weights: {mean:+.4f} nats per token relative to float32, on these pieces")


def write_outputs(
    model: Model,
    pieces: Pieces,
    out: Path,
    argv: Sequence[str],
    *,
    pictures: bool = False,
    together: bool = False,
) -> dict[str, Any]:
    """Write each piece as a MIDI file, with its piano roll on request, then the manifest; returns that.

    Files listed in an earlier manifest in `out` are removed first, so that the folder holds a single run.

    Args:
        model: that generated the pieces.
        pieces: one per file, numbered from 1.
        out: the folder.
        argv: the command as typed, from the verb on.
        pictures: write the piano roll of each.
        together: also join all pieces, after the user's clip they are derived from, in all.mid, and show
            their piano rolls side by side in all.png.

    Raises:
        MidiError: a piece has no notes.
        OSError: the folder cannot be written to.
    """
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
    manifest |= {"together": JOINED} if together else {}
    manifest |= {"measured": pieces.measured} if pieces.measured is not None else {}
    try:
        for path, piece in zip(paths, pieces, strict=True):
            piece.save(path)
        if together:
            _write_together([*filter(None, [pieces.source]), *pieces], model.clip_bars, out / JOINED)
        if pictures:  # after all music, since the first picture loads matplotlib
            from musegen.display.piano_roll import write_piano_roll

            for path, piece in zip(paths, pieces, strict=True):
                write_piano_roll(piece.score, path.with_suffix(".png"))
        write_json(out / MANIFEST, manifest)
    except BaseException:
        for path in (*paths, out / JOINED):  # all files of a run, or none
            path.unlink(missing_ok=True)
            path.with_suffix(".png").unlink(missing_ok=True)
        raise
    return manifest


def note_f1_line(what: str, figures: dict[str, float]) -> str:
    """The note F1 of a clip against the user's, in a line."""
    shown = {name: f"{value:.3f}" for name, value in figures.items()}
    return (
        f"{what}: note F1 {shown['note_f1']} (onset and pitch; precision {shown['precision']}, recall "
        f"{shown['recall']}), {shown['note_f1_durations']} with durations"
    )


def _write_together(clips: Sequence[Piece], bars: int, path: Path) -> None:
    """Write clips of `bars` bars joined into one file, and their piano rolls side by side."""
    from musegen.display.piano_roll import write_roll_row
    from musegen.music.excerpt import end_to_end
    from musegen.music.writing.midi import write_score

    scores = [piece.score for piece in clips]
    for message in write_score(end_to_end(scores, bars), path):
        say(f"{path}: {message}")
    write_roll_row(scores, [piece.title for piece in clips], path.with_suffix(".png"), bars=bars)


def _facts(result: Result) -> dict[str, Any]:
    from musegen.music.facts import music_facts

    facts = music_facts(result.score)
    head = {"bars": result.bars, "notes": facts["notes"], "time_signature": facts["time_signature"]}
    filled = {} if result.filled is None else {"filled": result.filled}
    filled |= {} if result.given is None else {"given": dict(result.given)}
    if result.humanized is not None:
        return head | {"humanized": result.humanized} | facts | head
    known = None if math.isnan(result.log_likelihood) else result.log_likelihood
    passed_over = {"passed_over": result.passed_over} if result.passed_over else {}
    return head | {"log_likelihood": known} | passed_over | filled | facts | head


def _listed(manifest: dict[str, Any]) -> list[str]:
    """The MIDI files that a manifest lists."""
    joined = [str(manifest["together"])] if "together" in manifest else []
    return [str(file["path"]) for file in manifest["files"]] + joined


def _remove_earlier(out: Path) -> None:
    try:
        listed = _listed(json.loads((out / MANIFEST).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return  # no manifest, or not one of musegen: remove nothing
    for name in listed:
        path = out / name
        # never outside the folder, whatever the manifest lists
        if path.parent == out and path.suffix == ".mid":
            path.unlink(missing_ok=True)
            path.with_suffix(".png").unlink(missing_ok=True)
    (out / MANIFEST).unlink()


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Create an output folder, and check that it can be written to, before anything slow begins.

    If an error occurs within the block, the folders created here are removed again if they are empty.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    created = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out).close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(f"--out {out} cannot be written to ({reason}): name another folder") from error
        yield
    except BaseException:
        for folder in created:  # the innermost first
            with suppress(OSError):
                folder.rmdir()
        raise
