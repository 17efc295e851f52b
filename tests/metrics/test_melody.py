from collections.abc import Callable

import pytest
from symusic import Note, Track

from musegen.metrics.melody import melody_preserved
from tests.music.scores import line

GIVEN = line([60, 62, 64])


def test_the_order_of_notes_does_not_matter() -> None:
    turned = Track("another name")
    for note in reversed(list(GIVEN.notes)):
        turned.notes.append(note)
    assert melody_preserved(GIVEN, turned)


def earlier(note: Note) -> None:
    note.time -= 1


def shorter(note: Note) -> None:
    note.duration -= 1


def higher(note: Note) -> None:
    note.pitch += 1


def softer(note: Note) -> None:
    note.velocity -= 1


@pytest.mark.parametrize("change", [earlier, shorter, higher, softer])
def test_every_field_counts(change: Callable[[Note], None]) -> None:
    written = GIVEN.copy()
    change(written.notes[1])
    assert not melody_preserved(GIVEN, written)


def test_no_note_may_be_lost_or_added() -> None:
    assert not melody_preserved(GIVEN, line([60, 62]))
    assert not melody_preserved(line([60, 62]), GIVEN)
    assert not melody_preserved(GIVEN, line([]))
