"""What of a piece a model sees: all of it, its melody, or its melody and what accompanies it."""

from typing import NamedTuple

from symusic import Score
from symusic.core import ScoreTick, TrackTick

from musegen.config import DataConfig
from musegen.data.dataset import Dataset, Piece
from musegen.errors import DataError
from musegen.music.melody import melody_track, skyline


class Selected(NamedTuple):
    """A piece as a model sees it."""

    score: ScoreTick
    """What the model writes."""
    melody: ScoreTick | None
    """What it is given: one line of notes; None for a model that is given nothing."""


def select(dataset: Dataset, piece: Piece, config: DataConfig, *, pairs: bool = False) -> Selected:
    """The score of a piece as a model sees it.

    Args:
        dataset: of the piece.
        piece: which.
        config: which tracks are wanted.
        pairs: part the melody from what accompanies it.

    Raises:
        DataError: the piece has no such tracks; the message says why, alike for all pieces of a kind.
    """
    score = dataset.score(piece)
    if not pairs and config.tracks == "all":
        kept = [track for track in score.tracks if config.drums or not track.is_drum]
        return Selected(_with_tracks(score, kept, "no track but drums"), None)
    melody = _melody(score, piece, config.melody)
    alone = _with_tracks(score, [score.tracks[melody]], "no melody track")
    if not pairs:
        return Selected(alone, None)
    others = [track for index, track in enumerate(score.tracks) if index != melody]
    return Selected(_with_tracks(score, _accompaniment(others, config), "no track"), skyline(alone))


def _melody(score: ScoreTick, piece: Piece, wanted: str | None) -> int:
    if wanted is None:
        if piece.melody < 0:
            raise DataError("no melody track")
        return piece.melody
    try:
        return melody_track(score, wanted)[0]
    except DataError as error:
        raise DataError(f"no melody track {wanted!r}") from error


def _accompaniment(tracks: list[TrackTick], config: DataConfig) -> list[TrackTick]:
    if not config.drums:
        tracks = [track for track in tracks if not track.is_drum]
    if not tracks:
        raise DataError("nothing accompanies the melody")
    wanted = {name.strip().casefold() for name in config.accompaniment}
    if wanted:
        tracks = [track for track in tracks if track.name.strip().casefold() in wanted]
        if not tracks:
            raise DataError(f"no track is named {' or '.join(config.accompaniment)}")
    return tracks


def _with_tracks(score: Score, tracks: list[TrackTick], fault: str) -> ScoreTick:
    if not tracks:
        raise DataError(fault)
    chosen = score.copy()
    chosen.tracks = tracks
    return chosen
