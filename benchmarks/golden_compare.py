"""What differs between two results of one command: for `benchmarks.golden`.

Paths and times are made alike first (`normalised`); what is left is compared as what it is: MIDI by its
bytes, weights tensor by tensor, JSON by its keys and its values, all else by its text or its bytes.
"""

import difflib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CATEGORIES = ("exit code", "MIDI", "weights", "JSON keys", "JSON values", "other files", "text")
TEXT = "text"
KINDS = {
    ".mid": "MIDI",
    ".safetensors": "weights",
    ".json": "JSON keys",
    ".jsonl": "JSON keys",
    ".md": TEXT,
    ".txt": TEXT,
    "": TEXT,
}
"""The category of a file that is there on one side only, by its ending; else "other files"."""
READABLE = (".html", ".csv", ".yaml", ".musicxml", ".xml", ".abc")
"""Endings of other files that are compared as text, with paths and times made alike."""
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
SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


class Difference(NamedTuple):
    """One difference between the two results of a command."""

    category: str
    """One of `CATEGORIES`."""
    where: str
    """stdout, stderr or a file."""
    lines: tuple[str, ...]
    """What differs: - of the commit, + of the working tree."""


def normalised(text: str, places: dict[str, str]) -> str:
    """Text with paths and times made alike.

    Args:
        text: of an output or a file.
        places: what is written for a path; the longest paths go first.
    """
    for path in sorted(places, key=len, reverse=True):
        text = text.replace(path, places[path])
    for pattern, stands in PATTERNS:
        text = re.sub(pattern, stands, text)
    return text


def flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of JSON that holds no others, in order, and the path to it; times are left out."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            is_time = TIMED.search(key) and isinstance(inner, int | float | str)
            yield from [(f"{at}.{key}", "TIME")] if is_time else flat(inner, f"{at}.{key}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from flat(inner, f"{at}[{number}]")
    else:
        yield at, value


def compare_json(where: str, then: Any, now: Any) -> list[Difference]:
    """Differences of two JSON values: which keys there are and their order, and what stands under them."""
    pair = [list(flat(value)) for value in (then, now)]
    keys = [[path for path, _ in rows] for rows in pair]
    found = []
    if keys[0] != keys[1]:
        lines = _diff(*keys)
        found.append(Difference("JSON keys", where, lines))
    old, new = map(dict, pair)
    changed = [path for path in old if path in new and not _is_same(old[path], new[path])]
    if changed:
        lines = tuple(
            f"{sign}{path}: {values[path]!r}" for path in changed for sign, values in (("-", old), ("+", new))
        )
        found.append(Difference("JSON values", where, lines))
    return found


def _is_same(then: Any, now: Any) -> bool:
    both_nan = all(isinstance(value, float) and math.isnan(value) for value in (then, now))
    return both_nan or (type(then) is type(now) and then == now)


def compare_text(where: str, then: str, now: str, *, category: str = TEXT) -> list[Difference]:
    """Differences of two normalised texts; where both are JSON, as `compare_json` sees them."""
    if then == now:
        return []
    values = [_json(text) for text in (then, now)]
    if None not in values:
        found = compare_json(where, *values)
        laid_out = [JSON_NUMBER.sub("0", text) for text in (then, now)]
        if found or laid_out[0] == laid_out[1]:
            return found
    return [Difference(category, where, _diff(then.splitlines(), now.splitlines()))]


def _json(text: str) -> Any:
    """An object or a list written as JSON, or as one JSON value a line; None where it is something else."""
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = [json.loads(line) for line in text.splitlines()]
        except ValueError:
            return None
    return value if isinstance(value, dict | list) and value else None


def compare_weights(where: str, then: bytes, now: bytes) -> list[Difference]:
    """Differences of two files of weights: tensors bit for bit, and what else stands in the header."""
    if then == now:
        return []
    pair = []
    for data in (then, now):
        size = int.from_bytes(data[:8], "little")
        pair.append((json.loads(data[8 : 8 + size]), data[8 + size :]))
    (old, old_bytes), (new, new_bytes) = pair
    lines = list(_diff(list(old), list(new)))
    for name in old.keys() & new.keys() - {"__metadata__"}:
        same_kind = all(old[name][key] == new[name][key] for key in ("dtype", "shape"))
        spans = [slice(*each[name]["data_offsets"]) for each in (old, new)]
        if not same_kind or old_bytes[spans[0]] != new_bytes[spans[1]]:
            lines.append(f"{name}: {old[name]['dtype']} {old[name]['shape']} differs")
    if old.get("__metadata__") != new.get("__metadata__"):
        lines.append(f"metadata: {old.get('__metadata__')} became {new.get('__metadata__')}")
    return [Difference("weights", where, tuple(lines) or ("tensors are alike, their order is not",))]


def compare_bytes(category: str, where: str, then: bytes, now: bytes) -> list[Difference]:
    """Whether two files are the same bytes, and where they part."""
    if then == now:
        return []
    at = next(
        (i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now))
    )
    sizes = f"{len(then)} and {len(now)} bytes" if len(then) != len(now) else f"{len(now)} bytes"
    line = f"{sizes}; they part at byte {at}: {then[at : at + 8].hex()} became {now[at : at + 8].hex()}"
    return [Difference(category, where, (line,))]


def compare_file(
    where: str, then: bytes, now: bytes, places: tuple[dict[str, str], dict[str, str]]
) -> list[Difference]:
    """Differences of two files of one name.

    Args:
        where: its name.
        then: what it holds on the side of the commit.
        now: the same in the working tree.
        places: of both sides, see `normalised`.
    """
    name, ending = Path(where).name, Path(where).suffix
    if then == now or any(each in name for each in UNLIKE):
        return []
    if ending == ".safetensors":
        return compare_weights(where, then, now)
    kind = KINDS.get(ending, "other files")
    if ending not in (*READABLE, ".json", ".jsonl", ".md", ".txt", ""):
        return compare_bytes(kind, where, then, now)
    texts = [
        normalised(data.decode("utf-8", "replace"), known)
        for data, known in zip((then, now), places, strict=True)
    ]
    if name == "SHA256SUMS":  # the files themselves are compared, and some hold times
        texts = [SHA256.sub("HASH", text) for text in texts]
    return compare_text(where, *texts, category=kind if kind != "JSON keys" else TEXT)


def compare_results(then: Path, now: Path, places: tuple[dict[str, str], dict[str, str]]) -> list[Difference]:
    """All differences between the two results of one command.

    Args:
        then: the folder with what came of it on the side of the commit.
        now: the same in the working tree.
        places: of both sides, see `normalised`.
    """
    pair = tuple(zip((then, now), places, strict=True))
    codes = [json.loads((folder / "end.json").read_text("utf-8"))["code"] for folder in (then, now)]
    found = (
        []
        if codes[0] == codes[1]
        else [Difference("exit code", "exit code", (f"-{codes[0]}", f"+{codes[1]}"))]
    )
    for stream in ("stdout", "stderr"):
        texts = [normalised((folder / stream).read_text("utf-8", "replace"), known) for folder, known in pair]
        found += compare_text(stream, *texts)
    removed = [normalised((folder / "removed").read_text("utf-8"), known) for folder, known in pair]
    found += compare_text("files removed", *removed, category="other files")
    files = [_files(folder / "files", known) for folder, known in pair]
    for name in sorted(files[0].keys() | files[1].keys()):
        if name not in files[0] or name not in files[1]:
            line = "-only the commit writes it" if name in files[0] else "+only the working tree writes it"
            found.append(Difference(KINDS.get(Path(name).suffix, "other files"), name, (line,)))
        else:
            found += compare_file(name, files[0][name].read_bytes(), files[1][name].read_bytes(), places)
    return found


def _files(folder: Path, places: dict[str, str]) -> dict[str, Path]:
    """Every file below a folder by its name, paths and times made alike."""
    return {
        normalised(str(path.relative_to(folder)), places): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _diff(then: list[str], now: list[str]) -> tuple[str, ...]:
    """The lines that differ."""
    lines = difflib.unified_diff(then, now, lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
