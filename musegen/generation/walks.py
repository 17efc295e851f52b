"""Ways through a latent space between two points."""

from typing import Literal

import torch
from torch import Tensor

Route = Literal["both", "spherical", "linear"]
"""Along the arc, along the straight line, or whichever of the two leads on more evenly, step by step."""
BESIDE, ASIDE = 2, 0.3
"""Points drawn around each point of a way; and how far away half-way, as a share of the way's length."""
PARALLEL = 1e-6
"""Sine of an angle below which there is no one arc between two directions."""


def interpolate(first: Tensor, second: Tensor, num: int, *, spherical: bool = True) -> Tensor:
    """`num` points (2 or more) from one point, (Z,), to another, both included, (num, Z)."""
    shares = torch.linspace(0, 1, num, dtype=torch.float64)
    return between(first, second, shares, spherical=spherical)


def candidates(first: Tensor, second: Tensor, num: int, path: Route, *, seed: int = 0) -> Tensor:
    """Points on the way and beside it, in the order in which they lead on, (N, Z), both ends included.

    Where a clip changes all at once on the way itself, it changes little by little somewhere beside it. So
    each of the `num` points of a path but the ends is joined by `BESIDE` others, drawn around it.

    Args:
        first: (Z,).
        second: (Z,).
        num: points of each path.
        path: where they lie.
        seed: of what is drawn.
    """
    way = along(first, second, num, path)  # (P, Z)
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(way), BESIDE, len(first), generator=random, dtype=torch.float64)
    share = torch.linspace(0, 1, len(way), dtype=torch.float64)
    reach = ASIDE * 4 * share * (1 - share) * (second - first).double().norm() / len(first) ** 0.5
    beside = way[:, None] + (reach[:, None, None] * noise).to(way)  # (P, BESIDE, Z)
    points = torch.cat([way[:, None], beside], dim=1)
    return torch.cat([way[:1], points[1:-1].flatten(0, 1), way[-1:]])


def along(first: Tensor, second: Tensor, num: int, path: Route) -> Tensor:
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
