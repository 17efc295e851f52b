"""`musegen prepare`: make a dataset from music files."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from musegen.cli.parse import Flag, parse
from musegen.config.ranges import ONE_UP, setting
from musegen.config.verbs import BEATS, GROUP, LABELS, MELODY
from musegen.console import print_json, say


@dataclass(frozen=True)
class Prepare:
    """Make a dataset: check every file, repair bars and time signatures, drop duplicates, and split.

    $ musegen prepare my_midis/ --out datasets/mine
    $ musegen prepare folk --out datasets/folk
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """A folder of MIDI, MusicXML or ABC files, one file, or a built-in corpus: folk, ryans-mammoth,
    bach-chorales."""
    out: Path
    """The folder of the dataset, such as datasets/mine."""
    split: Path | None = None
    """A file that assigns pieces to splits. Default: the folders train, valid and test if there are any, the
    listed split of a built-in corpus, else by content, with the versions of a piece in one split."""
    group: str | None = setting(None, GROUP)
    """What keeps pieces in one split, beside similar music and equal names: folder, name, or a regular
    expression whose first group in the path (or whole match) is the key."""
    labels: str | None = setting(None, LABELS)
    """What classifiers tell apart: folders (the top folders of the music), composer (as the files name him),
    or a CSV file of lines file,label. Default: no labels."""
    melody: str | None = setting(None, MELODY)
    """The melody track of every piece, by name, by number from 1, by role (top, piano, ...) or by program
    (program:73). Default: detected."""
    timing: Literal["grid", "beats", "free"] | None = None
    """How models write the onsets. grid: rounded to positions in bars. beats: with a shift from the position
    and a velocity for each note, for music that was played to a metronome or to its beats. free: in steps of
    10 ms without bars, and the sustain pedal, for recordings. Default: measured and reported."""
    beats: str | None = setting(None, BEATS, metavar="NAME")
    """The name of the file of beats beside each recording, one time in seconds per line, and 1 after those
    that begin a bar: beat_midi.txt, or with * for the name of the recording, "*_beats.txt". The recordings
    are put on these beats."""
    kit: Literal["roland"] | None = None
    """The drum kit that was played: roland maps the pads of Roland kits to General MIDI, hit by hit. Default:
    the pitches of drums stay as they are."""
    workers: int | None = setting(None, ONE_UP)
    """Number of processes that read files. Default: one per core."""
    limit: int | None = setting(None, ONE_UP)
    """Maximum number of files."""
    force: Flag = False
    """Replace an existing dataset."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Prepare a dataset, and print its facts."""
    arguments = parse(Prepare, argv, prog="musegen prepare")

    from musegen.cli.tables import print_facts
    from musegen.data.dataset import dataset_facts
    from musegen.data.prepare import prepare

    names = ("split", "group", "labels", "melody", "timing", "beats", "kit", "workers", "limit", "force")
    options = {name: getattr(arguments, name) for name in names}
    dataset = prepare(arguments.source, arguments.out, **options)
    facts = dataset_facts(dataset)
    if arguments.json:
        print_json(facts)
    else:
        print_facts(facts)
        out = shlex.quote(str(arguments.out))
        family = "performer" if dataset.timing == "beats" else "lm"
        say(f"next: musegen train {family} {out} --out {shlex.quote(f'checkpoints/{arguments.out.name}')}")
