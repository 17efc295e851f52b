"""Measures of an accompaniment, and their references."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from symusic import Score, Track

from musegen.metrics.harmony import chord_tone_rate, pitch_class_similarity
from musegen.metrics.lines import FIFTH, OCTAVE, crossed, parallels, range_errors, voice_frames
from musegen.metrics.note_f1 import melody_preserved
from musegen.metrics.repetition import bar_keys, copied_share
from musegen.metrics.rhythm import groove_similarity, log_density_ratio
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays


class Measure(NamedTuple):
    """How a measure is displayed."""

    label: str
    meaning: str
    is_share: bool = False
    """Between 0 and 1, displayed in percent."""


MEASURES = {
    "nats_per_beat": Measure("nats per beat", "-ln likelihood of the accompaniment per quarter note"),
    "bits_per_note": Measure("bits per note", "-log2 likelihood of the same per note of the accompaniment"),
    "chord_tone_rate": Measure(
        "chord tones %", "melody notes on strong beats whose pitch class is in the harmony", is_share=True
    ),
    "pitch_class_similarity": Measure(
        "pitch classes %", "cosine of the pitch-class durations of a bar and the human's bar", is_share=True
    ),
    "groove_similarity": Measure(
        "groove %",
        "sixteenths of a bar with an onset in both or in neither, ours and the human's (Wu and Yang 2020)",
        is_share=True,
    ),
    "log_density_ratio": Measure("|log density|", "|ln (notes / the human's notes)|; 0.69 is twice or half"),
    "parallel_fifths": Measure(
        "parallel fifths", "per piece: two voices move in the same direction from a fifth to a fifth"
    ),
    "parallel_octaves": Measure("parallel octaves", "the same with octaves and unisons"),
    "voice_crossing": Measure(
        "crossing %", "sixteenths in which a voice sounds above the next higher one", is_share=True
    ),
    "range_errors": Measure("range errors", "notes per piece outside the part's range in training pieces"),
    "melody_preserved": Measure(
        "melody kept %", "every melody note is unchanged when written to MIDI and read back", is_share=True
    ),
    "copied_bars": Measure(
        "copied bars %", "bars that occur in a training piece with the same pitches and rhythm", is_share=True
    ),
}
"""In the order of display; the functions in musegen/metrics have the full definitions."""


class Standards(NamedTuple):
    """References from the training pieces; empty where there are none."""

    bars: frozenset[bytes]
    """Keys of their accompaniments' bars, see `bar_keys`."""
    ranges: dict[str, tuple[int, int]]
    """Lowest and highest pitch of each part, by its lower-case name, the highest part first; only for
    single voices."""


def standards(accompaniments: Iterable[Score], parts: Sequence[str]) -> Standards:
    """The references from training accompaniments.

    Args:
        accompaniments: without the melody.
        parts: names of the voices, the highest first; empty if the tracks are not single voices.
    """
    bars: set[bytes] = set()
    pitches: dict[str, list[int]] = {part.casefold(): [] for part in parts}
    for score in accompaniments:
        bars.update(bar_keys(score))
        for track in score.tracks:
            pitches.get(_name(track), []).extend(note_arrays(track)[2].tolist())
    sung = {part: (min(own), max(own)) for part, own in pitches.items() if own}
    return Standards(frozenset(bars), sung if len(sung) == len(parts) else {})


def measure(whole: Score, human: Score, known: Standards) -> dict[str, float]:
    """Every measure that applies, by its name in `MEASURES`; NaN where a piece has no value.

    Args:
        whole: the accompaniment, with the melody as the first track.
        human: the original piece, in the same ticks per quarter note.
        known: the references.
    """
    melody, ours, theirs = whole.tracks[0], without_melody(whole), without_melody(human)
    bars = bar_ticks(human)
    values = {
        "chord_tone_rate": chord_tone_rate(melody, ours),
        "pitch_class_similarity": pitch_class_similarity(ours, theirs, bars),
        "groove_similarity": groove_similarity(ours, theirs, bars),
        "log_density_ratio": log_density_ratio(ours, theirs),
        "melody_preserved": float(melody_preserved(human.tracks[0], melody)),
    }
    if known.bars:
        values["copied_bars"] = copied_share(ours, known.bars)
    return values | _counterpoint(whole, known.ranges)


def without_melody(whole: Score) -> Score:
    """A score without its first track."""
    rest = whole.copy()
    rest.tracks = whole.tracks[1:]
    return rest


def _name(track: Track) -> str:
    return str(track.name).strip().casefold()


def _counterpoint(whole: Score, ranges: dict[str, tuple[int, int]]) -> dict[str, float]:
    """Errors of counterpoint, if the tracks are the voices; a missing voice is silent."""
    tracks = {_name(track): track for track in whole.tracks[1:]}
    if not ranges or not set(tracks) <= set(ranges):
        return {}
    voices = whole.copy()
    voices.tracks = [whole.tracks[0], *(tracks.get(part, Track(part)) for part in ranges)]
    frames = voice_frames(voices)
    return {
        "parallel_fifths": float(parallels(frames, FIFTH)),
        "parallel_octaves": float(parallels(frames, OCTAVE)),
        "voice_crossing": float(crossed(frames).mean()),
        "range_errors": float(range_errors(without_melody(voices), list(ranges.values()))),
    }
