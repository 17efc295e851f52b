"""ABC text made plain before music21 reads it: one tune and one voice at a time, nothing unsounded.

music21 reads notes, keys and barlines well, but counts grace notes into triplets, loses a change
of metre inside a tune, takes `E::` for a field, loses notes under
annotations such as ">fz", and knows voices only in some layouts.
"""

import re

from musegen.errors import MidiError

_FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
_VOICE = re.compile(r"\s*\[V:\s*([^\s\]]+)[^\]]*\]|V:\s*(\S+).*")
_QUOTED = re.compile(r'"[^"]*"')
_PLAIN = (
    (r"\{[^}]*\}", ""),  # grace notes
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
    """The tunes of an ABC file, each with the file's header before its `X:` line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    starts = [m.start() for m in re.finditer(r"^X:", text, re.MULTILINE)]
    if not starts:
        return [text]
    header = "".join(line for line in text[: starts[0]].splitlines(keepends=True) if _FIELD.match(line))
    return [header + text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def split_voices(tune: str) -> list[str]:
    """One tune's voices as tunes of one voice each, in order of appearance."""
    lines = tune.splitlines()
    body = next((i + 1 for i, line in enumerate(lines) if line.startswith("K:")), len(lines))
    header = [line for line in lines[:body] if not line.startswith("V:")]
    voices: dict[str, list[str]] = {}
    name = ""
    for line in lines[body:]:
        found = _VOICE.match(line)
        name = (found[1] or found[2]) if found else name
        voices.setdefault(name, []).append(line[found.end() :] if found else line)
    common = voices.pop("", [])  # what stands before the first voice: fields, or a tune without voices
    return ["\n".join([*header, *common, *voice]) for voice in voices.values() or [[]]]


def plain_abc(tune: str) -> tuple[str, int]:
    """The tune without what is not sounded in the notes, and with every change of metre and key safe.

    Returns:
        text, number of grace notes dropped.
    """
    fields: list[str] = []
    music: list[str] = []  # of the body: music, and fields on lines of their own
    in_body = False
    for line in tune.splitlines():
        if line.startswith("%"):
            continue
        if not in_body:
            fields.append(line)
            in_body = line.startswith("K:")
        elif not _FIELD.match(line):
            music.append(_QUOTED.sub("", line).split("%")[0])
        elif line[0] in "KLMQ":
            music.append(f"[{line.split('%')[0].strip()}]")
    text, graces = _plain_music("\n".join(music))
    return "\n".join(fields) + "\n" + text + "\n", graces


def _plain_music(text: str) -> tuple[str, int]:
    fields: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        fields.append(found[1])
        return "\0"

    if re.search(r"[A-Ga-gz\]/]\d{4}", text):
        raise MidiError("an ABC note length of four figures or more")
    text = re.sub(r"\[([A-Za-z]:[^\]\n]*)\]", put_aside, text)
    graces = sum(len(re.findall(r"[A-Ga-g]", group)) for group in re.findall(r"\{([^}]*)\}", text))
    for pattern, plain in _PLAIN:
        text = re.sub(pattern, plain, text)
    return re.sub("\0", lambda _: _field(fields.pop(0)), text), graces


def _field(field: str) -> str:
    """An inline field, which music21 overlooks, as lines of their own."""
    if field[0] == "M":
        return f"\n{field}\n{field}\n"  # music21 drops the last field before a note, so it gets two
    return f"\n{field}\n" if field[0] in "KLQ" else ""
