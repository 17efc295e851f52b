"""Is piece 1 of `--num 1` the first piece of `--num 8`, and if not, how close was the sample to a tie?

    python -m benchmarks.row_independence CHECKPOINT [--seeds 200] [--bars 16]

Float32 sums differ in the last bits between batch sizes, so a sample that falls within these bits of a
boundary of the cumulative distribution can go either way. For each seed that differs, prints the distance
to the nearest boundary.
"""

from functools import partial

import torch

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.generation.sampling import RowStreams
from musegen.tokenizers.grammar import Constraints, Grammar


@torch.inference_mode()
def margin(checkpoint: Checkpoint, ids: list[int], at: int, seed: int, bars: int) -> float:
    """The distance of the sample that chose ids[at] from the nearest boundary, in probability."""
    grammar = Grammar(checkpoint.tokenizer.tables, Constraints(bars=bars))
    state = grammar.init_state(1)
    for id_ in ids[:at]:
        state = grammar.advance(state, torch.tensor([id_]))
    logits, _ = checkpoint.model(torch.tensor([ids[:at]]), checkpoint.model.init_state(1))
    probs = logits[:, -1].masked_fill(~grammar.mask(state), -torch.inf).double().softmax(-1)
    streams = RowStreams(seed, range(1))
    for _ in range(at):  # the first one is for ids[1]
        uniform = streams.draw()
    return float((probs.cumsum(1) - uniform[:, None]).abs().min())


@benchmark()
def main(checkpoint: Checkpoint, /, *, seeds: int = 200, bars: int = 16) -> None:
    """Print the number of equal pieces and the margin of each that differs.

    Args:
        checkpoint: the folder of a language model
        seeds: number of seeds
        bars: bars per piece
    """
    write = partial(generate, checkpoint.model, checkpoint.tokenizer, Request(bars=bars))
    equal = 0
    for seed in range(seeds):
        pieces = [write(num=num, seed=seed, sampling=SamplingOptions())[0].ids for num in (1, 8)]
        if pieces[0] == pieces[1]:
            equal += 1
            continue
        at = next(i for i, (a, b) in enumerate(zip(*pieces, strict=False)) if a != b)
        distance = margin(checkpoint, pieces[0], at, seed, bars)
        print(f"seed {seed}: differs from id {at} on; the sample was {distance:.2e} from a boundary")
    print(f"{equal} of {seeds} seeds: piece 1 of --num 1 equals piece 1 of --num 8")
