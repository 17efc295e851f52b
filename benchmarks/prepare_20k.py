"""Prepare 20,000 synthetic MIDI files: files per second and the peak memory of all processes together.

python -m benchmarks.prepare_20k [number of files]
"""

import contextlib
import itertools
import resource
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from symusic import Note, Score, Tempo, TimeSignature, Track

from benchmarks.runner import benchmark
from musegen.data.prepare import prepare
from musegen.music.writing.midi import midi_bytes


def synthetic(seed: int) -> bytes:
    """A piece of four tracks, one of them drums, with about 800 notes, as MIDI."""
    rng = np.random.default_rng(seed)
    score = Score(480)
    score.tempos.append(Tempo(0, float(rng.integers(60, 161))))
    score.time_signatures.append(TimeSignature(0, int(rng.choice([3, 4])), 4))
    for number in range(4):
        track = Track(f"track {number}", int(rng.integers(128)), number == 3)
        now = 0
        for _ in range(200):
            length = int(rng.choice([120, 240, 240, 480]))
            track.notes.append(Note(now, length, int(rng.integers(36, 85)), int(rng.integers(40, 111))))
            now += length
        score.tracks.append(track)
    return midi_bytes(score)


def memory(peak: list[float], stop: threading.Event) -> None:
    """Append to `peak` the memory (MB) that this process and its children use together, again and again."""
    while not stop.wait(0.2):
        with contextlib.suppress(OSError, IndexError):  # no /proc, or a process that has just ended
            children = [each.read_text().split() for each in Path("/proc/self/task").glob("*/children")]
            pids = ["self", *itertools.chain(*children)]
            status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
            peak.append(sum(int(text.split("VmRSS:")[1].split()[0]) for text in status) / 1024)


@benchmark()
def main(count: int = 20_000, /) -> None:
    """Write the files, prepare them, print the figures.

    Args:
        count: number of files
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        for seed in range(count):
            path = source / f"{seed // 1000:03}" / f"{seed:06}.mid"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(synthetic(seed))
        peak, stop = [0.0], threading.Event()
        watch = threading.Thread(target=memory, args=(peak, stop))
        watch.start()
        begin = time.perf_counter()
        dataset = prepare(str(source), Path(folder) / "dataset")
        seconds = time.perf_counter() - begin
        stop.set()
        watch.join()
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, child = (resource.getrusage(each).ru_maxrss / 1024 for each in who)
    print(f"{count} files in {seconds:.0f} s, {count / seconds:.0f} per second: {dataset.info['verdicts']}")
    print(f"peak memory: {max(peak):.0f} MB together (this process {own:.0f}, the largest child {child:.0f})")
