"""musegen as a user has it: a wheel in an environment of its own, no checkout in sight."""

import json
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from musegen.checkpoint.names import released_models
from musegen.data.dataset import Dataset
from musegen.music.excerpt import excerpt
from musegen.music.writing.midi import write_score
from tests.test_readme import README, commands

ROOT = Path(__file__).parent.parent
MODELS = {"folk", "chorale", "folk-vae", "folk-vae-16"}
FIRST_BLOCK = """\
musegen generate folk --bars 32 --num 4 --scale "D dorian" --out out-1/
musegen generate folk --prompt tune.abc --bars 16 --out out-2/
musegen accompany chorale tune.mid --out out-3/
musegen interpolate folk-vae a.mid b.mid --num 9 --out out-4/
musegen models""".splitlines()
TUNE = """\
X:1
T:Ten bars
M:4/4
L:1/8
K:D
DEFG A2FD|GABc d2AF|G2BG F2AF|EFGE C2A,2|DEFG A2FD|GABc d2AF|GBAG FEDC|D4 D4|d2cd BABc|A6 z2|]
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def musegen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `musegen` of a wheel, alone in a fresh environment that borrows the heavy libraries."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    left_out = shutil.ignore_patterns(".*_cache", ".venv", ".hypothesis", "__pycache__", ".git")
    shutil.copytree(ROOT, source, ignore=left_out)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    shutil.rmtree(source)
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    own = Path(_output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    wheel = next((folder / "wheels").glob("*.whl"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(pip, cwd=folder, check=True, capture_output=True)
    # A line that names a folder adds it, after the environment's own, and reads no .pth in it: an editable
    # musegen of the running environment stays out of sight.
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    assert _output(python, "-c", "import musegen; print(musegen.__file__)").startswith(str(own))
    return folder / "venv" / "bin" / "musegen"


@pytest.fixture
def here(tunes: Dataset, tmp_path: Path) -> Path:
    """A folder with nothing but tunes in it: tune.abc, tune.mid, other.mid, a.mid, b.mid."""
    metre = tunes.pieces[0].time_signatures
    alike = [piece for piece in tunes.pieces if piece.time_signatures == metre]
    (tmp_path / "tune.abc").write_text(TUNE)
    for name, piece in zip(("tune", "other", "a", "b"), alike * 2, strict=False):
        write_score(excerpt(tunes.score(piece), 0, 16), tmp_path / f"{name}.mid")
    return tmp_path


def _output(program: Path, *words: str, cwd: Path = Path("/")) -> str:
    environment = {"OMP_NUM_THREADS": "1", "HOME": str(cwd)}
    command = [str(program), *words]
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    assert "Warning" not in done.stderr
    return done.stdout


class TestInstalled:
    def test_the_models_are_there(self) -> None:
        assert set(released_models()) >= MODELS

    def test_first_commands(self, musegen: Path, here: Path) -> None:
        for line in FIRST_BLOCK:
            assert _output(musegen, *shlex.split(line)[1:], cwd=here)
        assert len(list((here / "out-1").glob("*.mid"))) == 4
        assert len(list((here / "out-4").glob("*.mid"))) == 10
        assert json.loads((here / "out-3/manifest.json").read_text())["checkpoint"] == "chorale"

    def test_ten_lines_of_the_readme(self, musegen: Path, here: Path) -> None:
        for line in commands(README)[:10]:
            assert _output(musegen, *shlex.split(line)[1:], cwd=here)
        assert (here / "music.html").read_text().count('"facts":') == 3
