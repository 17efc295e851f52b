"""The exceptions of musegen.

MusegenError            something the user can mend: one clear line, exit code 2
├── MidiError           a music file that cannot be read or written
├── TokenError          ids that do not belong to a tokenizer, music that does not fit it
├── ConfigError         a flag or a configuration value
├── CheckpointError     a checkpoint folder that is incomplete, damaged or unknown
└── DataError           a dataset or a corpus

A message says what is wrong, the value, what is allowed, and what to do next. An option is named in it as
⟨time-signature⟩, since Python users write time_signature and the command line has --time-signature: whoever
shows messages says how (see `names_spelled`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
_NAME = re.compile(r"⟨([A-Za-z0-9._-]+)⟩")


def _in_python(name: str) -> str:
    return name.replace("-", "_")


_SPELLING: ContextVar[Callable[[str], str]] = ContextVar("spelling", default=_in_python)


def spell(text: str) -> str:
    """A message with its options named as its readers do: as in Python unless `names_spelled` says else."""
    spelling = _SPELLING.get()
    return _NAME.sub(lambda match: spelling(match[1]), text)


@contextmanager
def names_spelled(spelling: Callable[[str], str]) -> Iterator[None]:
    """Have messages name options so while the block lasts."""
    token = _SPELLING.set(spelling)
    try:
        yield
    finally:
        _SPELLING.reset(token)


class MusegenError(Exception):
    """Base of every error that a user can mend."""

    def __str__(self) -> str:
        """The message, with options named as `spell` does."""
        return spell(super().__str__())


class MidiError(MusegenError):
    """A music file cannot be read or written."""


class TokenError(MusegenError):
    """Ids do not belong to the tokenizer, or music does not fit it."""


class ConfigError(MusegenError):
    """A flag or a configuration value is wrong."""


class CheckpointError(MusegenError):
    """A checkpoint folder is incomplete, damaged or of an unknown format."""


class DataError(MusegenError):
    """A dataset or a corpus is missing, empty or unusable."""


def attempt(function: Callable[..., T], *arguments: object, **named: object) -> T | MusegenError:
    """What a function gives, or what is wrong that a user can mend."""
    try:
        return function(*arguments, **named)
    except MusegenError as error:
        return error
