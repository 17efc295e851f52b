"""Train small models on your own music and have them write new pieces as MIDI.

>>> import musegen
>>> model = musegen.load("folk")
>>> tune = model.generate(bars=16, seed=1)
>>> tune.save("tune.mid")

`load` gives a `Model`, whose methods give a `Piece` or several `Pieces`: each shows and plays itself in a
notebook. What cannot be done is a `MusegenError`, one line that says what to do next.
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
_HOMES = {
    "Model": "musegen.api.model",
    "MusegenError": "musegen.errors",
    "Piece": "musegen.api.piece",
    "Pieces": "musegen.api.piece",
}
"""Where a class lies: fetched, with torch, when it is first named."""


def load(name: str | Path, *, device: str = "cpu") -> "Model":
    """A model, ready to write.

    >>> model = musegen.load("folk")
    >>> tune = model.generate(bars=16, seed=1)
    >>> tune.save("tune.mid")

    Args:
        name: a checkpoint's folder, its name under ./checkpoints, or an installed model's (`musegen models`).
        device: where it is to work, such as "cpu" or "cuda".

    Raises:
        CheckpointError: there is none of that name, or it cannot be used.
    """
    from musegen.api.model import Model  # with torch, which `import musegen` does without

    return Model.load(name, device=device)


def read(path: str | Path) -> "Piece":
    """Music of your own, to look at, to hear, and to give to a model; what had to be repaired is said.

    >>> tune = musegen.read("tune.abc")
    >>> musegen.load("chorale").accompany(tune, seed=1)

    Args:
        path: a MIDI, MusicXML, ABC or kern file; a pickup is filled up to a whole bar.

    Raises:
        ConfigError: nothing lies there, or a folder does.
        MidiError: it cannot be read.
    """
    from musegen.api.inputs import read

    return read(path)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'musegen' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
