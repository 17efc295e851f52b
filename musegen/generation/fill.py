"""New bars in the gaps of a piece, by a language model: what is given stays as it is.

The model reads the bars before a gap and samples as many as are missing. What follows it knows only by its
length; so several candidates are sampled, and ranked by the likelihood of each and of the bar after it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from symusic import Score

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.contour import ContourGuide
from musegen.generation.density import DensityGuide, notes_wanted
from musegen.generation.engine import Guide, Stream, sample_gaps, stream_nats
from musegen.generation.gap_piece import GapPiece, bars_of, encoded, new_notes, read_gaps
from musegen.generation.kept_rhythm import KeptRhythm, kept_rhythm
from musegen.generation.machine import Machine
from musegen.generation.pieces import known_ids, longest_bar
from musegen.generation.ranking import Likelihood, Rating, ranked
from musegen.generation.request import TrainingDefaults
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.music.gaps import Gap, Gapped, merged
from musegen.music.notes import pitched_notes
from musegen.music.odd_bars import without_rests
from musegen.tokenizers import Constraints, Kind, WholeTokenizer, limits_of
from musegen.tokenizers.limits import EventLimits, Limits
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints

CANDIDATES = 16
"""How many candidates are ranked by default (see benchmarks/RESULTS.md)."""
FOLLOWING = 16
"""Bars after the last gap whose likelihood is measured."""
RANKED_IDS = 2**16
"""Ids of the candidates that are measured at once."""


class Filled(NamedTuple):
    """New notes in the gaps of a piece."""

    notes: Score
    """The piece with nothing but its new notes, each in the track that it belongs to."""
    ids: list[int]
    """The stream of the whole piece, as far as it was measured, without EOS."""
    log_likelihood: float
    """Of the new bars given what is before them, in nats; EOS included if they end the piece."""
    following: float
    """Log-likelihood of what follows the gaps given all before, at most `FOLLOWING` bars after the last."""
    changed: int
    """How many new notes begin later, end earlier or are left out, since a given note has their pitch."""
    rating: Rating
    """By which it is ranked."""
    precision_gap: float = 0.0
    """See `Stream`."""
    candidate: int = 0
    """Which of the candidates it is, from 0."""
    given: Mapping[str, Any] | None = None
    """The labels that it should have, as in a manifest."""

    @property
    def num_notes(self) -> int:
        """Number of new notes."""
        return sum(len(track.notes) for track in self.notes.tracks)


class Controls(NamedTuple):
    """What new bars must be like."""

    keeps_rhythm: bool = False
    """New pitches to the rhythm of the notes in the gaps."""
    keeps_contour: bool = False
    """And these rise, fall and repeat as those do."""
    density: float | None = None
    """Notes per bar."""


def fill(
    machine: Machine,
    tokenizer: WholeTokenizer,
    gapped: Gapped,
    *,
    num: int = 1,
    rank: int | None = None,
    controls: Controls | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Filled]:
    """Fill the gaps of a piece, from left to right; the best candidates first.

    Args:
        machine: a language model.
        tokenizer: the model's own.
        gapped: the piece; its notes in the gaps are not read, except their rhythm.
        num: how many.
        rank: how many candidates are sampled, of which `num` are kept. Default: `CANDIDATES`, or `num` if
            that is more.
        controls: what the new bars must be like.
        sampling: the sampling settings.
        seed: of all random numbers; candidate i of a seed does not depend on their number.
        defaults: the pitches of the training pieces.

    Raises:
        ConfigError: there is no rhythm to keep, or the model cannot do that, or no pitch is allowed.
        DataError: a metre that the model does not know, or no note is given.
        TokenError: the piece cannot be encoded.
        MusegenError: a gap did not end.
    """
    piece, controls = read_gaps(gapped, tokenizer), controls or Controls()
    settings, kept = sampling or SamplingOptions(), kept_by(controls, piece, tokenizer)
    ids, lines = bars_of(piece.given, piece, tokenizer)
    head, plan = plan_gaps(ids, lines, piece, tokenizer) if kept is None else kept.head_and_plan
    limits = limits_of(tokenizer.tables, gap_constraints(piece, tokenizer, defaults or TrainingDefaults()))
    found: list[Filled] = []
    for rows in row_chunks(rank or max(num, CANDIDATES), machine.most_rows):
        streams = sample_gaps(
            machine,
            limits,
            prompt_ids=head,
            plan=plan,
            sampling=settings,
            streams=RowStreams(seed, rows),
            max_new_tokens=longest_bar(tokenizer) * piece.bars + 1,
            context_classes=sorted({int(pitch) % 12 for pitch in pitched_notes(piece.given)[2]}),
            guide=guide_of(piece, tokenizer, limits, controls, kept, ids, settings.temperature),
        )
        news = [new_notes(stream, piece, tokenizer, keeps_rhythm=kept is not None) for stream in streams]
        own = _measured(machine, tokenizer, piece, streams, news)
        found += [each._replace(candidate=row) for row, each in zip(rows, own, strict=True)]
    return ranked(found, lambda each: rating_of(each, piece.gaps, controls.density))[:num]


def kept_by(controls: Controls, piece: GapPiece, tokenizer: WholeTokenizer) -> KeptRhythm | None:
    """The rhythm that the controls keep, if they do.

    Raises:
        ConfigError: it cannot be kept.
    """
    if not (controls.keeps_rhythm or controls.keeps_contour):
        return None
    return kept_rhythm(piece, tokenizer, option="contour" if controls.keeps_contour else "rhythm")


def guide_of(
    piece: GapPiece,
    tokenizer: WholeTokenizer,
    limits: Limits,
    controls: Controls,
    kept: KeptRhythm | None,
    given: Ints,
    temperature: float,
) -> Guide | None:
    """What steers the new bars, if anything does.

    Args:
        piece: with its gaps.
        tokenizer: the model's own.
        limits: of the streams.
        controls: what the new bars must be like.
        kept: the rhythm that is kept, if one is.
        given: (T,) the ids of what is given of the tracks that are filled.
        temperature: of the sampling.

    Raises:
        ConfigError: the model cannot do that.
    """
    tables = tokenizer.tables
    if controls.density is not None:
        if tables.voices:
            raise ConfigError("⟨density⟩ needs a model of events, and this one has a grid: leave it out")
        return DensityGuide(
            tables,
            piece.metre_ids,
            piece.gaps,
            density=controls.density,
            given=given,
            temperature=temperature,
        )
    if kept is not None and controls.keeps_contour:
        assert isinstance(limits, EventLimits)
        return ContourGuide(tables, limits, kept.old, kept.is_new)
    return None


def rating_of(filled: Filled, gaps: Sequence[Gap], density: float | None) -> Rating:
    """By what a candidate is ranked: first how far it is from a requested density."""
    if density is None:
        return filled.rating
    return filled.rating._replace(
        miss=abs(filled.num_notes - sum(notes_wanted(density, gap) for gap in gaps))
    )


def plan_gaps(
    ids: Ints, lines: Ints, piece: GapPiece, tokenizer: WholeTokenizer
) -> tuple[list[int], list[int | Ints]]:
    """The ids before the first gap, and the plan after them: see `sample_gaps`.

    Args:
        ids: (T,) of what is given, without EOS.
        lines: (bars,) the index of each bar line.
        piece: with its gaps.
        tokenizer: of the ids.
    """
    ends = np.append(lines, len(ids))
    first = piece.gaps[0]
    head, plan = ids[: lines[first.first - 1] + 1], list[int | Ints]()
    if first.first == 1 and len(opening := _opening(piece, tokenizer, ids)):
        plan.append(opening)
    for number, gap in enumerate(piece.gaps):
        stop = ends[gap.last] + (gap is not piece.gaps[-1])  # sampled bars have the bar line after them
        plan += _held_bars(ids[lines[gap.first - 1] + 1 : stop], gap, tokenizer)
        if gap is not piece.gaps[-1]:
            plan.append(ids[stop : lines[piece.gaps[number + 1].first - 1] + 1])
    return head.tolist(), plan


def _held_bars(given: Ints, gap: Gap, tokenizer: WholeTokenizer) -> list[int | Ints]:
    """The plan of a gap: where given notes are held into it, no note of their voices of a grid starts.

    Args:
        given: the ids of the gap without its notes, after its first bar line.
        gap: the gap.
        tokenizer: the model's own.
    """
    kind = tokenizer.tables.kind[given]
    held = np.flatnonzero(kind == Kind.HOLD)
    if not len(held):
        return [gap.bars]
    lines = np.append(
        np.flatnonzero(kind == Kind.BAR) + 1, len(given)
    )  # where the bars after the first begin
    count = int(np.searchsorted(lines, held[-1], side="right")) + 1
    first = np.where(kind == Kind.HOLD, given, -1)[: lines[count - 1]]
    return [first, gap.bars - count] if count < gap.bars else [first]


def _opening(piece: GapPiece, tokenizer: WholeTokenizer, ids: Ints) -> Ints:
    """What a piece whose first bar is missing begins with: its tempo, and the rest before its pickup."""
    tables, metre = tokenizer.tables, piece.metre_ids[0]
    per_quarter = TICKS_PER_QUARTER / piece.given.tpq
    position = round(piece.pickup * per_quarter / int(tables.position_ticks[metre]))
    if tables.voices:
        rest = int(tables.ids(Kind.REST)[0])
        return np.array([metre, *[rest] * (position * tables.voices)] if position else [], np.int64)
    opening = [metre]
    if len(tables.ids(Kind.TEMPO)):  # after BOS, the bar, its metre and position 0
        opening += ids[3:5].tolist()
    if position:
        opening.append(int(tables.by_value(Kind.POSITION, tables.position)[position]))
    return np.array(opening if len(opening) > 1 else [], np.int64)


def gap_constraints(piece: GapPiece, tokenizer: WholeTokenizer, defaults: TrainingDefaults) -> Constraints:
    """What the new notes must satisfy."""
    tracks = [piece.given.tracks[number] for number in piece.tracks]
    return Constraints(
        bars=piece.bars,
        metre_ids=piece.metre_ids,
        part_pitches=defaults.pitches,
        programs=[frozenset(tokenizer.stream_programs(tracks))] if tokenizer.config.programs else (),
        tempo=False,
        known=known_ids(tokenizer, defaults),
    )


def _measured(
    machine: Machine,
    tokenizer: WholeTokenizer,
    piece: GapPiece,
    streams: Sequence[Stream],
    news: Sequence[tuple[Score, int]],
) -> list[Filled]:
    """The candidates with the likelihood of their new bars, and of what follows them."""
    kind, last = tokenizer.tables.kind, piece.gaps[-1].last + FOLLOWING
    wholes = []
    for new, _ in news:
        ids = encoded(merged(piece.given, new), piece, tokenizer)
        lines = np.flatnonzero(kind[ids] == Kind.BAR)
        wholes.append(ids[: lines[last]] if len(lines) > last else ids)
    most = max(1, RANKED_IDS // max(map(len, wholes)))
    nats = []
    for rows in row_chunks(len(wholes), most):
        nats += stream_nats(machine, [wholes[row].tolist() for row in rows], [])
    found = []
    for stream, (new, changed), ids, own in zip(streams, news, wholes, nats, strict=True):
        bar = np.cumsum(kind[ids] == Kind.BAR)
        in_gap, is_first = np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.bool_)
        for gap in piece.gaps:
            in_gap |= (bar >= gap.first) & (bar <= gap.last)
            is_first |= (bar == gap.first) & (kind[ids] == Kind.BAR)  # which is given
        after = (bar > piece.gaps[0].last) & ~in_gap
        joins = np.isin(bar, [gap.last + 1 for gap in piece.gaps])
        new_bars, following, join = (
            Likelihood(-float(own[mask[1:]].sum()), int(mask.sum()))
            for mask in (in_gap & ~is_first, after, joins)
        )
        trimmed = ids[ids != tokenizer.eos_id].tolist()
        notes, rating = without_rests(new, piece.rests), Rating(new_bars, join)
        gap_nats = stream.precision_gap
        found.append(Filled(notes, trimmed, new_bars.total, following.total, changed, rating, gap_nats))
    return found
