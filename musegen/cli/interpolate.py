"""`musegen interpolate`: from one clip to another, step by step."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from musegen.api.given import read_ends
from musegen.api.ranges import check_steps
from musegen.cli.clips import Sampling, Writing, likeness, load_vae, print_paths, say_likeness
from musegen.cli.outputs import Row, write_outputs
from musegen.cli.parse import parse
from musegen.cli.places import output_folder, refuse_taken
from musegen.console import print_json, say

if TYPE_CHECKING:
    from symusic import Score

    from musegen.generation.clips import Clip


@dataclass(frozen=True)
class Interpolate:
    """Write the way from one clip to another: both ends are your own clips, between them lie the model's.

    $ musegen interpolate checkpoints/folk-2bar a.mid b.mid --num 9 --out out/
    $ musegen interpolate checkpoints/folk-2bar a.mid b.mid --from-bar 1 17 --temperature 0.5 --out out/
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    first: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="A")]
    """A music file: MIDI, MusicXML, ABC or kern."""
    last: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="B")]
    """Another, in the same metre."""
    out: Path
    """A folder for the files: 001.mid and so on, all.mid the steps end to end, all.png their piano rolls."""
    num: int = 9
    """How many clips, both ends included: from 2 to 128."""
    from_bar: tuple[int, ...] = ()
    """The first bar of both clips, or of each, from 1; a pickup is bar 1. Unset: the first with a note."""
    melody: str | None = None
    """The tune's track in both files, by name or by number from 1. Unset: found out, and said."""
    path: Literal["both", "spherical", "linear"] = "both"
    """Go along the arc (spherical), the straight line, or whichever leads on more evenly, step by step."""
    sampling: Annotated[Sampling, tyro.conf.arg(name="")] = field(default_factory=Sampling)
    writing: Annotated[Writing, tyro.conf.arg(name="")] = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Interpolate, write each step, and say how near the model's ends come to the user's."""
    arguments = parse(Interpolate, argv, prog="musegen interpolate")
    check_steps(arguments.num)
    refuse_taken(arguments.out, force=arguments.writing.force)
    checkpoint, model = load_vae(arguments.checkpoint)
    first, last = read_ends(
        arguments.first,
        arguments.last,
        checkpoint,
        from_bar=arguments.from_bar,
        melody=arguments.melody,
    )

    from musegen.api.writing import own
    from musegen.generation.interpolate import interpolate_clips

    seed = arguments.sampling.drawn_seed()
    with output_folder(arguments.out):
        way = interpolate_clips(
            model,
            checkpoint.tokenizer,
            first,
            last,
            arguments.num,
            path=arguments.path,
            sampling=arguments.sampling.config(checkpoint.config.sampling),
            seed=seed,
        )
        results = [own(first, model.clip_bars), *way.between, own(last, model.clip_bars)]
        scores = [result.score for result in results]
        titles = ["A", *map(str, range(2, len(results))), "B"]
        manifest = write_outputs(
            results,
            arguments.out,
            command=shlex.join(["musegen", "interpolate", *argv]),
            seed=seed,
            checkpoint=checkpoint.path.name,
            checkpoint_sha256=checkpoint.sha256,
            row=Row(scores, titles, model.clip_bars),
            measured=_measured((first, last), [way.first.score, way.last.score], scores),
        )
    for name, path in (("first", arguments.first), ("last", arguments.last)):
        say_likeness(f"{path} as the model gives it back", manifest["measured"][name])
    if arguments.writing.json:
        print_json(manifest)
    else:
        print_paths(arguments.out, manifest)
    say(f"seed {seed}")


def _measured(clips: tuple[Clip, Clip], given_back: list[Score], scores: list[Score]) -> dict[str, Any]:
    """How like the ends are as the model gives them back, and how smooth the way is; None where undefined."""
    from musegen.metrics.smoothness import smoothness

    ends = [likeness(clip.score, found) for clip, found in zip(clips, given_back, strict=True)]
    figures = smoothness(scores)._asdict()
    smooth = {name: None if isnan(value) else value for name, value in figures.items()}
    return {"first": ends[0], "last": ends[1], "smoothness": smooth}
