"""Train small models on your own music, and generate new pieces as MIDI.

>>> import musegen
>>> model = musegen.load("folk")
>>> tune = model.generate(bars=16, seed=1)
>>> tune.save("tune.mid")

`load` returns a `Model`, whose methods return a `Piece` or several `Pieces`; notebooks display and play both.
Errors that a user can fix are raised as `MusegenError`: one line that says what to do next.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musegen.api.model import Model
    from musegen.api.piece import Piece, Pieces
    from musegen.errors import MusegenError

__version__ = "0.1.0"
__all__ = ["Model", "MusegenError", "Piece", "Pieces", "load", "read"]
_MODULES = {
    "Model": "musegen.api.model",
    "MusegenError": "musegen.errors",
    "Piece": "musegen.api.piece",
    "Pieces": "musegen.api.piece",
}
"""The module of each class: imported, with numpy and symusic, on first access."""


def load(name: str | Path, *, device: str = "cpu") -> "Model":
    """Load a model.

    >>> model = musegen.load("folk")
    >>> tune = model.generate(bars=16, seed=1)
    >>> tune.save("tune.mid")

    Args:
        name: a checkpoint's folder, its name under ./checkpoints, or a bundled model (`musegen models`).
        device: such as "cpu" or "cuda".

    Raises:
        CheckpointError: there is no checkpoint of that name, or it cannot be used.
    """
    from musegen.api.model import Model  # with what it needs, which `import musegen` does without

    return Model.load(name, device=device)


def read(path: str | Path) -> "Piece":
    """Read your own music, to display, play, or pass to a model; repairs are reported.

    >>> tune = musegen.read("tune.abc")
    >>> musegen.load("chorale").accompany(tune, seed=1)

    Args:
        path: a MIDI, MusicXML, ABC or kern file; a pickup is filled up to a whole bar.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        MidiError: the file cannot be read.
    """
    from musegen.api.inputs import read

    return read(path)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'musegen' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_MODULES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
