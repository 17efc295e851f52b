"""Round trips with hypothesis; `python -m benchmarks.properties` runs the same at length."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tokenizers.properties import SCORE_PROPERTIES, STREAM_PROPERTIES, cases, ids_are_miditoks, subjects

KINDS = sorted(subjects())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("holds", [p for p in SCORE_PROPERTIES if p is not ids_are_miditoks])
def test_scores(kind: str, holds: Callable[..., None]) -> None:
    check(kind, holds, cases(kind))


def test_ids_are_those_of_miditok() -> None:
    check("remi", ids_are_miditoks, cases("remi"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("holds", STREAM_PROPERTIES)
def test_streams(kind: str, holds: Callable[..., None]) -> None:
    check(kind, holds, cases(kind, streams=128))


def check(kind: str, holds: Callable[..., None], strategy: st.SearchStrategy[tuple[str, Any]]) -> None:
    @settings(
        max_examples=50,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def run(case: tuple[str, Any]) -> None:
        name, example = case
        holds(subjects()[kind][name], example)

    run()
