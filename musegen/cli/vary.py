"""`musegen vary`: clips like a given one, or with more or less of something."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from musegen.api.given import read_clip
from musegen.cli.clips import Sampling, Writing, likeness, load_vae, print_paths
from musegen.cli.outputs import Row, write_outputs
from musegen.cli.parse import parse
from musegen.cli.places import output_folder, refuse_taken
from musegen.console import print_json, say

if TYPE_CHECKING:
    from symusic import Score

SLIDERS = {
    "density": "notes a bar",
    "spread": "semitones from the lowest note to the highest",
    "complexity": "of the steps uneven",
    "pitch": "mean MIDI pitch",
}
"""What each slider moves."""


@dataclass(frozen=True)
class Vary:
    """Write clips like one of yours, or with more or less of something; its metre and tempo are kept.

    Each variation lies a share of the way (--amount), counted in notes that change, from your clip to a clip
    drawn at random; with sliders alone there is one, and nothing is drawn.

    $ musegen vary checkpoints/folk-2bar tune.mid --amount 0.3 --num 4 --out out/
    $ musegen vary checkpoints/folk-2bar tune.mid --density +2 --spread -5 --out out/
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """A music file: MIDI, MusicXML, ABC or kern."""
    out: Path
    """A folder for the files: 001.mid and so on, all.mid your clip and they, all.png their piano rolls."""
    amount: float | None = None
    """How far to go: 0 is the clip as the model gives it back, 1 any clip. Unset: 0.3, or 0 with sliders."""
    num: int | None = None
    """How many variations. Unset: 4, or 1 where nothing is drawn."""
    density: float | None = None
    """So many notes a bar more, or fewer: +2, -1.5."""
    spread: float | None = None
    """So many semitones more from the lowest note to the highest, or fewer: +5, -5."""
    complexity: float | None = None
    """So much more of the rhythm uneven, from 0 (all notes as long) to 1, or less: +0.3, -0.3."""
    pitch: float | None = None
    """So many semitones higher, or lower, on the whole: +7, -7."""
    from_bar: int | None = None
    """The clip's first bar, from 1; a pickup is bar 1. Unset: the first in which the tune has a note."""
    melody: str | None = None
    """The tune's track, by name or by number from 1. Unset: found out, and said."""
    sampling: Annotated[Sampling, tyro.conf.arg(name="")] = field(default_factory=Sampling)
    writing: Annotated[Writing, tyro.conf.arg(name="")] = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Vary a clip, write the variations, and say what changed."""
    arguments = parse(Vary, argv, prog="musegen vary")
    refuse_taken(arguments.out, force=arguments.writing.force)
    moves = {name: getattr(arguments, name) for name in SLIDERS if getattr(arguments, name) is not None}
    checkpoint, model = load_vae(arguments.checkpoint)
    clip = read_clip("FILE", arguments.file, checkpoint, from_bar=arguments.from_bar, melody=arguments.melody)

    from musegen.api.writing import write_variations

    seed = arguments.sampling.drawn_seed()
    with output_folder(arguments.out):
        results = write_variations(
            checkpoint,
            clip,
            num=arguments.num,
            amount=arguments.amount,
            moves=moves,
            sampling=arguments.sampling.config(checkpoint.config.sampling),
            seed=seed,
        )
        scores = [clip.score, *(result.score for result in results)]
        manifest = write_outputs(
            results,
            arguments.out,
            command=shlex.join(["musegen", "vary", *argv]),
            seed=seed,
            checkpoint=checkpoint.path.name,
            checkpoint_sha256=checkpoint.sha256,
            row=Row(scores, ["yours", *map(str, range(1, len(scores)))], model.clip_bars),
            measured=_measured(scores, model.clip_bars),
        )
    _say_changes(manifest["measured"], moves)
    if arguments.writing.json:
        print_json(manifest)
    else:
        print_paths(arguments.out, manifest)
    say(f"seed {seed}")


def _measured(scores: list[Score], bars: int) -> list[dict[str, Any]]:
    """Of the user's clip and each variation: its attributes, and how many of the clip's notes it keeps.

    None stands for an attribute that a clip has not, one of drums alone.
    """
    from musegen.metrics.attributes import score_attributes

    found = [
        [None if isnan(value) else value for value in row] for row in score_attributes(scores, bars).tolist()
    ]
    return [
        dict(zip(SLIDERS, values, strict=True)) | likeness(scores[0], score)
        for score, values in zip(scores, found, strict=True)
    ]


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
