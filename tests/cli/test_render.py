"""`musegen render`: pictures, notation and sound of music files."""

import re
import wave
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.music.writing.midi import write_score
from tests.music.scores import line, score

PNG, XML, WAV = b"\x89PNG", b"<?xml", b"RIFF"


@pytest.fixture
def tune(tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One real tune as a MIDI file in an otherwise empty current folder."""
    monkeypatch.chdir(tmp_path)
    write_score(tunes.score(tunes.pieces[0]), Path("tune.mid"))
    return Path("tune.mid")


def render(capsys: pytest.CaptureFixture[str], *argv: object, code: int = 0) -> tuple[list[str], list[str]]:
    """The lines on stdout and on stderr."""
    capsys.readouterr()
    assert main(["render", *map(str, argv)]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out.splitlines(), err.splitlines()


def titles(path: str) -> list[str]:
    """Of the pieces on a page."""
    return re.findall(r'{"title":"([^"]*)","facts"', Path(path).read_text("utf-8"))


class TestResults:
    def test_a_picture_lies_beside_its_file(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert render(capsys, tune) == (["tune.png"], [])
        assert Path("tune.png").read_bytes().startswith(PNG)

    def test_notation_and_sound_on_request(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out, err = render(capsys, tune, "--musicxml", "--wav", "--out", "r")
        assert out == ["r/tune.png", "r/tune.musicxml", "r/tune.wav"]
        for path, magic in zip(out, (PNG, XML, WAV), strict=True):
            assert Path(path).read_bytes().startswith(magic)
        assert ET.parse("r/tune.musicxml").getroot().findtext(".//movement-title") == "tune"  # noqa: S314
        with wave.open("r/tune.wav") as file:
            assert file.getnframes() > file.getframerate()
        (line_,) = err
        assert line_.startswith("r/tune.wav: played by ")

    def test_names_in_any_alphabet(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder, name = tmp_path / "我的 音乐", "Ça ira 🎻 二胡"
        music = score(line([60, 62, 64], name=name), line([67, 65], name="$x$", program=40))
        write_score(music, folder / f"{name}.mid")
        out, _ = render(capsys, folder / f"{name}.mid", "--musicxml", "--wav")
        assert out == [str(folder / f"{name}{suffix}") for suffix in (".png", ".musicxml", ".wav")]
        root = ET.parse(out[1]).getroot()  # noqa: S314
        assert [part.text for part in root.iter("part-name")] == [name, "$x$"]


class TestPage:
    def test_holds_all_files_in_place_of_pictures(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_score(score(line([60, 64, 67])), Path("more/tune.mid"))
        write_score(score(line([60, 64, 67])), Path("more/chord.mid"))
        files = (tune, "more/tune.mid", "more/chord.mid")
        assert render(capsys, *files, "--html", "tunes.html") == (["tunes.html"], [])
        assert titles("tunes.html") == [f"{Path.cwd().name}/tune", "more/tune", "chord"]
        assert not list(Path().rglob("*.png"))
        first = Path("tunes.html").read_bytes()
        assert render(capsys, *files, "--html", "tunes.html", "--out", "r", "--musicxml", code=2)[0] == []
        out, _ = render(capsys, *files[1:], "--html", "tunes.html", "--out", "r", "--musicxml")
        assert out == ["r/tune.musicxml", "r/chord.musicxml", "r/tunes.html"]
        render(capsys, *files, "--html", "tunes.html", "--force")
        assert Path("tunes.html").read_bytes() == first

    def test_bad_files_are_named_and_the_others_are_on_it(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("text.mid").write_text("no music\n")
        out, err = render(capsys, "text.mid", tune, "none.mid", "--html", "page.html", code=2)
        assert out == ["page.html"]
        assert titles("page.html") == ["tune"]
        assert [line_.partition(":")[0] for line_ in err] == ["not rendered", "not rendered", "error"]
        assert err[-1] == "error: 2 of 3 files could not be rendered, for the reasons above"
        render(capsys, "text.mid", "--html", "nothing.html", code=2)
        assert not Path("nothing.html").exists()

    def test_what_cannot_be_heard_as_wav_is_on_it_all_the_same(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_score(score(line([60], start=480 * 40 * 60, step=480), tempo=60), Path("long.mid"))
        out, _ = render(capsys, "long.mid", tune, "--wav", "--html", "page.html", code=2)
        assert out == ["tune.wav", "page.html"]
        assert titles("page.html") == ["long", "tune"]

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("tune.mid", "--html tune.mid is not a page: name a file that ends with .html"),
            (
                "folder.html",
                "--html folder.html is a folder: name a file in it, such as folder.html/page.html",
            ),
            ("mine.html", "mine.html exists already: add --force to replace it, or name another --html"),
        ],
    )
    def test_names_that_are_refused(
        self, name: str, words: str, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("folder.html").mkdir()
        Path("mine.html").write_text("mine")
        before = tune.read_bytes()
        assert render(capsys, tune, "--html", name, code=2) == ([], [f"error: {words}"])
        if name == "tune.mid":
            render(capsys, tune, "--html", name, "--force", code=2)
        assert (tune.read_bytes(), Path("mine.html").read_text()) == (before, "mine")

    def test_where_it_cannot_be_written(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        _, err = render(capsys, tune, "--html", "tune.mid/page.html", code=2)
        assert err[0].startswith("error: tune.mid/page.html cannot be written (")
        assert err[0].endswith("): name another place with --html")


class TestRejects:
    def test_the_others_are_rendered(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("text.mid").write_text("no music\n")
        Path("folder.mid").mkdir()
        out, err = render(capsys, "text.mid", tune, "none.mid", "folder.mid", "--out", "r", code=2)
        assert out == ["r/tune.png"]
        *reasons, last = err
        expected = ("cannot read text.mid: not MIDI", "none.mid does not exist", "folder.mid is a folder")
        for reason, words in zip(reasons, expected, strict=True):
            assert reason.startswith(f"not rendered: {words}")
        assert last == "error: 3 of 4 files could not be rendered, for the reasons above"

    def test_of_one_file_the_reason_is_the_error(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out, err = render(capsys, "none.mid", "--out", "r", code=2)
        assert (out, err) == ([], ["error: none.mid does not exist: name a MIDI, MusicXML or ABC file"])
        assert list(Path().iterdir()) == [tune]

    def test_what_cannot_be_heard_has_a_picture_all_the_same(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_score(score(line([60], start=480 * 40 * 60, step=480), tempo=60), Path("long.mid"))
        out, err = render(capsys, "long.mid", tune, "--wav", code=2)
        assert out == ["long.png", "tune.png", "tune.wav"]
        assert any("long.mid: too long to play: 40 minutes; at most 30" in line for line in err)

    def test_nothing_is_replaced_unless_forced(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("tune.wav").write_text("mine")
        out, err = render(capsys, tune, "--wav")
        assert (out, err) == (
            ["tune.png"],
            ["existing files left unchanged: tune.wav; add --force to replace them"],
        )
        assert Path("tune.wav").read_text() == "mine"
        render(capsys, tune, "--wav", "--force")
        assert Path("tune.wav").read_bytes().startswith(WAV)
        _, err = render(capsys, tune, f"./{tune}", "--out", "r", code=2)
        assert "would both become r/tune.png" in err[0]
        render(capsys, tune, "--musicxml", "--out", "r")
        _, err = render(capsys, "r/tune.musicxml", "--musicxml", "--force", code=2)
        assert "would be replaced by its own rendering" in err[0]

    def test_a_picture_that_is_there_is_left_where_more_is_wanted(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("tune.png").write_text("mine")  # as `accompany` leaves one beside each piece
        kept = "existing pictures left unchanged: tune.png; add --force to replace them"
        assert render(capsys, tune) == (["tune.png"], [f"nothing written: {kept}"])
        out, err = render(capsys, tune, "--musicxml")
        assert (out, err) == (["tune.musicxml"], [kept])
        assert Path("tune.png").read_text() == "mine"
        assert render(capsys, tune, "--musicxml", "--force")[0] == ["tune.png", "tune.musicxml"]
        assert Path("tune.png").read_bytes().startswith(PNG)

    def test_what_is_missing_is_written(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("tune.musicxml").write_text("mine")
        Path("other.mid").write_bytes(tune.read_bytes())
        kept = "existing files left unchanged: tune.musicxml; add --force to replace them"
        out, err = render(capsys, tune, "other.mid", "--musicxml")
        assert (out, err) == (["tune.png", "other.png", "other.musicxml"], [kept])
        out, err = render(capsys, tune, "--musicxml", "--html", "page.html")
        assert (out, err) == (["page.html"], [kept])
        out, err = render(capsys, tune, "--musicxml", "--wav")
        assert out == ["tune.wav"]
        assert err[0] == "existing files left unchanged: tune.png, tune.musicxml; add --force to replace them"
        assert Path("tune.musicxml").read_text() == "mine"

    def test_a_second_run_writes_nothing_and_says_so(
        self, tune: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first, _ = render(capsys, tune, "--musicxml")
        before = Path("tune.musicxml").stat().st_mtime_ns
        out, err = render(capsys, tune, "--musicxml")
        assert (out, err) == (
            first,
            [
                "nothing written: existing files left unchanged: tune.png, tune.musicxml; add --force to "
                "replace them"
            ],
        )
        assert Path("tune.musicxml").stat().st_mtime_ns == before
        tune.unlink()
        assert "error: tune.mid does not exist" in render(capsys, tune, "--musicxml", code=2)[1][-1]

    def test_where_nothing_can_be_written(self, tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (Path("tune.png") / "in the way").mkdir(parents=True)
        _, err = render(capsys, tune, "--force", code=2)
        assert err == ["error: tune.png cannot be written (is a directory): name a folder with --out"]
        assert sorted(path.name for path in Path().iterdir()) == ["tune.mid", "tune.png"]
