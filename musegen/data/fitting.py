"""Fitting a tokenizer to a dataset: its metres, programs, named parts, and how fine its music is."""

from collections import Counter
from dataclasses import replace

import numpy as np
from symusic.core import ScoreTick

from musegen.config import TokenizerConfig
from musegen.data.dataset import Dataset, Piece
from musegen.errors import DataError
from musegen.tokenizers import GridTokenizer, Part, RemiTokenizer, Tokenizer
from musegen.tokenizers.grid import MAX_VOICES, UNNAMED

GRIDS = (4, 8, 12, 24)
"""Positions a quarter that are tried in turn."""
WHOLE = 0.95
"""Share of the pieces whose every onset must lie on a grid for it to be taken."""


def viewed_score(dataset: Dataset, piece: Piece, tracks: str) -> ScoreTick:
    """The score of a piece as a model sees it: all tracks, or the melody alone.

    Raises:
        DataError: the melody is wanted and the piece has none.
    """
    score = dataset.score(piece)
    if tracks == "melody":
        if piece.melody < 0:
            raise DataError("no melody track")
        score.tracks = [score.tracks[piece.melody]]
    return score


def fit_tokenizer(dataset: Dataset, config: TokenizerConfig, *, tracks: str = "all") -> Tokenizer:
    """A tokenizer that knows the metres of a dataset, with programs or voices where the view needs them."""
    metres = {metre for piece in dataset.pieces for metre in piece.time_signatures}
    pairs = [(int(n), int(d)) for n, d in (metre.split("/") for metre in sorted(metres))]
    if config.kind == "grid":
        config = replace(config, positions=config.positions or _fit_positions(dataset, tracks))
        parts = [] if tracks == "melody" else shared_parts(dataset) or _voices(dataset)
        return GridTokenizer.build(config, time_signatures=pairs, parts=parts)
    if tracks == "melody":
        return RemiTokenizer.build(config, time_signatures=pairs, programs=[])
    programs = {program for piece in dataset.pieces for program in piece.programs}
    return RemiTokenizer.build(
        config, time_signatures=pairs, programs=sorted(programs), parts=shared_parts(dataset)
    )


def shared_parts(dataset: Dataset) -> list[Part]:
    """The named tracks of a dataset, where most of its pieces have several of one program.

    A part is a name that at least half of the pieces have. There are none unless every track of at
    least half of the pieces is one of them: then programs tell tracks apart well enough, or nothing does.
    """
    names: Counter[Part] = Counter()
    doubled = 0
    rosters: list[list[Part]] = []
    for piece in dataset.pieces:
        melodic = [track for track in dataset.score(piece).tracks if not track.is_drum]
        # A dict keeps the order of the tracks, which becomes the order of the parts.
        roster = list(dict.fromkeys(Part(t.name.strip(), t.program) for t in melodic if t.name.strip()))
        doubled += len(roster) == len(melodic) > len({track.program for track in melodic})
        names.update(roster)
        rosters.append(roster)
    half = len(dataset.pieces) / 2
    common = [part for part, count in names.items() if count >= half]
    whole = sum(set(roster) <= set(common) for roster in rosters)
    return common if min(doubled, whole) >= half and common else []


def _voices(dataset: Dataset) -> list[Part]:
    """As many unnamed parts as all but the largest twentieth of the pieces have tracks; none for one."""
    rosters = [[t.program for t in dataset.score(p).tracks if not t.is_drum] for p in dataset.pieces]
    count = min(MAX_VOICES, int(np.quantile([len(roster) for roster in rosters], WHOLE, method="lower")))
    if count < 2:
        return []
    programs = [Counter(r[i] for r in rosters if len(r) > i).most_common(1)[0][0] for i in range(count)]
    return [Part(f"{UNNAMED}{i + 1}", program) for i, program in enumerate(programs)]


def _fit_positions(dataset: Dataset, tracks: str) -> int:
    """The fewest of `GRIDS` positions a quarter that hold every onset of most of the pieces."""
    whole: Counter[int] = Counter()
    for piece in dataset.pieces:
        if tracks == "melody" and piece.melody < 0:
            continue
        score = viewed_score(dataset, piece, tracks)
        onsets = np.concatenate([track.notes.numpy()["time"] for track in score.tracks]).astype(np.int64)
        whole.update(g for g in GRIDS if not (onsets * g % score.ticks_per_quarter).any())
    return next(
        (g for g in GRIDS if whole[g] >= WHOLE * len(dataset.pieces)), max(GRIDS, key=lambda g: whole[g])
    )
