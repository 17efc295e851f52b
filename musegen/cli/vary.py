"""`musegen vary`: clips like a given one, or with more or less of something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musegen.cli.outputs import CheckpointName, MusicFile, Writing, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import SLIDERS, VaryOptions, as_arguments
from musegen.console import say
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Vary:
    """Write clips like one of yours, or with more or less of something; its metre and tempo are kept.

    Each variation lies a share of the way (--amount), counted in notes that change, from your clip to a clip
    drawn at random; with sliders alone there is one, and nothing is drawn.

    $ musegen vary checkpoints/folk-2bar tune.mid --amount 0.3 --num 4 --out out/
    $ musegen vary checkpoints/folk-2bar tune.mid --density +2 --spread -5 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    file: MusicFile
    """A music file: MIDI, MusicXML, ABC or kern."""
    out: Path
    """A folder for the files: 001.mid and so on, all.mid your clip and they, all.png their piano rolls."""
    options: VaryOptions = field(default_factory=VaryOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Vary a clip, write the variations, and say what changed."""
    arguments = parse(Vary, argv, prog="musegen vary")
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("vary", argv, arguments, together=True) as run:
        run.pieces = run.model.vary(arguments.file, **as_arguments(arguments.options))
        _say_changes(run.pieces.measured, arguments.options.moves)
    say(f"seed {run.pieces.seed}")


def _say_changes(measured: list[dict[str, Any]], moves: Mapping[str, float]) -> None:
    """A line a variation: notes kept, and what the sliders that were moved did."""
    yours, *others = measured
    for number, figures in enumerate(others, start=1):
        parts = [f"{figures['recall']:.0%} of the notes kept"]
        parts += [
            f"{name} {_shown(yours[name])} to {_shown(figures[name])} {SLIDERS[name]} (asked for {move:+g})"
            for name, move in moves.items()
        ]
        say(f"{number}: {'; '.join(parts)}")


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
