"""Simplifies ABC text before music21 reads it: one tune and one voice at a time, only what sounds.

music21 reads notes, keys and barlines well, but counts grace notes into triplets, loses a change
of metre inside a tune, takes `E::` for a field, loses notes under
annotations such as ">fz", and knows voices only in some layouts.
"""

import re
from collections import Counter
from fractions import Fraction

from musegen.errors import MidiError

MAX_TUNES = 20_000
MAX_HEADER = 8192
_FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
_VOICE = re.compile(r"\s*\[V:\s*([^\s\]]+)[^\]]*\]|V:\s*(\S+).*")
_QUOTED = re.compile(r'"([^"\n]*)"')
_MUSICAL = "XTMLQK"
"""The fields of a header that are passed to music21: it needs no includes or macros."""
_JUMP = re.compile(r"\b(?:d\.? ?c\.?|d\.? ?s\.?|da ?capo|dal ?segno|da ?coda)(?![a-z])", re.IGNORECASE)
_CHORD = re.compile(r"\s*\(?[A-G][#b♯♭]?(?:$|m|M|dim|aug|sus|add|[\d+o°ø/()^-])")
_NOTE = re.compile(r"[A-Ga-g]")
_UNCLOSED = re.compile(r"\[((?:[\^_=]*[A-Ga-g][,']*[\d/]*-?)+)(?=[^\]\[|\n]*(?:[\[|\n]|$))")
_PLAIN = (
    (r"\{[^{}\n]*\}", ""),  # grace notes
    (r"![^!|\s]+!|\+[a-z][^+|\s]*\+", ""),  # decorations such as !ff!
    (r"H?x[\d/]*(?=\s*[|:\]])", ""),  # room for a sign over the barline
    (r"x", "z"),
    (r"y[\d/]*|[H-WYh-w~.`\\]", ""),  # spacers, one-letter decorations, staccato, line joins
    (r"\[\|\]", ""),  # an invisible barline
    (r"\|\s*:\|", ":|"),
    (r":[|\s]*:", ":| |:"),
    (r":\|", " :|"),  # music21 takes E:: for a field
)


def split_abc(text: str) -> list[str]:
    """The tunes of an ABC file, each with the file's header before its `X:` line.

    Raises:
        MidiError: too many tunes, or too long a header.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    starts = [m.start() for m in re.finditer(r"^X:", text, re.MULTILINE)]
    if not starts:
        return [text]
    header = "".join(line for line in text[: starts[0]].splitlines(keepends=True) if _FIELD.match(line))
    if len(starts) > MAX_TUNES or len(header) > MAX_HEADER:
        raise MidiError(
            f"{len(starts)} tunes with a header of {len(header)} characters; "
            f"at most {MAX_TUNES} and {MAX_HEADER} are read"
        )
    return [header + text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def split_voices(tune: str) -> list[str]:
    """The voices of a tune as tunes of one voice each, in order of appearance."""
    lines = tune.splitlines()
    body = next((i + 1 for i, line in enumerate(lines) if line.startswith("K:")), len(lines))
    header = [line for line in lines[:body] if not line.startswith("V:")]
    voices: dict[str, list[str]] = {}
    name = ""
    for line in lines[body:]:
        found = _VOICE.match(line)
        name = (found[1] or found[2]) if found else name
        voices.setdefault(name, []).append(line[found.end() :] if found else line)
    common = voices.pop("", [])  # what precedes the first voice: fields, or a tune without voices
    return ["\n".join([*header, *common, *voice]) for voice in voices.values() or [[]]]


def part_orders(tune: str) -> int:
    """The number of orders of parts, such as P:AABA, in the header of a tune."""
    header = re.split(r"^K:", tune, maxsplit=1, flags=re.MULTILINE)[0]
    return len(re.findall(r"^P:[^%\n]*[A-Z)\d][^%\n]*[A-Z)\d]", header, re.MULTILINE))


def plain_abc(tune: str) -> tuple[str, int, Counter[str]]:
    """The tune reduced to its sounding notes, with changes of metre and key in a form that music21 keeps.

    Returns:
        text, the number of notes in it, and the number of everything omitted, by description.

    Raises:
        MidiError: no key, or a note of absurd length.
    """
    left_out: Counter[str] = Counter()
    fields: list[str] = []
    music: list[str] = []  # of the body: music, and fields on lines of their own
    in_body = False
    for line in tune.splitlines():
        if line.startswith("%"):
            continue
        if not in_body:
            in_body = line.startswith("K:")
            if line[:1] in _MUSICAL:
                fields.append(line)
        elif not _FIELD.match(line):
            music.append(_unquoted(line, left_out).split("%")[0])
        elif line[0] in "KLMQ":
            music.append(f"[{line.split('%')[0].strip()}]")
    if not in_body:
        raise MidiError("ABC without a key (K:), which ends the header of a tune")
    text, written = _plain_music("\n".join(music), fields, left_out)
    return "\n".join(fields) + "\n" + text + "\n", written, left_out


def _unquoted(line: str, left_out: Counter[str]) -> str:
    """The line without chord symbols and annotations; jumps among them or the decorations are counted."""
    for words in _QUOTED.findall(line) + re.findall(r"!([^!|]+)!", line):
        if _JUMP.search(words):
            left_out["jumps (da capo, dal segno) not played"] += 1
    symbols = [words for words in _QUOTED.findall(line) if _CHORD.match(words) and not _JUMP.search(words)]
    left_out["chord symbols not sounded"] += len(symbols)
    return _QUOTED.sub("", line)


def _plain_music(text: str, header: list[str], left_out: Counter[str]) -> tuple[str, int]:
    fields: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        fields.append(found[1])
        return "\0"

    if re.search(r"[A-Ga-gz\]/]\d{4}", text):
        raise MidiError("an ABC note length of four figures or more")
    text = re.sub(r"\[([A-Za-z]:[^\]\n]*)\]", put_aside, text)
    text, left_out["unclosed chords closed"] = _UNCLOSED.subn(r"[\1]", text)
    graces = "".join(re.findall(r"\{([^{}\n]*)\}", text))
    left_out["grace notes dropped"] += len(_NOTE.findall(graces))
    for pattern, plain in _PLAIN:
        text = re.sub(pattern, plain, text)
    text = _bars_of_rest(text, header, fields)
    overlays = "".join(re.findall(r"&[^|\n]*", text))
    left_out["notes of voice overlays (&) not read"] += len(_NOTE.findall(overlays))
    text = re.sub(r"&[^|\n]*", "", text)
    return re.sub("\0", lambda _: _field(fields.pop(0)), text), len(_NOTE.findall(text))


def _bars_of_rest(text: str, header: list[str], fields: list[str]) -> str:
    """The text with every Z (multi-bar rest, which music21 ignores) as rests and bar lines.

    Args:
        text: music in which each zero character is a placeholder for one of `fields`.
        header: fields before the music.
        fields: inside the music.
    """
    metre, unit = Fraction(1), None
    for field in header:
        metre, unit = _measured(field, metre, unit)
    inside = iter(fields)
    pieces = []
    for piece in re.split(r"(\0|[ZX]\d{0,3}(?=\s*(?:[|:\[\]\0]|$)))", text):
        if piece == "\0":
            metre, unit = _measured(next(inside), metre, unit)
        if piece[:1] in ("Z", "X"):
            bars = int(piece[1:] or 1)
            length = metre / (unit or (Fraction(1, 8) if metre >= Fraction(3, 4) else Fraction(1, 16)))
            piece = "|".join([f"z{length}"] * bars)  # noqa: PLW2901  the same piece, otherwise written
        pieces.append(piece)
    return re.sub("[ZX]", "z", "".join(pieces))  # the remaining ones are rests within a bar


def _measured(field: str, metre: Fraction, unit: Fraction | None) -> tuple[Fraction, Fraction | None]:
    """The length of a bar and the unit of lengths, in whole notes, after a field."""
    found = re.match(r"..\s*(\d{1,3})/(\d{1,3})", field)
    length = Fraction(int(found[1]), int(found[2])) if found and int(found[2]) else Fraction(1)
    if field.startswith("M:"):
        return length or Fraction(1), unit
    if field.startswith("L:") and length:
        return metre, length
    return metre, unit


def _field(field: str) -> str:
    """An inline field, which music21 ignores, as separate lines."""
    if field[0] == "K" and not re.match(r"K:\s*([A-G]|H[Pp]|none)", field):
        return ""  # a clef alone: music21 would take it for C major
    if field[0] == "M":
        return f"\n{field}\n{field}\n"  # music21 drops the last field before a note, so it gets two
    return f"\n{field}\n" if field[0] in "KLQ" else ""
