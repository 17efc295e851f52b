"""Exported steps: the ids of torch, rows that do not depend on each other, and every fault of the cache."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.checkpoint.names import released_folder
from musegen.config.options import SamplingOptions
from musegen.data.dataset import Dataset
from musegen.generation.accompany import accompany
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.exported import Exported
from musegen.generation.fill import Controls, fill
from musegen.generation.graph_store import GraphStore
from musegen.generation.latent import latent_of, sample_clips
from musegen.generation.machine import Machine
from musegen.generation.pieces import generate
from musegen.generation.request import Request, Result, TrainingDefaults
from musegen.music.excerpt import excerpt
from musegen.music.gaps import Gap, Gapped
from musegen.tokenizers import whole_tokenizer
from tests.generation.test_accompany import tune

FAMILIES = ("folk", "chorale", "folk-vae", "folk-vae-16")


def bundled(name: str) -> Checkpoint:
    return load_checkpoint(released_folder() / name)


def written(
    checkpoint: Checkpoint, machine: Machine, *, num: int, seed: int, sampling: SamplingOptions | None = None
) -> list[Result]:
    """A few bars of any family."""
    settings, defaults = sampling or checkpoint.config.sampling, TrainingDefaults.of(checkpoint.data)
    shared = {"num": num, "seed": seed, "sampling": settings, "defaults": defaults}
    tokenizer = checkpoint.tokenizer
    if "encode" not in machine.functions:
        return generate(machine, tokenizer, Request(bars=4), **shared)  # type: ignore[arg-type]
    if hasattr(checkpoint.config.model, "clip_bars"):
        request = Request(bars=checkpoint.config.model.clip_bars)
        return sample_clips(machine, tokenizer, request, **shared)  # type: ignore[arg-type]
    return accompany(machine, tokenizer, tune(), **shared)  # type: ignore[arg-type]


def in_torch(checkpoint: Checkpoint) -> Machine:
    return Eager(checkpoint.model, checkpoint.tokenizer.tables)


def ids(results: list[Result]) -> list[list[int]]:
    return [result.ids for result in results]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_ids_are_those_of_torch(name: str) -> None:
    checkpoint = bundled(name)
    machine, torch = machine_of(checkpoint), in_torch(checkpoint)
    assert isinstance(machine, Exported)
    for sampling in (None, SamplingOptions(temperature=0.8, top_k=20, top_p=0.95, min_p=0.01, min_p_new=0.1)):
        ours = written(checkpoint, machine, num=3, seed=1, sampling=sampling)
        theirs = written(checkpoint, torch, num=3, seed=1, sampling=sampling)
        assert ids(ours) == ids(theirs)
        nats = [[each.log_likelihood for each in side] for side in (ours, theirs)]
        assert nats[0] == pytest.approx(nats[1], abs=1e-2)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_does_not_depend_on_the_others(name: str, precision: str) -> None:
    checkpoint = bundled(name)
    machine = machine_of(checkpoint, precision)
    together = ids(written(checkpoint, machine, num=5, seed=7))
    [alone] = ids(written(checkpoint, machine, num=1, seed=7))
    assert alone in together  # accompaniments are in the order of their likelihood


@pytest.mark.parametrize("name", ["folk-vae", "folk-vae-16"])
def test_an_encoded_clip_is_that_of_torch(name: str) -> None:
    checkpoint = bundled(name)
    machine, torch = machine_of(checkpoint), in_torch(checkpoint)
    [clip] = written(checkpoint, machine, num=1, seed=3)
    stream = np.array([*clip.ids, checkpoint.tokenizer.eos_id])
    assert latent_of(machine, stream) == pytest.approx(latent_of(torch, stream), abs=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_int8_is_rescored_in_full_precision(name: str) -> None:
    checkpoint = bundled(name)
    for result in written(checkpoint, machine_of(checkpoint, "int8"), num=2, seed=2):
        assert 0 < abs(result.precision_gap) < 0.1


def test_a_prompt_is_followed(trained: Path) -> None:
    checkpoint = bundled("folk")
    machine, torch = machine_of(checkpoint), in_torch(checkpoint)
    [first] = written(checkpoint, torch, num=1, seed=4)
    sides = [
        generate(side, checkpoint.tokenizer, Request(bars=4), num=3, seed=5, prompt=first.score)
        for side in (machine, torch)
    ]
    assert ids(sides[0]) == ids(sides[1])


def test_gaps_are_filled_alike(tunes: Dataset) -> None:
    """Two of them, with ids that are followed between: each row alone, in either machine."""
    checkpoint, score = bundled("folk"), excerpt(tunes.score(tunes.pieces[0]), 0, 12)
    gapped = Gapped(score, [Gap(3, 4), Gap(7, 8)], [0])
    for controls in (
        Controls(),
        Controls(keeps_rhythm=True),
        Controls(keeps_contour=True),
        Controls(density=3),
    ):
        sides = [
            fill(
                machine,
                whole_tokenizer(checkpoint.tokenizer),
                gapped,
                rank=5,
                seed=2,
                controls=controls,
            )
            for machine in (machine_of(checkpoint), in_torch(checkpoint))
        ]
        assert sides[0][0].ids == sides[1][0].ids
        assert sides[0][0].following == pytest.approx(sides[1][0].following, abs=1e-2)
    [rounded] = fill(machine_of(checkpoint, "int8"), whole_tokenizer(checkpoint.tokenizer), gapped, rank=2)
    assert 0 < abs(rounded.precision_gap) < 0.1


# The cache, with a model of one's own.


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MUSEGEN_EXPORT", "1")
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def full(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the graphs of the tiny model."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSEGEN_CACHE", str(folder))
        patch.setenv("MUSEGEN_EXPORT", "1")
        store = GraphStore(load_checkpoint(trained))
        assert store.get("step")
        assert store.get("start")
    return folder


def piece(trained: Path, out: Path, cache: Path, *python: str, **settings: str) -> "subprocess.Popen[str]":
    """`musegen generate` in a process of its own."""
    words = ["generate", str(trained), "--bars", "2", "--seed", "3", "--out", str(out)]
    code = "\n".join(python) + "\nfrom musegen.cli import run; run()"
    environment = os.environ | {"MUSEGEN_CACHE": str(cache), "MUSEGEN_EXPORT": "1"} | settings
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *words], env=environment, **pipes)  # type: ignore[call-overload, no-any-return]


def result_of(process: "subprocess.Popen[str]", out: Path) -> tuple[bytes, str]:
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    assert "Traceback" not in messages
    return (out / "001.mid").read_bytes(), messages


@pytest.fixture(scope="module")
def wanted(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The piece in torch."""
    out = tmp_path_factory.mktemp("torch")
    return result_of(piece(trained, out / "o", out, MUSEGEN_EXPORT="0"), out / "o")[0]


WITHOUT_TORCH = """
import sys
class Refused:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("torch", "miditok"):
            raise AssertionError(name)
sys.meta_path.insert(0, Refused())
"""


def test_graphs_in_the_cache_are_used(trained: Path, full: Path, wanted: bytes, tmp_path: Path) -> None:
    found, messages = result_of(piece(trained, tmp_path / "o", full, WITHOUT_TORCH), tmp_path / "o")
    assert found == wanted
    assert "export" not in messages


def broken(full: Path, tmp_path: Path, change: Callable[[bytes], bytes]) -> Path:
    """A copy of the cache in which the step is another file."""
    for path in full.rglob("*.onnx"):
        target = tmp_path / "cache" / path.relative_to(full)
        target.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        target.write_bytes(change(content) if path.name.startswith("step") else content)
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[: len(content) // 2],
        lambda _: b"",
        lambda content: content[:-9] + b"damaged!!",
    ],
    ids=["half", "empty", "changed"],
)
def test_a_damaged_graph_is_not_used(
    trained: Path, full: Path, wanted: bytes, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    cache = broken(full, tmp_path, change)
    found, messages = result_of(piece(trained, tmp_path / "o", cache, MUSEGEN_EXPORT="0"), tmp_path / "o")
    assert found == wanted
    lines = [line for line in messages.splitlines() if "is damaged" in line]
    assert len(lines) == 1, messages
    assert "step-" in lines[0]


def test_a_graph_of_another_version_is_not_used(
    trained: Path, full: Path, wanted: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    other = "import musegen; musegen.__version__ = '0.0.1'"
    found, messages = result_of(piece(trained, out, full, other, MUSEGEN_EXPORT="0"), out)
    assert found == wanted
    assert "damaged" not in messages


def test_without_the_exporter_torch_runs(trained: Path, wanted: bytes, tmp_path: Path) -> None:
    out = tmp_path / "o"
    absent = "import sys; sys.modules['onnxscript'] = None"
    found, messages = result_of(piece(trained, out, tmp_path / "cache", absent), out)
    assert found == wanted
    [line] = [line for line in messages.splitlines() if "musegen[export]" in line]
    assert "tiny runs in torch" in line


@pytest.mark.slow
def test_a_cache_that_cannot_be_written(trained: Path, wanted: bytes, tmp_path: Path) -> None:
    """A file where the folder should be, and a disk that takes no more than small files."""
    (tmp_path / "file").write_text("")
    out = tmp_path / "o"
    found, messages = result_of(piece(trained, out, tmp_path / "file"), out)
    assert found == wanted
    assert "cannot be written" in messages
    full_disk = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    out = tmp_path / "o2"
    found, messages = result_of(piece(trained, out, tmp_path / "cache", full_disk), out)
    assert found == wanted
    assert "cannot be written" in messages
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and "step" in path.name]


@pytest.mark.slow
def test_two_processes_make_it_at_once(trained: Path, wanted: bytes, tmp_path: Path) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    processes = [piece(trained, out, tmp_path / "cache") for out in outs]
    for process, out in zip(processes, outs, strict=True):
        found, messages = result_of(process, out)
        assert found == wanted
        assert "exporting step of tiny, once" in messages
    out = tmp_path / "c"
    found, messages = result_of(piece(trained, out, tmp_path / "cache", MUSEGEN_EXPORT="0"), out)
    assert found == wanted
    assert "tiny" not in messages
    assert not list((tmp_path / "cache").rglob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["accompanist", "pianist", "autoencoder"])
def test_every_family_of_ones_own(folder: str, cache: Path, request: pytest.FixtureRequest) -> None:
    checkpoint = load_checkpoint(request.getfixturevalue(folder))
    machine = machine_of(checkpoint)
    assert isinstance(machine, Exported)
    assert ids(written(checkpoint, machine, num=3, seed=1)) == ids(
        written(checkpoint, in_torch(checkpoint), num=3, seed=1)
    )
    names = {path.name.partition("-")[0] for path in cache.rglob("*.onnx")}
    assert {"step", "start", "encode"} - ({"encode"} if folder == "autoencoder" else set()) <= names
