"""The API reference is built from the docstrings, and the README's public names are in it."""

import subprocess
import sys
from pathlib import Path

import pytest

import musegen

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_reference_has_the_public_names_and_the_packages(tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [packages] = [
        line.split("=")[1].split() for line in makefile.splitlines() if line.startswith("PACKAGES =")
    ]
    modules = ["musegen", *(f"musegen.{name}" for name in packages)]
    command = [sys.executable, "-m", "pdoc", "--docformat", "google", "--output-directory", str(tmp_path)]
    subprocess.run([*command, *modules], cwd=ROOT, check=True, capture_output=True)
    page = (tmp_path / "musegen.html").read_text("utf-8")
    for name in musegen.__all__:
        assert f'id="{name}"' in page
    assert 'id="Model.generate"' in page
    for name in packages:
        assert (ROOT / "musegen" / name).is_dir()
        assert any((tmp_path / "musegen" / name).glob("*.html"))
