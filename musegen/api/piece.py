"""Music as Python users hold it, a model's or their own: saved by one call, seen and heard in a notebook."""

from __future__ import annotations

import html
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symusic.core import ScoreTick

from musegen.console import say
from musegen.display.page import page, write_page
from musegen.errors import ConfigError
from musegen.music.facts import music_facts
from musegen.music.writing.midi import write_score

if TYPE_CHECKING:
    from musegen.generation.request import Result  # with torch, which music of the user does without

FRAME = (
    '<iframe srcdoc="{page}" title="{title}" style="width: 100%; height: {height}px; border: 0" '
    "onload=\"this.style.height = this.contentDocument.documentElement.scrollHeight + 'px'\"></iframe>"
)
"""A page of its own inside a notebook, as high as what is in it."""
ENDINGS = (".mid", ".wav", ".musicxml", ".png", ".html")
HEADER, ROLL = 160, 400
"""Pixels of the frame where a notebook does not let it measure itself: of the page, and of each piece."""


@dataclass(frozen=True, repr=False)
class Piece:
    """One piece of music: what a model wrote, or what `musegen.read` read."""

    title: str
    """Shown above it."""
    result: Result
    """With its ids, and what else is known of how it came about."""
    seed: int | None
    """With which the same call to the same model gives the same piece again; None: it is the user's own."""
    source: Piece | None = None
    """The user's clip of which it was made, if there is one."""
    measured: Any = None
    """How like that it is, as a manifest says it."""
    precision: str = "float32"
    """Of the weights that wrote it."""

    @property
    def score(self) -> ScoreTick:
        """The music, in ticks."""
        return self.result.score

    @property
    def log_likelihood(self) -> float:
        """Of what is new in it, under the model, in nats; 0 where it is the user's own."""
        return self.result.log_likelihood

    @property
    def precision_gap(self) -> float:
        """Nats an id by which rounded weights (`precision`) led away from the model; 0 where none were."""
        return self.result.precision_gap

    @property
    def strayed(self) -> float:
        """The former name of `precision_gap`; it goes with the next version."""
        warnings.warn("Piece.strayed is called precision_gap now", DeprecationWarning, stacklevel=2)
        return self.precision_gap

    def save(self, path: str | Path) -> Path:
        """Write the piece as its path's ending says, over what is there.

        Args:
            path: ends with .mid, .wav, .musicxml, .png or .html.

        Raises:
            ConfigError: it ends with something else.
            MidiError: there is no note in the piece, or notation cannot say it.
            OSError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in ENDINGS:
            raise ConfigError(f"{path} cannot be written: it must end with one of {', '.join(ENDINGS)}")
        for words in write_music(self.score, path, title=self.title, user_tracks=self.result.user_tracks):
            say(f"{path}: {words}")
        return path

    def __repr__(self) -> str:
        facts = music_facts(self.score)
        words = [f"{self.result.bars} bars", facts["time_signature"], facts["key"], f"{facts['notes']} notes"]
        if self.seed is not None:
            words += [f"seed {self.seed}", f"log-likelihood {self.log_likelihood:.1f} nats"]
        return f"<{self.title}: {', '.join(filter(None, words))}>"

    def _repr_html_(self) -> str:
        return _frame([self], self.title)


class Pieces(tuple[Piece, ...]):
    """Several pieces in their order: a notebook shows them on one page.

    >>> musegen.Pieces([tune, other])
    """

    seed: int | None
    """With which the same call gives the same pieces again; None: unknown."""
    source: Piece | None
    """The user's clip of which they were made, if there is one."""
    measured: Any
    """What was measured of them, as a manifest says it."""
    precision: str
    """Of the weights that wrote them."""
    words: list[str]
    """What there is to say of how they came about, such as how many were thrown away."""

    def __new__(
        cls,
        pieces: Iterable[Piece] = (),
        *,
        seed: int | None = None,
        source: Piece | None = None,
        measured: Any = None,
        precision: str = "float32",
        words: Sequence[str] = (),
    ) -> Pieces:
        """Put pieces together."""
        made = super().__new__(cls, pieces)
        made.seed, made.source, made.measured = seed, source, measured
        made.precision, made.words = precision, list(words)
        return made

    def save(self, folder: str | Path) -> list[Path]:
        """Write 001.mid, 002.mid and so on into a folder, over what is there under these names.

        Raises:
            MidiError: there is no note in a piece.
            OSError: the folder cannot be written to.
        """
        width = max(3, len(str(len(self))))
        return [
            piece.save(Path(folder) / f"{number:0{width}}.mid") for number, piece in enumerate(self, start=1)
        ]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))

    def _repr_html_(self) -> str:
        return _frame(self, f"{len(self)} pieces")


def _frame(pieces: Sequence[Piece], title: str) -> str:
    """A frame with the page that shows and plays the pieces; one without a note is left out."""
    heard = [(piece.title, piece.score) for piece in pieces if piece.score.note_num()]
    if not heard:
        return f"<p>{html.escape(title)}: not one note</p>"
    return FRAME.format(
        page=html.escape(page(heard, title=title)),
        title=html.escape(title),
        height=HEADER + ROLL * len(heard),
    )


def write_music(score: ScoreTick, path: Path, *, title: str, user_tracks: Collection[int] = ()) -> list[str]:
    """Write music as its path's ending says, one of `ENDINGS`; returns what there is to say, in words.

    Args:
        score: tidy, in ticks.
        path: what is there is replaced.
        title: shown above it.
        user_tracks: see `write_score`.

    Raises:
        MidiError: there is no note in it, or notation cannot say it.
        OSError: the file cannot be written.
    """
    match path.suffix.lower():
        case ".wav":
            from musegen.music.writing.audio import write_wav

            return [write_wav(score, path)]
        case ".musicxml":
            from musegen.music.writing.musicxml import write_musicxml

            return write_musicxml(score, path, title=title)
        case ".png":
            from musegen.display.piano_roll import write_piano_roll

            write_piano_roll(score, path, title=title)
        case ".html":
            write_page([(title, score)], path, title=title)
        case _:
            return write_score(score, path, user_tracks=user_tracks)
    return []
