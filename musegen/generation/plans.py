"""Plans of accompaniments, sampled from a chord planner."""

from typing import NamedTuple

import numpy as np

from musegen.generation.machine import Array, Machine
from musegen.generation.sampling import GREEDY_BELOW, RowStreams, draw_from
from musegen.music.notes import Floats
from musegen.tokenizers.chord_plan import absolute, relative
from musegen.tokenizers.tables import Ints

NOTES_TEMPERATURE = 0.5
"""Temperature of the note counts: melodies leave them open, and the most likely counts are too low."""


class Plans(NamedTuple):
    """One plan per row."""

    plan: Ints
    """(B, K, 2): see `tokenizers/chord_plan.py`."""
    nats: Floats
    """(B,) negative log-likelihood of each."""


def draw_plans(
    machine: Machine, melody: tuple[Array, ...], streams: RowStreams, *, temperature: float, fixed: Ints
) -> Plans:
    """Sample a plan for each row.

    Args:
        machine: a model with a planner.
        melody: of the melody, of one row: inputs of the model's function "plan_chords".
        streams: B random streams; each row takes at most two numbers per span.
        temperature: of the chords; see `draw_labels`.
        fixed: (K, 2) the part of the plan that is fixed, `UNKNOWN` where it is sampled.
    """
    rows, tonic = streams.rows, np.repeat(melody[2], streams.rows)
    chords, counts = (
        machine.weight(f"planner.{name}.moves").astype(np.float64) for name in ("chords", "note_counts")
    )
    states, unary = machine.call("plan_chords", *melody)
    unary = np.repeat(unary.astype(np.float64), rows, axis=0)
    fixed = np.repeat(fixed[None], rows, axis=0)
    chord = draw_labels(chords, unary, relative(fixed[..., 0], tonic), streams, temperature)
    nats = label_nats(chords, unary, chord)
    unary = machine.call("plan_notes", np.repeat(states, rows, axis=0), chord)[0].astype(np.float64)
    notes = draw_labels(counts, unary, fixed[..., 1], streams, NOTES_TEMPERATURE)
    nats = nats + label_nats(counts, unary, notes)
    return Plans(np.stack([absolute(chord, tonic), notes], axis=2), nats)


def label_nats(transitions: Floats, unary: Floats, labels: Ints) -> Floats:
    """Negative log-likelihood of labels, (B, K), of a linear chain: see `Chain` in models/chord_planner.py.

    Args:
        transitions: (C, C) logits of one label after another.
        unary: (B, K, C) logits of each label.
        labels: (B, K).
    """
    ahead = unary[:, 0]
    for span in range(1, unary.shape[1]):
        ahead = _log_sum(ahead[:, :, None] + transitions, 1) + unary[:, span]
    found = np.take_along_axis(unary, labels[..., None], axis=2).sum(axis=(1, 2))
    nats: Floats = _log_sum(ahead, 1) - found - transitions[labels[:, :-1], labels[:, 1:]].sum(axis=1)
    return nats


def draw_labels(
    transitions: Floats, unary: Floats, fixed: Ints, streams: RowStreams, temperature: float
) -> Ints:
    """Exact samples of the labels of whole rows, (B, K): sums over all paths forward, then back along them.

    The forward-backward algorithm, and forward filtering with backward sampling (Scott 2002).

    Args:
        transitions: (C, C) logits of one label after another.
        unary: (B, K, C) logits of each label.
        fixed: (B, K) labels that are not sampled; less than 0 elsewhere.
        streams: B random streams; each row takes one number per span, none at temperature 0.
        temperature: of whole labellings; 0 takes the most likely label of each span, summed over all
            labellings, which is right more often than the labels of the most likely labelling.
    """
    is_greedy = temperature < GREEDY_BELOW
    scale = 1.0 if is_greedy else temperature
    is_excluded = (fixed >= 0)[..., None] & (np.arange(unary.shape[2]) != fixed[..., None])  # (B, K, C)
    unary, transitions = np.where(is_excluded, -np.inf, unary / scale), transitions / scale
    # Log-sums over all labels before each span, (B, C) each.
    forward = [unary[:, 0]]
    for span in range(1, unary.shape[1]):
        forward.append(_log_sum(forward[-1][:, :, None] + transitions, 1) + unary[:, span])
    if is_greedy:
        backward = [np.zeros_like(forward[0])]  # the log-sums over what follows each span
        for span in range(unary.shape[1] - 1, 0, -1):
            backward.append(_log_sum(transitions + (unary[:, span] + backward[-1])[:, None], 2))
        both = zip(forward, reversed(backward), strict=True)
        return np.stack([(before + after).argmax(axis=1) for before, after in both], axis=1)
    drawn: list[Ints] = []
    for logits in reversed(forward):
        conditional = logits + transitions[:, drawn[-1]].T if drawn else logits
        drawn.append(draw_from(conditional, streams.draw()))
    return np.stack(drawn[::-1], axis=1)


def _log_sum(logits: Floats, axis: int) -> Floats:
    """The logarithm of the sum of exponentials; at least one along the axis is finite."""
    most = logits.max(axis=axis, keepdims=True)
    total: Floats = np.log(np.exp(logits - most).sum(axis=axis)) + most.squeeze(axis)
    return total
