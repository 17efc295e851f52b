"""`musegen generate`: new pieces from scratch, or continuations of a prompt."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from musegen.api.text import allowed_pitches, key_of, metre_of
from musegen.cli.outputs import CheckpointName, Writing, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import as_arguments
from musegen.config.verbs import GenerateOptions
from musegen.console import say
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Generate:
    """Generate new pieces, or continue a prompt: 001.mid, 002.mid, ... and a manifest.json.

    $ musegen generate checkpoints/mine --bars 16 --num 8 --temperature 0.95 --out out/
    $ musegen generate checkpoints/mine --prompt tune.mid --bars 8 --out out/
    $ musegen generate checkpoints/mine --time-signature 6/8 --scale "D dorian" --pitch-range 55:84 --out out/
    $ musegen generate checkpoints/mine --key "E minor" --bars 32 --out out/
    $ musegen generate folk-vae --num 8 --out out/
    $ musegen generate checkpoints/mine --num 8 --max-copy 16 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    out: Path
    """Output folder."""
    options: GenerateOptions = field(default_factory=GenerateOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Generate, write the files and their manifest; print their paths on stdout."""
    arguments = parse(Generate, argv, prog="musegen generate")
    options, out = arguments.options, arguments.out
    metre_of(options.time_signature)  # rejected before anything is read
    allowed_pitches(options.scale, options.pitch_range)
    refuse_taken(out, force=arguments.writing.force)
    key_of(options.key, scale=options.scale, prompt=options.prompt)
    with sampling_run("generate", argv, arguments) as run:
        run.pieces = run.model.generate(**as_arguments(options))
    say(f"seed {run.pieces.seed}; next: musegen render {shlex.quote(str(out))}/*.mid")
