"""Ways through a latent space between two points."""

from typing import Literal

import torch
from torch import Tensor

Route = Literal["both", "spherical", "linear"]
"""Along the arc, along the straight line, or whichever of the two leads on more evenly, step by step."""
PARALLEL = 1e-6
"""Sine of an angle below which there is no one arc between two directions."""


def interpolate(first: Tensor, second: Tensor, num: int, *, spherical: bool = True) -> Tensor:
    """`num` points (2 or more) from one point, (Z,), to another, both included, (num, Z)."""
    shares = torch.linspace(0, 1, num, dtype=torch.float64)
    return between(first, second, shares, spherical=spherical)


def candidates(first: Tensor, second: Tensor, num: int, path: Route) -> Tensor:
    """Points between two, in the order in which they lead on: `num` of a path, 2 num of both, (N, Z)."""
    ways = [
        interpolate(first, second, num, spherical=kind == "spherical")
        for kind in ("spherical", "linear")
        if path in (kind, "both")
    ]
    return torch.stack(ways, dim=1).flatten(0, 1)


def between(first: Tensor, second: Tensor, shares: Tensor, *, spherical: bool = True) -> Tensor:
    """The points that lie a share of the way from one point to another, (N, Z).

    On the arc between them (Shoemake 1985, slerp), where they have one; on the straight line where that is
    wanted, and where one is zero or they lie in one direction or in opposite ones. Share 0 is exactly the
    first point and 1 the second; between equal points every share is that point.

    Args:
        first: (Z,).
        second: (Z,).
        shares: (N,) from 0 to 1.
        spherical: the arc.
    """
    a, b = first.double(), second.double()
    ahead = shares.to(a)[:, None]  # (N, 1)
    points = a + ahead * (b - a)  # (N, Z)
    length = a.norm() * b.norm()
    if spherical and length > 0:
        angle = torch.arccos((a @ b / length).clamp(-1, 1))
        if angle.sin() > PARALLEL:
            points = (torch.sin((1 - ahead) * angle) * a + torch.sin(ahead * angle) * b) / angle.sin()
    points = torch.where(ahead == 0, a, torch.where(ahead == 1, b, points))
    return points.to(first)
