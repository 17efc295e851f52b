"""Files in the wild: what does each command make of music that was not prepared?

    python -m benchmarks.unprepared FOLDER ... [--verbs accompany vary ...] [--every N] [--limit 120]

Every N-th music file of each folder is passed to every command that reads music, as a user would type it.
Counts the files that are completed, rejected (each reason is printed) and failed: any other end, a
traceback or a warning, or longer than the limit (exit code 1). The notes of the melody, the tempos and the
time signatures of accompaniments are read back and compared with those of the file; a continued tune must
precede the new bars, note for note.
"""

import contextlib
import io
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Literal

from symusic import Track

from benchmarks.runner import benchmark
from musegen.api.inputs import read_melody, read_music
from musegen.cli import main as musegen
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import SUFFIXES

VERBS = {
    "info": "info FILE --json",
    "render": "render FILE --musicxml --out OUT",
    "generate": "generate folk --prompt FILE --bars 4 --seed SEED --out OUT",
    "accompany": "accompany chorale FILE --no-picture --seed SEED --out OUT",
    "reconstruct": "reconstruct folk-vae FILE --seed SEED --out OUT",
    "interpolate": "interpolate folk-vae FILE FILE --num 3 --seed SEED --out OUT",
    "vary": "vary folk-vae FILE --num 1 --seed SEED --out OUT",
    "compare": "compare SET SET --json",
    "novelty": "novelty FILE --against DATA --json",
}
"""One command line each. Placeholders: FILE, SET (a folder with it and the next five), OUT, SEED, DATA."""


class _TooLong(BaseException):
    """The time limit is exceeded; musegen must not catch this."""


def notes(tracks: Iterable[Track], scale: float = 1) -> list[tuple[float, float, int, int]]:
    """Onset, duration, pitch and velocity of every note, sorted."""
    return sorted(
        (n.time * scale, n.duration * scale, n.pitch, n.velocity) for track in tracks for n in track.notes
    )


def is_verbatim(source: Path, written: Path) -> bool:
    """Whether the first tracks of the result are the melody of the source: notes, tempos, time signatures."""
    with contextlib.redirect_stderr(io.StringIO()):
        melody = read_melody(source, None).verbatim
    score, _ = parse_midi(written.read_bytes())
    scale = score.ticks_per_quarter / melody.ticks_per_quarter
    expected = notes(melody.tracks[:1], scale)
    # Notes of one pitch that overlap are written on a second track of the same name.
    same = any(expected == notes(score.tracks[:count]) for count in (1, 2, 3))
    tempos = [(t.time * scale, round(t.qpm, 3)) for t in melody.tempos]
    metres = [(t.time * scale, t.numerator, t.denominator) for t in melody.time_signatures]
    same_tempos = tempos in ([], [(t.time, round(t.qpm, 3)) for t in score.tempos])
    written_metres = [(t.time, t.numerator, t.denominator) for t in score.time_signatures]
    return same and same_tempos and metres in ([], written_metres)


def is_continued(source: Path, written: Path) -> bool:
    """Whether every note of the source is in the result, at its time and pitch."""
    with contextlib.redirect_stderr(io.StringIO()):
        original = read_music(source)
    score, _ = parse_midi(written.read_bytes())
    scale = score.ticks_per_quarter / original.ticks_per_quarter
    expected = Counter((onset, pitch) for onset, _, pitch, _ in notes(original.tracks, scale))
    return not expected - Counter((onset, pitch) for onset, _, pitch, _ in notes(score.tracks))


CHECKS = {"accompany": is_verbatim, "generate": is_continued}


def attempt(verb: str, files: list[Path], meant: dict[str, str], limit: int) -> str:
    """The result for the first file: "done", "changed" if it was altered, or the exit code and last line."""
    path, words = files[0], io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        known = {"FILE": str(path), "SET": f"{folder}/set", "OUT": f"{folder}/out", **meant}
        Path(known["SET"]).mkdir()
        for number, each in enumerate(files[:6]):
            shutil.copy(each, f"{folder}/set/{number}{each.suffix}")
        command = [known.get(word, word) for word in VERBS[verb].split()]
        signal.alarm(limit)
        try:
            with contextlib.redirect_stderr(words), contextlib.redirect_stdout(io.StringIO()):
                code = musegen(command)
        except _TooLong:
            return f"longer than {limit} s"
        finally:
            signal.alarm(0)
        said = words.getvalue().strip() or "no message"
        if "Traceback" in said or "Warning" in said:
            return f"{code}, with a traceback or warning: {said}"
        if code:
            return f"{code}: {said.splitlines()[-1]}"
        is_kept = verb not in CHECKS or CHECKS[verb](path, Path(folder) / "out" / "001.mid")
        return "done" if is_kept else "changed"


def kind_of(end: str) -> str:
    """The category under which a result is counted."""
    return end if end in ("done", "changed") else "rejected" if end.startswith("2:") else "failed"


def stop(_number: int, _frame: FrameType | None) -> None:
    """Interrupt a command whose time is up."""
    raise _TooLong


@benchmark()
def main(
    folders: Sequence[Path],
    /,
    *,
    verbs: Sequence[Literal[*VERBS]] = tuple(VERBS),
    folk: str = "folk",
    chorale: str = "chorale",
    folk_vae: str = "folk-vae",
    against: str = "ryans-mammoth",
    every: int = 1,
    limit: int = 120,
    seed: int = 0,
) -> bool:
    """Run the commands on the files and print the counts; returns whether one failed.

    Args:
        folders: folders of music
        verbs: commands to run
        folk: the language model
        chorale: the accompaniment model
        folk_vae: the VAE
        against: the dataset for novelty
        every: use only every N-th file
        limit: seconds per file and command
        seed: random seed
    """
    meant = {"folk": folk, "chorale": chorale, "folk-vae": folk_vae, "DATA": against, "SEED": str(seed)}
    signal.signal(signal.SIGALRM, stop)
    failures = 0
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)[::every]
        for verb in verbs:
            ends: Counter[str] = Counter()
            seconds = [0.0]
            for number, path in enumerate(files):
                start = time.perf_counter()
                end = attempt(verb, files[number:] + files[:number], meant, limit)
                seconds.append(time.perf_counter() - start)
                ends[kind_of(end)] += 1
                if end != "done":
                    print(f"{verb} {path.relative_to(folder)}: {end}")
            failures += ends["failed"] + ends["changed"]
            counts = ", ".join(f"{count} {kind}" for kind, count in ends.most_common())
            took = f"{sum(seconds) / 60:.1f} minutes, slowest {max(seconds):.0f} s"
            print(f"{verb} {folder.name}: {len(files)} files: {counts}; {took}", flush=True)
    return failures > 0
