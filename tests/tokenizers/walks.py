"""Streams drawn at random under the masks of a grammar, many rows at once."""

import torch

from musegen.tokenizers import Constraints, Kind, Tokenizer
from musegen.tokenizers.grammars import make_grammar

LONGEST = 4000
"""Ids after which a row that has not ended is given up."""


def walk(tokenizer: Tokenizer, constraints: Constraints, *, rows: int, seed: int) -> list[list[int]]:
    """Streams from BOS to EOS: first the kind of each id is drawn from those possible, then the id.

    Raises:
        AssertionError: a row had no id to go on with.
    """
    grammar = make_grammar(tokenizer.tables, constraints)
    random = torch.Generator().manual_seed(seed)
    of_kind = torch.stack([grammar.kind == kind for kind in Kind]).float()  # (kinds, V)
    likely = torch.ones(len(Kind))
    likely[[Kind.POSITION, Kind.PITCH, Kind.PROGRAM]] = 3.0  # so that pieces are not too small
    state = grammar.init_state(rows)
    ids = torch.full((rows,), tokenizer.bos_id)
    written = [ids]
    for _ in range(LONGEST):
        state = grammar.advance(state, ids)
        mask = grammar.mask(state)
        assert mask.any(dim=1).all(), "a dead end"
        possible = (mask.float() @ of_kind.T > 0) * likely
        kind = torch.multinomial(possible, 1, generator=random)  # (B, 1)
        chosen = mask & (grammar.kind == kind)
        ids = (torch.rand(mask.shape, generator=random) * chosen).argmax(dim=1)
        written.append(ids)
        if bool((grammar.kind[ids] <= Kind.EOS).all()):
            break
    streams = torch.stack(written, dim=1).tolist()
    return [row[: row.index(tokenizer.eos_id) + 1] for row in streams if tokenizer.eos_id in row]
