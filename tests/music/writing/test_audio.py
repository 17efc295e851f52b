"""Sound: what is in the WAV file, and who played it."""

import importlib.util
import wave
from pathlib import Path

import numpy as np
import pytest
from symusic import Score

from musegen.data.dataset import Dataset
from musegen.errors import MidiError
from musegen.music.writing.audio import RATE, write_wav
from tests.music.scores import line, score


def fluidsynth_works() -> bool:
    if importlib.util.find_spec("fluidsynth") is None:
        return False
    try:
        import fluidsynth  # noqa: F401
    except ImportError:  # without its library
        return False
    return True


FLUIDSYNTH = fluidsynth_works()


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def loudest_pitch(sound: np.ndarray) -> float:
    """Hertz of the strongest partial."""
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * RATE / len(sound))


def two_notes() -> Score:
    return score(line([69, 81], step=480), tempo=120)


class TestWav:
    def test_notes_sound_where_and_as_high_as_they_are(self, tmp_path: Path) -> None:
        write_wav(two_notes(), tmp_path / "a.wav")
        sound = samples(tmp_path / "a.wav")
        assert len(sound) >= RATE  # two quarters at 120, and what rings on
        first, second = (
            loudest_pitch(sound[begin : begin + RATE // 3]) for begin in (2000, RATE // 2 + 2000)
        )
        for heard, base in ((first, 440), (second, 880)):  # the base or one of its harmonics
            assert min(abs(heard / base - n) for n in range(1, 6)) < 0.02

    def test_it_is_as_loud_as_it_can_be_and_not_clipped(self, tunes: Dataset, tmp_path: Path) -> None:
        for music in (tunes.score(tunes.pieces[0]), score(*(line([60 + i]) for i in range(12)))):
            write_wav(music, tmp_path / "a.wav")
            peak = np.abs(samples(tmp_path / "a.wav")).max()
            assert peak == pytest.approx(0.95 * 32767, abs=1)

    def test_a_file_that_pretty_midi_refuses_by_itself(self, tmp_path: Path) -> None:
        far = score(line([60, 62], step=100))
        far.tempos[0].qpm = 900
        far = far.resample(24_000)  # 100 times the ticks, the same music
        assert write_wav(far, tmp_path / "a.wav")

    def test_too_long_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(MidiError, match="too long to play: 33 minutes; at most 30"):
            write_wav(score(line([60], start=480 * 33 * 60, step=480), tempo=60), tmp_path / "a.wav")
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(FLUIDSYNTH, reason="fluidsynth is installed")
class TestWithoutFluidsynth:
    def test_it_says_so(self, tmp_path: Path) -> None:
        how = write_wav(two_notes(), tmp_path / "a.wav")
        assert how == "played by sine waves: for instruments and drums install fluidsynth and pyfluidsynth"

    def test_drums_are_left_out_and_it_says_so(self, tmp_path: Path) -> None:
        drums = line([36, 38, 42], drums=True)
        assert "3 notes of drums left out" in write_wav(score(line([60]), drums), tmp_path / "a.wav")
        with pytest.raises(MidiError, match="nothing but drums"):
            write_wav(score(drums), tmp_path / "b.wav")


@pytest.mark.skipif(not FLUIDSYNTH, reason="fluidsynth is not installed")
class TestWithFluidsynth:
    def test_it_says_with_which_soundfont(self, tmp_path: Path) -> None:
        assert write_wav(two_notes(), tmp_path / "a.wav").startswith("played by fluidsynth with ")

    def test_drums_are_heard(self, tmp_path: Path) -> None:
        write_wav(score(line([36, 38, 42, 49], drums=True)), tmp_path / "a.wav")
        assert np.abs(samples(tmp_path / "a.wav")).max() > 20_000
