"""Fuzzing of the reader with randomly corrupted files: crashes, hangs and unexpected exceptions.

    python -m benchmarks.fuzz_reader [--cases 2000000] [--first 0] [--seeds FOLDER ...] [--suffix .abc]
    python -m benchmarks.fuzz_reader --seeds FOLDER ... --case NUMBER     one case again, in this process

Every case is a file corrupted by `mutations`, made from the files below 4 kB in the folders and a few
built-in ones, and depends only on its number. It is read by a process that is replaced when it dies or does
not answer for half a minute. Correct results are a valid Score, in which each note that starts in the file
is present or counted by a line of the repairs, or a MidiError. Everything else is printed, and the exit
code is 1. With --suffix, files of another kind (.abc, .musicxml) are corrupted as if they were MIDI, and
read by name; that is slow, some tens of cases per second.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from symusic import Note, Score, Tempo, TimeSignature, Track

from benchmarks.bad_files import said_missing
from benchmarks.mutations import mutant
from benchmarks.runner import benchmark
from musegen.errors import MidiError
from musegen.music.reading.midi_file import parse_midi, read_smf
from musegen.music.reading.read import read_score, tidy
from musegen.music.writing.midi import midi_bytes

MAX_SEED_BYTES = 4096
MAX_MB = 2048
SILENCE = 30
"""Seconds."""
ACCEPTED, REFUSED, FAILED, CASE = range(4)
"""Indices into the board: counts of the cases so far, and the current case."""
Board = Any
"""Four numbers shared between the processes."""


def own_seeds() -> list[bytes]:
    """Small files: a tune, a piece with drums, metres and tempos, and one with every kind of event."""
    tune, piece = Score(480), Score(24)
    tune.tracks.append(Track("tune"))
    tune.tracks[0].notes.extend(Note(240 * i, 240, 60 + i * 7 % 12, 80) for i in range(32))
    for time_, beats, unit in ((0, 4, 4), (96, 3, 8), (204, 2, 2)):
        piece.time_signatures.append(TimeSignature(time_, beats, unit))
        piece.tempos.append(Tempo(time_, 90 + time_))
    for number in range(3):
        track = Track(f"part {number}", 10 * number, number == 2)
        track.notes.extend(Note(12 * i, 10, 40 + (i * (number + 2)) % 30, 70) for i in range(40))
        piece.tracks.append(track)
    events = bytes.fromhex(
        "00ff030461626364 00ff510307a120 00ff58040602 1808 00ff5902fd01 00f0057e7f0901f7 00c005 00b04060"
        "00903c50 103c00 8100903e50 00e00040 0840 20 ff050173 10803e40 00d040 00a04050 00993124 10 893100"
        "00904050 90404050 00b07b00 00f7020102 00f8 00903b40 9000 3b00 00ff2f00".replace(" ", "")
    )
    every = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(events).to_bytes(4, "big") + events
    return [midi_bytes(tune), midi_bytes(piece), every]


def seed_files(folders: Sequence[Path], suffix: str) -> list[bytes]:
    """The files to corrupt."""
    paths = [p for f in folders for p in sorted(f.rglob("*")) if p.suffix.lower() == suffix]
    small = [p.read_bytes() for p in paths if 14 < p.stat().st_size <= MAX_SEED_BYTES]
    return own_seeds() + small if suffix == ".mid" else small


def read_case(data: bytes, suffix: str) -> int:
    """Read a file: ACCEPTED or REFUSED.

    Raises:
        AssertionError: notes are missing and no line reports it.
    """
    try:
        if suffix != ".mid":
            with tempfile.NamedTemporaryFile(suffix=suffix) as file:
                file.write(data)
                file.flush()
                read_score(Path(file.name))
            return ACCEPTED
        raw, repairs = parse_midi(data)
        score, _, more = tidy(raw)
    except MidiError:
        return REFUSED
    start, there, said = read_smf(data).notes, score.note_num(), said_missing(repairs + more)
    assert start == there + said, f"{start} notes start, {there} are present, {said} reported as missing"
    return ACCEPTED


def work(files: Sequence[bytes], suffix: str, last: int, board: Board) -> None:
    """Read the cases from the one on the board to `last` while the parent lives; print the findings."""
    parent = os.getppid()
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MB * 2**20, MAX_MB * 2**20))
    while board[CASE] < last and os.getppid() == parent:
        number = board[CASE]
        try:
            board[read_case(mutant(files, number), suffix)] += 1
        except Exception:  # noqa: BLE001  # any exception is a finding
            board[FAILED] += 1
            print(f"case {number}: {traceback.format_exc(limit=-1)}", flush=True)
        board[CASE] = number + 1


def watch(process: BaseProcess, board: Board) -> str:
    """Wait for the process, with one line per minute; returns how it failed, "" if it finished."""
    seen, since = -1, time.monotonic()
    said = since
    while process.is_alive():
        process.join(timeout=1)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"at case {board[CASE]}", file=sys.stderr, flush=True)
        if board[CASE] != seen:
            seen, since = board[CASE], time.monotonic()
        elif time.monotonic() - since > SILENCE and process.is_alive():
            process.kill()
            process.join()
            return "hang"
    return f"crash ({process.exitcode})" if process.exitcode else ""


def run(files: Sequence[bytes], suffix: str, first: int, last: int) -> bool:
    """Read all cases and print the counts; returns whether there were no findings."""
    context = multiprocessing.get_context("spawn")
    board = context.Array("q", [0, 0, 0, first], lock=False)
    bad, begin = {"crash": 0, "hang": 0}, time.perf_counter()
    while board[CASE] < last:
        process = context.Process(target=work, args=(files, suffix, last, board))
        process.start()
        if what := watch(process, board):
            bad[what.split()[0]] += 1
            print(f"case {board[CASE]}: {what}", flush=True)
            board[CASE] += 1
    seconds = time.perf_counter() - begin
    cases = last - first
    print(f"{cases} cases from number {first} on, made from {len(files)} files")
    print(f"{seconds / 3600:.2f} hours, {cases / seconds:.0f} cases per second")
    print(f"{board[ACCEPTED]} accepted, {board[REFUSED]} rejected")
    print(f"{bad['crash']} crashes, {bad['hang']} hangs, {board[FAILED]} unexpected exceptions")
    return not (bad["crash"] or bad["hang"] or board[FAILED])


@benchmark()
def main(
    *,
    cases: int = 2_000_000,
    first: int = 0,
    seeds: Sequence[Path] = (),
    suffix: str = ".mid",
    case: int | None = None,
) -> bool:
    """Read the cases; returns whether there were findings.

    Args:
        cases: number of cases
        first: number of the first case
        seeds: folders of files to corrupt
        suffix: extension of the files to corrupt
        case: read this case only, in this process
    """
    files = seed_files(seeds, suffix)
    if case is None:
        return not run(files, suffix, first, first + cases)
    data = mutant(files, case)
    print(data.hex(" "))
    print(("used", "rejected")[read_case(data, suffix)])
    return False
