"""Do symusic, pretty_midi, mido and music21 (its raw events) all read the same notes that were written?

    python -m benchmarks.written_files [--num 10000] [--music21 500]
    python -m benchmarks.written_files --checkpoint FOLDER ... | --music FOLDER ...

Writes pieces of untrained models (every tokenizer, in several time signatures) or of checkpoints, or the
music in folders as read by musegen, and compares for every note its onset and duration in ticks, pitch,
velocity, program and whether it is on a drum track. Prints one row per source; the exit code is 1 if any
two readers differ.
"""

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import mido
import pretty_midi
import torch
from symusic import Score

from benchmarks.runner import benchmark
from benchmarks.untrained import METRES, untrained
from musegen.checkpoint.folder import load_checkpoint
from musegen.config.settings import TokenizerConfig
from musegen.errors import MidiError, MusegenError
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.pieces import generate
from musegen.generation.request import Request, TrainingDefaults
from musegen.music.notes import normalise_notes, note_arrays
from musegen.music.reading.read import SUFFIXES, read_score
from musegen.music.writing.midi import midi_bytes
from musegen.tokenizers import GridTokenizer, Part, RemiTokenizer, Tokenizer

Notes = list[tuple[bool, int, list[tuple[int, int, int, int]]]]
"""Sorted tracks: drums, program, and sorted notes as onset, duration (ticks), pitch, velocity."""
VOICES = [Part(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass")]
BARS = 8
NOTE_OFF, NOTE_ON, PROGRAM_CHANGE = 8, 9, 12


def tokenizers() -> dict[str, Tokenizer]:
    """One tokenizer for every kind of token sequence."""
    remi = partial(RemiTokenizer.build, time_signatures=[], programs=[])
    grid = partial(GridTokenizer.build, TokenizerConfig(kind="grid"), time_signatures=[])
    return {
        "remi": remi(TokenizerConfig(programs=False)),
        "remi, velocity": remi(TokenizerConfig(programs=False, velocity=True)),
        "remi, tempo": remi(TokenizerConfig(programs=False, tempo=True)),
        "remi, programs": remi(TokenizerConfig(programs=True)),
        "remi, programs, velocity, tempo": remi(TokenizerConfig(programs=True, velocity=True, tempo=True)),
        "remi, parts": remi(TokenizerConfig(), parts=VOICES),
        "grid": grid(),
        "grid, parts": grid(parts=VOICES),
    }


def by_symusic(data: bytes) -> Notes:
    """The notes that symusic reads."""
    return of_score(Score.from_midi(data))


def of_score(score: Score) -> Notes:
    """The notes of a Score in ticks."""
    rows = [
        (t.is_drum, t.program, sorted(zip(*(c.tolist() for c in note_arrays(t)), strict=True)))
        for t in score.tracks
    ]
    return sorted(row for row in rows if row[2])


def by_pretty_midi(data: bytes) -> Notes:
    """The notes that pretty_midi reads, its seconds converted to ticks."""
    midi = pretty_midi.PrettyMIDI(io.BytesIO(data))

    def note(n: pretty_midi.Note) -> tuple[int, int, int, int]:
        start = midi.time_to_tick(n.start)
        return start, midi.time_to_tick(n.end) - start, n.pitch, n.velocity

    return sorted(
        (each.is_drum, int(each.program), sorted(map(note, each.notes))) for each in midi.instruments
    )


Event = tuple[int, int, int, int, int]
"""Ticks since the event before; kind of message (upper half of its status byte), channel, two data bytes."""


def of_events(tracks: Iterable[Iterable[Event]]) -> Notes:
    """The notes of tracks of events."""
    rows = []
    for events in tracks:
        open_: dict[tuple[int, int], tuple[int, int]] = {}
        notes, now, program, channels = [], 0, 0, set()
        for delta, kind, channel, pitch, velocity in events:
            now += delta
            if kind == PROGRAM_CHANGE:
                program = pitch
            elif kind == NOTE_ON and velocity:
                assert (channel, pitch) not in open_, f"two notes on pitch {pitch} at once, at tick {now}"
                open_[channel, pitch] = now, velocity
            elif kind in (NOTE_ON, NOTE_OFF):
                onset, loud = open_.pop((channel, pitch))
                notes.append((onset, now - onset, pitch, loud))
                channels.add(channel)
        assert not open_, f"{len(open_)} notes never end"
        if notes:
            (channel,) = channels
            rows.append((channel == 9, program, sorted(notes)))
    return sorted(rows)


def by_mido(data: bytes) -> Notes:
    """The notes that mido reads, from its messages."""

    def event(message: mido.Message) -> Event:
        status, first, second, *_ = *message.bytes(), 0, 0
        return message.time, status >> 4, status & 15, first, second

    return of_events(map(event, track) for track in mido.MidiFile(file=io.BytesIO(data)).tracks)


def by_music21(data: bytes) -> Notes:
    """The notes in the raw events of music21, which counts channels from 1."""
    from music21 import midi

    def event(each: midi.MidiEvent) -> Event:
        if not isinstance(each.type, midi.ChannelVoiceMessages):
            return each.time, 0, 0, 0, 0
        return 0, each.type.value >> 4, each.channel - 1, each.parameter1, each.parameter2

    file = midi.MidiFile()
    file.readstr(data)
    return of_events(map(event, track.events) for track in file.tracks)


READERS: dict[str, Callable[[bytes], Notes]] = {
    "symusic": by_symusic, "pretty_midi": by_pretty_midi, "mido": by_mido, "music21": by_music21,
}  # fmt: skip


def untrained_pieces(num: int) -> Iterator[tuple[str, Score]]:
    """Pieces of untrained models, the same number for each tokenizer and time signature."""
    kinds = tokenizers()
    for number, (name, tokenizer) in enumerate(kinds.items()):
        torch.manual_seed(number)
        machine = Eager(untrained(tokenizer), tokenizer.tables)
        share = _shares(num, len(kinds))[number]
        for metre, count in zip(METRES, _shares(share, len(METRES)), strict=True):
            request = Request(bars=BARS, time_signature=metre)
            for result in generate(machine, tokenizer, request, num=count, seed=number):
                yield name, result.score


def _shares(total: int, parts: int) -> list[int]:
    """A number divided into so many parts, as equal as can be."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def of_checkpoint(folder: Path, num: int) -> Iterator[tuple[str, Score]]:
    """Pieces of a trained model, in time signatures that it samples."""
    checkpoint = load_checkpoint(folder)
    defaults = TrainingDefaults(rosters=[entry["programs"] for entry in checkpoint.data["train"]])
    machine, request = machine_of(checkpoint), Request(bars=BARS)
    for result in generate(machine, checkpoint.tokenizer, request, num=num, defaults=defaults):
        yield folder.name, result.score


def of_folder(folder: Path, skipped: Counter[str]) -> Iterator[tuple[str, Score]]:
    """The music in a folder, as read by musegen."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            try:
                yield folder.name, read_score(path)[0]
            except MidiError:
                skipped[folder.name] += 1


def disagreement(score: Score, readers: list[str]) -> str:
    """Which reader finds different notes than those written, or "" if none does."""
    try:
        data = midi_bytes(score)
    except MusegenError as error:
        return f"not written: {error}"
    expected = of_score(normalise_notes(score)[0])
    for name in readers:
        try:
            if READERS[name](data) != expected:
                return f"{name} reads different notes"
        except Exception as error:  # noqa: BLE001 - any exception of a reader is a finding
            return f"{name}: {type(error).__name__}: {error}"
    return ""


@benchmark(threads=1)
def main(
    *, num: int = 10_000, music21: int = 500, checkpoint: Sequence[Path] = (), music: Sequence[Path] = ()
) -> bool:
    """Print the table; returns whether two readers differ.

    Args:
        num: number of pieces to write
        music21: pieces that music21 reads as well, evenly spread
        checkpoint: folders of models to sample from
        music: folders of music
    """
    warnings.simplefilter("ignore")  # pretty_midi warns only of things that are not compared here
    skipped: Counter[str] = Counter()
    sources = [of_checkpoint(folder, num) for folder in checkpoint]
    sources += [of_folder(folder, skipped) for folder in music]
    files, notes, slow, found = Counter[str](), Counter[str](), Counter[str](), []
    every = max(1, num // max(1, music21))
    for name, score in chain.from_iterable(sources or [untrained_pieces(num)]):
        with_music21 = music21 > 0 and files.total() % every == 0
        reason = disagreement(score, list(READERS) if with_music21 else list(READERS)[:3])
        files[name] += 1
        notes[name] += score.note_num()
        slow[name] += with_music21
        if reason:
            found.append(f"{name}, piece {files[name]}: {reason}")
    print(f"{'source':<34}{'files':>8}{'notes':>12}{'by music21':>12}{'not readable':>16}")
    for name, count in files.items():
        print(f"{name:<34}{count:>8}{notes[name]:>12}{slow[name]:>12}{skipped[name]:>16}")
    said = f"{files.total()} files, {notes.total()} notes, {slow.total()} by music21"
    print(f"{said}: {len(found)} disagreements")
    print(*found[:20], sep="\n")
    return bool(found)
