"""Labels that are measured in the music itself: the key of each piece."""

import json

from symusic import Score

from musegen.config.label_kinds import KEY
from musegen.config.settings import DataConfig
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.selection import select
from musegen.errors import MusegenError, attempt
from musegen.files import write_json
from musegen.music.facts import PITCH_CLASSES
from musegen.music.key import MODES, tonic_in

MEASURED = (KEY,)
"""Kinds of labels that need no other source."""
VERSION = 1
"""Of the measurement: raised when it changes, so that a cached one is not used."""


def measured_labels(dataset: Dataset, kind: str, data: DataConfig) -> list[str | None]:
    """The label of each piece, None for none; measured once, and kept with the dataset.

    Args:
        dataset: the music.
        kind: one of `MEASURED`.
        data: the tracks that are measured.
    """
    selection = [data.tracks, data.melody, data.drums, [piece.melody for piece in dataset.pieces]]
    file = dataset.cache("labels", [VERSION, kind, dataset.sha256, selection]) / "labels.json"
    if not file.is_file():
        pieces = progress(dataset.pieces, len(dataset.pieces), "Measuring labels")
        selected = (attempt(select, dataset, piece, data) for piece in pieces)
        found = [None if isinstance(each, MusegenError) else key_of(each.score) for each in selected]
        write_json(file, {"labels": found})
    labels: list[str | None] = json.loads(file.read_text("utf-8"))["labels"]
    return labels


def key_of(score: Score) -> str | None:
    """The key in which a piece is and ends, such as "D minor"; None if there is none.

    Of modes that it fits equally well, the first of `MODES`.
    """
    for mode in MODES:
        if (tonic := tonic_in(score, mode)) is not None:
            return f"{PITCH_CLASSES[tonic]} {mode}"
    return None
