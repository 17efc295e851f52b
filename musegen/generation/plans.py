"""Plans of accompaniments, sampled from a chord planner."""

import torch
from torch import Tensor

from musegen.generation.sampling import RowStreams
from musegen.generation.step import GREEDY_BELOW, draw_from
from musegen.models.chord_planner import Chain, EncodedMelody, Planner, absolute, relative

NOTES_TEMPERATURE = 0.5
"""Temperature of the note counts: melodies leave them open, and the most likely counts are too low."""


@torch.inference_mode()
def draw_plans(
    planner: Planner, melody: EncodedMelody, streams: RowStreams, *, temperature: float, fixed: Tensor
) -> Tensor:
    """One plan per row, (B, K, 2): see `tokenizers/chord_plan.py`.

    Args:
        planner: in eval mode.
        melody: as the planner has encoded it, of one row.
        streams: B random streams; each row takes at most two numbers per span.
        temperature: of the chords; see `draw_labels`.
        fixed: (K, 2) the part of the plan that is fixed, `UNKNOWN` where it is sampled.
    """
    rows, tonic = streams.rows, melody.tonic.expand(streams.rows)
    fixed = fixed.to(tonic.device).expand(rows, -1, -1)  # (B, K, 2)
    unary = planner.chord_unary(melody).expand(rows, -1, -1)
    chord = draw_labels(planner.chords, unary, relative(fixed[..., 0], tonic), streams, temperature)
    melody = EncodedMelody(melody.states.expand(rows, -1, -1), tonic, melody.spans.expand(rows))
    unary = planner.notes_unary(melody, chord)
    notes = draw_labels(planner.note_counts, unary, fixed[..., 1], streams, NOTES_TEMPERATURE)
    return torch.stack([absolute(chord, tonic), notes], dim=2)


def draw_labels(
    chain: Chain, unary: Tensor, fixed: Tensor, streams: RowStreams, temperature: float
) -> Tensor:
    """Exact samples of the labels of whole rows, (B, K): sums over all paths forward, then back along them.

    The forward-backward algorithm, and forward filtering with backward sampling (Scott 2002).

    Args:
        chain: over them.
        unary: (B, K, C) logits of each label.
        fixed: (B, K) labels that are not sampled; less than 0 elsewhere.
        streams: B random streams; each row takes one number per span, none at temperature 0.
        temperature: of whole labellings; 0 takes the most likely label of each span, summed over all
            labellings, which is right more often than the labels of the most likely labelling.
    """
    is_greedy = temperature < GREEDY_BELOW
    scale = 1.0 if is_greedy else temperature
    labels = torch.arange(unary.shape[2], device=unary.device)
    is_excluded = (fixed >= 0)[..., None] & (labels != fixed[..., None])  # (B, K, C)
    unary = (unary.double() / scale).masked_fill(is_excluded, -torch.inf)
    transitions = chain.moves.double() / scale  # (C, C)
    # Log-sums over all labels before each span, (B, C) each.
    forward = [unary[:, 0]]
    for span in range(1, unary.shape[1]):
        forward.append((forward[-1][:, :, None] + transitions).logsumexp(dim=1) + unary[:, span])
    if is_greedy:
        backward = [torch.zeros_like(forward[0])]  # the log-sums over what follows each span
        for span in range(unary.shape[1] - 1, 0, -1):
            backward.append((transitions + (unary[:, span] + backward[-1])[:, None]).logsumexp(dim=2))
        both = zip(forward, reversed(backward), strict=True)
        return torch.stack([(before + after).argmax(dim=1) for before, after in both], dim=1)
    drawn: list[Tensor] = []
    for logits in reversed(forward):
        conditional = logits + transitions[:, drawn[-1]].T if drawn else logits
        drawn.append(draw_from(conditional, streams.draw().to(conditional.device)))
    return torch.stack(drawn[::-1], dim=1)
