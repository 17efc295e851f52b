"""A self-contained HTML page with a piano roll and a play button for each piece.

The template is in player/: page.html with its style and its scripts. The music is inserted as JSON with times
in ticks and the tempo map that converts them to seconds. The content security policy names the style and the
script by their hashes: whatever a title contains, nothing else is run and nothing is fetched.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from symusic import Score

from musegen.files import write_atomic
from musegen.music.facts import DRUMS, instrument_name, music_facts
from musegen.music.metre import bar_length, bar_ticks
from musegen.music.notes import note_arrays

SCRIPTS = ("synth.js", "time.js", "roll.js", "player.js")


def write_page(pieces: Sequence[tuple[str, Score]], path: Path, *, title: str) -> None:
    """Write the page of `pieces`: a title and a tidy Score each, in ticks, with at least one note.

    Raises:
        OSError: see `write_atomic`.
    """
    # a file name that is not UTF-8 contains surrogates, which cannot be encoded
    write_atomic(path, page(pieces, title=title).encode("utf-8", "replace"))


def page(pieces: Sequence[tuple[str, Score]], *, title: str) -> str:
    """The page of `pieces`, as in `write_page`; the same pieces give the same text."""
    folder = files("musegen.display") / "player"
    style = (folder / "page.css").read_text("utf-8")
    script = "\n".join((folder / name).read_text("utf-8") for name in SCRIPTS)
    music = {"title": title, "drums": DRUMS, "pieces": [piece_data(*piece) for piece in pieces]}
    return Template((folder / "page.html").read_text("utf-8")).substitute(
        title=html.escape(title),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        # JSON that cannot close its HTML element: `<` occurs only in its strings
        music=json.dumps(music, separators=(",", ":")).replace("<", "\\u003c"),
    )


def piece_data(title: str, score: Score) -> dict[str, Any]:
    """The data of a piece for the page.

    Returns:
        title; facts, as text; tpq, ticks per quarter note; end, the tick of the last bar line; metres, each
        [tick, ticks per bar, beats per bar]; tempos, each [tick, microseconds per quarter note]; tracks, each
        with its name, its program (-1: drums) and its notes: onset, duration, pitch, velocity of the first,
        of the second, and so on.
    """
    return {
        "title": title,
        "facts": _facts(score),
        "tpq": int(score.tpq),
        "end": int(bar_ticks(score)[-1]),
        "metres": [
            [int(each.time), bar_length(score.tpq, each.numerator, each.denominator), _beats(each.numerator)]
            for each in score.time_signatures
        ],
        "tempos": [[int(each.time), int(each.mspq)] for each in sorted(score.tempos, key=lambda t: t.time)],
        "tracks": [
            {
                "name": track.name.strip() or instrument_name(-1 if track.is_drum else track.program),
                "program": -1 if track.is_drum else int(track.program),
                "notes": np.stack(note_arrays(track), axis=1).ravel().tolist(),
            }
            for track in score.tracks
            if len(track.notes)
        ],
    }


def _beats(units: int) -> int:
    """The counted beats of a bar of `units` units: compound metres have dotted beats."""
    return units // 3 if units > 3 and units % 3 == 0 else units


def _facts(score: Score) -> str:
    facts = music_facts(score)
    bars = "1 bar" if facts["bars"] == 1 else f"{facts['bars']} bars"
    words = [facts["key"], facts["time_signature"], bars]
    return " · ".join(word for word in words if word)


def _hash(text: str) -> str:
    """The hash of an inline text in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
