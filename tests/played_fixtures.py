"""Music that was played: real tunes and beats, with the habits of a player who pushes, drags and accents."""

from pathlib import Path

import numpy as np
import pytest
from symusic import Score

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
