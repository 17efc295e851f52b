"""Melodies over given chords: by a model that reads them, beside people and what follows no chords.

    python -m benchmarks.over_chords SONG LM DATASET [--split test] [--limit 0] [--seed 0] [--json]

SONG was trained with holes and chords (`train seq2seq DATA --data.holes cells --data.chords`), LM is a
language model of the melodies alone (`train lm DATA --data.tracks melody`), of the same size. Of each piece
with a melody and chords SONG writes the whole melody, given the chords alone, and LM a tune of that many bars
in that metre. Chord tones: the share of a melody's notes on strong beats that are among the notes of the
human's chords (`chord_tone_rate`), means over pieces with 95% bootstrap intervals; beside the human's melody
and that of another piece of the split, in the same metre and moved to the same key. Bits per note of the
human's melody: totals over totals, the metres given, with a bootstrap interval of what SONG saves.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from symusic import Score
from symusic.core import TrackTick

from benchmarks.runner import benchmark, need_lm
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_table
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.selection import MELODY, select
from musegen.data.views import TokenView
from musegen.errors import ConfigError, DataError
from musegen.evaluation.likelihood import model_view
from musegen.generation.from_checkpoint import Wanted, fill_piece, generate_pieces
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.harmony import chord_tone_rate
from musegen.models.losses import stream_nats
from musegen.models.protocol import first_state
from musegen.music.chord_track import NAME
from musegen.music.gaps import Gap, Gapped
from musegen.music.key import Key, estimate_key, pitch_class_weights
from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import note_arrays, put_notes
from musegen.tokenizers import Kind
from musegen.tokenizers.holes import Cut, Holes, count_bars, cut_holes
from musegen.tokenizers.tables import Ints

RESAMPLES = 2000
"""Of the bootstrap."""


class Song(NamedTuple):
    """A piece with a melody and chords."""

    name: str
    score: Score
    """Of these two tracks, the melody first."""
    key: Key

    @property
    def metre(self) -> tuple[int, int]:
        """The first."""
        [first] = metres_at(self.score, np.zeros(1, np.int64))
        return first


def songs(checkpoint: Checkpoint, dataset: Dataset, split: str) -> Iterator[Song]:
    """The pieces of a split with a melody and chords."""
    for piece in dataset.split(split):
        try:
            score = select(
                dataset, piece, checkpoint.config.data, metres=checkpoint.tokenizer.time_signatures
            ).score
        except DataError:
            continue
        tracks = {track.name.strip().casefold(): track for track in score.tracks if len(track.notes)}
        if {MELODY, NAME} <= tracks.keys():
            both = score.copy()
            both.tracks = [tracks[MELODY], tracks[NAME]]
            key = estimate_key(pitch_class_weights(both.tracks[:1])) or Key(0, "major")
            yield Song(piece.name, both, key)


def chord_tones(song: Song, melody: TrackTick) -> float:
    """The share of the notes of a melody on strong beats that are chord tones of a song."""
    chords = song.score.copy()
    chords.tracks = [song.score.tracks[1]]
    return chord_tone_rate(melody, chords)


def melodies(song: Song, every: list[Song], model: Checkpoint, lm: Checkpoint, seed: int) -> dict[str, float]:
    """The chord tones of each system's melody; NaN without a melody."""
    bars = len(bar_ticks(song.score)) - 1
    gapped = Gapped(song.score, [Gap(1, bars)], [0], read=[1])
    [made] = fill_piece(model, gapped, seed=seed)
    free = generate_pieces(lm, Wanted(seed=seed, bars=bars, time_signature=song.metre)).results[0].score
    own = {"human": song.score.tracks[0], "over the chords": made.notes.tracks[0]}
    if free.tracks:
        own["language model"] = free.resample(song.score.tpq).tracks[0]
    if (other := _other(song, every, np.random.default_rng(seed))) is not None:
        own["another melody"] = other
    return {name: chord_tones(song, track) for name, track in own.items() if len(track.notes)}


def _other(song: Song, every: list[Song], rng: np.random.Generator) -> TrackTick | None:
    """The melody of another song in the same metre and mode, moved to the key; None if there is none."""
    fitting = [
        each
        for each in every
        if each is not song and each.metre == song.metre and each.key.mode == song.key.mode
    ]
    if not fitting:
        return None
    other = fitting[int(rng.integers(len(fitting)))]
    track = other.score.resample(song.score.tpq).tracks[0]
    onsets, durations, pitches, velocities = note_arrays(track)
    up = (song.key.tonic - other.key.tonic + 6) % 12 - 6
    kept = onsets < bar_ticks(song.score)[-1]
    columns = onsets, durations, np.clip(pitches + up, 0, 127), velocities
    put_notes(track, *(column[kept] for column in columns))
    return track


def melody_nats(checkpoint: Checkpoint, view: TokenView, index: int) -> tuple[float, int]:
    """Negative log-likelihood of the melody of a piece, in nats, its metres given, and its notes."""
    tables, model, ids = checkpoint.tokenizer.tables, checkpoint.model, view.stream(index)
    bars = np.ones(count_bars(ids, tables), np.bool_)
    if checkpoint.config.fills:
        number = [part.name for part in checkpoint.tokenizer.parts].index(MELODY)
        cut = cut_holes(ids, tables, Holes(bars, frozenset({number})))
    else:
        cut = Cut(ids, ids, _after_metres(ids, tables.kind))
    source = torch.from_numpy(cut.source)[None] if checkpoint.config.fills else None
    with torch.inference_mode():
        nats = stream_nats(model, first_state(model, 1, source), torch.from_numpy(cut.target)[None])[0]
    notes = int((tables.kind[cut.target[cut.scored]] == Kind.PITCH).sum())
    return float(nats.numpy()[cut.scored[1:]].sum()), notes


def _after_metres(ids: Ints, kind: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """What a melody of which all bars are missing has: all but BOS, its first bar line, and metres."""
    scored: np.ndarray[Any, np.dtype[np.bool_]] = kind[ids] != Kind.TIME_SIGNATURE
    scored[:2] = False
    return scored


def likelihoods(model: Checkpoint, lm: Checkpoint, dataset: Dataset, names: set[str]) -> dict[str, Any]:
    """Bits per note of the melodies under both models, and the share that the chords save."""
    rows: dict[str, list[tuple[float, int]]] = {}
    for checkpoint in (model, lm):
        view = model_view(checkpoint, dataset)
        found = {p.name: i for i, p in enumerate(view.pieces) if p.name in names}
        for name in progress(sorted(found), len(found), "Measuring"):
            rows.setdefault(name, []).append(melody_nats(checkpoint, view, found[name]))
    pairs = [own for own in rows.values() if len(own) == 2 and own[0][1] == own[1][1]]
    table = np.array([[own[0][0], own[1][0], own[0][1]] for own in pairs])  # (pieces, 3)
    draws = np.random.default_rng(0).integers(0, len(table), (RESAMPLES, len(table)))
    sums, (with_chords, alone, notes) = table[draws].sum(axis=1), table.sum(axis=0)
    low, high = np.quantile(1 - sums[:, 0] / sums[:, 1], (0.025, 0.975))
    return {
        "pieces": len(table),
        "with chords": with_chords / np.log(2) / notes,
        "without": alone / np.log(2) / notes,
        "saved": [1 - with_chords / alone, low, high],
    }


def show(found: dict[str, Any]) -> None:
    """Both results."""
    own = found["likelihood"]
    saved = "{:.1%} ({:.1%}, {:.1%})".format(*own["saved"])
    print(
        f"bits per note of {own['pieces']} melodies: {own['with chords']:.3f} given the chords, "
        f"{own['without']:.3f} without, saved {saved}"
    )
    rows = [
        [name, str(each["count"]), f"{each['mean']:.3f} ({each['low']:.3f}, {each['high']:.3f})"]
        for name, each in found["chord tones"].items()
    ]
    print_table(["melody", "pieces", "chord tones"], rows)


@benchmark(show)
def main(
    song: Checkpoint,
    lm: Checkpoint,
    dataset: Dataset,
    /,
    *,
    split: Literal["valid", "test"] = "test",
    limit: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """Chord tones and likelihood.

    Args:
        song: the folder of a model that was trained with holes and chords
        lm: the folder of a language model of melodies
        dataset: the dataset of both
        split: split of the pieces
        limit: maximum number of pieces with new melodies; 0 for all
        seed: random seed
    """
    need_lm(lm)
    if not (song.config.fills and song.config.data.chords):
        raise ConfigError(f"{song.path} was not trained with ⟨data.holes⟩ and ⟨data.chords⟩")
    every = list(songs(song, dataset, split))
    values: dict[str, list[float]] = {}
    chosen = every[:: max(1, len(every) // limit)][:limit] if limit else every
    for number, each in enumerate(progress(chosen, len(chosen), "Writing")):
        for name, value in melodies(each, every, song, lm, seed + number).items():
            if not np.isnan(value):
                values.setdefault(name, []).append(value)
    tones = {name: bootstrap_mean(own)._asdict() | {"count": len(own)} for name, own in values.items()}
    return {"chord tones": tones, "likelihood": likelihoods(song, lm, dataset, {each.name for each in every})}
