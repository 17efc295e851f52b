"""The page in a real browser: Chromium, driven by playwright, where both are there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from symusic import Note, Score, Tempo, Track

from musegen.display.page import write_page
from tests.music.scores import line, score

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
RATE = 22_050
FAMILIES = range(16)


def waltz() -> Score:
    """Violin, bass and drums, 16 bars of 3/4 of which the second half is faster."""
    tune = line([69, 71, 72, 74, 76, 74] * 16, name=HOSTILE, program=40)
    drums = Track("Drums", 0, True)
    for beat in range(48):
        drums.notes.append(Note(480 * beat, 120, 36 if beat % 3 == 0 else 42, 100))
    music = score(
        tune, line([45, 52, 40, 52] * 4, step=1440, program=32), drums, metres=[(0, 3, 4)], tempo=120
    )
    music.tempos.append(Tempo(480 * 24, 200))
    return music


def families() -> Score:
    """An A4 of a second by one program of each family, every three seconds (at 60: 480 ticks a second)."""
    tracks = [line([69], step=480, start=1440 * family, program=8 * family) for family in FAMILIES]
    return score(*tracks, metres=[(0, 4, 4)], tempo=60)


def crowd() -> Score:
    """A hundred loud notes at once, then silence until one last note."""
    track = Track("", 48, False)
    for pitch in range(20, 120):
        track.notes.append(Note(0, 480, pitch, 127))
    track.notes.append(Note(480 * 8, 480, 60, 1))
    return score(track, metres=[(0, 4, 4)], tempo=60)


class Opened(NamedTuple):
    """A page in a browser, what it asked for, and what it complained of."""

    page: Any
    requests: list[str]
    complaints: list[str]
    url: str

    def player(self, number: int = 0) -> Any:
        return self.page.locator(".piece").nth(number)

    def position(self, number: int = 0) -> float:
        return float(self.page.evaluate(f"musegen.players[{number}].position"))

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true; playwright's own way is eval, which the page forbids."""
        for _ in range(2400):  # two minutes: a busy machine
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"never true: {condition}")

    def recorded(self, number: int, seconds: float) -> NDArray[np.float64]:
        code = (
            f"musegen.record(musegen.players[{number}].piece, {seconds}, {RATE}).then((x) => Array.from(x))"
        )
        return np.array(self.page.evaluate(code))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page([(HOSTILE, waltz()), ("families", families()), ("crowd", crowd())], path, title="t")
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    """The page in a window of its own, 900 pixels wide."""
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.set_default_timeout(120_000)
    result = Opened(page, [], [], file.as_uri())
    page.on("request", lambda request: result.requests.append(request.url))
    page.on("console", lambda message: result.complaints.append(message.text))
    page.on("pageerror", lambda error: result.complaints.append(str(error)))
    page.on("dialog", lambda dialog: result.complaints.append(dialog.message))
    page.goto(result.url)
    yield result
    page.close()


def pixel(opened: Opened, tick: int, pitch: int) -> list[int]:
    """The colour of the first roll at a tick, in the middle of the row of a pitch."""
    code = """([tick, pitch]) => {
        const {roll} = musegen.players[0];
        const x = roll.x(tick) * roll.dots, y = (roll.y(pitch) + roll.row / 2) * roll.dots;
        return Array.from(roll.canvas.getContext("2d").getImageData(x, y, 1, 1).data);
    }"""
    return list(opened.page.evaluate(code, [tick, pitch]))


def test_the_notes_are_drawn(opened: Opened) -> None:
    sheet = pixel(opened, 240 * 4 + 120, 69)
    for onset, pitch in enumerate([69, 71, 72, 74]):
        red, green, blue, alpha = pixel(opened, 240 * onset + 120, pitch)
        assert alpha == 255
        assert sum(sheet[:3]) - (red + green + blue) > 120
    opened.page.emulate_media(color_scheme="dark")
    opened.wait_for("musegen.players[0].constructor.colours.sheet === '#1c1f23'")
    assert sum(pixel(opened, 120, 69)[:3]) - sum(pixel(opened, 240 * 4 + 120, 69)[:3]) > 120


def test_names_are_text_and_nothing_is_requested(opened: Opened) -> None:
    assert opened.player().locator("h2").inner_text() == HOSTILE
    assert opened.player().locator(".tracks button").first.inner_text() == HOSTILE
    assert opened.page.locator("img").count() == 0
    assert opened.requests == [opened.url]
    assert opened.complaints == []


def test_play_sounds_pause_holds_stop_goes_back(opened: Opened) -> None:
    page, play = opened.page, opened.player().locator(".play")
    play.click()
    page.evaluate("""() => {
        const {synth} = musegen.sound;
        window.ear = new AnalyserNode(synth.context, {fftSize: 2048});
        synth.output.connect(window.ear);
        window.loudness = () => {
            const samples = new Float32Array(2048);
            window.ear.getFloatTimeDomainData(samples);
            return Math.max(...samples.map(Math.abs));
        };
    }""")
    opened.wait_for("loudness() > 0.02")
    opened.wait_for("musegen.players[0].position > 1")
    assert play.get_attribute("aria-label") == f"Pause {HOSTILE}"
    assert int(opened.player().locator(".roll").get_attribute("aria-valuenow")) >= 1

    play.click()
    held = opened.position()
    opened.wait_for("loudness() < 0.001")
    assert opened.position() == held > 1
    play.click()
    opened.wait_for(f"musegen.players[0].position > {held} + 0.2")
    page.locator("#volume").fill("0")
    opened.wait_for("loudness() < 0.001")
    opened.player(1).locator(".play").click()  # one is heard at a time
    assert page.evaluate("musegen.players.map((player) => player.playback !== null)") == [False, True, False]
    opened.player(1).locator(".stop").click()
    opened.player().locator(".stop").click()
    assert opened.position() == 0
    assert opened.requests == [opened.url]
    assert opened.complaints == []


def test_it_ends_by_itself(opened: Opened) -> None:
    opened.page.evaluate("musegen.players[0].move(musegen.players[0].piece.length - 0.4)")
    opened.player().locator(".play").click()
    opened.wait_for("musegen.players[0].playback === null")
    assert opened.position() == 0


def test_click_and_keys_move_the_cursor(opened: Opened) -> None:
    x = opened.page.evaluate("musegen.players[0].roll.x(1440 * 3)")
    roll = opened.player().locator(".roll")
    roll.click(position={"x": x, "y": 60})
    assert opened.position() == pytest.approx(4.5, abs=0.03)  # three bars of 3/4 at 120
    for key, second in (
        ("Home", 0),
        ("ArrowRight", 0.5),
        ("Shift+ArrowRight", 1.5),
        ("ArrowLeft", 1.0),
        ("End", 19.2),
    ):
        roll.press(key)
        assert opened.position() == pytest.approx(second, abs=1e-6), key
    assert roll.get_attribute("aria-valuetext") == "0:19, bar 16 of 16"
    roll.press("Home")
    roll.press(" ")
    opened.wait_for("musegen.players[0].position > 0.1")
    roll.press(" ")
    assert opened.page.evaluate("musegen.players[0].playback") is None


def test_a_track_is_silenced(opened: Opened) -> None:
    drawn = pixel(opened, 120, 69)
    button = opened.player().locator(".tracks button").first
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert sum(pixel(opened, 120, 69)[:3]) > sum(drawn[:3])
    button.click()
    assert pixel(opened, 120, 69) == drawn


def test_seconds_are_those_of_the_tempo_map(opened: Opened) -> None:
    lengths = opened.page.evaluate("musegen.players.map((player) => player.piece.length)")
    assert lengths == pytest.approx(
        [each().to("second").end() for each in (waltz, families, crowd)], abs=1e-3
    )


def test_every_family_is_in_tune_and_as_loud_as_the_others(opened: Opened) -> None:
    sound = opened.recorded(1, 48).reshape(16, -1)
    for family, heard in zip(FAMILIES, sound, strict=True):
        held = heard[int(0.2 * RATE) : int(0.6 * RATE)]
        spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held)), 1 << 17))
        fundamental = spectrum[: int(600 * 2**17 / RATE)].argmax() * RATE / 2**17
        assert abs(1200 * np.log2(fundamental / 440)) < 12, family  # cents
        assert 0.012 < np.sqrt(np.mean(held**2)) < 0.2, family
        assert np.abs(heard[-RATE // 5 :]).max() < 0.002, family  # two seconds later: nothing hangs


def test_a_crowd_is_limited_and_dies_away(opened: Opened) -> None:
    sound = opened.recorded(2, 6)
    assert 0.2 < np.abs(sound).max() <= 1
    assert np.abs(sound[-RATE:]).max() < 0.002


def test_strokes_fall_on_their_beats(opened: Opened) -> None:
    opened.page.evaluate(
        "musegen.players[0].piece.notes = musegen.players[0].piece.notes.filter((n) => n.drum)"
    )
    sound = np.abs(np.diff(opened.recorded(0, 14)))
    beats = [0.5 * beat for beat in range(24)] + [12 + 0.3 * beat for beat in range(6)]
    for beat in beats[1:]:
        before, after = (
            sound[int((beat + shift) * RATE) :][: int(0.015 * RATE)].max() for shift in (-0.02, 0.006)
        )
        assert after > 2 * before, beat


def test_on_a_phone(browser: Any, file: Path) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 667}, device_scale_factor=2)
    page.set_default_timeout(120_000)
    page.goto(file.as_uri())
    assert page.evaluate("document.scrollingElement.scrollWidth") == 375
    assert page.evaluate("musegen.players[0].roll.element.scrollWidth") > 600  # the roll itself is scrolled
    for button in (".play", ".stop"):
        assert page.locator(button).first.bounding_box()["width"] >= 44
    page.close()
