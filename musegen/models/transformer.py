"""Causal self-attention with rotary positions (Su 2021); the state is a cache of keys and values.

An id attends to itself and to the ids before it, `context` in all, so that the memory of a long piece is
bounded. Keys are cached as rotated by their own index: what they weigh depends on the distance alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

BASE = 10_000.0
"""Of the wavelengths of the rotations, as in Su 2021 (arXiv:2104.09864)."""
WIDER = 4
"""Width of the feed-forward layers, relative to H."""


class KeyValues(NamedTuple):
    """The cache of a layer, D = H / heads.

    It is in two parts, so that a step of sampling need not copy the past to append to it.
    """

    past_keys: Tensor
    """(B, heads, N, D) of past ids, perhaps with padding before them."""
    past_values: Tensor
    """(B, heads, N, D)"""
    keys: Tensor
    """(B, heads, R, D) of the ids since then, perhaps with padding before them."""
    values: Tensor
    """(B, heads, R, D)"""


class TransformerState(NamedTuple):
    """The state after some ids, equally many in every row."""

    total: Tensor
    """(B,) ids so far."""
    settled: Tensor
    """(B,) how many of them are in the past."""
    layers: tuple[KeyValues, ...]


class _Layer(nn.Module):
    """Attention and a feed-forward layer, each normalised before and added to its input."""

    def __init__(self, *, hidden_size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.attended = nn.Linear(hidden_size, hidden_size)
        self.feedforward_norm = nn.LayerNorm(hidden_size)
        self.widen = nn.Linear(hidden_size, WIDER * hidden_size)
        self.narrow = nn.Linear(WIDER * hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, inputs: Tensor, cache: KeyValues, turns: tuple[Tensor, Tensor], mask: Tensor | None, drop: int
    ) -> tuple[Tensor, KeyValues]:
        """T steps, (B, T, H); `drop` is how many of the oldest keys of `cache.keys` leave it."""
        rows, steps, width = inputs.shape
        each = self.query_key_value(self.attention_norm(inputs)).view(rows, steps, 3 * self.heads, -1)
        query, key, value = each.transpose(1, 2).chunk(3, dim=1)  # (B, heads, T, D)
        query, key = _rotated(query, turns), _rotated(key, turns).to(value.dtype)
        cache = cache._replace(
            keys=torch.cat([cache.keys[:, :, drop:].to(value.dtype), key], dim=2),
            values=torch.cat([cache.values[:, :, drop:].to(value.dtype), value], dim=2),
        )
        found = _attend(query.to(value.dtype), cache, mask).transpose(1, 2).reshape(rows, steps, width)
        output = inputs + self.dropout(self.attended(found))
        wide = gelu(self.widen(self.feedforward_norm(output)))
        return output + self.dropout(self.narrow(wide)), cache


class Transformer(nn.Module):
    """`num_layers` layers of causal self-attention; a backbone, like `StackedRNN`.

    Args:
        input_size: width of the input.
        hidden_size: H, a multiple of twice the heads.
        num_layers: L.
        heads: of the attention.
        context: ids that an id attends to at most, itself included.
        dropout: share of activations dropped in what each layer adds, in training.
    """

    _frequencies: Tensor
    is_windowed = False
    """Whether old keys are dropped as new ones come, so that steps keep their shapes."""

    def __init__(
        self, *, input_size: int, hidden_size: int, num_layers: int, heads: int, context: int, dropout: float
    ) -> None:
        super().__init__()
        self.hidden_size, self.heads, self.context = hidden_size, heads, context
        is_wide = input_size == hidden_size
        self.input = nn.Identity() if is_wide else nn.Linear(input_size, hidden_size)
        sizes = {"hidden_size": hidden_size, "heads": heads}
        self.layers = nn.ModuleList(_Layer(**sizes, dropout=dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size)
        width = hidden_size // heads
        self.register_buffer("_frequencies", BASE ** (-torch.arange(0, width, 2) / width), persistent=False)
        self.num_values = 2 * hidden_size * num_layers
        for name, weight in self.named_parameters():
            # As in GPT-2: what is added up stays small.
            if name.endswith(("attended.weight", "narrow.weight")):
                nn.init.normal_(weight, std=0.02 / (2 * num_layers) ** 0.5)

    def init_state(self, batch_size: int) -> TransformerState:
        """The state before the first id."""
        return self.state_of(self._frequencies.new_zeros(batch_size, self.num_values), steps=0)

    def state_of(self, values: Tensor, *, steps: int = 1) -> TransformerState:
        """The state made of values, (B, `num_values`): a key and a value in each layer, for all to attend to.

        Args:
            values: from -1 to 1.
            steps: how many ids they count as, 0 or 1.
        """
        rows, layers = values.shape[0], len(self.layers)
        each = values.view(rows, 2 * layers, self.heads, 1, self.hidden_size // self.heads)[:, :, :, :steps]
        count = torch.zeros_like(values[:, 0], dtype=torch.int64)
        none = each[:, 0, :, :0]
        caches = (KeyValues(none, none, each[:, 2 * i], each[:, 2 * i + 1]) for i in range(layers))
        return TransformerState(count + steps, count, tuple(caches))

    def forget(self, state: TransformerState) -> TransformerState:
        """The state with all its ids in the past, without those that no later id attends to."""
        padding = state.layers[0].keys.shape[2] - int((state.total - state.settled)[0])

        def settled(cache: KeyValues) -> KeyValues:
            pairs = (cache.past_keys, cache.keys), (cache.past_values, cache.values)
            both = (torch.cat([past, new[:, :, max(0, padding) :]], dim=2) for past, new in pairs)
            keys, values = (each[:, :, 1 - self.context :] for each in both)
            return KeyValues(keys, values, cache.keys[:, :, :0], cache.values[:, :, :0])

        return TransformerState(state.total, state.total, tuple(map(settled, state.layers)))

    def forward(self, inputs: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """Run T steps.

        Args:
            inputs: (B, T, input_size).
            state: of the step before.

        Returns:
            Outputs (B, T, H) and the state after the last step.
        """
        steps, held = inputs.shape[1], state.layers[0].keys.shape[2]
        # What is out of reach of the first of these ids is dropped.
        drop = steps if self.is_windowed else max(0, held - self.context + 1)
        index = state.total[:, None] + torch.arange(steps, device=inputs.device)  # (B, T)
        angles = index[:, None, :, None].float() * self._frequencies
        turns = angles.cos(), angles.sin()  # (B, 1, T, D / 2)
        mask = self._mask(index, state, held - drop + steps)
        output, layers = self.input(inputs), []
        for layer, cache in zip(self.layers, state.layers, strict=True):
            output, after = layer(output, cache, turns, mask, drop)
            layers.append(after)
        return self.norm(output), TransformerState(state.total + steps, state.settled, tuple(layers))

    def _mask(self, index: Tensor, state: TransformerState, recent: int) -> Tensor | None:
        """Which keys each id attends to, (B, 1, T, N + recent); None: all up to its own."""
        past, steps = state.layers[0].past_keys.shape[2], index.shape[1]
        if not torch.compiler.is_exporting() and steps == past + recent <= self.context:
            return None
        slots = torch.arange(past + recent, device=index.device)
        settled, count = state.settled[:, None], index[:, -1:] + 1
        is_past = slots < past
        # The index of the id in each slot, (B, N + recent), and whether there is one: both parts end with
        # their last id.
        id_index = slots - past + torch.where(is_past, settled, count - recent)
        is_there = id_index >= torch.where(is_past, 0, settled)
        apart = index[:, :, None] - id_index[:, None]
        return ((apart >= 0) & (apart < self.context) & is_there[:, None])[:, None]


def _rotated(values: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """(B, heads, T, D) with each pair of features rotated by the angle of its id."""
    (cos, sin), (first, second) = turns, values.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _attend(query: Tensor, cache: KeyValues, mask: Tensor | None) -> Tensor:
    """Attention over both parts of the cache, (B, heads, T, D)."""
    past = cache.past_keys.shape[2]
    if query.shape[2] > 1 or mask is None:
        keys = torch.cat([cache.past_keys.to(query.dtype), cache.keys], dim=2)
        values = torch.cat([cache.past_values.to(query.dtype), cache.values], dim=2)
        return scaled_dot_product_attention(query, keys, values, attn_mask=mask, is_causal=mask is None)
    # One step: the past is read where it is.
    parts = (cache.past_keys, cache.keys)
    scores = torch.cat([query @ keys.transpose(2, 3) for keys in parts], dim=3) / query.shape[3] ** 0.5
    weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=3)
    found: Tensor = weights[..., :past] @ cache.past_values + weights[..., past:] @ cache.values
    return found
