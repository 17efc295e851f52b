"""Further baselines of `benchmarks.speed`: Hugging Face's GPT-2, and MidiTok alone."""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.runs import write_score
from benchmarks.speed_bare import seconds
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare

LAYERS, HEADS, CONTEXT = 4, 4, 1024
"""Settings of GPT-2; its width follows from the number of weights."""
FILES = 300
"""The number of files that are prepared."""


def gpt2(weights: int, vocab: int) -> Any:
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
    sizes = {"vocab_size": vocab, "n_embd": width, "n_layer": LAYERS, "n_head": HEADS}
    config = GPT2Config(n_positions=CONTEXT, bos_token_id=1, eos_token_id=2, **sizes)
    return GPT2LMHeadModel(config).eval()


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
        paths = [Path(folder) / "source" / f"{index:04}.mid" for index in range(FILES)][: len(dataset.pieces)]
        for path, piece in zip(paths, dataset.pieces, strict=False):
            write_score(dataset.score(piece), path)
        with contextlib.redirect_stderr(io.StringIO()):
            source, out = str(paths[0].parent), Path(folder) / "dataset"
            ours = len(paths) / seconds(lambda: prepare(source, out, workers=1))[0]
        tokenizer = miditok.REMI()
        theirs = len(paths) / seconds(lambda: [tokenizer(path) for path in paths])[0]
    return {"files": len(paths), "files/s": ours, "MidiTok": theirs, "ratio": ours / theirs}
