"""Train small models on your own music, and generate new pieces as MIDI.

>>> import musegen
>>> model = musegen.load("folk")
>>> tune = model.generate(bars=16, seed=1)
>>> tune.save("tune.mid")

`load` and `train` return a `Model`, whose methods return a `Piece` or several `Pieces`; notebooks display and
play both.
Errors that a user can fix are raised as `MusegenError`: one line that says what to do next.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musegen.api.model import Model
    from musegen.api.piece import Piece, Pieces
    from musegen.data.dataset import Dataset
    from musegen.errors import MusegenError

__version__ = "0.1.0"
__all__ = ["Model", "MusegenError", "Piece", "Pieces", "load", "prepare", "read", "train"]
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


def prepare(source: str | Path, out: str | Path | None = None, **options: Any) -> "Dataset":
    """Prepare a folder of music, or a built-in corpus, for training; warnings go to stderr.

    >>> songs = musegen.prepare("songs/")
    >>> model = musegen.train("lm", songs, "checkpoints/mine", max_time="8m")

    Args:
        source: a folder, a file, or the name of a corpus.
        out: the new folder. Default: datasets/NAME.
        **options: those of `musegen prepare`, such as split, labels, melody, workers, limit and force.

    Raises:
        ConfigError: `out` exists and `force` is not set, or an option does not fit.
        DataError: no file can be used.
    """
    from musegen.api.training import prepare

    return prepare(source, out, **options)


def train(
    family: str,
    data: "str | Path | Dataset",
    out: str | Path,
    *,
    max_time: str | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> "Model":
    """Train a model, as `musegen train` does: with the same settings, the same weights.

    >>> model = musegen.train("lm", "songs/", "checkpoints/mine", max_time="8m")
    >>> model.generate(bars=16, seed=1)
    >>> small = {"model.hidden_size": 128, "trainer.max_steps": 500}
    >>> musegen.train("lm", "songs/", "checkpoints/small", settings=small)

    Args:
        family: "lm", "seq2seq", "vae", "classifier", "performer" or "frames".
        data: a dataset, a folder of music (prepared first) or a built-in corpus.
        out: the checkpoint folder, new or empty unless `force`.
        max_time: such as "90s", "8m" or "1h30m". Default: 15m on a CPU.
        init: a checkpoint to fine-tune.
        resume: resume the interrupted run in `out`.
        force: replace an existing checkpoint.
        settings: by their names as flags, such as "model.hidden_size" (`musegen train lm --help`).

    Raises:
        ConfigError: `out` is taken, or a setting does not fit.
        DataError: nothing to train on.
        CheckpointError: `init` cannot be used.
    """
    from musegen.api.training import train

    run = {"init": init, "resume": resume, "force": force, "settings": settings}
    return train(family, data, out, max_time=max_time, **run)  # type: ignore[arg-type]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'musegen' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_MODULES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
