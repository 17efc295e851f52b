"""Plans of accompaniments, drawn from a planner."""

import torch
from torch import Tensor

from musegen.config import SamplingConfig
from musegen.generation.sampling import RowStreams, draw_ids
from musegen.models.plan import Heard, Planner, absolute, relative


@torch.inference_mode()
def draw_plans(
    planner: Planner, heard: Heard, streams: RowStreams, *, temperature: float, given: Tensor
) -> Tensor:
    """One plan a row, (B, K, 2): see `tokenizers/plan.py`.

    Args:
        planner: in eval mode.
        heard: the melody, of one row.
        streams: B random streams; each row takes two numbers a span.
        temperature: 0 takes the likeliest each time.
        given: (K, 2) what of the plan is settled, `UNKNOWN` where it is to be drawn.
    """
    sampling = SamplingConfig(temperature=temperature)
    rows, home = streams.rows, heard.home.expand(streams.rows)
    heard = Heard(heard.states.expand(rows, -1, -1), home, heard.spans.expand(rows))
    given = given.to(home.device)
    chord = notes = torch.zeros_like(home)
    drawn = []
    for span in range(len(given)):
        settled = relative(given[span, 0].expand(rows), home), given[span, 1].expand(rows)
        free = draw_ids(planner.chord_logits(heard, span, chord), streams.draw(), sampling)
        chord = torch.where(settled[0] >= 0, settled[0], free)
        free = draw_ids(planner.notes_logits(heard, span, notes, chord), streams.draw(), sampling)
        notes = torch.where(settled[1] >= 0, settled[1], free)
        drawn.append(torch.stack([absolute(chord, home), notes], dim=1))
    return torch.stack(drawn, dim=1)
