"""Baselines without a model: accompaniments from a rule or from another piece, and crossfades.

They accompany a tidy Score (ticks) with a melody track by a Score of the same metre and tempo with the
melody, verbatim, as its first track. It begins with the piece, or with the melody if that begins inside the
first bar (a pickup), and ends with the bar in which the melody ends.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from symusic import Score, Track

from musegen.music.key import Key, estimate_key, pitch_class_weights
from musegen.music.metre import bar_ticks, strong_beats
from musegen.music.notes import Ints, normalise_notes, note_arrays, put_notes

VELOCITY = 64
_TRIADS = {
    "major": ((0, 4, 7), (2, 5, 9), (4, 7, 11), (5, 9, 12), (7, 11, 14), (9, 12, 16)),
    "minor": ((0, 3, 7), (3, 7, 10), (5, 8, 12), (7, 11, 14), (8, 12, 15), (10, 14, 17)),
}
"""Semitones above the tonic, root first: the diatonic triads except the diminished; V of minor is major."""
_BONUS = {0: 0.2, 5: 0.1, 7: 0.15}
"""Bonus of I, IV and V, by root, as a share of the melody's duration."""
_LOWEST_ROOT = 48
"""C3: roots are in the octave above it, or lower if the melody is low."""


class MelodyAndScore(NamedTuple):
    """A Score and the index of its melody's track."""

    score: Score
    melody: int


def block_chords(piece: MelodyAndScore, names: Sequence[str] = ("Chords",), *, by_bar: bool = False) -> Score:
    """The melody over a triad in root position on every strong beat (see `strong_beats`).

    It is the triad of the melody's key (by default C major) that covers most of the melody until the next
    strong beat, with a bonus for I, IV and V; during rests the last one is kept. It lies below the lowest
    note of the melody there.

    Args:
        piece: to accompany.
        names: of the track of the chords, or of three tracks for the fifth, the third and the root.
        by_bar: a triad per bar instead.
    """
    spans = _spans(piece, by_bar=by_bar)
    melody = piece.score.tracks[piece.melody]
    key = estimate_key(pitch_class_weights([melody])) or Key(0, "major")
    chord: Sequence[int] = _TRIADS[key.mode][0]
    rows = []
    for begin, end in spans:
        weights, lowest = _pitch_classes(melody, begin, end)
        if weights.any():
            chord = _best_triad(np.roll(weights, -key.tonic), key.mode)
        rows.append((begin, end - begin, *_below(key.tonic, chord, lowest)))
    table = np.array(rows, np.int64).reshape(-1, 5)  # onset, duration, root, third, fifth
    tracks = []
    for name, voices in zip(names, [[2, 3, 4]] if len(names) == 1 else [[4], [3], [2]], strict=True):
        tracks.append(Track(name, melody.program, is_drum=False))
        onsets, durations = (np.tile(table[:, column], len(voices)) for column in (0, 1))
        put_notes(tracks[-1], onsets, durations, table[:, voices].T.ravel(), np.full_like(onsets, VELOCITY))
    return _with_melody(piece, tracks)


def random_retrieval(
    piece: MelodyAndScore, others: Sequence[MelodyAndScore], rng: np.random.Generator
) -> Score:
    """The melody over the accompaniment of a random one of `others`, without drums.

    It is one of those in the same initial metre, if there are any. It is transposed by at most 6 semitones so
    that the key signatures of the two melodies agree, and inserted bar by bar, repeated from its first bar if
    it is shorter. Notes that do not fit a bar (of another metre) are left out.

    Args:
        piece: to accompany.
        others: to choose from, without the piece itself.
        rng: of which one number is used.

    Raises:
        ValueError: `others` is empty.
    """
    if not others:
        raise ValueError("no other pieces to retrieve from")
    fitting = [other for other in others if _metre(other.score) == _metre(piece.score)] or list(others)
    other = fitting[int(rng.integers(len(fitting)))]
    semitones = (_signature(piece) - _signature(other) + 6) % 12 - 6
    score = other.score if other.score.tpq == piece.score.tpq else other.score.resample(piece.score.tpq)
    bars, theirs = bar_ticks(piece.score), bar_ticks(score)
    begin, end = _extent(piece, bars)
    tracks = []
    for index, track in enumerate(score.tracks):
        if index != other.melody and not track.is_drum:
            tracks.append(Track(track.name, track.program, is_drum=False))
            put_notes(tracks[-1], *_move_bars(track, theirs, bars, (begin, end), semitones))
    return _with_melody(piece, tracks)


def _spans(piece: MelodyAndScore, *, by_bar: bool) -> list[tuple[int, int]]:
    """From each strong beat, or bar line, to the next, within the accompaniment."""
    bars = bar_ticks(piece.score)
    begin, end = _extent(piece, bars)
    beats = bars[:-1].tolist() if by_bar else strong_beats(piece.score, bars).tolist()
    return [(a, b) for a, b in pairwise([*beats, int(bars[-1])]) if begin <= a < end]


def _extent(piece: MelodyAndScore, bars: Ints) -> tuple[int, int]:
    """Where the accompaniment begins and ends, in ticks."""
    onsets, durations, _, _ = note_arrays(piece.score.tracks[piece.melody])
    first, last = int(onsets.min(initial=bars[-1])), int((onsets + durations).max(initial=0))
    return (first if first < bars[1] else 0), int(bars[np.searchsorted(bars, last)])


def _pitch_classes(melody: Track, begin: int, end: int) -> tuple[Ints, int]:
    """Duration of each pitch class of the melody from `begin` to `end`, (12,) ticks, and its lowest pitch."""
    onsets, durations, pitches, _ = note_arrays(melody)
    sounds = np.minimum(onsets + durations, end) - np.maximum(onsets, begin)
    pitches, sounds = pitches[sounds > 0], sounds[sounds > 0]
    weights = np.bincount(pitches % 12, weights=sounds, minlength=12).astype(np.int64)
    return weights, int(pitches.min(initial=127))


def _best_triad(weights: Ints, mode: str) -> Sequence[int]:
    """The triad for pitch-class durations, (12,) ticks, relative to the tonic."""
    share = weights / weights.sum()
    fits = {t: share[[n % 12 for n in t]].sum() + _BONUS.get(t[0], 0.0) for t in _TRIADS[mode]}
    return max(fits, key=lambda triad: float(fits[triad]))


def _below(tonic: int, triad: Sequence[int], lowest: int) -> list[int]:
    """The pitches of the triad, root first, below the pitch `lowest`."""
    root = _LOWEST_ROOT + (tonic + triad[0]) % 12
    pitches = [root + note - triad[0] for note in triad]
    drop = max(0, -(-(pitches[-1] - lowest + 1) // 12)) * 12
    return [pitch - min(drop, root // 12 * 12) for pitch in pitches]


def _metre(score: Score) -> tuple[int, int]:
    first = score.time_signatures[0] if len(score.time_signatures) else None
    return (first.numerator, first.denominator) if first else (4, 4)


def _signature(piece: MelodyAndScore) -> int:
    key = estimate_key(pitch_class_weights([piece.score.tracks[piece.melody]]))
    return key.signature if key else 0


def _move_bars(
    track: Track, theirs: Ints, bars: Ints, extent: tuple[int, int], semitones: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """The notes of `track`, whose piece has the bar lines `theirs`, moved bar by bar to the lines `bars`."""
    notes = np.stack(note_arrays(track))  # (4, notes), the onsets first
    bar_of_note = np.searchsorted(theirs, notes[0], side="right") - 1
    rows = [np.zeros((4, 0), np.int64)]
    for bar, (begin, end) in enumerate(pairwise(bars.tolist())):
        source = bar % (len(theirs) - 1)
        mine = (bar_of_note == source) & (notes[0] - theirs[source] < end - begin)
        rows.append(notes[:, mine] + np.array([[begin - theirs[source]], [0], [0], [0]]))
    onsets, durations, pitches, velocities = np.concatenate(rows, axis=1)
    pitches = pitches + semitones
    keep = (onsets >= extent[0]) & (onsets < extent[1]) & (pitches >= 0) & (pitches <= 127)
    durations = np.minimum(durations, extent[1] - onsets)
    return onsets[keep], durations[keep], pitches[keep], velocities[keep]


def _with_melody(piece: MelodyAndScore, tracks: list[Track]) -> Score:
    """A score of the melody and these tracks."""
    result = piece.score.copy()
    melody = result.tracks[piece.melody].copy()
    result.tracks = tracks
    result, _ = normalise_notes(result)
    result.tracks = [melody, *(track for track in result.tracks if len(track.notes))]
    return result


def crossfade(first: Score, second: Score, num: int, *, seed: int = 0) -> list[Score]:
    """Clips from one to another, in each of which some onsets have the notes of the second clip.

    Each tick at which a note of either begins has one random threshold; it has the notes of the second clip
    as soon as the share of the crossfade exceeds the threshold. This is the Bernoulli blend of MusicVAE
    (Roberts 2018, arXiv:1803.05428) with whole notes and with the same thresholds in all steps, so that no
    step goes back. Notes keep their durations, so that they may overlap.

    Args:
        first: in ticks; its tracks are merged, except drums.
        second: in the same ticks per quarter note.
        num: how many clips, both ends included, 2 or more.
        seed: of the thresholds.
    """
    rows = [
        np.concatenate(
            [np.stack([*note_arrays(t), np.full(len(t.notes), t.is_drum)]) for t in clip.tracks], axis=1
        )
        for clip in (first, second)
    ]
    onsets = np.unique(np.concatenate([rows[0][0], rows[1][0]]))
    thresholds = np.random.default_rng(seed).random(len(onsets))  # (onsets,) from 0 to below 1
    thresholds_of = [thresholds[np.searchsorted(onsets, each[0])] for each in rows]
    clips = []
    for share in np.linspace(0, 1, num):
        kept = [rows[0][:, thresholds_of[0] >= share], rows[1][:, thresholds_of[1] < share]]
        clip = first.copy()
        columns = np.concatenate(kept, axis=1)
        columns = columns[:, np.lexsort((columns[2], columns[0]))]
        clip.tracks = []
        for is_drum in np.unique(columns[4]):
            track = Track(first.tracks[0].name, first.tracks[0].program, bool(is_drum))
            put_notes(track, *columns[:4, columns[4] == is_drum])
            clip.tracks.append(track)
        clips.append(clip)
    return clips
