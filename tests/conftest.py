"""Fixtures that every test may use; the music itself is in music_fixtures.py."""

import os

import torch

from tests.music_fixtures import (
    accompanist,
    autoencoder,
    band,
    choir,
    chorales,
    corpora,
    filler,
    gapper,
    labeller,
    line,
    pianist,
    plain,
    rich,
    styles,
    told,
    trained,
    tunes,
    two_kinds,
)
from tests.played_fixtures import drummer, performer, played, recitalist, recordings

# The models of the tests are tiny: a second thread would only wait for the first.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the commands that tests start
# Nor are they worth seconds of exporting: they run in torch, except in the tests of exported graphs.
os.environ["MUSEGEN_EXPORT"] = "0"

__all__ = [
    "accompanist",
    "autoencoder",
    "band",
    "choir",
    "chorales",
    "corpora",
    "drummer",
    "filler",
    "gapper",
    "labeller",
    "line",
    "performer",
    "pianist",
    "plain",
    "played",
    "recitalist",
    "recordings",
    "rich",
    "styles",
    "told",
    "trained",
    "tunes",
    "two_kinds",
]
