"""Music files that want to be more than music: nothing runs, nothing is written but the dataset."""

import hashlib
import io
import json
import os
import pickle
import socket
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musegen.errors import MidiError
from musegen.music.reading.guard import xml_text
from musegen.music.reading.read import read_score
from tests.music.reading.test_read import MUSICXML

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="made of links, pipes and names of Unix")
TUNE = "X:1\nM:3/4\nL:1/4\nK:G\nGAB|c3|{}GAB|G3|]\n"
SCRIPT = "from musegen.cli import run\nrun()\n"
RC = "this is no XML, so music21 refuses to start"
NAMES = {
    "$(touch pwned).abc": "C",
    ";touch pwned;.abc": "D",
    'a";touch pwned;".abc': "E",
    "`touch pwned`.abc": "F",
    "-rf.abc": "G",
    "--out=pwned.abc": "A",
    "| touch pwned.xml.abc": "B",
}


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


def mxl(name: str, data: bytes, *, link: bool = False, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    container = f'<container><rootfiles><rootfile full-path="{name}"/></rootfiles></container>'
    with zipfile.ZipFile(buffer, "w", packed) as archive:
        archive.writestr("META-INF/container.xml", container)
        info = zipfile.ZipInfo(name)
        info.compress_type = packed
        if link:
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, data)
    return buffer.getvalue()


def doctype(inside: str) -> str:
    return MUSICXML.replace("?>", f"?><!DOCTYPE score-partwise {inside}>", 1)


def tree(folder: Path) -> dict[str, str]:
    """Everything below `folder`, with a hash of what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        plain = stat.S_ISREG(path.lstat().st_mode)
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest() if plain else ""
    return found


class Scene:
    """A machine in small: home, current folder, temporary folder and a folder of music; and one program."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("home", "here", "temporary", "music", "bin"):
            (root / name).mkdir()
            setattr(self, name, root / name)
        self.home, self.here, self.temporary, self.music = (
            root / name for name in ("home", "here", "temporary", "music")
        )
        (root / "bin" / "run.py").write_text(SCRIPT)
        self.pwned = root / "pwned"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k not in ("MUSEGEN_CACHE", "PYTHONSAFEPATH")}
        environment |= {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.here,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def musegen(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.root / "bin" / "run.py"), *arguments)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        yield listening


def plant_files(scene: Scene, port: int) -> dict[str, str]:
    """Hostile files in the folder of music; returns what the audit shall say of each (part of it)."""
    secret = scene.root / "secret.xml"
    secret.write_text(MUSICXML)
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    files: dict[str, tuple[bytes, str]] = {
        "laughs.xml": (doctype(f'[<!ENTITY l0 "ha">{laughs}]').encode(), "entities"),
        "entity.xml": (doctype(f'[<!ENTITY x SYSTEM "file://{secret}">]').encode(), "entities"),
        "parameter.xml": (
            doctype(f'[<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/x">%x;]').encode("utf-16"),
            "entities",
        ),
        "dtd.xml": (doctype(f'SYSTEM "http://127.0.0.1:{port}/x.dtd"').encode(), ""),
        "bomb.mxl": (mxl("a.xml", b"<score-partwise>" + b" " * 2**25), "unpacks to too much"),
        "packed.mxl": (
            mxl("a.xml", b"<score-partwise>" + b" " * 2**25, packed=zipfile.ZIP_BZIP2),
            "packed in a way",
        ),
        "traversal.mxl": (mxl("../../escaped.xml", MUSICXML.replace("<step>A", "<step>B").encode()), ""),
        "link.mxl": (mxl("a.xml", str(secret).encode(), link=True), "not MusicXML"),
        "nested.xml": (
            b"<score-partwise>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</score-partwise>",
            "no notes",
        ),
        "open.xml": (b"<score-partwise>" + b"<a>" * 50_000, "damaged XML"),
        "include.abc": (
            f"X:1\n%%abc-include {secret}\nI:abc-include {secret}\n%%MIDI program 3\n".encode()
            + TUNE.format("[I:abc-include x]ggg|").removeprefix("X:1\n").encode(),
            "",
        ),
        "long.abc": (b"X:1\nK:C\n" + b"[" * 200_000 + b"{" * 200_000 + b'"' * 99_999, "no"),
    }
    for name, step in NAMES.items():
        files[name] = TUNE.format(f"{step}BA|").encode(), ""
    for name, (data, _) in files.items():
        (scene.music / name).write_bytes(data)
    os.mkfifo(scene.music / "pipe.xml")
    (scene.music / "zero.abc").symlink_to("/dev/zero")
    (scene.music / "loop.krn").symlink_to("loop.krn")
    (scene.music / "round").symlink_to(scene.music)
    special = {"pipe.xml": "not a regular file", "zero.abc": "not a regular file", "loop.krn": "symbolic"}
    return {name: said for name, (_, said) in files.items()} | special


def test_a_folder_of_attacks_gives_an_audit_and_nothing_else(scene: Scene, server: socket.socket) -> None:
    expected = plant_files(scene, server.getsockname()[1])
    (scene.home / ".music21rc").write_text(RC)
    for module in ("music21", "pickle", "signal", "symusic"):
        (scene.here / f"{module}.py").write_text(f"open({str(scene.pwned)!r}, 'w')\n")
    before = tree(scene.root)
    done = scene.musegen("prepare", str(scene.music), "--out", str(scene.root / "out"), "--workers", "2")
    assert done.returncode == 0, done.stderr
    after = tree(scene.root)
    assert {name for name in after if not name.startswith("out")} == set(before)
    assert {name: after[name] for name in before} == before
    with pytest.raises(BlockingIOError):
        server.accept()

    lines = [json.loads(line) for line in (scene.root / "out" / "audit.jsonl").read_text().splitlines()]
    audit = {line["path"]: line for line in lines}
    assert set(audit) == set(expected)
    for name, said in expected.items():
        if said:
            assert audit[name]["verdict"] == "rejected", name
            assert said in audit[name]["reason"], name
        else:
            assert audit[name]["verdict"] in ("used", "repaired"), (name, audit[name])


def test_a_file_name_is_a_name(scene: Scene) -> None:
    path = scene.music / "$(touch pwned).abc"
    path.write_text(TUNE.format(""))
    before = tree(scene.root)
    done = scene.musegen("info", str(path), "--json")
    assert json.loads(done.stdout)["notes"] == 8
    assert tree(scene.root) == before


def test_a_planted_cache_is_neither_read_nor_written(scene: Scene) -> None:
    path = scene.music / "tune.abc"
    path.write_text(TUNE.format(""))
    ask = (
        "import sys\nfrom music21 import converter\n"
        "print(converter.PickleFilter(sys.argv[1]).getPickleFp(zipType='gz'))"
    )
    cache = Path(scene.run("-c", ask, str(path)).stdout.strip())
    assert cache.is_relative_to(scene.temporary)
    cache.parent.mkdir(exist_ok=True)
    cache.write_bytes(zlib.compress(pickle.dumps(Bomb(scene.pwned))))
    os.utime(path, (0, 0))  # older than its cache
    before = tree(scene.root)
    done = scene.musegen("info", str(path), "--json")
    assert json.loads(done.stdout)["notes"] == 8
    assert tree(scene.root) == before
    scene.run("-c", "import sys; from music21 import converter; converter.parse(sys.argv[1])", str(path))
    assert scene.pwned.exists(), "the attack itself works no more; this test holds nothing"


def test_settings_of_music21_are_not_read(scene: Scene) -> None:
    path = scene.music / "tune.abc"
    path.write_text(TUNE.format(""))
    (scene.home / ".music21rc").write_text(RC)
    assert scene.musegen("info", str(path)).returncode == 0
    assert "Cannot parse file" in scene.run("-c", "import music21").stderr


def test_modules_in_the_current_folder_are_not_run(scene: Scene) -> None:
    path = scene.music / "tune.abc"
    path.write_text(TUNE.format(""))
    (scene.here / "signal.py").write_text(f"open({str(scene.pwned)!r}, 'w')\n")
    assert scene.musegen("info", str(path)).returncode == 0
    assert not scene.pwned.exists()
    plain = (
        "import multiprocessing as m\np = m.get_context('spawn').Process(target=print)\np.start()\np.join()\n"
    )
    (scene.root / "bin" / "plain.py").write_text(f"if __name__ == '__main__':\n    exec({plain!r})\n")
    scene.run(str(scene.root / "bin" / "plain.py"))
    assert scene.pwned.exists(), "a plain process does not run them either; this test holds nothing"


def test_an_encoding_that_takes_for_ever_is_refused() -> None:
    with pytest.raises(MidiError, match="encoding that is not read: punycode"):
        xml_text(b'<?xml version="1.0" encoding="punycode"?><score-partwise>' + b"a" * 10**6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "music",
    ["(3ABc" * 200_000, "A|" * 500_000, "[" + "CEG" * 100_000 + "]", "A" + "/" * 10**6, "z999" * 10**5],
)
def test_a_tune_that_takes_for_ever_is_ended(tmp_path: Path, music: str) -> None:
    (tmp_path / "a.abc").write_text("X:1\nL:1/8\nK:C\n" + music)
    with pytest.raises(MidiError):
        read_score(tmp_path / "a.abc")
