"""Music in the Python API, from a model or the user: saved to files, displayed and played in notebooks."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symusic.core import ScoreTick

from musegen.console import say
from musegen.display.page import page, write_page
from musegen.errors import ConfigError
from musegen.files import write_atomic
from musegen.music.facts import music_facts
from musegen.music.writing.midi import write_score

if TYPE_CHECKING:
    from musegen.generation.request import Result

FRAME = (
    '<iframe srcdoc="{page}" title="{title}" style="width: 100%; height: {height}px; border: 0" '
    "onload=\"this.style.height = this.contentDocument.documentElement.scrollHeight + 'px'\"></iframe>"
)
"""A page embedded in a notebook, resized to the height of its content."""
EXTENSIONS = (".mid", ".wav", ".musicxml", ".png", ".html")
HEADER, ROLL = 160, 400
"""Height in pixels if a notebook does not allow resizing: of the page, and of each piece."""


@dataclass(frozen=True, repr=False)
class Piece:
    """One piece of music, from a model or from `musegen.read`."""

    title: str
    """Its heading where it is displayed."""
    result: Result
    """The score with its ids, log-likelihood and provenance."""
    seed: int | None
    """The seed that reproduces the piece; None for the user's own music."""
    source: Piece | None = None
    """The user's clip that it is derived from, if any."""
    measured: Any = None
    """Its note F1 against that clip, as in a manifest."""
    precision: str = "float32"
    """Precision of the weights that it was sampled with."""

    @property
    def score(self) -> ScoreTick:
        """The music as a symusic Score, in ticks."""
        return self.result.score

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of the new music under the model, in nats; 0 for the user's own."""
        return self.result.log_likelihood

    @property
    def precision_gap(self) -> float:
        """Gap in nats per token between what sampled it (rounded weights, guidance) and the model, else 0."""
        return self.result.precision_gap

    @property
    def strayed(self) -> float:
        """Deprecated name of `precision_gap`, removed in the next version."""
        warnings.warn("Piece.strayed is called precision_gap now", DeprecationWarning, stacklevel=2)
        return self.precision_gap

    def save(self, path: str | Path) -> Path:
        """Write the piece in the format of the file name's extension, replacing an existing file.

        Args:
            path: ends with .mid, .wav, .musicxml, .png or .html.

        Raises:
            ConfigError: the extension is unknown.
            MidiError: the piece has no notes, or cannot be written as notation.
            OSError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in EXTENSIONS:
            raise ConfigError(f"{path} cannot be written: it must end with one of {', '.join(EXTENSIONS)}")
        if path.suffix.lower() == ".mid" and self.result.midi is not None:
            write_atomic(path, self.result.midi)
            return path
        for message in write_music(self.score, path, title=self.title, user_tracks=self.result.user_tracks):
            say(f"{path}: {message}")
        return path

    def __repr__(self) -> str:
        facts = music_facts(self.score)
        shown = [f"{self.result.bars} bars", facts["time_signature"], facts["key"], f"{facts['notes']} notes"]
        if self.seed is not None:
            shown.append(f"seed {self.seed}")
        if self.seed is not None and not math.isnan(self.log_likelihood):
            shown.append(f"log-likelihood {self.log_likelihood:.1f} nats")
        return f"<{self.title}: {', '.join(filter(None, shown))}>"

    def _repr_html_(self) -> str:
        return _frame([self], self.title)


class Pieces(tuple[Piece, ...]):
    """A sequence of pieces, displayed on one page in notebooks.

    >>> musegen.Pieces([tune, other])
    """

    seed: int | None
    """The seed that reproduces the pieces; None if unknown."""
    source: Piece | None
    """The user's clip that they are derived from, if any."""
    measured: Any
    """Their metrics, as in a manifest."""
    precision: str
    """Precision of the weights that they were sampled with."""
    words: list[str]
    """Messages about how they were sampled, such as the number of rejected pieces."""

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
        """Collect pieces."""
        made = super().__new__(cls, pieces)
        made.seed, made.source, made.measured = seed, source, measured
        made.precision, made.words = precision, list(words)
        return made

    def save(self, folder: str | Path) -> list[Path]:
        """Write 001.mid, 002.mid and so on into a folder, replacing existing files of these names.

        Raises:
            MidiError: a piece has no notes.
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
    """An iframe with the page that displays and plays the pieces; those without notes are left out."""
    audible = [(piece.title, piece.score) for piece in pieces if piece.score.note_num()]
    if not audible:
        return f"<p>{html.escape(title)}: no notes</p>"
    return FRAME.format(
        page=html.escape(page(audible, title=title)),
        title=html.escape(title),
        height=HEADER + ROLL * len(audible),
    )


def write_music(score: ScoreTick, path: Path, *, title: str, user_tracks: Collection[int] = ()) -> list[str]:
    """Write music in the format of the path's extension, one of `EXTENSIONS`; returns messages, in words.

    Args:
        score: tidy, in ticks.
        path: an existing file is replaced.
        title: its heading, where the format has one.
        user_tracks: see `write_score`.

    Raises:
        MidiError: there are no notes, or they cannot be written as notation.
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


def numbered(results: Iterable[Result], seed: int, **more: Any) -> Pieces:
    """Results as pieces with the titles "1", "2", ...; `more` are the other arguments of `Pieces`."""
    pieces = (Piece(str(number), result, seed) for number, result in enumerate(results, start=1))
    return Pieces(pieces, seed=seed, **more)
