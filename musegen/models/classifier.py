"""The classifier: a stream of events to the logits of its labels; many to one."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.bag import NoteBag
from musegen.models.encoder import Encoder
from musegen.models.notes import PITCHES, PianoRoll
from musegen.models.rnn import LockedDropout, make_two_stacks, run_bidirectional
from musegen.tokenizers.tables import Tables

OCTAVE = 12
OPENING = 4
"""Pitches that the first layer over a piano roll pools into one."""
KERNEL = 5
"""Frames that a convolution over time sees."""


class Encoded(NamedTuple):
    """An encoded stream."""

    states: Tensor
    """(B, T, H)."""
    is_music: Tensor
    """(B, T) False where a row is padding."""


class Classifier(nn.Module):
    """An encoder, the mean and the maximum of its states over time, and a linear layer.

    Args:
        encoder: from ids (B, T) to `Encoded`.
        hidden_size: H of its states.
        classes: C.
        dropout: of the pooled states.
    """

    def __init__(self, encoder: nn.Module, *, hidden_size: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.logits = nn.Linear(2 * hidden_size, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, C) of streams (B, T), padded at the end with 0; a row does not depend on the others."""
        states, is_music = self.encoder(ids)
        shown = is_music[..., None]
        mean = (states * shown).sum(dim=1) / shown.sum(dim=1).clamp(min=1)
        most = states.masked_fill(~shown, -torch.inf).amax(dim=1)
        logits: Tensor = self.logits(self.dropout(torch.cat([mean, most], dim=1)))
        return logits


def piece_log_probabilities(logits: Tensor) -> Tensor:
    """The logarithm of the mean of the probabilities of the windows of a piece, (B, C) to (C,)."""
    return logits.float().log_softmax(dim=1).logsumexp(dim=0) - math.log(len(logits))


class TokenEncoder(nn.Module):
    """The tokens in both directions: recurrent layers, or a transformer."""

    def __init__(self, reader: Encoder) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, ids: Tensor) -> Encoded:
        """The states at each id."""
        states, _ = self.reader.read(ids)
        return Encoded(states, ids != 0)


class BagEncoder(nn.Module):
    """A bag of features and fully connected layers; it has one state."""

    def __init__(self, tables: Tables, *, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.bag = NoteBag(tables)
        sizes = [self.bag.size] + [hidden_size] * (num_layers - 1)
        self.norm = nn.BatchNorm1d(self.bag.size)
        self.layers = nn.ModuleList(nn.Linear(size, hidden_size) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Encoded:
        """The state of each stream, (B, 1, H)."""
        states = self._normed(self.bag(ids))
        for layer in self.layers:
            states = layer(self.dropout(states)).relu()
        return Encoded(states[:, None], torch.ones_like(ids[:, :1], dtype=torch.bool))

    def _normed(self, features: Tensor) -> Tensor:
        """Batch norm; a batch of one row, which has no variance, by the running statistics."""
        norm = self.norm
        if len(features) > 1 or not self.training:
            normed: Tensor = norm(features)
            return normed
        return nn.functional.batch_norm(
            features, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )


class TimeConvolutions(nn.Module):
    """Convolutions over time, with the pitches of a piano roll as channels."""

    def __init__(self, tables: Tables, *, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.roll = PianoRoll(tables, 2**num_layers)
        sizes = [self.roll.channels * PITCHES] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(size, hidden_size, KERNEL, padding=KERNEL // 2, bias=False) for size in sizes
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden_size) for _ in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Encoded:
        """The states of every few frames."""
        roll, is_music = self.roll(ids)
        states = roll.flatten(1, 2)  # (B, channels * 128, F)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            states = norm(layer(states)).relu() * is_music[:, None]
            # Halved in time; frames of padding are 0, so that no row depends on how long the others are.
            states, is_music = nn.functional.max_pool1d(states, 2), halved(is_music)
            states = self.dropout(states)
        return Encoded(states.transpose(1, 2), is_music)


class RollConvolutions(nn.Module):
    """Convolutions over the pitches and the time of a piano roll, and recurrent layers over time if wanted.

    The first layer sees an octave. Without recurrent layers the rest of the pitches is pooled.

    Args:
        tables: of events.
        channels: of the first layer.
        hidden_size: of the others, and of the states.
        num_layers: of the convolutions, and of the recurrent layers.
        dropout: after each layer.
        is_recurrent: whether there are recurrent layers (CRNN).
    """

    def __init__(
        self,
        tables: Tables,
        *,
        channels: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        is_recurrent: bool,
    ) -> None:
        super().__init__()
        self.roll = PianoRoll(tables, 2**num_layers)
        inner = [channels, *[hidden_size] * (num_layers - 2)] if num_layers > 1 else []
        sizes = [self.roll.channels, *inner, hidden_size]
        heights = [OCTAVE + 1, *[3] * (num_layers - 1)]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, (height, 3), padding=(height // 2, 1), bias=False)
            for (before, after), height in zip(pairwise(sizes), heights, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[1:])
        self.dropout, self.is_recurrent = nn.Dropout(dropout), is_recurrent
        if is_recurrent:
            left = max(1, PITCHES // OPENING // 2 ** (num_layers - 1))
            self.input = nn.Linear(hidden_size * left, hidden_size)
            settings: dict[str, Any] = {"input_size": hidden_size, "hidden_size": hidden_size // 2}
            settings |= {"cell": "lstm", "num_layers": num_layers, "dropout": dropout}
            self.forwards, self.backwards = make_two_stacks(**settings)
            self.state_dropout = LockedDropout(dropout)

    def forward(self, ids: Tensor) -> Encoded:
        """The states of every few frames."""
        states, is_music = self.roll(ids)  # (B, channels, 128, F), (B, F)
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            states = norm(layer(states)).relu() * is_music[:, None, None]
            pooled = (1 if states.shape[2] == 1 else 2 if index else OPENING, 2)
            states, is_music = nn.functional.max_pool2d(states, pooled), halved(is_music)
            states = self.dropout(states)
        if not self.is_recurrent:
            return Encoded(states.amax(dim=2).transpose(1, 2), is_music)
        inputs = self.input(states.flatten(1, 2).transpose(1, 2)) * is_music[..., None]  # (B, F, H)
        inputs = self.state_dropout(inputs)
        states = run_bidirectional(self.forwards, self.backwards, inputs, is_music.sum(dim=1))
        return Encoded(self.state_dropout(states + inputs), is_music)


def halved(is_music: Tensor) -> Tensor:
    """Which pairs of frames are of the music, (B, F) to (B, F / 2)."""
    return is_music[:, ::2]  # the music of a row comes first
