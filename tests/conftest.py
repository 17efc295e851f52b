"""Fixtures that every test may use; the music itself is in music_fixtures.py."""

from tests.music_fixtures import plain, rich, trained, tunes

__all__ = ["plain", "rich", "trained", "tunes"]
