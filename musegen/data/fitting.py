"""Fitting a tokenizer to a dataset: its metres, programs, named parts and grid resolution."""

from collections import Counter
from dataclasses import replace

import numpy as np
from symusic.core import ScoreTick

from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.left_out import in_words
from musegen.data.selection import select, tracks_there
from musegen.errors import DataError, MusegenError, attempt
from musegen.tokenizers import FreeTokenizer, GridTokenizer, LineTokenizer, Part, RemiTokenizer, Tokenizer
from musegen.tokenizers.grid import MAX_VOICES, UNNAMED

GRIDS = (4, 8, 12, 24)
"""Positions per quarter note, tried in this order."""
MIN_SHARE = 0.95
"""Share of the pieces that must lie on a grid completely for it to be chosen."""


def fit_tokenizer(
    dataset: Dataset,
    config: TokenizerConfig,
    data: DataConfig | None = None,
    *,
    pairs: bool = False,
    fills: bool = False,
    lines: bool = False,
    names: bool = True,
    played: bool = False,
) -> Tokenizer:
    """A tokenizer that knows the metres of a dataset, with programs or voices if the view needs them.

    Args:
        dataset: the music.
        config: settings of the user.
        data: which tracks to use.
        pairs: fit to the accompaniments, not the melodies.
        fills: several voices are on a grid by default, as accompaniments are.
        lines: use a line tokenizer by default, for clips of melodies.
        names: tell tracks of one program apart by their names; then music with others cannot be encoded.
        played: write how notes are played, by default, if the dataset was played to beats.

    Datasets in free time have tokens of their own.

    Raises:
        DataError: no piece has the requested tracks.
    """
    known = {metre for piece in dataset.pieces for metre in piece.time_signatures}
    metres = [(int(n), int(d)) for n, d in (metre.split("/") for metre in sorted(known))]
    scores = _selected(dataset, data or DataConfig(), pairs=pairs)
    if config.kind == "free" or (config.kind == "auto" and dataset.timing == "free"):
        found = {-1 if t.is_drum else t.program for score in scores for t in score.tracks}
        return FreeTokenizer.build(config, time_signatures=metres, programs=sorted(found))
    if config.kind == "line" or lines:
        return LineTokenizer.build(config, time_signatures=metres)
    parts = shared_parts(scores) if names else []
    if config.kind == "auto":
        # Simultaneous voices are better modelled on a grid than as a sequence of notes.
        is_grid = pairs or (fills and any(len(score.tracks) > 1 for score in scores))
        config = replace(config, kind="grid" if is_grid and _are_voices(scores) else "remi")
    if config.kind == "grid":
        config = replace(config, positions=config.positions or _fit_positions(scores))
        return GridTokenizer.build(config, time_signatures=metres, parts=parts or _voices(scores))
    if played and dataset.timing == "beats":
        velocity, shift = (True if each is None else each for each in (config.velocity, config.shift))
        config = replace(config, velocity=velocity, shift=shift)
    programs = {-1 if t.is_drum else t.program for score in scores for t in score.tracks}
    if data is not None and data.tracks == "melody" and not pairs:
        programs = set()
    return RemiTokenizer.build(config, time_signatures=metres, programs=sorted(programs), parts=parts)


def _selected(dataset: Dataset, data: DataConfig, *, pairs: bool) -> list[ScoreTick]:
    selected = [attempt(select, dataset, piece, data, pairs=pairs) for piece in dataset.pieces]
    scores = [each.score for each in selected if not isinstance(each, MusegenError)]
    if not scores:
        faults = Counter(map(str, selected))
        reasons = in_words(faults)
        if "no melody track" in faults:  # as in loops of drums
            use = "an accompaniment model needs one" if pairs else "to train on all tracks, add ⟨polyphonic⟩"
            reasons += f"; {use}"
        raise DataError(
            f"no piece of dataset {dataset.name} can be used: {reasons}{tracks_there(dataset, data)}"
        )
    return scores


def shared_parts(scores: list[ScoreTick]) -> list[Part]:
    """The named tracks of a dataset, if most of its pieces have several tracks of one program.

    A part is a name that at least half of the pieces have. There are none unless in at least half of the
    pieces every track is one of them; otherwise programs distinguish the tracks well enough, or nothing does.
    """
    names: Counter[Part] = Counter()
    doubled = 0
    rosters: list[list[Part]] = []
    for score in scores:
        melodic = [track for track in score.tracks if not track.is_drum]
        # A dict keeps the order of the tracks, which is the order of the parts.
        roster = list(dict.fromkeys(Part(t.name.strip(), t.program) for t in melodic if t.name.strip()))
        doubled += len(roster) == len(melodic) > len({track.program for track in melodic})
        names.update(roster)
        rosters.append(roster)
    half = len(scores) / 2
    common = [part for part, count in names.items() if count >= half]
    whole = sum(set(roster) <= set(common) for roster in rosters)
    return common if min(doubled, whole) >= half and common else []


def _are_voices(scores: list[ScoreTick]) -> bool:
    """Whether nearly every piece consists of a few monophonic tracks."""
    fitting = 0
    config = TokenizerConfig(kind="grid", positions=24)
    for score in scores:
        parts = [Part(f"{UNNAMED}{i}", 0) for i in range(min(MAX_VOICES, len(score.tracks)))]
        grid = GridTokenizer.build(config, time_signatures=[], parts=parts)
        fits = not isinstance(attempt(grid.encode, score, lossy=True), MusegenError)
        fitting += fits and not any(track.is_drum for track in score.tracks)
    return fitting >= MIN_SHARE * len(scores)


def _voices(scores: list[ScoreTick]) -> list[Part]:
    """Unnamed parts, as many as 95% of the pieces have tracks at most; none for a single one."""
    rosters = [[track.program for track in score.tracks if not track.is_drum] for score in scores]
    count = min(MAX_VOICES, int(np.quantile([len(roster) for roster in rosters], MIN_SHARE, method="lower")))
    if count < 2:
        return []
    programs = [Counter(r[i] for r in rosters if len(r) > i).most_common(1)[0][0] for i in range(count)]
    return [Part(f"{UNNAMED}{i + 1}", program) for i, program in enumerate(programs)]


def _fit_positions(scores: list[ScoreTick]) -> int:
    """The smallest of `GRIDS` on which every onset of most of the pieces lies."""
    whole: Counter[int] = Counter()
    for score in scores:
        onsets = np.concatenate([track.notes.numpy()["time"] for track in score.tracks]).astype(np.int64)
        whole.update(g for g in GRIDS if not (onsets * g % score.ticks_per_quarter).any())
    return next((g for g in GRIDS if whole[g] >= MIN_SHARE * len(scores)), max(GRIDS, key=lambda g: whole[g]))
