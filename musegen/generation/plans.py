"""Plans of accompaniments, drawn from a planner."""

import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.generation.sampling import GREEDY_BELOW, RowStreams, draw_ids
from musegen.models.chord_planner import Chain, Heard, Planner, absolute, relative

NOTES_TEMPERATURE = 0.5
"""At which numbers of notes are drawn: melodies leave them open, and the likeliest are too few."""


@torch.inference_mode()
def draw_plans(
    planner: Planner, heard: Heard, streams: RowStreams, *, temperature: float, fixed: Tensor
) -> Tensor:
    """One plan a row, (B, K, 2): see `tokenizers/plan.py`.

    Args:
        planner: in eval mode.
        heard: the melody, of one row.
        streams: B random streams; each row takes at most two numbers a span.
        temperature: of the chords; see `draw_labels`.
        fixed: (K, 2) what of the plan is settled, `UNKNOWN` where it is to be drawn.
    """
    rows, home = streams.rows, heard.home.expand(streams.rows)
    settled = fixed.to(home.device).expand(rows, -1, -1)
    unary = planner.chord_unary(heard).expand(rows, -1, -1)
    chord = draw_labels(planner.chords, unary, relative(settled[..., 0], home), streams, temperature)
    heard = Heard(heard.states.expand(rows, -1, -1), home, heard.spans.expand(rows))
    unary = planner.notes_unary(heard, chord)
    notes = draw_labels(planner.note_counts, unary, settled[..., 1], streams, NOTES_TEMPERATURE)
    return torch.stack([absolute(chord, home), notes], dim=2)


def draw_labels(
    chain: Chain, unary: Tensor, settled: Tensor, streams: RowStreams, temperature: float
) -> Tensor:
    """Labels of whole rows, (B, K), drawn exactly: the sums over all ways forwards, then back through them.

    The forward-backward algorithm, and forward filtering with backward sampling (Scott 2002).

    Args:
        chain: over them.
        unary: (B, K, C) what speaks for each label.
        settled: (B, K) labels that are not to be drawn; less than 0 elsewhere.
        streams: B random streams; each row takes a number a span, none at temperature 0.
        temperature: of whole labellings; 0 takes the likeliest label of each span over all labellings, which
            is right more often than the labels of the likeliest labelling are.
    """
    is_likeliest = temperature < GREEDY_BELOW
    scale = 1.0 if is_likeliest else temperature
    labels = torch.arange(unary.shape[2], device=unary.device)
    is_out = (settled >= 0)[..., None] & (labels != settled[..., None])  # (B, K, C)
    unary = (unary.double() / scale).masked_fill(is_out, -torch.inf)
    moves = chain.moves.double() / scale
    ways = [unary[:, 0]]
    for span in range(1, unary.shape[1]):
        ways.append((ways[-1][:, :, None] + moves).logsumexp(dim=1) + unary[:, span])
    if is_likeliest:
        ahead = [torch.zeros_like(ways[0])]  # the sums over what follows each span
        for span in range(unary.shape[1] - 1, 0, -1):
            ahead.append((moves + (unary[:, span] + ahead[-1])[:, None]).logsumexp(dim=2))
        both = zip(ways, reversed(ahead), strict=True)
        return torch.stack([(before + after).argmax(dim=1) for before, after in both], dim=1)
    drawn: list[Tensor] = []
    for way in reversed(ways):
        logits = way + moves[:, drawn[-1]].T if drawn else way
        drawn.append(draw_ids(logits, streams.draw(), SamplingOptions()))
    return torch.stack(drawn[::-1], dim=1)
