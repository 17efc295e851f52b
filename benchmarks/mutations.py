"""Ways to corrupt a MIDI file, each a function of its bytes and a random generator."""

import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

ODD_BYTES = bytes.fromhex("00 01 2f 51 58 7f 80 81 90 c0 e0 f0 f1 f7 f8 ff")
"""Values that have a special meaning somewhere in a MIDI file."""

Mutation = Callable[[bytearray, random.Random], None]


def _span(data: bytearray, rng: random.Random, longest: int = 64) -> slice:
    begin = rng.randrange(len(data) + 1)
    return slice(begin, begin + rng.randint(1, longest))


def flip_bits(data: bytearray, rng: random.Random) -> None:
    """Flip one to eight bits."""
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def odd_bytes(data: bytearray, rng: random.Random) -> None:
    """Replace one to four bytes by status bytes, ends of numbers and the like."""
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(len(data))] = rng.choice(ODD_BYTES)


def cut_end(data: bytearray, rng: random.Random) -> None:
    """Truncate the file."""
    del data[rng.randrange(1, len(data) + 1) :]


def cut_span(data: bytearray, rng: random.Random) -> None:
    """Remove bytes from the middle."""
    del data[_span(data, rng)]


def repeat_span(data: bytearray, rng: random.Random) -> None:
    """Repeat some bytes."""
    span = _span(data, rng)
    data[span.start : span.start] = data[span]


def move_span(data: bytearray, rng: random.Random) -> None:
    """Move some bytes to another place."""
    span = _span(data, rng)
    moved = data[span]
    del data[span]
    at = rng.randrange(len(data) + 1)
    data[at:at] = moved


def insert_noise(data: bytearray, rng: random.Random) -> None:
    """Insert random bytes."""
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randint(1, 16))


def stretch_number(data: bytearray, rng: random.Random) -> None:
    """Make a number of one byte longer, up to seven bytes."""
    at = rng.randrange(len(data) + 1)
    data[at:at] = bytes(rng.randrange(128, 256) for _ in range(rng.randint(1, 6)))


def set_header(data: bytearray, rng: random.Random) -> None:
    """Change the size, type, number of tracks or ticks per quarter note in the header."""
    at = rng.choice((6, 8, 10, 12))
    value = rng.choice((0, 1, 2, 3, 6, 24, 480, 32767, 32768, rng.randrange(65536)))
    data[at : at + 2] = value.to_bytes(2, "big")


def set_track_length(data: bytearray, rng: random.Random) -> None:
    """Change the length that a track declares."""
    starts = chunk_starts(data)
    if starts:
        at = rng.choice(starts) + 4
        n = int.from_bytes(data[at : at + 4], "big")
        other = rng.choice((0, n - 1, n + 1, n // 2, 2 * n, 2**32 - 1, rng.randrange(2**16)))
        data[at : at + 4] = (other % 2**32).to_bytes(4, "big")


def shuffle_chunks(data: bytearray, rng: random.Random) -> None:
    """Reorder, repeat or remove tracks."""
    starts = [*chunk_starts(data), len(data)]
    chunks = [data[a:b] for a, b in pairwise(starts)]
    if chunks:
        del data[starts[0] :]
        for chunk in rng.choices(chunks, k=rng.randint(1, len(chunks) + 2)):
            data += chunk


def chunk_starts(data: bytearray) -> list[int]:
    """Where the tracks begin."""
    return [found.start() for found in re.finditer(b"MTrk", data)]


ANYWHERE = (flip_bits, odd_bytes, cut_end, cut_span, repeat_span, move_span, insert_noise, stretch_number)
MUTATIONS: tuple[Mutation, ...] = (*ANYWHERE, set_header, set_track_length, shuffle_chunks)


def mutant(files: Sequence[bytes], number: int) -> bytes:
    """The file of case `number`: one of the files, or two spliced, corrupted in one to four ways."""
    rng = random.Random(number)  # noqa: S311  # repeatable, not secret
    data = bytearray(rng.choice(files))
    if rng.random() < 0.1:
        other = rng.choice(files)
        data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if len(data) > 14:
            rng.choice(MUTATIONS)(data, rng)
    return bytes(data)
