"""Samples from an untrained model: does the grammar alone make every one of them the music asked for?

    python -m benchmarks.untrained [--samples 1000] [--bars 16] [--programs]

Prints a row a metre: samples that decode, MidiTok's own error count, bars and notes of the written files as
symusic reads them back, and what a model without masks gives beside it.
"""

import argparse
import math

import torch

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TokenizerConfig, TrainConfig
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.lm import LanguageModel
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes
from musegen.tokenizers import Kind, RemiTokenizer

METRES = [(4, 4), (3, 4), (6, 8), (9, 8), (5, 4), (7, 8)]


def without_masks(model: LanguageModel, tokenizer: RemiTokenizer, rows: int, length: int) -> float:
    """Share of wrong successions, by MidiTok's count, when ids are drawn from the bare softmax."""
    ids = torch.full((rows, 1), tokenizer.bos_id)
    state, last, errors = model.init_state(rows), ids, 0.0
    torch.manual_seed(0)
    with torch.inference_mode():
        for _ in range(length):
            logits, state = model(last, state)
            logits[..., : Kind.BAR] = -math.inf  # no padding, start or end: music alone is judged
            last = torch.multinomial(logits[:, -1].softmax(-1), 1)
            ids = torch.cat([ids, last], dim=1)
    for row in ids.tolist():
        errors += tokenizer.count_errors(row)
    return errors / rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--bars", type=int, default=16)
    parser.add_argument(
        "--programs", action="store_true", help="programs, drums, velocity and tempo in the stream"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rich = arguments.programs
    config = TokenizerConfig(programs=rich, velocity=rich, tempo=rich)
    tokenizer = RemiTokenizer.build(config, time_signatures=[], programs=[])
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=32, hidden_size=64)), tokenizer).eval()
    print(f"without masks: error share {without_masks(model, tokenizer, 16, 256):.3f}")
    print(f"{'metre':>6} {'decoded':>8} {'with notes':>10} {'exact bars':>10} {'errors':>7} {'notes':>16}")
    for metre in METRES:
        request = Request(bars=arguments.bars, time_signature=metre)
        results = generate(model, tokenizer, request, num=arguments.samples, sampling=SamplingOptions())
        bar = 480 * 4 * metre[0] // metre[1]
        decoded = exact = with_notes = 0
        errors, notes = 0.0, []
        for result in results:
            score, repairs = read_midi(midi_bytes(result.score))
            decoded += not repairs
            exact += math.ceil(score.end() / bar) == arguments.bars
            with_notes += score.note_num() > 0
            notes.append(score.note_num())
            errors += tokenizer.count_errors(result.ids)
        print(
            f"{metre[0]}/{metre[1]:<4} {decoded:>8} {with_notes:>10} {exact:>10} {errors:>7.0f} "
            f"{min(notes):>10} to {max(notes)}"
        )


if __name__ == "__main__":
    main()
