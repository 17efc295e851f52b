"""Further baselines of `benchmarks.speed`: Hugging Face's GPT-2, and MidiTok alone."""

import contextlib
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.music.writing.midi import midi_bytes

LAYERS, HEADS, CONTEXT = 4, 4, 1024
"""Settings of GPT-2; its width follows from the number of weights."""
FILES = 300
"""The number of files that are prepared."""


def gpt2(weights: int, vocab: int, device: str = "cpu") -> Any:
    """A standard GPT-2 with about so many weights (embedding and output are tied).

    Returns:
        None if transformers is not installed.
    """
    try:
        from transformers import GPT2Config, GPT2LMHeadModel
    except ImportError:
        return None
    width = HEADS
    while 12 * LAYERS * (width + HEADS) ** 2 + (vocab + CONTEXT) * (width + HEADS) <= weights:
        width += HEADS
    config = GPT2Config(
        vocab_size=vocab,
        n_positions=CONTEXT,
        n_embd=width,
        n_layer=LAYERS,
        n_head=HEADS,
        bos_token_id=1,
        eos_token_id=2,
    )
    return GPT2LMHeadModel(config).eval().to(device)


@torch.inference_mode()
def gpt2_sampling(model: Any, rows: int, steps: int) -> None:
    """Sample so many ids in each row, with a key-value cache."""
    ids = torch.ones(rows, 1, dtype=torch.int64, device=model.device)
    cache = None
    for _ in range(steps):
        result = model(ids, past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        ids = torch.multinomial(result.logits[:, -1].softmax(dim=1), 1)


def preparing(dataset: Dataset) -> dict[str, float]:
    """Files per second of `prepare` (read, check, repair, compare, store) and of MidiTok, one process."""
    import miditok

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        paths = []
        for index, piece in enumerate(dataset.pieces[:FILES]):
            paths.append(source / f"{index:04}.mid")
            paths[-1].write_bytes(midi_bytes(dataset.score(piece)))
        began = time.perf_counter()
        with contextlib.redirect_stderr(io.StringIO()):
            prepare(str(source), Path(folder) / "dataset", workers=1)
        ours = len(paths) / (time.perf_counter() - began)
        tokenizer = miditok.REMI()
        began = time.perf_counter()
        for path in paths:
            tokenizer(path)
        theirs = len(paths) / (time.perf_counter() - began)
    return {"files": len(paths), "files/s": ours, "MidiTok": theirs, "ratio": ours / theirs}
