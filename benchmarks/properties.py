"""The properties of tests/tokenizers/test_properties.py with many more examples.

    python -m benchmarks.properties [--examples 100000] [--tokenizer remi|grid] [--only NAME] [--seed 0]
    python -m benchmarks.properties --data datasets/folk [FOLDER ...] [--limit 500]

Prints one row per property: examples run, counterexamples (the failures in full below it, shrunk) and CPU
minutes. Each example is a score or a token sequence for one of the tokenizers of the kind. Sequences
sampled from an untrained model, and checking the masks along encoded scores, take longer: --slow-examples
sets their number. With --data, the scores of prepared datasets or of folders of files are encoded and
decoded instead.
"""

import time
import traceback
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from symusic.core import ScoreTick

from benchmarks.encoding import CONFIGS, scores_of, tokenizer_of
from benchmarks.runner import benchmark
from musegen.config.settings import TokenizerConfig
from musegen.data.fitting import shared_parts
from musegen.errors import TokenError
from musegen.tokenizers import GridTokenizer, Tokenizer
from tests.tokenizers import properties as tested
from tests.tokenizers.strategies import Example

LONG = settings(database=None, deadline=None, phases=[Phase.generate, Phase.shrink])
LONG = settings(LONG, suppress_health_check=list(HealthCheck))
SLOW = (tested.sampled_ids_come_back, tested.encoded_is_grammatical)


def run(kind: str, holds: Callable[..., None], *, examples: int, number: int) -> tuple[int, str]:
    """The number of examples that were run, and the counterexample as text."""
    count = 0
    # A quarter more sequences than examples, so that few are drawn twice.
    streams = examples * 5 // 4 // len(tested.subjects()[kind]) if holds in tested.STREAM_PROPERTIES else None

    @seed(number)
    @settings(LONG, max_examples=examples)
    @given(tested.cases(kind, streams))
    def check(case: tuple[str, Any]) -> None:
        nonlocal count
        count += 1
        name, example = case
        holds(tested.subjects()[kind][name], example)

    try:
        check()
    except Exception as error:  # noqa: BLE001 (the exception of a counterexample is what is shown)
        return count, "".join(traceback.format_exception(error))
    return count, ""


def over_corpora(paths: Sequence[Path], limit: int | None, kinds: list[str]) -> None:
    """Print one row for encoding and decoding each corpus with each tokenizer."""
    print(f"{'corpus':>16} {'tokens of':>9} {'pieces':>7} {'rejected':>8} {'failed':>7}")
    for path in paths:
        pieces = list(scores_of(path, limit))
        tokenizers: dict[str, Tokenizer] = {
            name: tokenizer_of(config, pieces) for name, config in CONFIGS.items()
        }
        parts, metres = shared_parts([score for _, score in pieces]), tokenizers["plain"].time_signatures
        grid = TokenizerConfig(kind="grid", positions=24)
        tokenizers["grid"] = GridTokenizer.build(grid, time_signatures=metres, parts=parts)
        for name, tokenizer in tokenizers.items():
            if tokenizer.kind in kinds:
                refused, failed = round_trips(tokenizer, pieces)
                first = f"; first: {failed[0]}" if failed else ""
                counts = f"{len(pieces):>7} {refused:>8} {len(failed):>7}"
                print(f"{path.name:>16.16} {name:>9} {counts}{first}", flush=True)


def round_trips(tokenizer: Tokenizer, pieces: list[tuple[str, ScoreTick]]) -> tuple[int, list[str]]:
    """How many pieces cannot be encoded, and the names of those that are not decoded identically."""
    refused, failed = 0, []
    subject = tested.Subject(tokenizer, st.nothing())
    for name, score in pieces:
        try:
            tested.decoding_gives_the_music(subject, Example(score, exact=False))
            tested.encoding_gives_the_ids(subject, Example(score, exact=False))
        except TokenError:
            refused += 1
        except AssertionError:
            failed.append(name)
    return refused, failed


@benchmark(threads=1)
def main(
    *,
    examples: int = 100_000,
    slow_examples: int | None = None,
    tokenizer: Literal["grid", "remi"] | None = None,
    only: str = "",
    seed: int = 0,
    data: Sequence[Path] | None = None,
    limit: int | None = None,
) -> None:
    """Print the table.

    Args:
        examples: examples per property
        slow_examples: examples per slow property (default: as --examples)
        tokenizer: test this kind only
        only: test properties whose name contains this
        seed: random seed
        data: datasets, or folders of files, to encode and decode instead
        limit: the most files of each corpus
    """
    kinds = [tokenizer] if tokenizer else sorted(tested.subjects())
    if data:
        over_corpora(data, limit, kinds)
        return
    print(f"seed {seed}")
    print(f"{'tokenizer':>9} {'property':<26} {'examples':>8} {'counterexamples':>15} {'CPU min':>7}")
    for kind, holds in product(kinds, (*tested.SCORE_PROPERTIES, *tested.STREAM_PROPERTIES)):
        if only in holds.__name__ and (holds is not tested.ids_are_miditoks or kind == "remi"):
            number = (holds in SLOW and slow_examples) or examples
            begin = time.process_time()
            count, found = run(kind, holds, examples=number, number=seed)
            minutes = (time.process_time() - begin) / 60
            said = f"{kind:>9} {holds.__name__:<26} {count:>8} {'some' if found else 0:>15} {minutes:>7.1f}"
            print(said, found, sep="\n" if found else "", flush=True)
