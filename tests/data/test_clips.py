"""Clips against the scores they are cut from."""

from collections.abc import Sequence

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track
from symusic.core import ScoreTick

from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.clips import Clips, clip_attributes, clip_notes, cut_clips
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import TokenView, token_view
from musegen.music.metre import bar_ticks
from musegen.tokenizers import GridTokenizer, Tokenizer, whole_tokenizer
from musegen.tokenizers.tables import TICKS_PER_QUARTER

MELODY = DataConfig(tracks="melody")


def tune(*notes: tuple[int, int, int], metres: Sequence[tuple[int, int, int]] = ((0, 4, 4),)) -> ScoreTick:
    """A score of 480 ticks a quarter from (onset, duration, pitch) in 16ths and (16th, beats, unit)."""
    score = Score(480, ttype="Tick")
    score.time_signatures = [TimeSignature(time * 120, *metre) for time, *metre in metres]
    track = Track("tune", 0, is_drum=False, ttype="Tick")
    track.notes = [Note(onset * 120, duration * 120, pitch, 90) for onset, duration, pitch in notes]
    score.tracks = [track]
    return score


def view_of(tokenizer: Tokenizer, *scores: ScoreTick) -> TokenView:
    """A view of training pieces of its own, all in the split "train"."""
    streams = [tokenizer.encode(score) for score in scores]
    nothing = IndexEntry("", "", "", "train", 0, 0, 0.0, 0, "", [], [], 0, 0)
    return TokenView(
        ids=np.concatenate(streams).astype(np.uint16),
        offsets=np.cumsum([0, *map(len, streams)]),
        notes=np.zeros(len(scores), dtype=np.int64),
        pieces=[nothing] * len(scores),
        skipped={},
        tempo=120.0,
        program=0,
    )


def names(clips: Clips, tokenizer: Tokenizer, index: int) -> list[str]:
    start, stop = clips.offsets[index : index + 2]
    return [tokenizer.vocab[id_] for id_ in clips.ids[start:stop]]


def rows_of(score: ScoreTick) -> set[tuple[int, int, int]]:
    """(onset, end, pitch) of each note in ticks of 192 a quarter."""
    tpq = score.ticks_per_quarter
    return {
        (round(n.time * TICKS_PER_QUARTER / tpq), round(n.end * TICKS_PER_QUARTER / tpq), n.pitch)
        for track in score.tracks
        for n in track.notes
    }


@pytest.mark.parametrize("kind", ["remi", "grid", "line"])
@pytest.mark.parametrize("bars", [1, 2, 5])
def test_clips_hold_what_the_score_has_in_their_bars(kind: str, bars: int, tunes: Dataset) -> None:
    tokenizer = fit_tokenizer(tunes, TokenizerConfig(kind=kind), MELODY)  # type: ignore[arg-type]
    view = token_view(tunes, tokenizer, MELODY)
    clips = cut_clips(view, tokenizer, bars=bars, split="train")
    notes = clip_notes(clips.ids, clips.offsets, tokenizer.tables)
    assert set(clips.piece.tolist()) == set(view.indices("train"))
    for clip in clips.spread(60).tolist():
        whole = whole_tokenizer(tokenizer).decode(
            view.stream(int(clips.piece[clip])), ticks_per_quarter=TICKS_PER_QUARTER
        )
        first = int(clips.first_bar[clip])
        lines = [*bar_ticks(whole).tolist(), *[whole.end() + 9999] * bars]
        metre = tokenizer.vocab[clips.metre[clip]].removeprefix("TimeSig_").split("/")
        begin = lines[first]
        end = begin + bars * int(metre[0]) * 4 * TICKS_PER_QUARTER // int(metre[1])
        wanted = {
            (onset - begin, min(stop, end) - begin, pitch)
            for onset, stop, pitch in rows_of(whole)
            if begin <= onset < end
        }
        own = notes.of(clip)
        found = set(
            zip(own.onset.tolist(), (own.onset + own.duration).tolist(), own.pitch.tolist(), strict=True)
        )
        assert found == wanted
        assert clips.notes[clip] == len(wanted) > 0
        stream = clips.rows(np.array([clip]))[0]
        assert rows_of(tokenizer.decode(stream, ticks_per_quarter=TICKS_PER_QUARTER)) == wanted


@pytest.mark.parametrize("kind", ["remi", "grid"])
def test_what_lasts_over_the_end_is_cut_and_what_is_held_in_left_out(kind: str) -> None:
    grid = GridTokenizer.build(TokenizerConfig(kind="grid", positions=4), time_signatures=[])
    score = tune((0, 4, 60), (12, 8, 62), (24, 40, 64), (64, 4, 65))
    tokenizer = grid if kind == "grid" else fit_line()
    clips = cut_clips(view_of(tokenizer, score), tokenizer, bars=1, split="train")
    notes = clip_notes(clips.ids, clips.offsets, tokenizer.tables)
    quarter = TICKS_PER_QUARTER
    # The third and fourth bar hold the end of a note alone, in which nothing begins.
    assert clips.first_bar.tolist() == [0, 1, 4]
    assert clips.left_out == {"no note begins in it": 2}
    assert [notes.of(i).onset.tolist() for i in range(3)] == [[0, 3 * quarter], [2 * quarter], [0]]
    assert [notes.of(i).duration.tolist() for i in range(3)] == [[quarter, quarter], [2 * quarter], [quarter]]
    if kind == "grid":
        assert names(clips, tokenizer, 1)[3:7] == ["Rest_None"] * 4


def fit_line() -> Tokenizer:
    from musegen.tokenizers import RemiTokenizer

    return RemiTokenizer.build(TokenizerConfig(), time_signatures=[], programs=[])


def test_each_reason_is_counted() -> None:
    tokenizer = fit_line()
    changing = tune((0, 4, 60), (16, 4, 62), (32, 4, 64), metres=((0, 4, 4), (16, 3, 4)))
    sparse = tune((0, 4, 60), (64, 4, 60))
    short = tune((0, 4, 60))
    clips = cut_clips(view_of(tokenizer, changing, sparse, short), tokenizer, bars=2, split="train")
    # Bars 1-2 of the first have two metres; bars 2-3 and 3-4 of the second are silent; the third has one bar.
    assert clips.left_out == {
        "all there is of its piece is shorter": 1,
        "the metre changes inside": 1,
        "no note begins in it": 2,
    }
    assert list(zip(clips.piece.tolist(), clips.first_bar.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 3)]
    assert [tokenizer.vocab[metre] for metre in clips.metre] == ["TimeSig_3/4", "TimeSig_4/4", "TimeSig_4/4"]


def test_a_whole_stream_is_a_clip_of_all_its_bars(tunes: Dataset) -> None:
    tokenizer = fit_tokenizer(tunes, TokenizerConfig(kind="remi"), MELODY)
    view = token_view(tunes, tokenizer, MELODY)
    for index in view.indices("train")[:8]:
        stream = view.stream(index)
        bars = int((stream == tokenizer.tables.ids(3)[0]).sum())  # type: ignore[arg-type]
        clips = cut_clips(view, tokenizer, bars=bars, split="train")
        mine = np.flatnonzero(clips.piece == index)
        if len(mine):  # of one metre
            assert clips.rows(mine)[0].tolist() == stream.tolist()


def test_attributes_are_those_of_the_notes() -> None:
    tokenizer = fit_line()
    even = tune(*((4 * i, 4, 60 + 2 * i) for i in range(8)))
    dotted = tune(*((onset, 1, 72) for onset in (0, 3, 4, 7, 8, 11, 12, 15, 31)))
    clips = cut_clips(view_of(tokenizer, even, dotted), tokenizer, bars=2, split="train")
    found = clip_attributes(clips, tokenizer.tables, 2)
    assert found[0].tolist() == pytest.approx([4.0, 14.0, 0.0, 67.0])
    assert found[1].tolist() == pytest.approx([4.5, 0.0, 1.0, 72.0])
