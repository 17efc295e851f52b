"""The exceptions of musegen.

MusegenError            an error that the user can fix: one clear line, exit code 2
├── MidiError           a music file cannot be read or written
├── TokenError          ids are not from the tokenizer, or it cannot represent the music
├── ConfigError         a flag or a setting is wrong
├── CheckpointError     a checkpoint folder is incomplete, damaged or of an unknown format
└── DataError           a dataset or a corpus is missing, empty or unusable

A message says what is wrong, the value, what is allowed, and what to do next. Options are written as
⟨time-signature⟩ in it: Python users then read time_signature, the command line shows --time-signature (see
`names_spelled`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
_NAME = re.compile(r"⟨([A-Za-z0-9._-]+)⟩")
_SPELLING: ContextVar[Callable[[str], str]] = ContextVar("spelling", default=lambda n: n.replace("-", "_"))


def spell(text: str) -> str:
    """A message with its options spelled as in Python, or as `names_spelled` has set."""
    spelling = _SPELLING.get()
    return _NAME.sub(lambda match: spelling(match[1]), text)


@contextmanager
def names_spelled(spelling: Callable[[str], str]) -> Iterator[None]:
    """Within the block, spell the options in messages by this function of their name."""
    token = _SPELLING.set(spelling)
    try:
        yield
    finally:
        _SPELLING.reset(token)


class MusegenError(Exception):
    """Base class of all errors that a user can fix."""

    def __str__(self) -> str:
        """The message, with options spelled by `spell`."""
        return spell(super().__str__())


class MidiError(MusegenError):
    """A music file cannot be read or written."""


class TokenError(MusegenError):
    """Ids are not from the tokenizer, or it cannot represent the music."""


class ConfigError(MusegenError):
    """A flag or a setting is wrong."""


class CheckpointError(MusegenError):
    """A checkpoint folder is incomplete, damaged or of an unknown format."""


class DataError(MusegenError):
    """A dataset or a corpus is missing, empty or unusable."""


def attempt(function: Callable[..., T], *arguments: object, **keywords: object) -> T | MusegenError:
    """The result of a function, or the `MusegenError` that it raises."""
    try:
        return function(*arguments, **keywords)
    except MusegenError as error:
        return error
