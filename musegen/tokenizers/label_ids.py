"""Labels as ids, which stand before the tokens of a stream: what a piece is, such as its composer or its key.

A piece has one label of each kind at most; where it has none, or none that is known, the id is `UNKNOWN`.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from musegen.config.label_kinds import KEY
from musegen.errors import ConfigError
from musegen.music.facts import PITCH_CLASSES
from musegen.tokenizers.tables import Ints

UNKNOWN = 0
SAME = {"ionian": "major", "aeolian": "minor"}
"""Modes of the same notes."""
SHOWN = 12
"""Labels that a message lists."""


class LabelVocabulary(NamedTuple):
    """The labels of a model, as "kind=label"; the id of the first is 1."""

    names: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds, in the order of the ids of a piece."""
        return tuple(dict.fromkeys(name.partition("=")[0] for name in self.names))

    @property
    def tonics(self) -> Ints:
        """(L + 1,) the pitch class of the tonic of each id, -1 where it is no key."""
        keys = [name.removeprefix(f"{KEY}=") for name in self.names if name.startswith(f"{KEY}=")]
        tonic = {f"{KEY}={each}": PITCH_CLASSES.index(each.partition(" ")[0]) for each in keys}
        return np.array([-1, *(tonic.get(name, -1) for name in self.names)], np.int64)

    def ids(self, labels: Mapping[str, str]) -> Ints:
        """(K,) the ids of the labels of a piece, by kind."""
        wanted = [f"{kind}={labels.get(kind)}" for kind in self.kinds]
        found = [self.names.index(name) + 1 if name in self.names else UNKNOWN for name in wanted]
        return np.array(found, np.int64)

    def moved(self, shifts: range) -> Ints:
        """(shifts, L + 1) the id that replaces each id if the notes move by so many semitones, as keys do."""
        rows = np.tile(np.arange(len(self.names) + 1), (len(shifts), 1))
        for row, shift in zip(rows, shifts, strict=True):
            for id_ in np.flatnonzero(self.tonics >= 0).tolist():
                tonic, mode = self.names[id_ - 1].removeprefix(f"{KEY}=").split(" ", 1)
                row[id_] = self.ids_of_key((PITCH_CLASSES.index(tonic) + shift) % 12, mode)
        return rows

    def ids_of_key(self, tonic: int, mode: str) -> int:
        """The id of a key by the pitch class of its tonic, `UNKNOWN` if it has none."""
        name = key_label(tonic, mode)
        return self.names.index(name) + 1 if name in self.names else UNKNOWN

    def find(self, text: str) -> str:
        """The label that a text names, with its kind or without.

        Raises:
            ConfigError: there is none, or there are several.
        """
        plain = {name: _plain(name) for name in self.names}
        found = [name for name, each in plain.items() if _plain(text) in (each, each.partition("=")[2])]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f"⟨label⟩ {text} is a label of several kinds: name one of {', '.join(found)}")
        labels = [name.partition("=")[2] for name in self.names]
        near = get_close_matches(text, labels, n=1)
        more = ", ..." if len(labels) > SHOWN else ""
        hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(labels[:SHOWN])}{more}"
        raise ConfigError(f"⟨label⟩ {text} is not known to this model: {hint}")


def key_label(tonic: int, mode: str) -> str:
    """The label of a key, by the pitch class of its tonic."""
    return f"{KEY}={PITCH_CLASSES[tonic]} {SAME.get(mode, mode)}"


def _plain(name: str) -> str:
    """A label as it is compared: in small letters, with the signs of a typewriter."""
    return name.casefold().replace("♯", "#").replace("♭", "b")
