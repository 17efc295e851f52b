import numpy as np
import pytest

from benchmarks.accompaniment import bars, table


def column(mean: float) -> np.ndarray:
    return mean + np.array([-0.02, 0.0, 0.02])


def voices(**changed: float) -> dict[str, np.ndarray]:
    found = {
        "parallel_fifths": 0.5,
        "parallel_octaves": 0.3,
        "voice_crossing": 0.03,
        "chord_tone_rate": 0.5,
    } | changed
    exact = {"range_errors": np.full(3, changed.get("range_errors", 0.0)), "melody_preserved": np.ones(3)}
    return {name: column(value) for name, value in found.items()} | exact


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, []),
        ({"parallel_octaves": 0.45}, ["parallel fifths and octaves per piece"]),
        ({"voice_crossing": 0.05}, ["share of frames crossed"]),
        ({"range_errors": 0.25}, ["notes out of range per piece"]),
        ({"chord_tone_rate": 0.42}, ["chord-tone rate"]),
        ({"chord_tone_rate": 0.58}, ["chord-tone rate"]),
    ],
)
def test_bars_for_voices(changed: dict[str, float], missed: list[str]) -> None:
    found = bars({"model": voices(**changed), "human": voices()})
    assert [bar.what for bar in found if not bar.met] == missed
    assert table(found).count("NOT MET") == len(missed)


def test_a_melody_that_is_once_changed_is_not_kept() -> None:
    model = voices() | {"melody_preserved": np.array([1.0, 1.0, 0.75])}
    assert [bar.what for bar in bars({"model": model, "human": voices()}) if not bar.met] == ["melody kept"]


def test_bars_for_songs_are_of_paired_differences() -> None:
    spread = np.linspace(0.3, 0.9, 40)  # pieces differ much more than systems do
    noise = 0.01 * np.sin(np.arange(40))

    def system(gain: float) -> dict[str, np.ndarray]:
        return {
            "pitch_class_similarity": spread + gain + noise,
            "groove_similarity": spread + gain - noise,
            "log_density_ratio": spread - gain + noise,
            "melody_preserved": np.ones(40),
        }

    model = system(0.02) | {"groove_similarity": spread + 0.5 * noise}
    found = bars(
        {"model": model, "human": system(1), "random_retrieval": system(0), "block_chords": system(0.03)}
    )
    met = {(bar.what, "random" in bar.wanted): bar.met for bar in found[:-1]}
    assert met == {
        ("pitch class similarity", True): True,
        ("pitch class similarity", False): False,  # chords are better
        ("groove similarity", True): False,  # no difference
        ("groove similarity", False): False,
        ("log density ratio", True): True,  # less is better
        ("log density ratio", False): False,
    }
