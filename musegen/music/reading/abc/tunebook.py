"""The tunes of an ABC file, and the lines of a tune."""

import re
from typing import NamedTuple

from musegen.errors import MidiError

MAX_TUNES = 20_000
MAX_HEADER = 8192
MAX_TUNE = 2**20
"""Characters of a tune."""
FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
"""The begin of a line that is no music; `E::` is."""
_TEXT = re.compile(r"^%%begin(\w+)\b.*?(?:^%%end\1\b[^\n]*\n?|\Z)", re.MULTILINE | re.DOTALL)
_MUSIC = re.compile(r"^[^%]*[A-Ga-gz][,'\d/]*\s*(?:\||:)[^%]*\|")


class TuneLines(NamedTuple):
    """A tune."""

    header: list[str]
    """Fields and directives, K: the last if there is one; those of the file first."""
    body: list[str]
    after: int
    """How many lines that look like music follow the empty line that ends it."""


def split_abc(text: str) -> list[str]:
    """The tunes of an ABC file, each with the file's header before its `X:` line, and the text that follows.

    Raises:
        MidiError: too many tunes, or too long a header or tune.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _TEXT.sub("", text) if "%%begin" in text else text
    starts = [m.start() for m in re.finditer(r"^X:", text, re.MULTILINE)]
    if not starts:
        return [_checked(text)]
    header = "".join(line for line in text[: starts[0]].splitlines(keepends=True) if _is_header(line))
    if len(starts) > MAX_TUNES or len(header) > MAX_HEADER:
        raise MidiError(
            f"{len(starts)} tunes with a header of {len(header)} characters; "
            f"at most {MAX_TUNES} and {MAX_HEADER} are read"
        )
    ends = [*starts[1:], len(text)]
    return [header + _checked(text[a:b]) for a, b in zip(starts, ends, strict=True)]


def _checked(tune: str) -> str:
    if len(tune) > MAX_TUNE:
        raise MidiError(f"a tune of {len(tune)} characters; at most {MAX_TUNE} are read")
    return tune


def _is_header(line: str) -> bool:
    return bool(FIELD.match(line)) or line.startswith("%%")


def tune_lines(tune: str) -> TuneLines:
    """The lines of a tune of `split_abc`; it ends at an empty line.

    Without a `K:` its header ends at the first line that is music.

    Raises:
        MidiError: it is no tune: it has none of X:, K:, M:, L:.
    """
    lines = _TEXT.sub("", tune).splitlines()
    first = next((i for i, line in enumerate(lines) if re.match("[XKMLT]:", line)), None)
    if first is None or not any(re.match("[XKML]:", line) for line in lines):
        raise MidiError("no tune: ABC begins with X: (a number) and has a key (K:)")
    begin = next((i for i, line in enumerate(lines) if line.startswith("X:")), first)
    end = next((i for i in range(begin, len(lines)) if not lines[i].strip()), len(lines))
    after = sum(1 for line in lines[end:] if _MUSIC.match(line) and not FIELD.match(line))
    own = lines[begin:end]
    key = next((i for i, line in enumerate(own) if line.startswith("K:")), None)
    if key is None:
        key = next((i for i, line in enumerate(own) if _MUSIC.match(line)), len(own)) - 1
    header = [line for line in (*lines[:begin], *own[: key + 1]) if _is_header(line)]
    return TuneLines(header, own[key + 1 :], after)
