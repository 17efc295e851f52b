"""Facts about a music file, a dataset or a checkpoint, as plain dicts ready for JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from symusic import Score

from musegen.music.facts import PITCH_CLASSES, instrument_name
from musegen.music.key import estimate_key, pitch_class_weights
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays
from musegen.music.reading.read import read_score

if TYPE_CHECKING:
    from musegen.data.dataset import Dataset


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


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What a dataset holds: pieces by split, files by verdict and reason, metres, instruments."""
    pieces = dataset.pieces
    audit = _read_lines(dataset.path / "audit.jsonl")
    return {
        "kind": "dataset",
        "path": str(dataset.path),
        **dataset.info,
        "pieces": len(pieces),
        "notes": sum(piece.notes for piece in pieces),
        "bars": sum(piece.bars for piece in pieces),
        "splits": dict(Counter(piece.split for piece in pieces)),
        "verdicts": dict(Counter(line["verdict"] for line in audit)),
        "time_signatures": dict(
            Counter(each for piece in pieces for each in piece.time_signatures).most_common()
        ),
        "programs": dict(Counter(program for piece in pieces for program in piece.programs).most_common()),
        "melody": dict(Counter(piece.melody_how for piece in pieces)),
        "pickups": sum(piece.pickup > 0 for piece in pieces),
    }


def checkpoint_facts(path: Path) -> dict[str, Any]:
    """What a checkpoint is: family, size, what was measured, what it was trained on, its settings.

    Raises:
        CheckpointError: it cannot be loaded; so what is printed is true of a checkpoint that works.
    """
    from musegen.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    config = json.loads((path / "config.json").read_text("utf-8"))
    return {
        "kind": "checkpoint",
        "path": str(path),
        **{key: value for key, value in config.items() if not isinstance(value, dict)},
        "parameters": sum(weights.numel() for weights in checkpoint.model.parameters()),
        "vocabulary": checkpoint.tokenizer.vocab_size,
        "metrics": checkpoint.metrics,
        "data": {key: value for key, value in checkpoint.data.items() if not isinstance(value, list)},
        "settings": {key: value for key, value in config.items() if isinstance(value, dict)},
    }


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
