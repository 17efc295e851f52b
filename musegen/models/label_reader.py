"""What a language model makes of labels: an input at every step, and logits by the degree of a known key.

In training labels are left out at random, so that the model without them is in the same weights. Guidance
weighs the two against each other: classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.position.features import StepFeatures

DEGREES = 13
"""Semitones above the tonic, from 1; 0 where there is no pitch or no known tonic."""


class Condition(NamedTuple):
    """The labels of each row, and how much they weigh; constant through a stream."""

    labels: Tensor
    """(B, K) ids, 0 for unknown."""
    pair: Tensor
    """(B,) 1: the next row is of the same stream without its labels; -1: the row before is the one with
    labels; 0: the row is alone."""
    guidance: Tensor
    """(B,) 1: as with the labels; 0: as without; above 1: beyond the labels. Of rows in pairs."""


class LabelReader(nn.Module):
    """Makes inputs and logits from labels.

    Args:
        tonics: (L + 1,) the tonic of each id, -1 for none.
        hidden_size: H, of the decoder.
    """

    tonics: Tensor

    def __init__(self, tonics: Tensor, hidden_size: int) -> None:
        super().__init__()
        has_keys = bool((tonics >= 0).any())
        self.embedding = nn.Embedding(len(tonics), hidden_size, padding_idx=0)
        self.degree = nn.Embedding(DEGREES, hidden_size, padding_idx=0) if has_keys else None
        self.next_degree = nn.Linear(hidden_size, DEGREES - 1) if has_keys else None
        self.register_buffer("tonics", tonics, persistent=False)
        for weight in self.parameters():  # at first a model writes as one that knows no labels
            nn.init.zeros_(weight)

    def inputs(self, labels: Tensor, step: StepFeatures) -> Tensor:
        """What is added to the inputs of the backbone, (B, T, H) or (B, 1, H)."""
        context: Tensor = self.embedding(labels).sum(dim=1, keepdim=True)
        if self.degree is None:
            return context
        last, tonic = step.reference_pitches[..., 0], self._tonic(labels)[:, None]
        known = (last >= 0) & (tonic >= 0)
        degree: Tensor = self.degree(torch.where(known, (last - tonic) % 12 + 1, 0))
        return context + degree

    def pitch_logits(self, output: Tensor, labels: Tensor, pitches: Tensor) -> Tensor | None:
        """Logits of each pitch by its degree in the known key, (B, T, P); None: no label is a key.

        Args:
            output: (B, T, H) of the backbone.
            labels: (B, K)
            pitches: (P,) in MIDI numbers.
        """
        if self.next_degree is None:
            return None
        tonic = self._tonic(labels)[:, None]  # (B, 1)
        logits: Tensor = self.next_degree(output) * (tonic >= 0)[..., None]
        degrees = ((pitches - tonic) % 12)[:, None].expand(-1, output.shape[1], -1)
        return logits.gather(2, degrees)

    def _tonic(self, labels: Tensor) -> Tensor:
        """(B,) the tonic of the key among the labels, -1 for none."""
        return self.tonics[labels].amax(dim=1)


def guided(logits: Tensor, condition: Condition) -> Tensor:
    """Logits of pairs of rows, moved from those without labels towards and beyond those with them.

    log p = log p(x) + guidance * (log p(x | labels) - log p(x)), up to a constant: equation 6 of the paper,
    whose w is guidance - 1. Both rows of a pair get the same.

    Args:
        logits: (B, T, V).
        condition: of the rows.
    """
    own = torch.arange(logits.shape[0], device=logits.device)
    pair = condition.pair[:, None, None]
    other = logits.index_select(0, own + condition.pair)
    labelled, plain = torch.where(pair < 0, other, logits), torch.where(pair > 0, other, logits)
    return plain + condition.guidance[:, None, None] * (labelled - plain)
