"""What is measured of an accompaniment, and what it is held against."""

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
    """How a measure is shown."""

    label: str
    meaning: str
    is_share: bool = False
    """Between 0 and 1, shown in percent."""


MEASURES = {
    "nats_per_beat": Measure("nats a beat", "-ln likelihood of the accompaniment's tokens, over quarters"),
    "bits_per_note": Measure("bits a note", "-log2 likelihood of the same, over the accompaniment's notes"),
    "chord_tone_rate": Measure(
        "chord tones %", "melody notes on strong beats whose pitch class sounds under them", is_share=True
    ),
    "pitch_class_similarity": Measure(
        "pitch classes %", "cosine of the pitch classes' lengths in a bar to the human's bar", is_share=True
    ),
    "groove_similarity": Measure(
        "groove %",
        "sixteenths of a bar with an onset in both or in neither, ours and the human's (Wu and Yang 2020)",
        is_share=True,
    ),
    "log_density_ratio": Measure("|log density|", "|ln (notes / the human's notes)|; 0.69 is twice or half"),
    "parallel_fifths": Measure(
        "parallel fifths", "a piece: two voices move the same way from a fifth to a fifth"
    ),
    "parallel_octaves": Measure("parallel octaves", "the same of octaves and unisons"),
    "voice_crossing": Measure(
        "crossing %", "sixteenths in which a voice sounds above the next higher one", is_share=True
    ),
    "range_errors": Measure("range errors", "notes a piece beyond what the part sings in training pieces"),
    "melody_preserved": Measure(
        "melody kept %", "written to MIDI and read back, every note of the melody is as given", is_share=True
    ),
    "copied_bars": Measure(
        "copied bars %", "bars that stand exactly so, at the same pitch, in a training piece", is_share=True
    ),
}
"""In the order shown; the definitions in full stand with the functions of musegen/metrics."""


class Standards(NamedTuple):
    """What the training pieces say of accompaniments; empty where they say nothing."""

    bars: frozenset[bytes]
    """Keys of their accompaniments' bars, see `bar_keys`."""
    ranges: dict[str, tuple[int, int]]
    """The lowest and highest pitch of each part, by its name in small letters, the highest part first; of
    single voices alone."""


def standards(accompaniments: Iterable[Score], parts: Sequence[str]) -> Standards:
    """What training accompaniments say of others.

    Args:
        accompaniments: without the melody.
        parts: names of the voices, the highest first; none where the tracks are no single voices.
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
        whole: the accompaniment in question, with the melody as the first track.
        human: the same piece as it was composed, in the same ticks a quarter.
        known: of the training pieces.
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
    """What a teacher marks, if the tracks are the voices; a voice that is not there is silent."""
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
