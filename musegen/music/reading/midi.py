"""Parsing MIDI bytes: no note is lost without a line."""

from symusic import Score

from musegen.errors import MidiError
from musegen.music.reading.midi_file import Smf, close_tracks, read_smf


def parse_midi(data: bytes) -> tuple[Score, list[str]]:
    """MIDI bytes as symusic reads them once their structure is checked, and what was mended, in words.

    symusic drops notes that are never released. Where it finds fewer notes than start, those get an end.

    Raises:
        MidiError: not MIDI or damaged.
    """
    smf = read_smf(data)
    score = _parse(smf)
    if score.note_num() != smf.notes:
        smf = close_tracks(smf)
        score = _parse(smf)
    repairs = smf.remarks + [f"{count} {what}" for what, count in smf.faults.items() if count]
    if score.note_num() != smf.notes:
        repairs.append(f"{smf.notes} notes start, {score.note_num()} could be read")
    return score, repairs


def _parse(smf: Smf) -> Score:
    try:
        return Score.from_midi(smf.data())
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise MidiError(f"damaged MIDI: {reason}") from error
