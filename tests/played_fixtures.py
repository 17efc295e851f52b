"""Music that was played: real tunes and beats, with the habits of a player who pushes, drags and accents."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from symusic import ControlChange, Score, Tempo, TimeSignature

from musegen.config.performer import PerformerConfig, PerformerTrainConfig
from musegen.config.settings import DataConfig
from musegen.config.trainer import OptimConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays, put_notes
from musegen.music.writing.midi import write_score
from musegen.training.train import train
from tests.music.scores import line, score
from tests.music_fixtures import TINY

BEATS = ([36, 42, 38, 42, 36, 36, 38, 46], [36, 42, 42, 38, 36, 42, 38, 42], [36, 36, 38, 42, 42, 36, 38, 46])


def play(written: Score, seed: int) -> Score:
    """A performance of a score of 480 ticks: off-beats late and soft, bars begin loud, some chance beside."""
    rng, played = np.random.default_rng(seed), written.resample(480)
    bars = bar_ticks(played)
    for track in played.tracks:
        onsets, durations, pitches, _ = note_arrays(track)
        in_bar = onsets - bars[np.searchsorted(bars, onsets, side="right") - 1]
        is_off = in_bar % 480 != 0
        moved = onsets + 24 * is_off + rng.normal(0, 4, len(onsets)).round().astype(np.int64)
        louder = (
            70 + 30 * (in_bar == 0) - 20 * is_off + rng.normal(0, 3, len(onsets)).round().astype(np.int64)
        )
        put_notes(track, np.maximum(moved, 0), np.maximum(durations * 3 // 4, 1), pitches, louder)
    return played


def beat(number: int) -> Score:
    """Eight bars of drums in eighths."""
    pitches = [pitch + (number // 3 if pitch == 46 else 0) for pitch in BEATS[number % 3]]
    return score(line(pitches * 8, drums=True, step=240), metres=[(0, 4, 4)])


@pytest.fixture(scope="session")
def played(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Tunes and beats as they were played, in three splits."""
    folder = tmp_path_factory.mktemp("played")
    written = [*map(tunes.score, tunes.pieces[:12]), *map(beat, range(6))]
    for number, each in enumerate(written):
        split = ("train", "train", "train", "valid", "train", "test")[number % 6]
        write_score(play(each, number), folder / split / f"{number}.mid")
    return prepare(str(folder), tmp_path_factory.mktemp("datasets") / "played", workers=1)


PLAYER = PerformerTrainConfig(
    data=DataConfig(window=64, transpose=2),
    model=PerformerConfig(embedding_dim=8, hidden_size=32, num_layers=1, dropout=0.1),
    optim=OptimConfig(batch_tokens=1024, lr=1e-2),
    trainer=type(TINY.trainer)(
        max_steps=80, val_check_interval=40, accelerator="cpu", devices="1", precision="32-true"
    ),
)


@pytest.fixture(scope="session")
def performer(played: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny performer, really trained on `played`."""
    return train(PLAYER, played, tmp_path_factory.mktemp("checkpoints") / "player", say=lambda _: None)


@pytest.fixture(scope="session")
def drummer(played: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny language model, really trained on `played`: it has shifts and velocities."""
    trainer = replace(TINY.trainer, max_steps=60, val_check_interval=30)
    config = replace(TINY, trainer=trainer)
    return train(config, played, tmp_path_factory.mktemp("checkpoints") / "drummer", say=lambda _: None)


def record(written: Score, seed: int) -> Score:
    """A recording of a score of 480 ticks: at no steady tempo, in a file of 120, pedal in every bar."""
    rng = np.random.default_rng(seed)
    recorded = written.resample(480)
    end = int(recorded.end()) + 960
    # Milliseconds at every half beat, at a tempo that wanders.
    steps = rng.normal(1.0, 0.15, end // 240 + 2).clip(0.6, 1.4) * rng.uniform(200, 320)
    at, times = np.arange(len(steps)) * 240, np.append(0, np.cumsum(steps))[:-1]
    recorded.tempos, recorded.time_signatures = [Tempo(0, 120.0)], [TimeSignature(0, 4, 4)]
    for track in recorded.tracks:
        onsets, durations, pitches, _ = note_arrays(track)
        spans = np.stack([onsets, onsets + durations])
        begins, ends = np.round(np.interp(spans, at, times) * 0.96).astype(np.int64)
        velocities = rng.integers(30, 110, len(onsets))
        put_notes(track, begins, np.maximum(1, ends - begins), pitches, velocities)
        for bar in np.arange(0, end, 1920):
            down, up = np.round(np.interp([bar + 100, bar + 1700], at, times) * 0.96).astype(int).tolist()
            track.controls.append(ControlChange(down, 64, 90))
            track.controls.append(ControlChange(up, 64, 0))
    return recorded


@pytest.fixture(scope="session")
def recordings(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Recordings of tunes without beats, in three splits."""
    folder = tmp_path_factory.mktemp("recordings")
    for number, piece in enumerate(tunes.pieces[:12]):
        split = ("train", "train", "train", "valid", "train", "test")[number % 6]
        path = folder / split / f"{number}.mid"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(record(tunes.score(piece), number).dumps_midi())
    return prepare(str(folder), tmp_path_factory.mktemp("datasets") / "recordings", workers=1)


@pytest.fixture(scope="session")
def recitalist(recordings: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny language model in free time, really trained on `recordings`."""
    trainer = replace(TINY.trainer, max_steps=60, val_check_interval=30)
    config = replace(TINY, trainer=trainer)
    return train(config, recordings, tmp_path_factory.mktemp("checkpoints") / "recital", say=lambda _: None)
