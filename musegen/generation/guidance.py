"""A language model given labels: what they ask for, and steps that follow them more or less closely.

With guidance a stream is two rows of the model: one with the labels, and one without. The model combines
their logits (see `models/label_reader.py`), so that both draw the same ids; outside of this module they are
one row.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from musegen.errors import ConfigError
from musegen.generation.machine import Array, Machine, Run, Settings
from musegen.music.notes import Floats
from musegen.tokenizers.label_ids import LabelVocabulary
from musegen.tokenizers.limits import Limits
from musegen.tokenizers.tables import Ints


class LabelRequest(NamedTuple):
    """The labels that new music should have."""

    labels: tuple[str, ...] = ()
    """As a user writes them."""
    guidance: float = 1.0
    """0: as without the labels; 1: as the model was trained; above 1: beyond."""

    def found(self, known: Sequence[str], name: str, key: str | None = None) -> tuple[str, ...]:
        """The labels as the model knows them, as "kind=label".

        Args:
            known: those of the model.
            name: of the model, for messages.
            key: the label of a requested key; left out if the model does not know it.

        Raises:
            ConfigError: it knows no labels, or not these, or two are of one kind; or guidance without labels.
        """
        if self.labels and not known:
            raise ConfigError(
                f"⟨label⟩ {' '.join(self.labels)}: {name} knows no labels: train a model with ⟨labels⟩, or "
                "leave it out"
            )
        found = [LabelVocabulary(tuple(known)).find(text) for text in self.labels]
        found += [key] if key is not None and key in known and key not in found else []
        if self.guidance != 1 and not found:
            raise ConfigError(
                f"⟨guidance⟩ {self.guidance:g} is how closely a ⟨label⟩ is followed: add one, or leave it out"
            )
        kinds = [label.partition("=")[0] for label in found]
        twice = [label for label, kind in zip(found, kinds, strict=True) if kinds.count(kind) > 1]
        if twice:
            raise ConfigError(f"⟨label⟩ names several labels of one kind: {', '.join(twice)}: choose one")
        return tuple(found)

    def facts(self, found: Sequence[str]) -> dict[str, Any] | None:
        """What a manifest says of it; None without labels.

        Args:
            found: the labels as the model knows them.
        """
        return {"labels": list(found), "guidance": self.guidance} if found else None


def given(machine: Machine, known: Sequence[str], labels: Sequence[str], guidance: float = 1.0) -> Machine:
    """A language model given labels; one that knows none as it is.

    Args:
        machine: of the model.
        known: the labels that it knows.
        labels: some of these, of different kinds.
        guidance: how closely they are followed.
    """
    if not known:
        return machine
    ids = LabelVocabulary(tuple(known)).ids(dict(label.split("=", 1) for label in labels))
    return Given(machine, ids * (guidance > 0), guidance if ids.any() else 1.0)


def alone(labels: Ints) -> list[Array]:
    """The inputs of one row with labels, (K,): see `models.label_reader.Condition`."""
    return [labels[None], np.zeros(1, np.int64), np.ones(1, np.float32)]


class Given:
    """A `Machine` whose streams have labels.

    Args:
        machine: of a model that reads labels.
        labels: (K,) ids.
        guidance: how closely they are followed.
    """

    def __init__(self, machine: Machine, labels: Ints, guidance: float) -> None:
        self._machine, self._labels, self._guidance = machine, labels, guidance
        self.is_paired = guidance not in (0, 1)
        self.tables, self.functions = machine.tables, machine.functions
        self.most_rows = max(1, machine.most_rows // (1 + self.is_paired))
        # Guided steps draw from another distribution than the model's, which `call` measures.
        self.is_rounded = machine.is_rounded or self.is_paired

    def call(self, name: str, *inputs: Array) -> list[Array]:
        """One of `functions`, given the labels."""
        rows = np.repeat(self._labels[None], len(inputs[0]), axis=0)
        return self._machine.call(name, *inputs, rows)

    def weight(self, name: str) -> Array:
        """A tensor of the checkpoint by its name."""
        return self._machine.weight(name)

    def run(self, inputs: Sequence[Array], limits: Limits, seen_classes: Array) -> Run:
        """Streams before BOS; there are no other inputs than the labels."""
        assert not len(inputs)
        if not self.is_paired:
            return self._machine.run(alone(self._labels), limits, seen_classes)
        labels = np.stack([self._labels, np.zeros_like(self._labels)])
        pairs = [labels, np.array([1, -1]), np.full(2, self._guidance, np.float32)]
        count = len(seen_classes)
        inputs = [np.tile(each, (count, *[1] * (each.ndim - 1))) for each in pairs]
        return PairedRun(self._machine.run(inputs, _doubled(limits), np.repeat(seen_classes, 2, axis=0)))


class PairedRun:
    """A `Run` of streams that have two rows each, the first with labels.

    Args:
        run: of the rows.
    """

    def __init__(self, run: Run) -> None:
        self._run, self.block = run, run.block
        self._settings: tuple[Settings, Settings] | None = None

    def read(self, ids: Ints) -> None:
        """Follow the same ids, (T,), in every row."""
        self._run.read(ids)

    def step(self, uniform: Floats, settings: Settings, forced: Ints | None = None) -> tuple[Ints, Array]:
        """Sample K more ids in every stream: (K, B), and (B,) whether each has ended."""
        if self._settings is None or self._settings[0] is not settings:
            diatonic = np.repeat(settings.diatonic, 2)
            self._settings = settings, settings._replace(diatonic=diatonic)
        both = None if forced is None else np.repeat(forced, 2)
        ids, done = self._run.step(np.repeat(uniform, 2, axis=1), self._settings[1], both)
        return ids[:, ::2], done[::2]

    def select(self, rows: Ints) -> None:
        """Go on with some of the streams alone, by number, (B',)."""
        self._run.select((2 * np.asarray(rows)[:, None] + np.arange(2)).ravel())

    def allow(self, limits: Limits) -> None:
        """Go on under other limits, of B streams or of one."""
        self._run.allow(_doubled(limits))

    def logits(self) -> Floats:
        """Of the next id, (B, V), guided."""
        return self._run.logits()[::2]

    def nats(self) -> Floats:
        """Log-likelihood of the ids sampled so far, (B,), guided."""
        return self._run.nats()[::2]


def _doubled(limits: Limits) -> Limits:
    """Limits with two rows for each stream, where they have rows."""
    rows: dict[str, Any] = {name: getattr(limits, name) for name in limits.by_row}
    return limits._replace(**{n: np.repeat(each, 2, axis=0) for n, each in rows.items() if len(each) > 1})
