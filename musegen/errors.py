"""The exceptions of musegen.

MusegenError            something the user can mend: one clear line, exit code 2
├── MidiError           a music file that cannot be read or written
├── TokenError          ids that do not belong to a tokenizer, music that does not fit it
├── ConfigError         a flag or a configuration value
├── CheckpointError     a checkpoint folder that is incomplete, damaged or unknown
└── DataError           a dataset or a corpus

A message says what is wrong, the value, what is allowed, and what to do next.
"""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class MusegenError(Exception):
    """Base of every error that a user can mend."""


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
