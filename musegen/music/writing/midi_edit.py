"""Editing a MIDI file event by event, so that whatever is not edited stays as it is.

A part is what plays on one channel in one track of the file; each has a track of its own in the Score that is
read from the file. Times are in ticks of the file.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from symusic import Score

from musegen.errors import MidiError
from musegen.music.metre import MAX_TPQ
from musegen.music.notes import note_arrays
from musegen.music.reading.midi_events import Event, close_hanging, track_bytes, walk
from musegen.music.reading.midi_file import Smf, read_smf

_META, _ON, _OFF, _PROGRAM = 0xFF, 0x90, 0x80, 0xC0
DRUM_CHANNEL = 9
_NAME, _TEMPO, _METRE, _KEY, _MARKER = 0x03, 0x51, 0x58, 0x59, 0x06
_OF_ALL = (_TEMPO, _KEY, _MARKER)
"""Meta events that concern all tracks."""
DEFAULT_TEMPO = (500_000).to_bytes(3, "big")
"""Microseconds per quarter note of a file that names no tempo: 120 quarter notes per minute."""
_END_MARK = b"\0\xff\x2f\0"
Part = tuple[int, int]
"""A track of the file, from 0, and a channel."""


class Events(NamedTuple):
    """The events of a file."""

    division: int
    """Ticks per quarter note."""
    tracks: list[list[Event]]
    """Tick and message of each event by track, without end marks."""
    ends: list[int]
    """The tick of the end mark of each track."""


class Change(NamedTuple):
    """What changes in a part."""

    part: Part
    spans: Sequence[tuple[int, int]]
    """Begin and end of each stretch of time whose notes are taken out: those that start in it."""
    notes: Sequence[tuple[int, int, int, int]] = ()
    """New notes: onset, duration, pitch, velocity."""


def read_events(data: bytes) -> Events:
    """The events of MIDI bytes, as they are written; hanging notes get a note-off, as when they are read.

    Raises:
        MidiError: not MIDI, or damaged.
    """
    smf = read_smf(data, as_written=True)
    walks = [walk(track, 0, len(track), sysex=True) for track in smf.tracks]
    tracks = [close_hanging(each.events, each.tick, smf.division)[0] for each in walks]
    return Events(smf.division, tracks, [each.tick for each in walks])


def write_events(events: Events) -> bytes:
    """The events as a MIDI file of type 1."""
    tracks = []
    for own, end in zip(events.tracks, events.ends, strict=True):
        last = max(end, own[-1][0] if own else 0)
        body = track_bytes([*own, (last, b"")])  # an event of no bytes, whose time is that of the end mark
        tracks.append(body.removesuffix(_END_MARK) + _END_MARK[1:])
    return Smf(events.division, tracks, 0, Counter(), []).data()


def finer(events: Events, factor: int) -> Events:
    """The events with `factor` times as many ticks per quarter note.

    Raises:
        MidiError: that is more than MIDI allows.
    """
    if events.division * factor > MAX_TPQ:
        raise MidiError(f"{events.division} ticks per quarter note, times {factor}: more than {MAX_TPQ}")
    tracks = [[(tick * factor, message) for tick, message in track] for track in events.tracks]
    return Events(events.division * factor, tracks, [end * factor for end in events.ends])


def parts_of(events: Events, score: Score) -> list[list[Part]]:
    """The parts of each track of the Score that was read from a file; none for tracks without notes.

    Raises:
        MidiError: a track of the Score is not in the file.
    """
    notes: dict[Part, Counter[tuple[int, int, int]]] = defaultdict(Counter)
    for number, track in enumerate(events.tracks):
        for tick, message in track:
            if message[0] & 0xF0 == _ON and message[2]:
                notes[number, message[0] & 0x0F][tick, message[1], message[2]] += 1
    found: list[list[Part]] = []
    for track in score.tracks:
        onsets, _, pitches, velocities = (column.tolist() for column in note_arrays(track))
        wanted = Counter(zip(onsets, pitches, velocities, strict=True))
        same = [part for part, own in notes.items() if own == wanted][:1]
        own = same or [part for part, own in notes.items() if own <= wanted]  # drums on several channels
        if wanted and not own:
            raise MidiError(f"track {track.name!r} cannot be found among the events of the file")
        found.append(own if wanted else [])
        for part in found[-1]:
            del notes[part]
    return found


def edited(events: Events, changes: Sequence[Change]) -> Events:
    """The events with the notes of some parts taken out and new ones put in; all others as they are."""
    tracks = []
    for number, track in enumerate(events.tracks):
        own = [change for change in changes if change.part[0] == number]
        gone = set().union(*(_events_of_notes(track, change) for change in own))
        kept = [(tick, 0, message) for place, (tick, message) in enumerate(track) if place not in gone]
        for (_, channel), _, notes in own:
            for onset, duration, pitch, velocity in notes:
                # Before what happens at its end, and after what happens at its begin.
                kept.append((onset + duration, -1, bytes([_OFF | channel, pitch, 0])))
                kept.append((onset, 1, bytes([_ON | channel, pitch, velocity])))
        kept.sort(key=lambda event: event[:2])
        tracks.append([(tick, message) for tick, _, message in kept])
    return events._replace(tracks=tracks)


class Struck(NamedTuple):
    """A note of a file, with the numbers of its events in their track."""

    part: Part
    on: int
    off: int
    onset: int
    end: int
    pitch: int
    velocity: int


def struck_notes(events: Events, parts: Collection[Part]) -> list[Struck]:
    """The notes of some parts, by track and in the order of their ends; the first to start ends first."""
    found = []
    for number, track in enumerate(events.tracks):
        sounding: dict[tuple[int, int], deque[int]] = defaultdict(deque)  # by channel and pitch
        for place, (tick, message) in enumerate(track):
            kind, channel = message[0] & 0xF0, message[0] & 0x0F
            if kind not in (_ON, _OFF) or (number, channel) not in parts:
                continue
            own = sounding[channel, message[1]]
            if kind == _ON and message[2]:
                own.append(place)
            elif own:
                on = own.popleft()
                onset, (_, pitch, velocity) = track[on]
                found.append(Struck((number, channel), on, place, onset, tick, pitch, velocity))
    return found


def program_changes(events: Events, part: Part) -> list[int]:
    """The ticks at which the instrument of a part changes, ascending."""
    return [tick for tick, message in events.tracks[part[0]] if message[0] == _PROGRAM | part[1]]


def replayed(events: Events, notes: Iterable[tuple[Struck, int, int, int]]) -> Events:
    """The events with some notes at other times and velocities; all others as they are.

    Args:
        events: of the file.
        notes: each with its new onset, end and velocity; of two notes of a pitch in a part, the first still
            ends before the second begins, if it did.
    """
    tracks = [list(track) for track in events.tracks]
    for note, onset, end, velocity in notes:
        own = tracks[note.part[0]]
        own[note.on] = onset, bytes([_ON | note.part[1], note.pitch, velocity])
        own[note.off] = end, own[note.off][1]
    return events._replace(tracks=[sorted(track, key=lambda event: event[0]) for track in tracks])


def _events_of_notes(track: list[Event], change: Change) -> set[int]:
    """Which events are the note-ons that a change takes out, and their note-offs."""
    sounding: dict[int, deque[bool]] = defaultdict(deque)  # by pitch, the first to start ends first
    found = set()
    for place, (tick, message) in enumerate(track):
        kind = message[0] & 0xF0
        if kind not in (_ON, _OFF) or message[0] & 0x0F != change.part[1]:
            continue
        if kind == _ON and message[2]:
            is_gone = any(begin <= tick < end for begin, end in change.spans)
            sounding[message[1]].append(is_gone)
        else:
            is_gone = bool(sounding[message[1]]) and sounding[message[1]].popleft()
        if is_gone:
            found.add(place)
    return found


def with_track(events: Events, name: str, program: int) -> tuple[Events, Part]:
    """The events with a new track without notes, on a channel of its own, and its part.

    Args:
        events: of the file.
        name: of the track.
        program: General MIDI program, 0 to 127, or -1 for drums.

    Raises:
        MidiError: all 15 channels of pitched tracks are taken.
    """
    used = {message[0] & 0x0F for track in events.tracks for _, message in track if message[0] < 0xF0}
    free = [DRUM_CHANNEL] if program < 0 else sorted({*range(16)} - used - {DRUM_CHANNEL})
    if not free:
        raise MidiError(f"there is no channel for a new track {name!r}: the file uses all of MIDI's 16")
    title = name.encode()[:127]
    own = [(0, bytes([_META, _NAME, len(title)]) + title)]
    if program >= 0:
        own.append((0, bytes([_PROGRAM | free[0], program])))
    tracks, ends = [*events.tracks, own], [*events.ends, max(events.ends, default=0)]
    return events._replace(tracks=tracks, ends=ends), (len(events.tracks), free[0])


def with_markers(
    events: Events, spans: Sequence[tuple[int, int]], prefix: str, markers: Sequence[tuple[int, str]]
) -> Events:
    """The events with new markers in place of those that begin with a prefix.

    Args:
        events: of the file.
        spans: begin and end of each stretch of time whose markers are taken out.
        prefix: of their text.
        markers: tick and text of the new ones.
    """
    head = bytes([_META, _MARKER])

    def is_gone(tick: int, message: bytes) -> bool:
        is_marker = message[:2] == head and message[3:].startswith(prefix.encode())
        return is_marker and any(begin <= tick < end for begin, end in spans)

    tracks = [[event for event in track if not is_gone(*event)] for track in events.tracks]
    new = [
        (tick, head + bytes([len(text)]) + text) for tick, text in ((t, m.encode()[:127]) for t, m in markers)
    ]
    # Before what happens at the same tick, so that a note stands under its symbol.
    tracks[0] = sorted([*new, *tracks[0]], key=lambda event: event[0])
    return events._replace(tracks=tracks)


def explicit(events: Events, programs: Mapping[Part, int], *, tempo: bool) -> Events:
    """The events with what a file may leave out written at its begin, so that it can follow another file.

    Args:
        events: of the file.
        programs: of parts, written unless they have a program change before their first note.
        tempo: write 120 quarter notes per minute, unless the file has a tempo before its first note.
    """
    tracks = [list(track) for track in events.tracks]
    notes = [tick for track in tracks for tick, message in track if message[0] & 0xF0 == _ON and message[2]]
    start = min(notes, default=0)
    for (number, channel), program in programs.items():
        change = bytes([_PROGRAM | channel, program])
        if not any(tick <= start and message[0] == change[0] for tick, message in tracks[number]):
            tracks[number].insert(0, (0, change))
    marks = [tick for track in tracks for tick, message in track if message[:2] == bytes([_META, _TEMPO])]
    if tempo and min(marks, default=start + 1) > start:
        tracks[0].insert(0, (0, bytes([_META, _TEMPO, 3]) + DEFAULT_TEMPO))
    return events._replace(tracks=tracks)


def has_other_tempo(events: Events) -> bool:
    """Whether a file has a tempo other than 120 quarter notes per minute, that of a file without one."""
    tempos = {
        message[3:]
        for track in events.tracks
        for _, message in track
        if message[:2] == bytes([_META, _TEMPO])
    }
    return bool(tempos - {DEFAULT_TEMPO})


def followed_by(
    first: Events, second: Events, shift: int, same: Sequence[tuple[Part, Part]], metres: Sequence[Event]
) -> Events:
    """A file, and another from tick `shift` on.

    Args:
        first: the file that comes first.
        second: the other, with as many ticks per quarter note.
        shift: where its tick 0 comes.
        same: pairs of parts, of the first file and of the second, that are one.
        metres: time signatures for the second file, in its own ticks, in place of its own.
    """
    tracks = [list(track) for track in first.tracks]
    places = {other: own for own, other in same}
    tracks[0] += [(tick + shift, message) for tick, message in metres]
    for number, track in enumerate(second.tracks):
        home = next((own[0] for (other, _), own in places.items() if other == number), len(tracks))
        if home == len(tracks):
            tracks.append([])
        for tick, message in track:
            target, moved = home, message
            if message[0] == _META and message[1] in _OF_ALL:
                target = 0
            elif message[0] < 0xF0 and (number, message[0] & 0x0F) in places:
                target, channel = places[number, message[0] & 0x0F]
                moved = bytes([message[0] & 0xF0 | channel, *message[1:]])
            elif message[0] == _META and (
                message[1] == _METRE or (message[1] == _NAME and home < len(first.tracks))
            ):
                continue
            tracks[target].append((tick + shift, moved))
    tracks = [sorted(track, key=lambda event: event[0]) for track in tracks]
    ends = [max([own[-1][0]] if own else [0]) for own in tracks]
    return Events(first.division, tracks, ends)


def metre_event(tick: int, beats: int, unit: int) -> Event:
    """A time signature, with a metronome click per quarter note."""
    return tick, bytes([_META, _METRE, 4, beats, unit.bit_length() - 1, 24, 8])
