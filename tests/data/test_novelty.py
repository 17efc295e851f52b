"""Copied runs, against a search that tries every place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Score

from musegen.data.dataset import Dataset
from musegen.data.novelty import (
    NoveltyIndex,
    build_index,
    copied,
    longest_matches,
    max_copied_run,
    sort_suffixes,
)
from musegen.metrics.lines import RATIOS, SHUT, motions, readings
from musegen.music.notes import note_arrays, put_notes, transpose
from tests.music.scores import TPQ, line, score

MELODY = st.lists(
    st.tuples(st.sampled_from([60, 61, 62]), st.sampled_from([240, 480])), min_size=2, max_size=30
)


def tune(notes: list[tuple[int, int]]) -> Score:
    made = score(line([pitch for pitch, _ in notes]))
    lengths = np.array([length for _, length in notes])
    columns = note_arrays(made.tracks[0])
    put_notes(made.tracks[0], np.cumsum(lengths) - lengths, lengths, columns[2], columns[3])
    return made


def slow_runs(ours: Score, theirs: list[Score]) -> list[int]:
    """For each note the longest run that holds it, by trying everything."""
    ((own,),) = readings(ours)
    codes = motions(own, last=SHUT).tolist()
    cover = [1] * (len(codes) + 1)
    for other in theirs:
        known = motions(readings(other)[0][0]).tolist()
        for a in range(len(codes)):
            for b in range(len(known)):
                same = 0
                while codes[a + same] == known[b + same]:
                    same += 1
                run = same + 1 + (codes[a + same] // RATIOS == known[b + same] // RATIOS)
                cover[a : a + run] = [max(run, before) for before in cover[a : a + run]]
    return cover


@settings(max_examples=60)
@given(MELODY, st.lists(MELODY, min_size=1, max_size=3))
def test_every_run_is_found_and_none_is_longer(notes: list[tuple[int, int]], others: list) -> None:
    ours, theirs = tune(notes), [tune(other) for other in others]
    found = copied(ours, build_index(theirs, [str(number) for number in range(len(theirs))]))
    cover = slow_runs(ours, theirs)
    assert found.runs.tolist() == cover
    assert found.longest == max(cover)
    first = cover.index(found.longest)
    run = tune(notes[first : first + found.longest]) if found.longest > 1 else ours
    held = [found.longest > 1 and max(slow_runs(run, [each])) == found.longest for each in theirs]
    assert found.pieces == [str(number) for number in np.flatnonzero(held)]


@pytest.fixture(scope="module")
def index(tunes: Dataset) -> NoveltyIndex:
    return build_index(map(tunes.score, tunes.pieces), [piece.name for piece in tunes.pieces])


def test_a_piece_is_a_copy_of_itself_in_any_key_and_at_any_speed(tunes: Dataset, index: NoveltyIndex) -> None:
    for piece in tunes.pieces[:6]:
        music = transpose(tunes.score(piece), -7).resample(1000)
        found = copied(music, index)
        ((own, *_), *_) = readings(music)
        assert found.longest == len(own.onsets)
        assert piece.name in found.pieces
        assert found.share(found.longest) == 1
        assert found.onset == own.onsets[0]


def test_a_quotation_is_found_where_it_stands(tunes: Dataset, index: NoveltyIndex) -> None:
    onsets, durations, pitches, velocities = note_arrays(tunes.score(tunes.pieces[3]).tracks[0])
    quoted = slice(40, 60)
    own = line([60, 71, 62, 73, 61, 74, 60, 75], step=360)
    columns = note_arrays(own)
    later = 8 * 360 + (onsets[quoted] - onsets[40]) * 2
    joined = [
        np.concatenate(pair)
        for pair in zip(
            columns, (later, durations[quoted] * 2, pitches[quoted] + 3, velocities[quoted]), strict=True
        )
    ]
    put_notes(own, *joined)
    found = copied(score(own), index)
    assert found.longest >= 20
    assert found.onset in (8 * 360, 7 * 360)  # the interval that leads to it may happen to fit
    assert tunes.pieces[3].name in found.pieces
    assert max_copied_run(score(own), index) == found.longest
    assert found.share(20) == pytest.approx(found.longest / len(own.notes))


def test_what_stands_before_does_not_count(tunes: Dataset, index: NoveltyIndex) -> None:
    music = tunes.score(tunes.pieces[0])
    half = int(note_arrays(music.tracks[0])[0][len(music.tracks[0].notes) // 2])
    assert 0 < max_copied_run(music, index, since=half) < max_copied_run(music, index)
    assert max_copied_run(music, index, since=10**7) == 0


def test_drums_and_single_notes_copy_nothing(index: NoveltyIndex) -> None:
    assert max_copied_run(score(line([36] * 20, drums=True)), index) == 0
    found = copied(score(line([60])), index)
    assert (found.longest, found.pieces, found.share(2)) == (0, [], 0)


def test_voices_are_read_one_by_one(index: NoveltyIndex, tunes: Dataset) -> None:
    music = tunes.score(tunes.pieces[1])
    music.tracks = [line([30, 31] * 40, step=TPQ), music.tracks[0]]
    assert tunes.pieces[1].name in copied(music, index).pieces


CODES = st.lists(st.integers(1, 3), min_size=1, max_size=40)


@given(CODES)
def test_suffixes_are_sorted(codes: list[int]) -> None:
    order = sort_suffixes(np.array(codes, np.int32), len(codes))
    assert order.tolist() == sorted(range(len(codes)), key=lambda start: codes[start:])


@given(CODES, CODES)
def test_no_match_is_longer(text: list[int], sought: list[int]) -> None:
    text, sought = [*text, 0], [*sought, 9]  # ends that agree with nothing
    array = np.array(text, np.int32)
    order, at = sort_suffixes(array, len(text)), np.arange(len(sought))
    where, agree = longest_matches(array, order, np.array(sought, np.int32), at)
    for place in range(len(sought)):
        longest = 0
        for start in range(len(text)):
            same = 0
            while text[start + same] == sought[place + same]:
                same += 1
            longest = max(longest, same)
        best = int(agree[:, place].argmax())
        start, same = int(where[best, place]), int(agree[best, place])
        assert same == longest
        assert text[start : start + same] == sought[place : place + same]
