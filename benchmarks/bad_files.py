"""Broken, malicious and unusual files through the reader of `musegen prepare`, each in its own process.

    python -m benchmarks.bad_files --data FOLDER [--wild FOLDER]

FOLDER contains `manifest.json`: {name: {"expect": "ok", "reject", "either" or "limit", "notes": number or
null}}. Prints for each file the expected result, the actual result, notes, seconds and peak memory. The exit
code is 1 if there is a violation: a file takes more than 12 seconds or 2 GB, or ends its process; an "ok" is
rejected or has other notes than the manifest says; a "reject" is used; notes are missing and no line of the
repairs says so; the reader raises anything but a MidiError. With --wild, also prints which share of the files
in that folder (music from many sources) that have notes are used, and why the others are not; below 95% is a
violation.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mido

from benchmarks.runner import benchmark
from musegen.data.pool import parallel
from musegen.data.sources import ReadPiece, Source, find_sources, read_source, single_pieces
from musegen.music.reading.sandbox import Died

MAX_SECONDS = 12
MAX_MB = 2048
MIN_USED = 0.95


class Outcome(NamedTuple):
    """The result of reading one file."""

    reason: str
    """Why it is rejected; "" if it is used."""
    notes: int
    repairs: list[str]
    seconds: float
    """Including the start of the processes, about a second."""
    megabytes: float
    """Peak of the process or of one that it started."""


def read_pieces(sources: list[Source]) -> Iterator[ReadPiece]:
    """Every piece of the sources, read as `prepare` reads them."""
    pieces = list(single_pieces(sources))
    for piece, result in zip(pieces, parallel(read_source, pieces, workers=1), strict=True):
        yield ReadPiece(piece.name, result.reason) if isinstance(result, Died) else result


def read_here(path: Path) -> None:
    """Read a file with limited memory, and print the result."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MB * 2**20, MAX_MB * 2**20))
    pieces = list(read_pieces([Source(path.name, path, None)]))
    used = [p for p in pieces if not p.reason]
    notes = sum(p.piece.notes for p in used if p.piece)
    repairs = [line for p in used for line in p.repairs]
    print(json.dumps(["" if used else pieces[0].reason, notes, repairs]))


def read_apart(path: Path) -> Outcome:
    """Read a file in its own process, which is killed if it takes too long."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.bad_files", "--one", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        patience = threading.Timer(MAX_SECONDS + 3, os.killpg, (process.pid, signal.SIGKILL))
        patience.start()
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # includes the peak of its child processes
        patience.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds, megabytes = time.perf_counter() - begin, usage.ru_maxrss / 1024
    said = json.loads(out) if out else (f"the process ended with {process.returncode}", 0, [])
    return Outcome(*said, seconds, megabytes)


def said_missing(repairs: list[str]) -> int:
    """How many notes the lines report as missing."""
    dropped = sum(int(line.split()[0]) for line in repairs if re.match(r"\d+ .*notes.* dropped", line))
    unread = [re.match(r"(\d+) notes start, (\d+) could be read", line) for line in repairs]
    return dropped + sum(int(m[1]) - int(m[2]) for m in unread if m)


def violations(expected: dict[str, Any], outcome: Outcome) -> list[str]:
    """The violations of an outcome, in words."""
    used, notes = not outcome.reason, expected["notes"]
    found = []
    if outcome.seconds > MAX_SECONDS or outcome.megabytes > MAX_MB:
        found.append("over the limits")
    if outcome.reason.startswith(("unreadable:", "the process ended", "reading it ended")):
        found.append("ended unexpectedly")
    if expected["expect"] == "ok" and not used:
        found.append("rejected")
    elif expected["expect"] == "ok" and outcome.notes != notes:
        found.append(f"{notes} notes expected")
    elif expected["expect"] == "reject" and used:
        found.append("used")
    elif used and notes is not None and outcome.notes + said_missing(outcome.repairs) != notes:
        found.append(f"{notes} notes expected, and no line explains the difference")
    return found


def check_manifest(folder: Path) -> int:
    """Read every file of the manifest; returns the number of violations."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    wrong, seconds, megabytes = 0, 0.0, 0.0
    verdicts: Counter[tuple[str, bool]] = Counter()
    for name, expected in manifest.items():
        outcome = read_apart(folder / name)
        found = violations(expected, outcome)
        wrong += len(found)
        seconds, megabytes = max(seconds, outcome.seconds), max(megabytes, outcome.megabytes)
        verdicts[expected["expect"], not outcome.reason] += 1
        what = outcome.reason or "; ".join([f"{outcome.notes} notes", *outcome.repairs])
        figures = f"{outcome.seconds:4.1f} s {outcome.megabytes:5.0f} MB"
        faults = (f"VIOLATION: {each}" for each in found)
        print(f"{name:36} {expected['expect']:6} {figures}  {what[:120]}", *faults)
    print(f"\n{len(manifest)} files: at most {seconds:.1f} s and {megabytes:.0f} MB; {wrong} violations")
    for verdict in dict.fromkeys(verdict for verdict, _ in verdicts):
        print(f"  {verdict:6} {verdicts[verdict, True]:3} used {verdicts[verdict, False]:3} rejected")
    return wrong


def holds_notes(path: Path) -> bool:
    """Whether mido finds notes in a file, or cannot read it either."""
    try:
        tracks = mido.MidiFile(path, clip=True).tracks
    except (OSError, EOFError, ValueError, KeyError, IndexError):
        return True
    return any(m.type == "note_on" and m.velocity for t in tracks for m in t)


def check_wild(folder: Path) -> int:
    """Read every file of the folder; returns 1 if too few of those with notes are used."""
    ends: Counter[str] = Counter()
    for piece in read_pieces(find_sources(folder, None)):
        if piece.reason:
            end = "rejected" if holds_notes(folder / piece.source) else "no notes"
            print(f"{piece.source:70} {end}: {piece.reason[:120]}")
        else:
            end = "repaired" if piece.repairs else "as it is"
        ends[end] += 1
    used, refused = ends["repaired"] + ends["as it is"], ends["rejected"]
    share, repaired = used / (used + refused), ends["repaired"]
    print(f"\n{used + refused} files with notes: {used} used ({share:.1%}), {repaired} of them repaired")
    print(f"{ends['no notes']} files without notes")
    return int(share < MIN_USED)


@benchmark()
def main(*, data: Path | None = None, wild: Path | None = None, one: Path | None = None) -> bool:
    """Read the files and print the tables; returns whether there are violations.

    Args:
        data: a folder with a manifest.json
        wild: a folder of music from many sources
        one: read this file in this process (used internally)
    """
    if one:
        read_here(one)
        return False
    wrong = check_manifest(data) if data else 0
    return bool(wrong + (check_wild(wild) if wild else 0))
