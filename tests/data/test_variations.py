"""Changed clips are clips, and what is changed is what a slider is for."""

import numpy as np
import pytest

from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.clips import Clips, clip_notes, cut_clips
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.variations import CHANGES, changed_lines, line_ids, vary
from musegen.data.views import token_view
from musegen.metrics.attributes import attributes
from musegen.metrics.note_f1 import Notes
from musegen.music.notes import Floats
from musegen.tokenizers import Tokenizer
from musegen.tokenizers.tables import Ints

BARS = 2
MELODY = DataConfig(tracks="melody")


@pytest.fixture(scope="module")
def tokenizer(tunes: Dataset) -> Tokenizer:
    return fit_tokenizer(tunes, TokenizerConfig(kind="remi"), MELODY)


@pytest.fixture(scope="module")
def clips(tunes: Dataset, tokenizer: Tokenizer) -> Clips:
    view = token_view(tunes, tokenizer, MELODY)
    return cut_clips(view, tokenizer, bars=BARS, split="train")


def notes_of(rows: Ints, tokenizer: Tokenizer) -> Notes:
    offsets = np.append(0, np.cumsum((rows != 0).sum(axis=1)))
    return clip_notes(rows[rows != 0], offsets, tokenizer.tables)


def measured(notes: Notes, count: int) -> Floats:
    return attributes(notes.clip, notes.onset, notes.pitch, count=count, bars=BARS)


def test_notes_go_back_to_the_ids_they_came_from(clips: Clips, tokenizer: Tokenizer) -> None:
    which = np.arange(len(clips.piece))
    rows = clips.rows(which)
    assert (line_ids(notes_of(rows, tokenizer), clips.metre, BARS, tokenizer.tables) == rows).all()


def test_a_changed_clip_decodes_to_its_own_notes(clips: Clips, tokenizer: Tokenizer) -> None:
    which = clips.spread(120)
    for seed in range(5):
        changed = changed_lines(clips.rows(which), BARS, tokenizer.tables, np.random.default_rng(seed))
        notes = notes_of(changed, tokenizer)
        metre = clips.metre[which]
        lengths = BARS * tokenizer.tables.bar_positions[metre] * tokenizer.tables.position_ticks[metre]
        inside = np.diff(notes.clip) == 0
        assert (np.diff(notes.onset)[inside] > 0).all()
        assert ((notes.onset + notes.duration)[:-1][inside] <= notes.onset[1:][inside]).all()
        assert (notes.onset + notes.duration <= lengths[notes.clip]).all()
        assert (notes.duration > 0).all()
        for row in (0, 60, len(which) - 1):
            score = tokenizer.decode(changed[row])
            own = notes.of(row)
            found = sorted((n.time, n.end, n.pitch) for track in score.tracks for n in track.notes)
            onset, end = (own.onset * 480 // 192).tolist(), ((own.onset + own.duration) * 480 // 192).tolist()
            assert found == list(zip(onset, end, own.pitch.tolist(), strict=True))


def test_every_attribute_is_changed_up_and_down(clips: Clips, tokenizer: Tokenizer) -> None:
    which = clips.spread(300)
    notes = notes_of(clips.rows(which), tokenizer)
    metre = clips.metre[which]
    lengths = BARS * tokenizer.tables.bar_positions[metre] * tokenizer.tables.position_ticks[metre]
    before = measured(notes, len(which))
    after = measured(vary(notes, lengths, np.random.default_rng(0)), len(which))
    assert ((after > before + 0.1).mean(axis=0) > 0.05).all()
    assert ((after < before - 0.1).mean(axis=0) > 0.05).all()
    # A sixth of the clips is changed in each way, some of them by nothing.
    assert 1 / CHANGES < (after != before).any(axis=1).mean() < 1


def test_the_same_numbers_give_the_same_changes(clips: Clips, tokenizer: Tokenizer) -> None:
    rows = clips.rows(clips.spread(50))
    one, same, other = (
        changed_lines(rows, BARS, tokenizer.tables, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
