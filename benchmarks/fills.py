"""Random fills of MIDI files, each compared with its source by mido alone, event for event.

    python -m benchmarks.fills FOLDER --checkpoints folk chorale [--fills 500] [--first 0] [--rank 2] [--json]

Every event outside the gap must be as it was, tick for tick and in its order in its track: notes, pedal,
controllers, lyrics, tempos, everything that mido reads. New notes begin and end within the bars of the gap,
and a model of one line changes one part only (a channel of a track). A kept rhythm has the same onsets and
ends, beyond the gap, too; a contour the same directions, from the note before the gap to the one after it.
With --until, the output has all events of the first file, and those of the second, later, except what musegen
says it does not keep; what the second leaves unsaid (120 BPM, program 0) may be added; and its bar lines are
those of both.

A model that was trained with missing tracks also fills one track, whole or in some bars: then no other part
may change. Fill N has seed N: --first N --fills 1 repeats it. The kind of fill, file, model and bars are
chosen at random by the seed. Files with a time signature inside a bar, or with many notes that never end, are
left out, since readers differ about their bars, and about which note ends where. The exit code is 1 if a fill
differs, or ends in anything but music or an error of one line.
"""

import io
import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import mido
import numpy as np

import musegen
from benchmarks.runner import benchmark
from musegen.console import progress
from musegen.errors import MusegenError

KINDS = ("bars", "ranges", "end", "rhythm", "contour", "density", "until")
OF_TRACKS = ("bars", "ranges", "end", "tracks", "cells")
"""Kinds of fill by models that were trained with missing tracks."""
MOST_TRACKS = 4
"""The highest number of a track that is filled."""
MIDI = (".mid", ".midi", ".kar", ".rmi", ".smf")
MOST_BARS = 4
"""In a gap."""
MOST_LINES = 10_000
"""Bars of a file that is filled."""
MOST_HANGING = 4
"""Keys of a track with notes that never end, of a file that is filled."""
SHOWN = 12
"""Reasons of refusals that are printed."""
NAME, METRE, END = b"\xff\x03", b"\xff\x58", b"\xff\x2f"
OFF = 0x80
TEMPO_120, PROGRAM_0 = bytes.fromhex("ff510307a120"), bytes.fromhex("c000")
Event = tuple[int, bytes]
"""Absolute tick and message."""
Part = tuple[int, int]
"""Track and channel."""
Note = tuple[int, int, int]
"""Onset, end and pitch."""
Span = tuple[int, int]


class Music(NamedTuple):
    """A MIDI file."""

    division: int
    tracks: list[list[Event]]

    def finer(self, factor: int) -> "Music":
        """With `factor` times as many ticks per quarter note."""
        tracks = [[(tick * factor, message) for tick, message in track] for track in self.tracks]
        return Music(self.division * factor, tracks)


def read(file: Path | io.BytesIO) -> Music:
    """The events of a file, by mido."""
    midi = mido.MidiFile(file) if isinstance(file, Path) else mido.MidiFile(file=file)
    tracks = []
    for track in midi.tracks:
        ticks = np.cumsum([message.time for message in track]).tolist()
        tracks.append([(tick, bytes(message.bytes())) for tick, message in zip(ticks, track, strict=True)])
    return Music(midi.ticks_per_beat, tracks)


class Split(NamedTuple):
    """A track, seen from some spans; notes by channel, in order of onset and pitch."""

    given: list[Event]
    """All events but those of notes that start in the spans."""
    inside: dict[int, list[Note]]
    """These notes."""
    notes: dict[int, list[Note]]
    """All notes."""
    hanging: set[bytes]
    """Channel and pitch of notes that do not end."""


def split(track: list[Event], spans: Sequence[Span] = ()) -> Split:
    """A track, seen from some spans."""
    sounding: dict[bytes, deque[tuple[int, int]]] = defaultdict(deque)  # the first to start ends first
    gone, inside, notes = set(), defaultdict[int, list[Note]](list), defaultdict[int, list[Note]](list)
    for place, (tick, message) in enumerate(track):
        status, channel = message[0] & 0xF0, message[0] & 0x0F
        key = bytes([channel, message[1]]) if status in (0x80, 0x90) else b""
        if status == 0x90 and message[2]:
            sounding[key].append((tick, place))
        elif key and sounding[key]:
            onset, first = sounding[key].popleft()
            notes[channel].append((onset, tick, message[1]))
            if any(begin <= onset < end for begin, end in spans):
                inside[channel].append((onset, tick, message[1]))
                gone |= {first, place}
    for own in (*inside.values(), *notes.values()):
        own.sort(key=lambda note: (note[0], note[2]))
    given = [event for place, event in enumerate(track) if place not in gone]
    return Split(given, inside, notes, {key for key, left in sounding.items() if left})


def last_end(music: Music) -> int:
    """The tick at which the last note ends."""
    notes = [note for track in music.tracks for own in split(track).notes.values() for note in own]
    return max((end for _, end, _ in notes), default=0)


def metres(music: Music) -> dict[int, tuple[int, int]]:
    """The time signatures by tick, 4/4 at first."""
    marks = {tick: (m[3], 1 << m[4]) for track in music.tracks for tick, m in track if m[:2] == METRE}
    return dict(sorted(({0: (4, 4)} | marks).items()))


def bar_lines(music: Music, until: int) -> list[int] | None:
    """Bar lines up to the first at or after a tick; None for too many, or a time signature inside a bar."""
    marks, lines = metres(music), [0]
    length = 0
    while lines[-1] < until:
        if lines[-1] in marks:
            beats, unit = marks[lines[-1]]
            if not beats or unit > 32 or music.division * 4 * beats % unit:
                return None
            length = music.division * 4 * beats // unit
        if length <= 0 or len(lines) > MOST_LINES:  # time code, or hours of rests
            return None
        lines.append(lines[-1] + length)
    return lines if {tick for tick in marks if tick < lines[-1]} <= set(lines) else None


def same_rhythm(old: Sequence[Note], new: Sequence[Note], every: Sequence[Note]) -> bool:
    """Whether new notes begin and end as the old ones; one ends early where another strikes its pitch."""
    if [note[0] for note in old] != [note[0] for note in new]:
        return False
    ends = ((own[1], was[1], own) for own, was in zip(new, old, strict=True))
    return all(
        own_end == end
        or (own_end < end and any(own_end == each[0] and each[2] == own[2] for each in (*every, *new)))
        for own_end, end, own in ends
    )


def directions(notes: Sequence[Note]) -> list[int]:
    """1 up, 0 the same, -1 down, from note to note."""
    return np.sign(np.diff([pitch for *_, pitch in notes])).tolist() if notes else []


def contour(notes: Sequence[Note], old: Split, channel: int) -> list[int]:
    """The directions of a part when these notes are in the gaps."""
    gone = set(old.inside[channel])
    kept = [note for note in old.notes[channel] if note not in gone]
    return directions(sorted([*kept, *notes], key=lambda note: (note[0], note[2])))


def differences(
    before: Music, after: Music, spans: Sequence[Span], fill: "Fill", *, is_line: bool
) -> list[str]:
    """What a fill should not have changed; all in ticks of `after`. `is_line`: in one part only."""
    if len(before.tracks) != len(after.tracks):
        return [f"{len(before.tracks)} tracks became {len(after.tracks)}"]
    found, changed = [], 0
    for number, tracks in enumerate(zip(before.tracks, after.tracks, strict=True)):
        old, new = (split(track, spans) for track in tracks)
        lines = lost(old, new)
        for channel in old.inside.keys() | new.inside.keys():
            own, earlier = new.inside[channel], old.inside[channel]
            if own == earlier:
                continue
            changed += 1
            keeps = fill.kind in ("rhythm", "contour")
            if keeps and not same_rhythm(earlier, own, old.notes[channel]):
                lines.append("another rhythm")
            elif not keeps and not all(any(b <= n[0] < n[1] <= stop for b, stop in spans) for n in own):
                lines.append("a new note leaves its bars")
            if fill.kind == "contour" and contour(own, old, channel) != contour(earlier, old, channel):
                lines.append("another contour")
        found += [f"track {number}: {line}" for line in lines]
    return found + ([f"{changed} parts changed by a model of one line"] if is_line and changed > 1 else [])


def lost(old: Split, new: Split) -> list[str]:
    """Given events that are not kept, or in another order.

    The end of a track may come later, and a note without an end may get one.
    """
    given, kept = ([each for each in side.given if each[1][:2] != END] for side in (old, new))
    extra = {event for event in kept if event[1][0] & 0xF0 == 0x80} - set(given)
    closed = {e for e in extra if bytes([e[1][0] & 0x0F, e[1][1]]) in old.hanging}
    kept = [event for event in kept if event not in closed]
    if given == kept:
        return []
    missing, added = Counter(given) - Counter(kept), Counter(kept) - Counter(given)
    if not missing and not added:
        return ["another order of given events"]
    return [
        f"{what} {message.hex(' ')} at {tick}"
        for what, events in (("lost", missing), ("added", added))
        for tick, message in list(events)[:3]
    ]


def joined_differences(first: Music, second: Music, after: Music, shift: int, gap: Span) -> list[str]:
    """What of two files is not in a fill that leads from one into the other; all in ticks of `after`.

    Args:
        first: the first file, of which everything is kept in its tracks.
        second: the second, of which channels, tracks, names and time signatures (which are new) may change.
        after: the fill.
        shift: the tick at which the second begins.
        gap: the bars between.
    """
    found = []
    rest: Counter[Event] = Counter()
    for number, track in enumerate(after.tracks):
        kept = Counter(split(track, [gap]).given)
        own = Counter(first.tracks[number] if number < len(first.tracks) else [])
        own = Counter({event: count for event, count in own.items() if event[1][:2] != END})
        found += [f"track {number}: lost {message.hex(' ')} at {tick}" for tick, message in own - kept][:3]
        rest += kept - own
    wanted = Counter((tick + shift, _placeless(m)) for track in second.tracks for tick, m in track)
    there = Counter((tick, _placeless(message)) for tick, message in rest.elements())
    hanging = {key[1] for music in (first, second) for each in music.tracks for key in split(each).hanging}
    closed = [each for each in there if each[1][0] == OFF and each[1][1] in hanging]
    there -= Counter({each: there[each] for each in closed if each not in wanted})
    there -= Counter([(shift, TEMPO_120), (shift, PROGRAM_0)])  # of which a file may say nothing
    wanted -= Counter([(shift, TEMPO_120), (shift, PROGRAM_0)])
    for what, events in (("lost", wanted - there), ("added", there - wanted)):
        own_events = [each for each in events if each[1][:2] not in (END, NAME, METRE)]
        found += [f"the second: {what} {message.hex(' ')} at {tick}" for tick, message in own_events[:3]]
    end = last_end(after)
    lines, own_lines = bar_lines(after, end), bar_lines(second, last_end(second))
    if lines is None or own_lines is None or not {each + shift for each in own_lines[1:]} <= set(lines):
        found.append("the second: other bar lines")
    return found


def _placeless(message: bytes) -> bytes:
    """A message without its channel."""
    return bytes([message[0] & 0xF0]) + message[1:] if message[0] < 0xF0 else message


class Fill(NamedTuple):
    """One fill."""

    number: int
    kind: str
    model: str
    file: Path
    until: Path | None
    options: dict[str, Any]
    gaps: list[tuple[int, int]]
    """First and last bar of each."""


class Chance(NamedTuple):
    """What fills are chosen from."""

    files: Sequence[Path]
    models: dict[str, bool]
    """By name whether it was trained with missing tracks."""
    rank: int

    def fill(self, number: int) -> Fill:
        """Fill number N."""
        rng = np.random.default_rng([number, 0])
        model = str(rng.choice(list(self.models)))
        kind = str(rng.choice(OF_TRACKS if self.models[model] else KINDS))
        order = rng.integers(len(self.files), size=1000)
        usable = (self.files[int(each)] for each in order if read_file(self.files[int(each)]))
        file, until = next(usable), next(usable)
        bars, size = len(bars_of(file)[1]) - 1, int(rng.integers(1, MOST_BARS + 1))
        first = int(rng.integers(1, max(2, bars - size + 2)))
        gaps = [(first, min(bars, first + size - 1))]
        if kind == "ranges":
            chosen = rng.choice(np.arange(1, bars + 1), min(2, bars), replace=False)
            gaps = [(bar, bar) for bar in sorted(chosen.tolist())]
        elif kind in ("end", "until"):
            gaps = [(bars + 1, bars + size) if kind == "until" else (max(1, bars - size + 1), bars)]
        more: dict[str, Any] = {kind: "keep"} if kind in ("rhythm", "contour") else {}
        more |= {"density": float(rng.integers(1, 13))} if kind == "density" else {}
        more |= {"until": until} if kind == "until" else {}
        more |= {"tracks": str(rng.integers(1, MOST_TRACKS + 1))} if kind in ("tracks", "cells") else {}
        gaps = [(1, bars)] if kind == "tracks" else gaps
        named = [] if kind == "tracks" else [f"{a}:{b}" for a, b in gaps]
        options = {"bars": named, "rank": self.rank, "seed": number} | more
        return Fill(number, kind, model, file, until if kind == "until" else None, options, gaps)

    def differences(self, fill: Fill, data: bytes, *, is_line: bool) -> list[str]:
        """What is wrong with the output of a fill."""
        after, (before, lines) = read(io.BytesIO(data)), bars_of(fill.file)
        factor = after.division // before.division
        before, lines = before.finer(factor), [line * factor for line in lines]
        if fill.until is None:
            spans = [(lines[a - 1], lines[b]) for a, b in fill.gaps]
            is_line = is_line or fill.kind in ("tracks", "cells")
            return differences(before, after, spans, fill, is_line=is_line)
        second, _ = bars_of(fill.until)
        second = second.finer(after.division // second.division)
        bar = lines[-1] - lines[-2]
        begin, [(first, last)] = lines[-1], fill.gaps
        end = begin + bar * (last - first + 1)
        return joined_differences(before, second, after, end + pad(second), (begin, end))


def pad(music: Music) -> int:
    """Ticks of the rest before a pickup: a first bar in a metre of its own, shorter than the next."""
    marks = list(metres(music).items())
    if len(marks) < 2:
        return 0
    (_, first), (tick, second) = marks[:2]
    lengths = [music.division * 4 * beats // unit for beats, unit in (first, second)]
    return lengths[1] - lengths[0] if tick == lengths[0] < lengths[1] else 0


@lru_cache(maxsize=32)
def read_file(path: Path) -> tuple[Music, list[int]] | None:
    """A MIDI file and its bar lines; None without notes or clear bars."""
    try:
        music = read(path)
    except Exception:  # noqa: BLE001 - mido raises anything; what it cannot read is not compared
        return None
    if any(len(split(track).hanging) > MOST_HANGING for track in music.tracks):
        return None
    end = last_end(music)
    lines = bar_lines(music, end) if end else None
    return (music, lines) if lines else None


def bars_of(path: Path) -> tuple[Music, list[int]]:
    """A usable file and its bar lines."""
    found = read_file(path)
    assert found is not None
    return found


def show(found: dict[str, Any]) -> None:
    """Counts, then refusals, then failures."""
    print(f"{found['files']} files; fills that are as they should be: {found['good']}")
    for kind, good in found["kinds"].items():
        print(f"  {kind}: {good}")
    print(f"refused with one line: {sum(found['refused'].values())}")
    for reason, times in list(found["refused"].items())[:SHOWN]:
        print(f"  {times} x {reason}")
    print(f"failures: {len(found['failures'])}")
    for failure in found["failures"]:
        print(f"  {failure}")


@benchmark(show, is_good=lambda found: not found["failures"])
def main(
    folder: Path,
    /,
    *,
    checkpoints: Sequence[str] = ("folk",),
    fills: int = 500,
    first: int = 0,
    rank: int = 2,
) -> dict[str, Any]:
    """Fill and compare.

    Args:
        folder: with MIDI files, in folders of any depth
        checkpoints: models that fill, as musegen knows them
        fills: number of fills
        first: number of the first
        rank: candidates of each
    """
    models = {name: musegen.load(name) for name in checkpoints}
    fills_tracks = {
        name: model.checkpoint.config.fills and model.checkpoint.config.data.holes != "bars"
        for name, model in models.items()
    }
    files = sorted(each for each in folder.rglob("*") if each.suffix.lower() in MIDI)
    chance = Chance(files, fills_tracks, rank)
    kinds, refused, failures = Counter[str](), Counter[str](), list[str]()
    for number in progress(range(first, first + fills), fills, "Filling"):
        fill, model = chance.fill(number), models[chance.fill(number).model]
        where = f"--first {number}: {fill.model} {fill.file.relative_to(folder)} {fill.options}"
        try:
            piece = model.fill(fill.file, **fill.options)
            found = chance.differences(fill, piece.result.midi or b"", is_line=model.checkpoint.is_line)
        except MusegenError as error:
            refused[re.sub(r"[0-9]+", "N", str(error))] += 1
            continue
        except Exception as error:  # noqa: BLE001 - which is what is looked for
            found = [f"{type(error).__name__}: {error}"]
        kinds[fill.kind] += not found
        failures += [f"{where}: {each}" for each in found]
    good = {"good": sum(kinds.values()), "kinds": dict(kinds)}
    return {"files": len(chance.files), **good, "refused": dict(refused.most_common()), "failures": failures}
