"""Is piece 1 of `--num 1` the first piece of `--num 8`, and if not, how near was the tie?

    python -m benchmarks.row_independence CHECKPOINT [--seeds 200] [--bars 16]

Float32 sums differ in the last bits between batch sizes, so a draw that falls within them of a boundary can
go either way. For each seed that differs, prints how far the draw was from the nearest boundary.
"""

import argparse
from pathlib import Path

import torch

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.generation.sampling import RowStreams
from musegen.tokenizers.grammar import Constraints, Grammar


@torch.inference_mode()
def margin(checkpoint: Checkpoint, ids: list[int], at: int, seed: int, bars: int) -> float:
    """How far the draw that chose ids[at] was from a boundary of the distribution, in probability."""
    grammar = Grammar(checkpoint.tokenizer.tables, Constraints(bars=bars))
    state = grammar.init_state(1)
    for id_ in ids[:at]:
        state = grammar.advance(state, torch.tensor([id_]))
    logits, _ = checkpoint.model(torch.tensor([ids[:at]]), checkpoint.model.init_state(1))
    probs = logits[:, -1].masked_fill(~grammar.mask(state), -torch.inf).double().softmax(-1)
    streams = RowStreams(seed, range(1))
    for _ in range(at):  # the draw for ids[1] is the first
        uniform = streams.draw()
    return float((probs.cumsum(1) - uniform[:, None]).abs().min())


def main() -> None:
    """Print the count of equal pieces and the margin of each that differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--bars", type=int, default=16)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    request = Request(bars=arguments.bars)
    equal = 0
    for seed in range(arguments.seeds):
        pieces = [
            generate(
                checkpoint.model,
                checkpoint.tokenizer,
                request,
                num=num,
                seed=seed,
                sampling=SamplingOptions(),
            )[0].ids
            for num in (1, 8)
        ]
        if pieces[0] == pieces[1]:
            equal += 1
            continue
        at = next(i for i, (a, b) in enumerate(zip(*pieces, strict=False)) if a != b)
        distance = margin(checkpoint, pieces[0], at, seed, arguments.bars)
        print(f"seed {seed}: differs from id {at} on; the draw was {distance:.2e} from a boundary")
    print(f"{equal} of {arguments.seeds} seeds: piece 1 of --num 1 equals piece 1 of --num 8")


if __name__ == "__main__":
    main()
