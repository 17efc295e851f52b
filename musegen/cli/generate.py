"""`musegen generate`: new pieces from nothing, or from a prompt."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from musegen.api.given import read_music
from musegen.api.metres import metre_of
from musegen.api.pitches import allowed_pitches, key_of
from musegen.cli.outputs import say_strayed, write_outputs
from musegen.cli.parse import Flag, parse
from musegen.cli.places import load_family, output_folder, refuse_taken
from musegen.console import print_json, say
from musegen.errors import ConfigError
from musegen.released import find_checkpoint

if TYPE_CHECKING:
    from musegen.generation.requests import Result

SAMPLING = ("temperature", "top_k", "top_p", "min_p", "min_p_new", "diatonic", "precision", "compiled")


@dataclass(frozen=True)
class Generate:
    """Write new pieces as 001.mid, 002.mid, ... with a manifest.json; or continue a tune.

    $ musegen generate checkpoints/mine --bars 16 --num 8 --temperature 0.95 --out out/
    $ musegen generate checkpoints/mine --prompt tune.mid --bars 8 --out out/
    $ musegen generate checkpoints/mine --time-signature 6/8 --scale "D dorian" --pitch-range 55:84 --out out/
    $ musegen generate checkpoints/mine --key "E minor" --bars 32 --out out/
    $ musegen generate checkpoints/folk-2bar --num 8 --out out/
    $ musegen generate checkpoints/mine --num 8 --max-copy 16 --out out/
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    out: Path
    """A folder for the files."""
    bars: int | None = None
    """How many new bars each piece has. Unset: 16, or what a model of clips writes."""
    num: int = 1
    """How many pieces."""
    prompt: Path | None = None
    """A music file to continue; it stands unchanged before the new bars."""
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
    seed: int | None = None
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""
    time_signature: Annotated[str | None, tyro.conf.arg(metavar="N/D")] = None
    """Such as 6/8. Unset: the prompt's, or as the model likes, piece by piece."""
    scale: str | None = None
    """Keep to a scale, such as "D dorian" or "A minor". Unset: any pitch."""
    key: str | None = None
    """A key to be in and to end on the tonic of, such as "D major" or "E dorian": what comes out in another
    mode is thrown away. Unset: any key."""
    pitch_range: Annotated[str | None, tyro.conf.arg(metavar="LO:HI")] = None
    """Keep to a range of pitches, both ends included: 60:84 or C4:C6."""
    tempo: float | None = None
    """Quarters a minute. Unset: the prompt's, or the training data's median."""
    program: int | None = None
    """The General MIDI program that plays, from 0. Unset: the prompt's, or as in the training data."""
    prior: Flag = False
    """Of a model of clips: draw from all of its latent space, not only from where the training clips lie."""
    max_copy: int | None = None
    """Throw away what copies more notes in a row from a training piece, in any key and at any speed, and
    write others; wants the dataset. Half of all real folk tunes have 12 in a row from another."""
    against: str | None = None
    """For --max-copy: the dataset that must not be copied, where it is not ./datasets/NAME any more."""
    force: Flag = False
    """Write into a folder that is not empty; files of an earlier run in it are replaced."""
    json: Flag = False
    """Print the manifest on stdout instead of the paths."""


def main(argv: list[str]) -> None:
    """Generate, write the files and their manifest; print their paths on stdout."""
    arguments = parse(Generate, argv, prog="musegen generate")
    metre = metre_of(arguments.time_signature)
    pitches = allowed_pitches(arguments.scale, arguments.pitch_range)
    refuse_taken(arguments.out, force=arguments.force)
    key = key_of(arguments.key, scale=arguments.scale, prompt=arguments.prompt)
    prompt = read_music("--prompt", arguments.prompt) if arguments.prompt else None
    folder = find_checkpoint(arguments.checkpoint)
    checkpoint = load_family(folder, "lm", "vae")

    if arguments.against and not arguments.max_copy:
        raise ConfigError("--against says what --max-copy is held against: add it, or leave --against out")

    from musegen.api.writing import new_bars, write_pieces
    from musegen.generation.requests import Request

    bars = new_bars(checkpoint, arguments.bars, has_prompt=prompt is not None, prior=arguments.prior)
    request = Request(bars, metre, pitches, arguments.tempo, arguments.program)
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    given = {name: getattr(arguments, name) for name in SAMPLING if getattr(arguments, name) is not None}
    sampling = replace(checkpoint.config.sampling, **given)

    def write(num: int, seed: int) -> list[Result]:
        results, rejected = write_pieces(
            checkpoint,
            request,
            num=num,
            prompt=prompt,
            key=key,
            sampling=sampling,
            seed=seed,
            prior=arguments.prior,
        )
        if key:
            say(f"thrown away, for not being in {key[1]} and ending on the tonic: {rejected}")
        return results

    with output_folder(arguments.out):
        results = _novel(arguments, write, bars, seed) if arguments.max_copy else write(arguments.num, seed)
        manifest = write_outputs(
            results,
            arguments.out,
            command=shlex.join(["musegen", "generate", *argv]),
            seed=seed,
            checkpoint=folder.name,
            checkpoint_sha256=checkpoint.sha256,
        )
    if arguments.json:
        print_json(manifest)
    else:
        for file in manifest["files"]:
            print(arguments.out / file["path"])
    say_strayed(sampling.precision, results)
    say(f"seed {seed}; next: musegen render {shlex.quote(str(arguments.out))}/*.mid")


def _novel(
    arguments: Generate, write: Callable[[int, int], list[Result]], bars: int, seed: int
) -> list[Result]:
    """What copies no more than --max-copy notes in a row of the training pieces."""
    from musegen.cli.learnt import learnt_dataset
    from musegen.data.training_index import learnt
    from musegen.generation.chosen import generate_novel

    assert arguments.max_copy is not None
    known = learnt(learnt_dataset(arguments.against or arguments.checkpoint)).known
    results, rejected = generate_novel(
        write, known, max_copy=arguments.max_copy, bars=bars, num=arguments.num, seed=seed
    )
    say(f"thrown away, for copying more than {arguments.max_copy} notes in a row: {rejected}")
    return results
