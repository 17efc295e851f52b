"""Scans over the steps of a stream, equal for whole sequences and single steps."""

import torch
from torch import Tensor, nn


def hold(values: Tensor, is_set: Tensor, before: Tensor) -> Tensor:
    """The last value set so far, (B, T, ...); `before` (B, ...) until one is set.

    Where `is_set` has a last dimension of 1, all values of a step are set at once.
    """
    if values.shape[1] == 1:  # one step of sampling
        return torch.where(is_set, values, before.unsqueeze(1))
    last = last_set(is_set).expand_as(values)
    return torch.where(last >= 0, values.gather(1, last.clamp(min=0)), before.unsqueeze(1))


def last_set(is_set: Tensor) -> Tensor:
    """The last step so far that is set, (B, T, ...), -1 before the first."""
    count = is_set.cumsum(1)
    steps = torch.arange(is_set.shape[1], device=is_set.device).view(-1, *[1] * (is_set.dim() - 2))
    # The step of the first, second, ... that is set; those that are not share the place of none.
    places = nn.functional.pad(torch.zeros_like(count), (0, 0) * (is_set.dim() - 2) + (1, 0))
    found = places.scatter(1, torch.where(is_set, count, 0), steps.expand_as(count))
    return torch.where(count > 0, found.gather(1, count), -1)


def delayed(values: Tensor, before: Tensor) -> Tensor:
    """Values, (B, T, ...), one step later; `before` (B, ...) comes first."""
    return torch.cat([before.unsqueeze(1), values[:, :-1]], dim=1)


def count_since(is_counted: Tensor, is_reset: Tensor, before: Tensor) -> Tensor:
    """The count since the last reset, (B, T), starting from `before` (B,)."""
    counted = before[:, None] + is_counted.cumsum(1)
    if counted.shape[1] == 1:
        return torch.where(is_reset, 0, counted)
    return counted - hold(counted, is_reset, torch.zeros_like(before))


def count_runs(hits: Tensor, before: Tensor) -> Tensor:
    """Length of the run of hits that ends at each step, (B, T, L), continuing `before` (B, L)."""
    if hits.shape[1] == 1:
        return torch.where(hits, before[:, None] + 1, 0)
    steps = torch.arange(hits.shape[1], device=hits.device)[None, :, None]
    last_miss = last_set(~hits)
    return torch.where(last_miss >= 0, steps - last_miss, steps + 1 + before[:, None])


def ids_after(wanted: Tensor, ids: Tensor, keys: Tensor) -> Tensor:
    """The first of the ids (B, N) whose key is greater than `wanted`, (B, T, L); keys (B, N) ascend."""
    if not wanted.shape[2]:
        return wanted
    found = torch.searchsorted(keys.contiguous(), wanted.flatten(1), right=True)
    return ids.gather(1, found.clamp(max=keys.shape[1] - 1)).view(wanted.shape)
