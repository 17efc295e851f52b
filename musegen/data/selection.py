"""The part of a piece that a model is trained on: all tracks, the melody, or melody and accompaniment."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from symusic import Score
from symusic.core import ScoreTick, TrackTick

from musegen.config.settings import DataConfig
from musegen.data.dataset import Dataset, IndexEntry
from musegen.errors import DataError
from musegen.music.chord_track import with_chord_track
from musegen.music.melody import melody_track, skyline
from musegen.music.odd_bars import Metre, fill_odd_bars
from musegen.music.roles import fits, listed, track_role
from musegen.music.taps import taps_of
from musegen.tokenizers import GridTokenizer, Kind, Tokenizer, WholeTokenizer
from musegen.tokenizers.tables import Ints

MELODY = "melody"
"""Name of the melody track of models that fill chords or melodies."""
LISTED_PIECES, LISTED_TRACKS = 100, 12
"""Pieces whose tracks are listed in a message, and the most tracks in it."""


class Selected(NamedTuple):
    """The selected tracks of a piece."""

    score: ScoreTick
    """The target of the model."""
    melody: ScoreTick | None
    """The source of an accompaniment model: one line of notes; None for other models."""
    odd_bars: int = 0
    """How many odd bars were filled up."""


def select(
    dataset: Dataset,
    piece: IndexEntry,
    config: DataConfig,
    *,
    pairs: bool = False,
    metres: Collection[Metre] | None = None,
) -> Selected:
    """Select the tracks of a piece that a model is trained on.

    Args:
        dataset: of the piece.
        piece: an entry of its index.
        config: which tracks to use.
        pairs: separate the melody from the accompaniment.
        metres: those that the model knows; odd bars in others are filled up. None: they stay as they are.

    Raises:
        DataError: the piece has no such tracks; the message is the same for all pieces with this fault.
    """
    return select_tracks(dataset.score(piece), piece, config, pairs=pairs, metres=metres)


def select_tracks(
    score: ScoreTick,
    piece: IndexEntry,
    config: DataConfig,
    *,
    pairs: bool = False,
    metres: Collection[Metre] | None = None,
) -> Selected:
    """Select the tracks of a tidy score; see `select`."""
    rests = 0
    if metres is not None:
        filled = fill_odd_bars(score, metres)
        score, rests = filled.score, len(filled.rests)
    if config.chords:
        score = with_chord_track(score, piece.melody)
    if config.chords and config.holes != "none" and piece.melody >= 0:
        score = named_melody(score, piece.melody)
    if not pairs and config.tracks == "all":
        kept = [track for track in score.tracks if config.drums or not track.is_drum]
        return Selected(_with_tracks(score, kept, "no track but drums"), None, rests)
    if pairs and config.taps:
        drums = _with_tracks(score, [track for track in score.tracks if track.is_drum], "no drums")
        return Selected(drums, taps_of(drums), rests)
    melody = _melody(score, piece, config.melody)
    alone = _with_tracks(score, [score.tracks[melody]], "no melody track")
    if not pairs:
        return Selected(alone, None, rests)
    others = [track for index, track in enumerate(score.tracks) if index != melody]
    return Selected(_with_tracks(score, _accompaniment(others, config), "no track"), skyline(alone), rests)


def named_melody(score: Score, melody: int) -> Score:
    """The Score in which the melody track is named so, by which a model tells it from the chords."""
    named = score.copy()
    named.tracks[melody].name = MELODY
    return named


def _melody(score: ScoreTick, piece: IndexEntry, requested: str | None) -> int:
    if requested is None:
        if piece.melody < 0:
            raise DataError("no melody track")
        return piece.melody
    try:
        return melody_track(score, requested).track
    except DataError as error:
        raise DataError(f"no melody track {requested!r}") from error


def _accompaniment(tracks: list[TrackTick], config: DataConfig) -> list[TrackTick]:
    if not config.drums:
        tracks = [track for track in tracks if not track.is_drum]
    if not tracks:
        raise DataError("nothing accompanies the melody")
    requested = [*config.accompaniment, *listed(config.accompaniment)]  # a name may have a comma in it
    if requested:
        tracks = [track for track in tracks if any(fits(track, each) for each in requested)]
        if not tracks:
            raise DataError(f"no track is named, or has the role, {' or '.join(config.accompaniment)}")
    return tracks


def tracks_there(dataset: Dataset, data: DataConfig) -> str:
    """The most frequent tracks, as the end of a message about tracks that were requested; else ""."""
    if data.melody is None and not data.accompaniment:
        return ""
    scores = (dataset.score(piece) for piece in dataset.pieces[:LISTED_PIECES])
    counts = Counter((t.name.strip(), track_role(t)) for score in scores for t in score.tracks)
    names = [f'"{name}" ({role})' for (name, role), _ in counts.most_common(LISTED_TRACKS)]
    more = len(counts) - len(names)
    return f"; there are the tracks {', '.join(names)}" + (f" and {more} others" if more else "")


def _with_tracks(score: Score, tracks: list[TrackTick], fault: str) -> ScoreTick:
    if not tracks:
        raise DataError(fault)
    chosen = score.copy()
    chosen.tracks = tracks
    return chosen


def encode_given(score: ScoreTick, tokenizer: WholeTokenizer) -> Ints:
    """Ids of music that is only read, such as a melody that is accompanied, from BOS to EOS, (S,).

    Notes finer than a grid are dropped: they are copied to the output verbatim.

    Raises:
        TokenError: it cannot be encoded.
    """
    if isinstance(tokenizer, GridTokenizer):
        return tokenizer.encode(score, lossy=True)
    return tokenizer.encode(score)


def source_and_target(
    melody: ScoreTick, melody_tokenizer: WholeTokenizer, target: Ints, tokenizer: Tokenizer
) -> tuple[Ints, Ints]:
    """Both streams of a piece, from BOS to EOS, the shorter one padded with silent bars.

    Args:
        melody: of one line.
        melody_tokenizer: of the melody.
        target: (T,) the accompaniment.
        tokenizer: of the accompaniment.

    Raises:
        TokenError: the melody cannot be encoded.
    """
    source = encode_given(melody, melody_tokenizer)
    metres = max(bar_metres(source, melody_tokenizer), bar_metres(target, tokenizer), key=len)
    return fill_bars(source, melody_tokenizer, metres), fill_bars(target, tokenizer, metres)


def bar_metres(ids: Ints, tokenizer: Tokenizer) -> list[str]:
    """The token of each bar's metre, such as "TimeSig_6/8"."""
    return [tokenizer.vocab[id_] for id_ in ids[tokenizer.tables.kind[ids] == Kind.TIME_SIGNATURE]]


def fill_bars(ids: Ints, tokenizer: Tokenizer, metres: list[str]) -> Ints:
    """A stream padded with silent bars, so that it has one bar for each of `metres`."""
    tables = tokenizer.tables
    [bar_id], rest_ids = tables.ids(Kind.BAR), tables.ids(Kind.REST)
    missing: list[int] = []
    for metre in metres[int((ids == bar_id).sum()) :]:
        metre_id = tokenizer.vocab.index(metre)
        slots = int(tables.bar_positions[metre_id]) * tables.voices
        missing += [bar_id, metre_id, *np.repeat(rest_ids, slots)]
    return np.concatenate([ids[:-1], missing, ids[-1:]]).astype(np.int64)
