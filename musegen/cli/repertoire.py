"""What the models that come with musegen play in the demo: each piece by a command that one could type."""

from __future__ import annotations

import shlex
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from musegen.api.inputs import read_music
from musegen.checkpoint.names import released_models
from musegen.console import say
from musegen.errors import MusegenError

if TYPE_CHECKING:
    from symusic import Score

    from musegen.data.dataset import Dataset

TUNE, FIRST, LAST, CHORALE = "tune.mid", "a.mid", "b.mid", "chorale.mid"
"""Music given to the models: eight bars of a tune, two tunes, a chorale's soprano."""
METRE = "6/8"
"""Of the tunes that are given."""
UNSEEN = "corpus/bach/bwv244.3.mxl"
"""Of music21's files: a chorale of the test split."""


class Item(NamedTuple):
    """One piece of the repertoire."""

    title: str
    command: str
    """Without `musegen`; GIVEN/ stands for the folder of the music given."""
    file: str = "001.mid"
    """What is shown, of the files that it writes."""

    @property
    def model(self) -> str:
        """Which model plays."""
        return self.command.split()[1]


REPERTOIRE = (
    Item("A jig in D major", "generate folk --key 'D major' --time-signature 6/8 --bars 16 --seed 1"),
    Item(
        "A reel in E minor, 32 bars", "generate folk --key 'E minor' --time-signature 4/4 --bars 32 --seed 2"
    ),
    Item(
        "Eight bars of an old tune, and eight that folk adds",
        f"generate folk --prompt GIVEN/{TUNE} --bars 8 --seed 3",
    ),
    Item("A soprano by Bach, three voices added", f"accompany chorale GIVEN/{CHORALE} --seed 4 --no-picture"),
    Item(
        "From one old tune to another in nine steps",
        f"interpolate folk-vae GIVEN/{FIRST} GIVEN/{LAST} --num 9 --seed 5",
        "all.mid",
    ),
    Item(
        "Two bars of an old tune, and four variations",
        f"vary folk-vae GIVEN/{TUNE} --amount 0.3 --num 4 --seed 6",
        "all.mid",
    ),
    Item("Sixteen bars at once", "generate folk-vae-16 --seed 7"),
    Item(
        "Half way between sixteen bars of two old tunes",
        f"interpolate folk-vae-16 GIVEN/{FIRST} GIVEN/{LAST} --num 3 --seed 8",
        "002.mid",
    ),
)


def play_repertoire(dataset: Dataset, out: Path) -> list[tuple[str, Score]]:
    """Have every model that is installed play its pieces, each into a folder of its own below `out`.

    Args:
        dataset: whose tunes are given to the models.
        out: the folder.

    Returns:
        Each piece with a title that says by which command it was written. A model that is missing and a piece
        that does not succeed are said.
    """
    installed = released_models()
    missing = sorted({item.model for item in REPERTOIRE} - set(installed))
    if missing:
        say(f"not installed, so not heard: {', '.join(missing)} (see musegen models)")
    if len(missing) == len({item.model for item in REPERTOIRE}):
        return []
    _write_given(dataset, out / "given")
    pieces = []
    for number, item in enumerate(REPERTOIRE, start=1):
        if item.model in installed:
            pieces += _play(item, out / "given", out / f"{number}-{item.model}")
    return pieces


def _play(item: Item, given: Path, out: Path) -> list[tuple[str, Score]]:
    """Run a command; its piece with its title, or nothing where it cannot be had."""
    words = shlex.split(item.command.replace("GIVEN", given.as_posix()))
    command = shlex.join(["musegen", *words])
    say(command)
    try:
        import_module(f"musegen.cli.{words[0]}").main([*words[1:], "--out", str(out), "--force"])
        return [(f"{item.title}: {command}", read_music("FILE", out / item.file))]
    except MusegenError as error:
        say(f"not heard: {error}")
        return []


def _write_given(dataset: Dataset, folder: Path) -> None:
    """Write the music that the models are given: two tunes of the test split, and a soprano."""
    from musegen.music.excerpt import excerpt
    from musegen.music.writing.midi import write_score

    tunes = [
        dataset.score(piece)
        for piece in dataset.split("test")
        if piece.time_signatures == [METRE] and not piece.pickup and piece.bars >= 16
    ]
    write_score(excerpt(tunes[0], 0, 8), folder / TUNE)
    write_score(tunes[0], folder / FIRST)
    write_score(tunes[1], folder / LAST)
    chorale = read_music("FILE", Path(str(distribution("music21").locate_file("music21"))) / UNSEEN)
    chorale.tracks = [track for track in chorale.tracks if track.name.startswith("Soprano")]
    write_score(chorale, folder / CHORALE)
