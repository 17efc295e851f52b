"""What differs between two results of one command: for `benchmarks.golden`.

Paths and times are made alike first (`normalised`); what is left is compared as what it is: MIDI by its
bytes, weights tensor by tensor, JSON by its keys and its values, all else by its text or its bytes.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

CATEGORIES = ("exit code", "MIDI", "weights", "JSON keys", "JSON values", "other files", "text")
TEXT, OTHER = "text", "other files"
KINDS = {".mid": "MIDI", ".safetensors": "weights", ".json": "JSON keys", ".jsonl": "JSON keys"}
KINDS |= {".md": TEXT, ".txt": TEXT, "": TEXT}
"""The category of a file that is there on one side only, by its ending; else "other files"."""
READABLE = (".json", ".jsonl", ".md", ".txt", "", ".html", ".csv", ".yaml", ".musicxml", ".xml", ".abc")
"""Endings of files that are compared as text, with paths and times made alike."""
UNLIKE = ("tfevents", ".ckpt")
"""Files that hold times, hosts and pickles: that they are there is compared, not what is in them."""
NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
PATTERNS = (
    (r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "DATE"),
    (rf"(?<![\w.]){NUMBER} (?:ms|s|sec|seconds?|min|minutes?)(?![\w/])", "TIME"),
    (rf"(?<![\w.]){NUMBER}(?: \w+)? ?(?:/s|a second|per second)(?!\w)", "PACE"),
    (rf"(?<=\bminutes ){NUMBER}", "TIME"),
    (r"tfevents\.[\w.-]+", "tfevents"),
    (r"0x[0-9a-f]{6,}", "ADDRESS"),
    (r'File "[^"]*", line \d+.*(?:\n    .*)*', "FRAME"),
    (r"\S+\.py:\d+:(.*)\n  .*", r"MODULE:\1"),
)
"""What differs from run to run, and what stands for it."""
TIMED = re.compile(r"(?:^|_)(?:seconds?|minutes?|time|date|created|pace)(?:$|_)|per_second")
"""Keys of JSON under which times stand."""
JSON_NUMBER = re.compile(r'(?<=": )-?[\d.eE+-]+')
"""A number under a key, in the text of JSON."""
Places = dict[str, str]
"""What is written for each path."""


class Difference(NamedTuple):
    """One difference between the two results of a command."""

    category: str
    """One of `CATEGORIES`."""
    where: str
    """stdout, stderr or a file."""
    lines: tuple[str, ...]
    """What differs: - of the commit, + of the working tree."""


def normalised(text: str, places: Places) -> str:
    """Text of an output or a file with paths, the longest first, and times made alike."""
    for path in sorted(places, key=len, reverse=True):
        text = text.replace(path, places[path])
    for pattern, stands in PATTERNS:
        text = re.sub(pattern, stands, text)
    return text


def flat(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """The path to every value of JSON that holds no others, in order, and the value; times are left out."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            is_time = TIMED.search(key) and isinstance(inner, int | float | str)
            yield from [(f"{at}.{key}", "TIME")] if is_time else flat(inner, f"{at}.{key}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from flat(inner, f"{at}[{number}]")
    else:
        yield at, repr(value)  # so that 1 is not 1.0, and NaN is NaN


def compare_json(where: str, then: Any, now: Any) -> list[Difference]:
    """Differences of two JSON values: which keys there are and their order, and what stands under them."""
    old, new = dict(flat(then)), dict(flat(now))
    found = []
    if list(old) != list(new):
        found.append(Difference("JSON keys", where, _diff(list(old), list(new))))
    changed = [path for path in old if path in new and old[path] != new[path]]
    if changed:
        sides = (("-", old), ("+", new))
        lines = (f"{sign}{path}: {values[path]}" for path in changed for sign, values in sides)
        found.append(Difference("JSON values", where, tuple(lines)))
    return found


def compare_text(where: str, then: str, now: str, *, category: str = TEXT) -> list[Difference]:
    """Differences of two normalised texts; where both are JSON, as `compare_json` sees them."""
    if then == now:
        return []
    old, new = _json(then), _json(now)
    if old and new:
        found = compare_json(where, old, new)
        if found or JSON_NUMBER.sub("0", then) == JSON_NUMBER.sub("0", now):
            return found
    return [Difference(category, where, _diff(then.splitlines(), now.splitlines()))]


def _json(text: str) -> Any:
    """An object or a list written as JSON, or one a line; None where it is something else."""
    for parts in ([text], text.splitlines()):
        with suppress(ValueError):
            values = [json.loads(part) for part in parts]
            if all(isinstance(value, dict | list) for value in values):
                return values[0] if len(values) == 1 else values
    return None


def compare_weights(where: str, then: bytes, now: bytes) -> list[Difference]:
    """Differences of two files of weights: their tensors, bit for bit, and the metadata."""
    found = compare_json(where, _tensors(then), _tensors(now))
    return [each._replace(category="weights") for each in found]


def _tensors(data: bytes) -> dict[str, Any]:
    """The header of a file of weights, in its order, with a hash of the bytes of each tensor."""
    begin = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:begin])
    for name, tensor in header.items():
        if name != "__metadata__":
            low, high = tensor["data_offsets"]
            tensor["bytes"] = hashlib.sha256(data[begin + low : begin + high]).hexdigest()
    return header


def compare_bytes(category: str, where: str, then: bytes, now: bytes) -> list[Difference]:
    """Whether two files are the same bytes, and where they part."""
    for at, (old, new) in enumerate(zip_longest(then, now)):
        if old != new:
            sizes = f"{len(then)} and {len(now)} bytes"
            return [Difference(category, where, (f"{sizes}; byte {at}: {old} became {new}",))]
    return []


def compare_file(
    where: str, then: bytes | None, now: bytes | None, places: tuple[Places, Places]
) -> list[Difference]:
    """Differences of two files of one name, or outputs; None where there is none on one side."""
    name, ending = Path(where).name, Path(where).suffix
    kind = {"exit code": "exit code", "files removed": OTHER}.get(where, KINDS.get(ending, OTHER))
    if then is None or now is None:
        line = "-only the commit writes it" if now is None else "+only the working tree writes it"
        return [Difference(kind, where, (line,))]
    if then == now or any(each in name for each in UNLIKE):
        return []
    if ending == ".safetensors":
        return compare_weights(where, then, now)
    if ending not in READABLE:
        return compare_bytes(kind, where, then, now)
    pair = zip((then, now), places, strict=True)
    texts = [normalised(data.decode("utf-8", "replace"), known) for data, known in pair]
    if name == "SHA256SUMS":  # the files themselves are compared, and some hold times
        texts = [re.sub(r"\b[0-9a-f]{64}\b", "HASH", text) for text in texts]
    return compare_text(where, *texts, category=kind if kind != "JSON keys" else TEXT)


def compare_results(then: Path, now: Path, places: tuple[Places, Places]) -> list[Difference]:
    """All differences between the two results of one command.

    Args:
        then: the folder with what came of it on the side of the commit.
        now: the same in the working tree.
        places: of both sides, see `normalised`.
    """
    old, new = (_contents(folder, known) for folder, known in zip((then, now), places, strict=True))
    found = []
    for name in sorted(old.keys() | new.keys()):
        found += compare_file(name.removeprefix("files/"), old.get(name), new.get(name), places)
    return found


def _contents(folder: Path, places: Places) -> dict[str, bytes]:
    """The exit code, what was said, and every file that was written, by its normalised name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {normalised(str(path.relative_to(folder)), places): path.read_bytes() for path in paths}


def _diff(then: list[str], now: list[str]) -> tuple[str, ...]:
    """The lines that differ."""
    lines = difflib.unified_diff(then, now, lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
