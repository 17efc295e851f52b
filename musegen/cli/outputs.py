"""An output folder: 001.mid, 002.mid, ... and manifest.json, which says how they came about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from musegen import __version__
from musegen.console import say
from musegen.files import write_json

if TYPE_CHECKING:
    from symusic import Score

    from musegen.generation.pieces import Result

MANIFEST = "manifest.json"
TOGETHER = "all.mid"


class Row(NamedTuple):
    """Clips that belong together, in their order."""

    scores: Sequence[Score]
    titles: Sequence[str]
    bars: int
    """Of each."""


def write_outputs(
    results: Sequence[Result],
    out: Path,
    *,
    command: str,
    seed: int,
    checkpoint: str,
    checkpoint_sha256: str,
    pictures: bool = False,
    row: Row | None = None,
    measured: Any = None,
) -> dict[str, Any]:
    """Write each result as a MIDI file, with its piano roll if wanted, the manifest last; returns it.

    What an earlier manifest of `out` lists is removed first, so that the folder holds one run.

    Args:
        results: one a file, numbered from 1.
        out: the folder.
        command: as typed.
        seed: of the run.
        checkpoint: its name.
        checkpoint_sha256: of its weights.
        pictures: write the piano roll of each.
        row: clips to be written as one file end to end, all.mid, and one picture side by side, all.png.
        measured: what else the manifest is to say.

    Raises:
        MidiError: a result has no notes.
        OSError: the folder cannot be written to.
    """
    from musegen.display.piano_roll import write_piano_roll
    from musegen.music.write import write_score

    _remove_earlier(out)
    width = max(3, len(str(len(results))))
    paths = [out / f"{number:0{width}}.mid" for number in range(1, len(results) + 1)]
    manifest = {
        "command": command,
        "version": __version__,
        "seed": seed,
        "checkpoint": checkpoint,
        "checkpoint_sha256": checkpoint_sha256,
        "files": [{"path": path.name, **_facts(result)} for path, result in zip(paths, results, strict=True)],
    }
    manifest |= {"together": TOGETHER} if row else {}
    manifest |= {"measured": measured} if measured is not None else {}
    try:
        for path, result in zip(paths, results, strict=True):
            for words in write_score(result.score, path, given=result.given):
                say(f"{path}: {words}")
            if pictures:
                write_piano_roll(result.score, path.with_suffix(".png"))
        if row:
            _write_row(row, out / TOGETHER)
        write_json(out / MANIFEST, manifest)
    except BaseException:
        for path in (*paths, out / TOGETHER):  # all of a run or nothing
            path.unlink(missing_ok=True)
            path.with_suffix(".png").unlink(missing_ok=True)
        raise
    return manifest


def _write_row(row: Row, path: Path) -> None:
    """Write clips end to end, and their piano rolls side by side."""
    from musegen.display.piano_roll import write_roll_row
    from musegen.music.excerpt import end_to_end
    from musegen.music.write import write_score

    for words in write_score(end_to_end(row.scores, row.bars), path):
        say(f"{path}: {words}")
    write_roll_row(row.scores, row.titles, path.with_suffix(".png"), bars=row.bars)


def _facts(result: Result) -> dict[str, Any]:
    from musegen.evaluation.info import music_facts

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


def say_strayed(precision: str, results: Sequence[Result]) -> None:
    """Say how far rounded weights led away from the model, if they are."""
    if precision != "float32":
        mean = sum(result.strayed for result in results) / len(results)
        say(f"{precision} weights: {mean:+.4f} nats an id against the model's own, on what was written")
