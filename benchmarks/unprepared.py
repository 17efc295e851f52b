"""Tunes that nobody prepared: is each accompanied, and its melody left as it is?

    python -m benchmarks.unprepared CKPT FOLDER ... [--every N] [--seed 0]

Every N-th music file of each folder goes through `musegen accompany` as a user would type it. Counted are
files accompanied, refused (each reason is printed) and failed (any other end; exit code 1). Of what was
written, the melody's notes, tempos and metres are read back and compared with the file's own.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from musegen.api.given import read_melody
from musegen.cli import main as musegen
from musegen.music.midi import parse_midi
from musegen.music.read import SUFFIXES


def is_verbatim(source: Path, written: Path) -> bool:
    """Whether the first tracks written are the tune of the source: its notes, tempos and metres."""
    with contextlib.redirect_stderr(io.StringIO()):
        given = read_melody("FILE", source, None).given
    score, _ = parse_midi(written.read_bytes())
    scale = score.ticks_per_quarter / given.ticks_per_quarter
    wanted = sorted((n.time * scale, n.duration * scale, n.pitch, n.velocity) for n in given.tracks[0].notes)
    # Notes of one pitch that overlap are written on a second track of the same name.
    same = any(
        wanted
        == sorted((n.time, n.duration, n.pitch, n.velocity) for t in score.tracks[:count] for n in t.notes)
        for count in (1, 2, 3)
    )
    tempos = [(t.time * scale, round(t.qpm, 3)) for t in given.tempos]
    same_tempos = not tempos or tempos == [(t.time, round(t.qpm, 3)) for t in score.tempos]
    metres = [(t.time * scale, t.numerator, t.denominator) for t in given.time_signatures]
    same_metres = not metres or metres == [
        (t.time, t.numerator, t.denominator) for t in score.time_signatures
    ]
    return same and same_tempos and same_metres


def accompany(checkpoint: str, path: Path, seed: int) -> str:
    """What came of a file: "accompanied", "changed" where the melody is another, or the error's line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        words = io.StringIO()
        command = ["accompany", checkpoint, str(path), "--out", str(out), "--seed", str(seed), "--no-picture"]
        with contextlib.redirect_stderr(words), contextlib.redirect_stdout(io.StringIO()):
            code = musegen(command)
        if code == 0:
            return "accompanied" if is_verbatim(path, out / "001.mid") else "changed"
        return f"{code}: {words.getvalue().strip().splitlines()[-1]}"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", help="an accompanist's folder")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take each N-th file only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    failures = 0
    for folder in arguments.folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)[:: arguments.every]
        ends: Counter[str] = Counter()
        began = time.time()
        for path in files:
            end = accompany(arguments.checkpoint, path, arguments.seed)
            kind = (
                "refused" if end.startswith("2:") else end if end in ("accompanied", "changed") else "failed"
            )
            ends[kind] += 1
            if kind != "accompanied":
                print(f"{path.relative_to(folder)}: {end}")
        failures += ends["failed"] + ends["changed"]
        counts = ", ".join(f"{count} {kind}" for kind, count in ends.most_common())
        print(
            f"{folder.name}: {len(files)} files: {counts}; {(time.time() - began) / 60:.1f} minutes",
            flush=True,
        )
    sys.exit(int(failures > 0))


if __name__ == "__main__":
    main()
