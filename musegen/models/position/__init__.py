"""The musical position of each id of a stream and the features at it: see `features`."""

from collections.abc import Sequence

from musegen.models.position.events import EventTracker
from musegen.models.position.features import Tracker
from musegen.models.position.grid import GridTracker
from musegen.models.position.line import LineTracker
from musegen.tokenizers.tables import Tables


def make_tracker(tables: Tables, lookback: Sequence[int], *, is_reader: bool = False) -> Tracker:
    """The tracker for streams of this vocabulary, for a decoder or, with `is_reader`, for an encoder."""
    if tables.voices:
        return GridTracker(tables, lookback)
    if tables.is_line:
        return LineTracker(tables, lookback, is_reader=is_reader)
    return EventTracker(tables, lookback)
