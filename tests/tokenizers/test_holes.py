"""Streams with holes: nothing is lost between source and target, and nothing that is missing is given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.holes import LONGEST, draw_holes
from musegen.data.views import TokenView, token_view
from musegen.tokenizers import Kind, Tables, Tokenizer
from musegen.tokenizers.holes import Cut, Holes, count_bars, cut_holes, source_tables
from musegen.tokenizers.tables import Ints, roster

Note = tuple[int, int, int, int]
"""Bar, position or place in the bar, track, pitch."""


def encoded(dataset: Dataset, kind: str) -> tuple[Tokenizer, TokenView]:
    tokenizer = fit_tokenizer(dataset, TokenizerConfig(kind=kind), fills=True)  # type: ignore[arg-type]
    return tokenizer, token_view(dataset, tokenizer, DataConfig(), lossy=True)


@pytest.fixture(scope="module")
def streams(chorales: Dataset, tunes: Dataset) -> list[tuple[Tables, list[Ints]]]:
    """A grid of four voices, events of four parts, events of one line."""
    found = []
    for dataset, kind in ((chorales, "grid"), (chorales, "remi"), (tunes, "remi")):
        tokenizer, view = encoded(dataset, kind)
        found.append((tokenizer.tables, [view.stream(index) for index in range(5)]))
    return found


def notes_of(ids: Ints, tables: Tables) -> set[Note]:
    """Every note of a stream, read without the functions under test."""
    found, bar, place, track = set(), -1, 0, 0
    for id_ in ids.tolist():
        kind = tables.kind[id_]
        if kind == Kind.BAR:
            bar, place = bar + 1, 0
        elif kind == Kind.POSITION:
            place = int(tables.position[id_])
        elif kind == Kind.PROGRAM:
            track = int(tables.program[id_])
        elif kind == Kind.PITCH and not tables.voices:
            found.add((bar, place, track, int(tables.pitch[id_])))
        if tables.voices and kind >= Kind.PITCH:
            if kind == Kind.PITCH:
                found.add((bar, place // tables.voices, place % tables.voices, int(tables.pitch[id_])))
            place += 1
    return found


def in_holes(note: Note, holes: Holes) -> bool:
    return bool(holes.bars[note[0]]) and (holes.numbers is None or note[2] in holes.numbers)


def scored_notes(cut: Cut, tables: Tables) -> int:
    return int((tables.kind[cut.target[cut.scored]] == Kind.PITCH).sum())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), which=st.integers(0, 2), piece=st.integers(0, 4))
def test_the_source_has_what_is_given_and_the_target_predicts_the_rest(
    streams: list[tuple[Tables, list[Ints]]], seed: int, which: int, piece: int
) -> None:
    tables, ids = streams[which][0], streams[which][1][piece]
    holes = draw_holes(ids, tables, "cells", np.random.default_rng(seed))
    cut, known = cut_holes(ids, tables, holes), source_tables(tables)
    every = notes_of(ids, tables)
    missing = {note for note in every if in_holes(note, holes)}
    assert notes_of(cut.source, known) == every - missing
    assert scored_notes(cut, tables) == len(missing)
    wanted = every if holes.numbers is None or tables.voices else {n for n in every if n[2] in holes.numbers}
    assert notes_of(cut.target, tables) == wanted
    assert (tables.kind[cut.target] == Kind.BAR).sum() == (known.kind[cut.source] == Kind.BAR).sum()
    # Something is missing, and no gap is longer than said, unless whole tracks are missing.
    assert holes.bars.any()
    runs = np.diff(np.flatnonzero(np.diff([0, *holes.bars.astype(int), 0])))[::2]
    assert runs.max() <= LONGEST or holes.bars.all()
    assert holes.numbers != frozenset(roster(tables, ids))


def test_a_window_of_a_piece_ends_with_the_next_bar_line(streams: list[tuple[Tables, list[Ints]]]) -> None:
    """Which is predicted, of events, if the bar before it has a hole."""
    for tables, (ids, *_) in streams:
        lines = np.flatnonzero(tables.kind[ids] == Kind.BAR)
        window = ids[lines[1] : lines[4] + 1]
        assert count_bars(window, tables) == 3
        for bars, is_last in (([True, False, False], False), ([False, False, True], True)):
            cut = cut_holes(window, tables, Holes(np.array(bars)))
            assert cut.target[-1] == window[-1]
            assert cut.scored[-1] == (is_last and not tables.voices)
            assert (source_tables(tables).kind[cut.source] == Kind.BAR).sum() == 3


def test_a_hole_says_which_tracks_are_missing(streams: list[tuple[Tables, list[Ints]]]) -> None:
    tables, (ids, *_) = streams[1]
    bars = np.zeros(count_bars(ids, tables), np.bool_)
    bars[1] = True
    cut = cut_holes(ids, tables, Holes(bars, frozenset({1, 3})))
    at = np.flatnonzero(cut.source == tables.vocab_size)
    assert len(at) == 1
    assert tables.program[cut.source[at[0] + 1 : at[0] + 3]].tolist() == [1, 3]
    assert len(np.flatnonzero(cut_holes(ids, tables, Holes(bars)).source == tables.vocab_size)) == 1


def test_draws_depend_on_the_generator_alone(streams: list[tuple[Tables, list[Ints]]]) -> None:
    tables, (ids, *_) = streams[0]
    first, again, other = (draw_holes(ids, tables, "cells", np.random.default_rng(s)) for s in (3, 3, 4))
    assert first.numbers == again.numbers
    assert (first.bars == again.bars).all()
    assert first.numbers != other.numbers or (first.bars != other.bars).any()
    assert draw_holes(ids, tables, "bars", np.random.default_rng(0)).numbers is None
    whole = draw_holes(ids, tables, "tracks", np.random.default_rng(0))
    assert whole.bars.all()
    assert 0 < len(whole.numbers or ()) < 4
