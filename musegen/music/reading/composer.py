"""The composer that a music file names."""

import html
import re
from contextlib import suppress
from pathlib import Path

from musegen.errors import MidiError
from musegen.music.reading.guard import read_bytes, xml_text
from musegen.music.reading.read import FORMATS, decoded

_NAMED = {
    "kern": re.compile(r"^!!!COM\d*(?:@+\w+)?:(.*)$", re.MULTILINE),
    "abc": re.compile(r"^C:(.*)$", re.MULTILINE),
    "musicxml": re.compile(r"<creator\b[^<>]*\btype=[\"']composer[\"'][^<>]*>([^<]*)</creator>"),
}
"""Where each format has the name."""


def composer_of(music: Path | str) -> str:
    """The composer of a music file, or of a tune in ABC, as it names him; "" if it names none.

    Of several, the first. MIDI has no place for a composer.
    """
    form = "abc" if isinstance(music, str) else FORMATS.get(music.suffix.lower(), "")
    if form not in _NAMED:
        return ""
    text = music if isinstance(music, str) else ""
    with suppress(MidiError):  # reading its notes reports the fault
        if isinstance(music, Path):
            data = read_bytes(music)
            text = xml_text(data) if form == "musicxml" else decoded(data)
    found = _NAMED[form].search(text)
    return " ".join(html.unescape(found[1]).split()) if found else ""
