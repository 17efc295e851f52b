"""The import law of CONTRIBUTING.md, read from the source: who may import whom."""

import ast
import sys
from pathlib import Path

import pytest

import musegen

ROOT = Path(musegen.__file__).parent
FLOORS = {
    "errors": 0, "files": 0, "console": 0, "processes": 0,
    "config": 1, "families": 1, "music": 1, "metrics": 1, "tokenizers": 2, "data": 3, "models": 3,
    "checkpoint": 4, "training": 5, "generation": 5, "evaluation": 6, "display": 6,
    "api": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
SIDEWAYS = {
    ("files", "errors"), ("console", "errors"), ("families", "config"), ("music", "config"),
    ("metrics", "config"), ("metrics", "music"), ("display", "evaluation"),
}  # fmt: skip
"""Within a floor, from left to right only."""
SAMPLER = "training/sample.py"
"""The named exception: what a callback of training calls to sample."""
OWNERS = {
    "music21": ("music/writing/musicxml.py", "music/writing/harmony.py"),
    "pretty_midi": ("music/writing/audio.py",),
    "pytorch_lightning": "training/", "torchmetrics": "training/", "tyro": "cli/",
    "optuna": "training/tuning.py",
}  # fmt: skip
"""Libraries with one door, or one to read and one to write by."""
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere, functions included, by its full name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_come_from_below(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert room in FLOORS, f"{room} has no floor: name it in CONTRIBUTING.md and here"
    for name in imports(path):
        library, _, inside = name.partition(".")
        if library != "musegen":
            owner = OWNERS.get(library, "")
            assert path.relative_to(ROOT).as_posix().startswith(owner), f"{library} belongs in {owner}"
            continue
        other = inside.split(".")[0]
        is_sampler = path == ROOT / SAMPLER and other == "generation"
        calls_load = room == "cli" and name == "musegen"  # `musegen.load`, which is api's
        if other in ("__version__", room) or is_sampler or calls_load:
            continue
        assert FLOORS[other] < FLOORS[room] or (room, other) in SIDEWAYS, f"{room} imports {name}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "models").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_models_know_torch_and_numpy_alone(path: Path) -> None:
    libraries = {name.partition(".")[0] for name in imports(path)} - set(sys.stdlib_module_names)
    assert libraries <= {"torch", "numpy", "musegen"}


@pytest.mark.parametrize(
    "path", [ROOT / "families.py", *sorted((ROOT / "config").glob("*.py"))], ids=lambda path: path.name
)
def test_settings_need_the_standard_library_alone(path: Path) -> None:
    libraries = {name.partition(".")[0] for name in imports(path)}
    assert libraries - set(sys.stdlib_module_names) <= {"musegen"}


def test_modules_and_functions_stay_small() -> None:
    """No module above 350 lines, no function above 60, no file name in more than two packages."""
    packages: dict[str, set[Path]] = {}
    for path in MODULES:
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= 350, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"
        if path.name != "__init__.py":
            packages.setdefault(path.name, set()).add(path.parent)
    assert not [name for name, found in packages.items() if len(found) > 2]
