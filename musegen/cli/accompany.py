"""`musegen accompany`: accompaniments to a melody."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from musegen.api.text import common_pitches
from musegen.cli.outputs import CheckpointName, MusicFile, Writing, sampling_run
from musegen.cli.parse import Flag, parse
from musegen.config.options import as_arguments
from musegen.config.verbs import AccompanyOptions
from musegen.console import say
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Accompany:
    """Generate accompaniments to a melody, the most likely first; the melody stays unchanged, note for note.

    $ musegen accompany chorale tune.mid --num 4 --seed 3 --out out/
    $ musegen accompany checkpoints/pop song.mid --melody 2 --prompt-bars 4 --temperature 0.9 --out out/
    $ musegen accompany checkpoints/pop tune.mid --chords "C Am F G" --out out/
    $ musegen accompany chorale tune.abc --pitch-range bass=36:60 alto=C4:C5 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    file: MusicFile
    """A music file with the melody: MIDI, MusicXML, ABC or kern."""
    out: Path
    """Output folder."""
    options: AccompanyOptions = field(default_factory=AccompanyOptions)
    no_picture: Flag = False
    """Write no piano rolls (PNG) with the MIDI files."""
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Generate accompaniments, write files, piano rolls and manifest; print the paths on stdout."""
    arguments = parse(Accompany, argv, prog="musegen accompany")
    options = arguments.options
    common_pitches(options.scale, options.pitch_range)  # rejected before anything is read
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("accompany", argv, arguments, pictures=not arguments.no_picture) as run:
        run.pieces = run.model.accompany(arguments.file, **as_arguments(options))
    say(f"seed {run.pieces.seed}")
