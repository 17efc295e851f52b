import pytest

from musegen.metrics.features import FEATURES
from tests.metrics.golden import GOLDEN, golden_scores

SCORES = golden_scores()


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("measure", GOLDEN["scale"])
def test_measures_agree_with_muspy(name: str, measure: str) -> None:
    ours = FEATURES[measure].of(SCORES[name])
    assert ours == pytest.approx(GOLDEN[name][measure], abs=1e-6)
