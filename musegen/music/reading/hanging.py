"""Notes that are never released: parsers drop them without a word; here they get an end."""

Event = tuple[int, bytes]
LONGEST = 4
"""Quarters that a note without a release lasts at most."""
_SILENCE = (120, 123)
"""Controllers: all sound off, all notes off."""


def close_hanging(events: list[Event], end: int, quarter: int) -> tuple[list[Event], int]:
    """The events with a note-off for every note that has none, and how many those are.

    Such a note ends where its pitch starts again on its channel, where the channel is silenced, or where the
    track ends, whichever comes first, and after four quarters at most. A release belongs to the nearest
    earlier note of its pitch that has none yet, so that the number of releases decides who hangs.

    Args:
        events: (tick, message) in order of time.
        end: tick of the end of the track.
        quarter: ticks a quarter.
    """
    closing = []
    releases: dict[tuple[int, int], int] = {}  # channel and pitch -> note-offs that wait for their note
    following: dict[tuple[int, int], list[int]] = {}  # channel and pitch -> onsets after now, nearest last
    silence: dict[int, int] = {}  # channel -> when it is next silenced
    for tick, message in reversed(events):
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0xB0 and message[1] in _SILENCE:
            silence[channel] = tick
        if kind not in (0x80, 0x90):
            continue
        key = channel, message[1]
        if kind == 0x80 or not message[2]:
            releases[key] = releases.get(key, 0) + 1
            continue
        onsets = following.setdefault(key, [])
        if releases.get(key, 0):
            releases[key] -= 1
        else:
            ends = [*onsets[-2:], silence.get(channel, tick), end]
            last = min([e for e in ends if e > tick], default=tick + quarter)
            closing.append((min(last, tick + LONGEST * quarter), bytes([0x80 | channel, message[1], 0])))
        onsets.append(tick)
    if not closing:
        return events, 0
    return sorted(closing + events, key=lambda event: event[0]), len(closing)
