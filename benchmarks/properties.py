"""The properties of tests/tokenizers/test_properties.py at length.

    python -m benchmarks.properties [--examples 100000] [--tokenizer remi|grid] [--only NAME] [--seed 0]

Prints a row a property: examples run, counterexamples (the failures in full below it, shrunk) and CPU
minutes. Each example is a score or a stream for one of the tokenizers of the kind. Streams from an untrained
model and the walk of the masks along encoded scores cost more: --slow-examples sets their number.
"""

import argparse
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.tokenizers.properties import (
    SCORE_PROPERTIES,
    STREAM_PROPERTIES,
    cases,
    encoded_is_grammatical,
    ids_are_miditoks,
    sampled_ids_come_back,
    subjects,
)

SLOW = (sampled_ids_come_back, encoded_is_grammatical)


def run(kind: str, holds: Callable[..., None], *, examples: int, number: int) -> tuple[int, str]:
    """Examples that were run, and the counterexamples in words."""
    count = 0
    # A quarter more streams than examples: few are drawn twice.
    streams = examples * 5 // 4 // len(subjects()[kind]) if holds in STREAM_PROPERTIES else None

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(kind, streams))
    def check(case: tuple[str, Any]) -> None:
        nonlocal count
        count += 1
        name, example = case
        holds(subjects()[kind][name], example)

    try:
        check()
    except Exception as error:  # noqa: BLE001 (whatever a counterexample raises is what is to be shown)
        return count, "".join(traceback.format_exception(error))
    return count, ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument(
        "--slow-examples", type=int, default=None, help="of the slow properties; default: as many"
    )
    parser.add_argument("--tokenizer", choices=sorted(subjects()), default=None)
    parser.add_argument("--only", default="", help="part of the name of a property")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {arguments.seed}")
    print(f"{'tokenizer':>9} {'property':<26} {'examples':>8} {'counterexamples':>15} {'CPU min':>7}")
    for kind in [arguments.tokenizer] if arguments.tokenizer else sorted(subjects()):
        for holds in (*SCORE_PROPERTIES, *STREAM_PROPERTIES):
            if arguments.only not in holds.__name__ or (holds is ids_are_miditoks and kind != "remi"):
                continue
            examples = (
                (arguments.slow_examples or arguments.examples) if holds in SLOW else arguments.examples
            )
            begin = time.process_time()
            count, found = run(kind, holds, examples=examples, number=arguments.seed)
            minutes = (time.process_time() - begin) / 60
            print(
                f"{kind:>9} {holds.__name__:<26} {count:>8} {'some' if found else 0:>15} {minutes:>7.1f}",
                found,
                sep="\n" if found else "",
                flush=True,
            )


if __name__ == "__main__":
    main()
