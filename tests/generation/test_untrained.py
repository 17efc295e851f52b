"""A model that knows nothing: what it writes ends, keeps to its bars and has notes, or is refused."""

import pytest
import torch

from musegen.checkpoint.build import build_model
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.settings import LMConfig, TrainConfig
from musegen.errors import MidiError
from musegen.generation.eager import Eager
from musegen.generation.latent import sample_clips
from musegen.generation.pieces import generate, longest_bar
from musegen.generation.request import Request, Result
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes
from musegen.tokenizers import Tokenizer


def pieces(tokenizer: Tokenizer, num: int, *, clips: bool) -> list[Result]:
    """What untrained weights write: four bars each."""
    torch.manual_seed(0)
    if clips:
        config = VAETrainConfig(model=VAEConfig(embedding_dim=8, hidden_size=16, latent_dim=8, clip_bars=4))
        vae = build_model(config, tokenizer).eval()
        return sample_clips(Eager(vae, tokenizer.tables), tokenizer, Request(bars=4), num=num, prior=True)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=8, hidden_size=16)), tokenizer).eval()
    return generate(Eager(model, tokenizer.tables), tokenizer, Request(bars=4), num=num)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "num", "clips"),
    [("plain", 300, False), ("rich", 300, False), ("choir", 200, False), ("line", 200, True)],
)
def test_nonsense_is_still_music(kind: str, num: int, clips: bool, request: pytest.FixtureRequest) -> None:
    """A thousand in all, as they are read back from their files."""
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    written = refused = 0
    for result in pieces(tokenizer, num, clips=clips):
        assert len(result.ids) <= 4 * longest_bar(tokenizer) + 2
        try:
            data = midi_bytes(result.score)
        except MidiError:
            refused += 1
            continue
        score, repairs = read_midi(data)
        assert not repairs
        assert score.note_num() >= 1
        assert len(bar_ticks(score)) - 1 <= 4
        written += 1
    assert written + refused == num
    assert refused <= num / 100
