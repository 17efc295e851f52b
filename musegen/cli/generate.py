"""`musegen generate`: new pieces from nothing, or from a prompt."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from musegen.api.inputs import read_music
from musegen.api.text import allowed_pitches, key_of, metre_of
from musegen.cli.outputs import CheckpointName, Writing, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import GenerateOptions, as_arguments
from musegen.console import say
from musegen.files import refuse_taken


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

    checkpoint: CheckpointName
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    out: Path
    """A folder for the files."""
    options: GenerateOptions = field(default_factory=GenerateOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Generate, write the files and their manifest; print their paths on stdout."""
    arguments = parse(Generate, argv, prog="musegen generate")
    options, out = arguments.options, arguments.out
    metre_of(options.time_signature)  # refused before anything is read
    allowed_pitches(options.scale, options.pitch_range)
    refuse_taken(out, force=arguments.writing.force)
    key_of(options.key, scale=options.scale, prompt=options.prompt)
    asked = as_arguments(options)
    if options.prompt:
        asked["prompt"] = read_music("prompt", options.prompt)
    with sampling_run("generate", argv, arguments) as run:
        run.pieces = run.model.generate(**asked)
    say(f"seed {run.pieces.seed}; next: musegen render {shlex.quote(str(out))}/*.mid")
