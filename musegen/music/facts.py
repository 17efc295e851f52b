"""Facts about music, as plain dicts ready for JSON, and names for MIDI's numbers."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Score

from musegen.errors import DataError
from musegen.music.key import estimate_key, pitch_class_weights
from musegen.music.melody import melody_track
from musegen.music.metre import bar_ticks, seconds_until
from musegen.music.notes import last_end, note_arrays
from musegen.music.roles import track_role

PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
FAMILIES = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
)  # fmt: skip
"""General MIDI's families of instruments, 8 programs each."""
DRUMS = {
    35: "bass drum 2", 36: "bass drum", 37: "side stick", 38: "snare", 39: "clap", 40: "snare 2",
    41: "low tom 2", 42: "closed hi-hat", 43: "low tom", 44: "pedal hi-hat", 45: "mid tom 2",
    46: "open hi-hat", 47: "mid tom", 48: "high tom 2", 49: "crash", 50: "high tom", 51: "ride",
    52: "china", 53: "ride bell", 54: "tambourine", 55: "splash", 56: "cowbell", 57: "crash 2", 59: "ride 2",
}  # fmt: skip
"""General MIDI's drums of a kit, by pitch."""


def pitch_name(pitch: int) -> str:
    """A MIDI pitch as a name with its octave: 60 is C4."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def instrument_name(program: int) -> str:
    """The family of a General MIDI program from 0; -1 for drums."""
    return "drums" if program < 0 else FAMILIES[program // 8]


def file_facts(path: Path) -> dict[str, Any]:
    """Facts about a music file, as read by musegen.

    Raises:
        MidiError: the file cannot be read.
    """
    from musegen.music.reading.read import read_score  # every format: facts about a Score need none

    score, repairs = read_score(path)
    facts = {"kind": "music", "path": str(path), **music_facts(score)}
    with suppress(DataError):  # only drums
        found = melody_track(score)
        facts["melody"] = {"track": found.track + 1, "found": found.how}
    return facts | {"repairs": repairs}


def music_facts(score: Score) -> dict[str, Any]:
    """Facts about a tidy Score; MIDI pitches, tempo in quarter notes per minute (BPM), length in seconds."""
    bars = bar_ticks(score)
    pitched = [note_arrays(track)[2] for track in score.tracks if not track.is_drum and len(track.notes)]
    pitches = np.concatenate(pitched) if pitched else np.zeros(0, np.int64)
    metres = [
        {"bar": int(np.searchsorted(bars, t.time)) + 1, "time_signature": f"{t.numerator}/{t.denominator}"}
        for t in score.time_signatures
    ]
    return {
        "bars": len(bars) - 1,
        "notes": int(score.note_num()),
        "seconds": round(seconds_until(score, last_end(score)), 2),
        "time_signature": metres[0]["time_signature"],
        "metre_changes": metres[1:],
        "tempo": round(float(score.tempos[0].qpm), 2) if len(score.tempos) else 120.0,
        "tempo_changes": max(0, len(score.tempos) - 1),
        "key": key_name(score),
        "pitch_range": [int(pitches.min()), int(pitches.max())] if len(pitches) else None,
        "ticks_per_quarter": int(score.tpq),
        "tracks": [
            {
                "name": track.name,
                "program": -1 if track.is_drum else int(track.program),
                "instrument": instrument_name(-1 if track.is_drum else track.program),
                "role": track_role(track) if len(track.notes) else "",
                "notes": len(track.notes),
            }
            for track in score.tracks
        ],
    }


def key_name(score: Score) -> str | None:
    """The estimated key, as "D minor"; None without pitched notes, or if all classes sound equally long."""
    key = estimate_key(pitch_class_weights(score.tracks))
    return f"{PITCH_CLASSES[key.tonic]} {key.mode}" if key else None
