"""Samples from an untrained model: does the grammar alone make each of them valid music as requested?

    python -m benchmarks.untrained [--samples 1000] [--bars 16] [--programs]

Prints one row per time signature: samples that decode, MidiTok's own error count, bars and notes of the
written files as symusic reads them back; and, for comparison, the error share of the model without masks.
"""

import math

import torch

from benchmarks.runner import benchmark
from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TokenizerConfig, TrainConfig
from musegen.generation.eager import Eager
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.lm import LanguageModel
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes
from musegen.tokenizers import Kind, RemiTokenizer, Tokenizer

METRES = [(4, 4), (3, 4), (6, 8), (9, 8), (5, 4), (7, 8)]


def untrained(tokenizer: Tokenizer) -> LanguageModel:
    """A small language model with its initial weights."""
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=32, hidden_size=64)), tokenizer).eval()
    assert isinstance(model, LanguageModel)
    return model


def without_masks(model: LanguageModel, tokenizer: RemiTokenizer, rows: int, length: int) -> float:
    """Share of wrong successions, by MidiTok's count, when ids are sampled without masks."""
    ids = torch.full((rows, 1), tokenizer.bos_id)
    state, last, errors = model.init_state(rows), ids, 0.0
    torch.manual_seed(0)
    with torch.inference_mode():
        for _ in range(length):
            logits, state = model(last, state)
            logits[..., : Kind.BAR] = -math.inf  # no padding, start or end tokens: only music is judged
            last = torch.multinomial(logits[:, -1].softmax(-1), 1)
            ids = torch.cat([ids, last], dim=1)
    for row in ids.tolist():
        errors += tokenizer.count_errors(row)
    return errors / rows


@benchmark(threads=1)
def main(*, samples: int = 1000, bars: int = 16, programs: bool = False) -> None:
    """Print the table.

    Args:
        samples: samples per time signature
        bars: bars per sample
        programs: include tokens for programs, drums, velocity and tempo
    """
    torch.manual_seed(0)
    config = TokenizerConfig(programs=programs, velocity=programs, tempo=programs)
    tokenizer = RemiTokenizer.build(config, time_signatures=[], programs=[])
    model = untrained(tokenizer)
    machine = Eager(model, tokenizer.tables)
    print(f"without masks: error share {without_masks(model, tokenizer, 16, 256):.3f}")
    print(f"{'metre':>6} {'decoded':>8} {'with notes':>10} {'exact bars':>10} {'errors':>7} {'notes':>16}")
    for beats, unit in METRES:
        request = Request(bars=bars, time_signature=(beats, unit))
        results = generate(machine, tokenizer, request, num=samples, sampling=SamplingOptions())
        read = [read_midi(midi_bytes(result.score)) for result in results]
        notes = [score.note_num() for score, _ in read]
        decoded, sounding = sum(not repairs for _, repairs in read), sum(map(bool, notes))
        exact = sum(math.ceil(score.end() / (480 * 4 * beats // unit)) == bars for score, _ in read)
        errors = sum(tokenizer.count_errors(result.ids) for result in results)
        counts = f"{decoded:>8} {sounding:>10} {exact:>10} {errors:>7.0f}"
        print(f"{beats}/{unit:<4} {counts} {min(notes):>10} to {max(notes)}")
