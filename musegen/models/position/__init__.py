"""Where each id of a stream stands in the music, and what is known there: see `features`."""

from collections.abc import Sequence

from musegen.models.position.events import EventTracker
from musegen.models.position.features import Tracker
from musegen.models.position.grid import GridTracker
from musegen.models.position.line import LineTracker
from musegen.tokenizers.tables import Tables


def make_tracker(tables: Tables, lookback: Sequence[int], *, is_reader: bool = False) -> Tracker:
    """What follows a stream of this vocabulary through its bars, as its writer or its reader wants it."""
    if tables.voices:
        return GridTracker(tables, lookback)
    if tables.is_line:
        return LineTracker(tables, lookback, is_reader=is_reader)
    return EventTracker(tables, lookback)
