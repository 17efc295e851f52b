"""Parsing MIDI bytes."""

from symusic import Score

from musegen.errors import MidiError
from musegen.music.guard import check_midi


def parse_midi(data: bytes) -> tuple[Score, list[str]]:
    """MIDI bytes as symusic reads them, after the guard.

    Raises:
        MidiError: not MIDI or damaged.
    """
    data, repairs = check_midi(data)
    try:
        return Score.from_midi(data), repairs
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise MidiError(f"damaged MIDI: {reason}") from error
