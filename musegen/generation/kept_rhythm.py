"""Gaps whose rhythm is kept: the stream as it is, of which only pitches are sampled again."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.errors import ConfigError
from musegen.generation.gap_piece import GapPiece, bars_of
from musegen.music.gaps import Gap, merged
from musegen.music.notes import note_arrays
from musegen.tokenizers import Kind, WholeTokenizer
from musegen.tokenizers.tables import Ints, Tables


class KeptRhythm(NamedTuple):
    """A stream with new pitches in its gaps."""

    old: Ints
    """(T,) the ids of the whole piece as it is, without EOS."""
    is_new: npt.NDArray[np.bool_]
    """(T,) which of them are pitches that are sampled again."""
    first: int
    """Index of the first id after the first bar line of the first gap."""
    stop: int
    """Index after the last gap."""

    @property
    def head_and_plan(self) -> tuple[list[int], list[int | Ints]]:
        """The ids before `first`, and those up to `stop`, -1 where one is sampled: see `sample_gaps`."""
        plan = np.where(self.is_new, -1, self.old)[self.first : self.stop]
        return self.old[: self.first].tolist(), [plan]


def kept_rhythm(piece: GapPiece, tokenizer: WholeTokenizer, *, option: str) -> KeptRhythm:
    """The rhythm of the notes in the gaps.

    Args:
        piece: with its gaps.
        tokenizer: of events.
        option: what keeps it, "rhythm" or "contour"; for a contour, each track has one note at a time.

    Raises:
        ConfigError: it cannot be kept.
    """
    if tokenizer.tables.voices:
        raise ConfigError(f"⟨{option}⟩ keep needs a model of events, and this one has a grid: leave it out")
    ids, lines = bars_of(merged(piece.given, piece.missing), piece, tokenizer)
    ends, is_pitch = np.append(lines, len(ids)), tokenizer.tables.kind[ids] == Kind.PITCH
    is_new = np.zeros(len(ids), np.bool_)
    for gap in piece.gaps:
        span = slice(ends[gap.first - 1] + 1, ends[gap.last])
        is_new[span] = is_pitch[span]
        if not is_new[span].any():
            raise ConfigError(f"⟨{option}⟩ keep: {gap} has no notes whose {option} could be kept")
        if is_new[span].sum() != _count(piece, gap):
            raise ConfigError(
                f"⟨{option}⟩ keep: {gap} has notes so far off the grid of the model that it reads them in "
                "another bar, or two as one: quantise the file first, or leave it out"
            )
        is_single = option == "contour" or not tokenizer.tables.has_programs
        if is_single and _has_chords(ids, np.flatnonzero(is_new[span]) + span.start, tokenizer.tables):
            raise ConfigError(f"⟨{option}⟩ keep is for single lines, and {gap} has chords: leave it out")
    return KeptRhythm(ids, is_new, int(ends[piece.gaps[0].first - 1]) + 1, int(ends[piece.gaps[-1].last]))


def _count(piece: GapPiece, gap: Gap) -> int:
    """The number of notes that a gap has now."""
    begin, end = piece.spans[piece.gaps.index(gap)]
    onsets = [note_arrays(piece.missing.tracks[number])[0] for number in piece.tracks]
    return sum(int(((begin <= own) & (own < end)).sum()) for own in onsets)


def _has_chords(ids: Ints, places: Ints, tables: Tables) -> bool:
    """Whether two of some pitches, by index, start together in one program; drums have no chords."""
    moments = np.cumsum(tables.kind[ids] == Kind.POSITION)
    programs = ids[places - 1] if tables.has_programs else np.zeros(len(places), np.int64)
    pitched = tables.is_drum[ids[places]] == 0
    keys = np.stack([moments[places], programs], axis=1)[pitched]
    return len(np.unique(keys, axis=0)) < len(keys)
