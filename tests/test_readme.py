"""The commands of README and guides, run as they stand; only training and built-in corpora are cut short."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.music.chord_sequence import parse_chords, placed
from musegen.music.chord_symbols import put_symbols
from musegen.music.excerpt import excerpt
from musegen.music.taps import taps_of
from musegen.music.writing.midi import write_score
from tests.played_fixtures import beat, play, record

ROOT = Path(__file__).parent.parent
FEWEST = {"many-devices": 0, "add-an-architecture": 0, "tune": 2}
"""Commands of guides that have few."""
README = (ROOT / "README.md").read_text("utf-8")
GUIDES = sorted((ROOT / "docs").glob("*.md"))
SHORTER = {
    "train": [
        "--trainer.max-steps",
        "4",
        "--trainer.val-check-interval",
        "4",
        "--optim.batch-tokens",
        "2048",
    ],
    "prepare": ["--limit", "12"],
}
SHORTER["tune"] = SHORTER["train"]
"""What the test adds to a verb."""


@pytest.fixture
def released(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    trained: Path,
    accompanist: Path,
    autoencoder: Path,
) -> None:
    """Tiny models by the names of those that come with musegen; the real ones play in test_installed.py."""
    folder = tmp_path_factory.mktemp("released")
    tiny = {"folk": trained, "chorale": accompanist, "folk-vae": autoencoder, "folk-vae-16": autoencoder}
    for name, model in tiny.items():
        shutil.copytree(model, folder / name)
    monkeypatch.setattr("musegen.checkpoint.names.released_folder", lambda: folder)


@pytest.fixture
def newcomer(
    tunes: Dataset, chorales: Dataset, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """What the README's reader has: my_midis/ with twelve tunes, and leads/ with the same and chord symbols;
    corpora/ with folders of two kinds of music; tune.mid and other.mid of ten bars each, and hymn.mid;
    beats/ of six played beats, beat.mid, and song.mid with drums; recordings/ of six tunes with their beats,
    and takes of a beat, of a recording, and of a rhythm on one key."""
    shutil.copytree(corpora, tmp_path / "corpora")
    for number, piece in enumerate(tunes.pieces[:13]):
        path = tmp_path / "my_midis" / f"{number}.mid" if number else tmp_path / "tune.mid"
        score = tunes.score(piece)
        write_score(score if number else excerpt(score, 0, 10), path)
        if number:
            put_symbols(score, placed(parse_chords("C F G7 C"), score))
            write_score(score, tmp_path / "leads" / path.name)
    metre = tunes.pieces[0].time_signatures
    other = next(piece for piece in tunes.pieces[1:] if piece.time_signatures == metre)
    write_score(excerpt(tunes.score(other), 0, 10), tmp_path / "other.mid")
    write_score(chorales.score(chorales.pieces[0]), tmp_path / "hymn.mid")
    for number in range(6):
        write_score(play(beat(number), number), tmp_path / "beats" / f"{number}.mid")
        recorded = record(tunes.score(tunes.pieces[number]), number)
        (tmp_path / "recordings").mkdir(exist_ok=True)
        (tmp_path / "recordings" / f"{number}.mid").write_bytes(recorded.dumps_midi())
        (tmp_path / "recordings" / f"{number}_beats.txt").write_text(
            "".join(f"{0.5 * n}\n" for n in range(4, 20))
        )
    write_score(play(beat(7), 7), tmp_path / "take1.mid")
    (tmp_path / "take2.mid").write_bytes(record(tunes.score(tunes.pieces[7]), 7).dumps_midi())
    write_score(taps_of(play(beat(8), 8)), tmp_path / "tapped.mid")
    write_score(beat(0), tmp_path / "beat.mid")
    song = excerpt(tunes.score(tunes.pieces[0]), 0, 8)
    song.tracks = [*song.tracks, *beat(1).tracks]
    write_score(song, tmp_path / "song.mid")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(text: str, language: str) -> list[str]:
    """What stands in a page's fences of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """The command lines of a page."""
    return [line for block in blocks(page, "sh") for line in block.splitlines() if line.strip()]


def follow(page: str, capsys: pytest.CaptureFixture[str]) -> int:
    """Do all that a page says; returns how many commands there were."""
    lines = commands(page)
    for command in lines:
        program, verb, *rest = words(command)
        assert program == "musegen"
        code = main([verb, *rest, *SHORTER.get(verb, [])])
        assert code == 0, f"{command}: {capsys.readouterr().err}"
    for block in blocks(page, "python"):
        exec(block, {})  # noqa: S102 - our own pages'
    return len(lines)


def words(command: str) -> list[str]:
    """A command line as a shell would split it, patterns of file names included; without --key.

    The tiny models of the tests end on a tonic too seldom.
    """
    found = []
    for word in shlex.split(command):
        matching = sorted(map(str, Path().glob(word))) if "*" in word else []
        found += matching or [word]  # as a shell does
    if "--key" in found:
        at = found.index("--key")
        del found[at : at + 2]
    return found


@pytest.mark.usefixtures("released")
def test_readme_commands(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(README, capsys) >= 20
    assert len(list((newcomer / "out").glob("*.mid"))) == 8
    assert len(list((newcomer / "out").glob("*.png"))) == 8
    assert (newcomer / "tune-1.mid").read_bytes()[:4] == b"MThd"


@pytest.mark.slow
@pytest.mark.usefixtures("released", "newcomer")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_s_commands(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = guide.read_text("utf-8")
    assert follow(page, capsys) >= FEWEST.get(guide.stem, 4)


def test_the_picture_is_small() -> None:
    [picture] = re.findall(r"!\[.*\]\((.*)\)", README)
    assert (ROOT / picture).stat().st_size < 100_000


@pytest.mark.parametrize("page", [ROOT / "README.md", *GUIDES], ids=lambda path: path.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
