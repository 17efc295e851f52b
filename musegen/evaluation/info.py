"""Facts about music, as plain dicts ready for JSON."""

from pathlib import Path
from typing import Any

import numpy as np
from symusic import Score

from musegen.evaluation.names import PITCH_CLASSES, instrument_name
from musegen.music.key import estimate_key, pitch_class_weights
from musegen.music.notes import note_arrays
from musegen.music.ops import bar_ticks
from musegen.music.read import read_score


def file_facts(path: Path) -> dict[str, Any]:
    """What a music file holds, read as musegen reads it.

    Raises:
        MidiError: the file cannot be read.
    """
    score, repairs = read_score(path)
    return {"kind": "music", "path": str(path), **music_facts(score), "repairs": repairs}


def music_facts(score: Score) -> dict[str, Any]:
    """Facts about a tidy Score; pitches as MIDI numbers, tempo in quarters a minute, length in seconds."""
    bars = bar_ticks(score)
    pitched = [note_arrays(track)[2] for track in score.tracks if not track.is_drum and len(track.notes)]
    pitches = np.concatenate(pitched) if pitched else np.zeros(0, np.int64)
    return {
        "bars": len(bars) - 1,
        "notes": int(score.note_num()),
        "seconds": round(float(score.to("second").end()), 2),
        "time_signature": f"{score.time_signatures[0].numerator}/{score.time_signatures[0].denominator}",
        "metre_changes": [
            {
                "bar": int(np.searchsorted(bars, each.time)) + 1,
                "time_signature": f"{each.numerator}/{each.denominator}",
            }
            for each in score.time_signatures[1:]
        ],
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
                "notes": len(track.notes),
            }
            for track in score.tracks
        ],
    }


def key_name(score: Score) -> str | None:
    """The estimated key, as "D minor"; None where there is no pitched note, or all classes sound alike."""
    key = estimate_key(pitch_class_weights(score.tracks))
    return f"{PITCH_CLASSES[key.tonic]} {key.mode}" if key else None
