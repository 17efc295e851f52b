"""`musegen accompany`: the rest of the music to a given tune."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from musegen.api.given import read_melody
from musegen.api.pitches import common_pitches
from musegen.cli.generate import SAMPLING
from musegen.cli.outputs import say_strayed, write_outputs
from musegen.cli.parse import Flag, parse
from musegen.cli.places import load_family, output_folder, refuse_taken
from musegen.console import print_json, say
from musegen.checkpoint.names import find_checkpoint


@dataclass(frozen=True)
class Accompany:
    """Write accompaniments to a tune, the likeliest first: the tune itself stays as it is, note for note.

    $ musegen accompany checkpoints/chorale tune.mid --num 4 --seed 3 --out out/
    $ musegen accompany checkpoints/pop song.mid --melody 2 --prompt-bars 4 --temperature 0.9 --out out/
    $ musegen accompany checkpoints/pop tune.mid --chords "C Am F G" --out out/
    $ musegen accompany checkpoints/chorale tune.abc --pitch-range bass=36:60 alto=C4:C5 --out out/
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """A music file with the tune: MIDI, MusicXML, ABC or kern."""
    out: Path
    """A folder for the files."""
    melody: str | None = None
    """The tune's track, by name or by number from 1. Unset: found out, and said."""
    num: int = 1
    """How many accompaniments."""
    prompt_bars: int = 0
    """Keep the file's own accompaniment in so many bars at the beginning, and go on from there."""
    temperature: float | None = None
    """Above 1 bolder, below 1 safer; 0 always takes the likeliest. Unset: the checkpoint's."""
    top_k: int | None = None
    """Draw from the k likeliest ids only. Unset: the checkpoint's."""
    top_p: float | None = None
    """Draw from the likeliest ids that together hold this much probability. Unset: the checkpoint's."""
    min_p: float | None = None
    """Leave out ids less likely than this share of the likeliest. Unset: the checkpoint's."""
    min_p_new: float | None = None
    """The same of pitch classes that a piece has not had yet, from its eighth on: fewer stray accidentals.
    Unset: the checkpoint's."""
    diatonic: float | None = None
    """Share of the pieces, drawn at random, that keep to one diatonic scale, whichever they begin in.
    Unset: the checkpoint's."""
    precision: Literal["float32", "bfloat16", "int8"] | None = None
    """Round the weights, on a processor: faster, and no longer quite the model; how far off is printed."""
    compiled: bool = False
    """Compile the steps (needs a C++ compiler): a minute at first, then single pieces take half the time."""
    chords: str | None = None
    """The chords, one a bar or two with a comma between, such as "C Am F,G C"; from the first again after the
    last. Unset: the model's choice."""
    plan_temperature: float | None = None
    """How freely a model that plans chords draws them. Unset: 0, the likeliest; 0.5 and 1 are bolder."""
    seed: int | None = None
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""
    scale: str | None = None
    """Keep to a scale, such as "D dorian" or "A minor". Unset: any pitch."""
    pitch_range: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[PART=]LO:HI")] = ()
    """Keep to a range of pitches, for all or for a part: 36:84, bass=36:60, alto=G3:C5."""
    no_picture: Flag = False
    """Write no piano rolls beside the MIDI files."""
    force: Flag = False
    """Write into a folder that is not empty; files of an earlier run in it are replaced."""
    json: Flag = False
    """Print the manifest on stdout instead of the paths."""


def main(argv: list[str]) -> None:
    """Accompany, write the files, their piano rolls and their manifest; print their paths on stdout."""
    arguments = parse(Accompany, argv, prog="musegen accompany")
    common_pitches(arguments.scale, arguments.pitch_range)  # refused before anything is read
    refuse_taken(arguments.out, force=arguments.force)
    tune = read_melody("FILE", arguments.file, arguments.melody)
    folder = find_checkpoint(arguments.checkpoint)
    checkpoint = load_family(folder, "seq2seq")

    from musegen.api.writing import wanted_accompaniment, write_accompaniments

    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    given = {name: getattr(arguments, name) for name in SAMPLING if getattr(arguments, name) is not None}
    sampling = replace(checkpoint.config.sampling, **given)
    wanted = wanted_accompaniment(
        checkpoint,
        tune,
        scale=arguments.scale,
        pitch_range=arguments.pitch_range,
        prompt_bars=arguments.prompt_bars,
        chords=arguments.chords,
        plan_temperature=arguments.plan_temperature,
    )
    with output_folder(arguments.out):
        results = write_accompaniments(
            checkpoint,
            tune,
            wanted,
            num=arguments.num,
            sampling=sampling,
            seed=seed,
        )
        manifest = write_outputs(
            results,
            arguments.out,
            command=shlex.join(["musegen", "accompany", *argv]),
            seed=seed,
            checkpoint=folder.name,
            checkpoint_sha256=checkpoint.sha256,
            pictures=not arguments.no_picture,
        )
    if arguments.json:
        print_json(manifest)
    else:
        for file in manifest["files"]:
            print(arguments.out / file["path"])
    say_strayed(sampling.precision, results)
    say(f"seed {seed}")
