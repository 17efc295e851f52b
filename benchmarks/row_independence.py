"""Is piece 1 of `--num 1` the first piece of `--num 8`, and if not, how close was the sample to a tie?

    python -m benchmarks.row_independence CHECKPOINT [--seeds 200] [--bars 16]

Float32 sums differ in the last bits between batch sizes, so a sample that falls within these bits of a
boundary of the cumulative distribution can go either way. For each seed that differs, prints the distance
to the nearest boundary.
"""

from functools import partial

import numpy as np
import torch

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.generation.backends import machine_of
from musegen.generation.machine import Machine
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.generation.sampling import RowStreams
from musegen.generation.step import Rules
from musegen.tokenizers import Constraints, limits_of
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.tables import NO_CLASS


def margin(machine: Machine, ids: list[int], at: int, seed: int, bars: int) -> float:
    """The distance of the sample that chose ids[at] from the nearest boundary, in probability."""
    limits = limits_of(machine.tables, Constraints(bars=bars))
    grammar: Rules = make_grammar(machine.tables, limits)
    state = grammar.init_state(1)
    for id_ in ids[:at]:
        state = grammar.advance(state, torch.tensor([id_]))
    run = machine.run([], limits, np.zeros((1, NO_CLASS + 1), np.bool_))
    run.read(np.array(ids[:at]))
    logits = np.where(grammar.mask(state).numpy(), run.logits(), -np.inf)
    cumulative = np.exp(logits - logits.max()).cumsum(axis=1)
    streams = RowStreams(seed, range(1))
    for _ in range(at):  # the first one is for ids[1]
        uniform = streams.draw()
    return float(np.abs(cumulative / cumulative[:, -1:] - uniform[:, None]).min())


@benchmark()
def main(checkpoint: Checkpoint, /, *, seeds: int = 200, bars: int = 16) -> None:
    """Print the number of equal pieces and the margin of each that differs.

    Args:
        checkpoint: the folder of a language model
        seeds: number of seeds
        bars: bars per piece
    """
    machine = machine_of(checkpoint)
    write = partial(generate, machine, checkpoint.tokenizer, Request(bars=bars))
    equal = 0
    for seed in range(seeds):
        pieces = [write(num=num, seed=seed, sampling=SamplingOptions())[0].ids for num in (1, 8)]
        if pieces[0] == pieces[1]:
            equal += 1
            continue
        at = next(i for i, (a, b) in enumerate(zip(*pieces, strict=False)) if a != b)
        distance = margin(machine, pieces[0], at, seed, bars)
        print(f"seed {seed}: differs from id {at} on; the sample was {distance:.2e} from a boundary")
    print(f"{equal} of {seeds} seeds: piece 1 of --num 1 equals piece 1 of --num 8")
