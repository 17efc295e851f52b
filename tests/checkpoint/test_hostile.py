"""Checkpoints made to harm: no code of theirs runs, no memory is taken for them, one line says why."""

import hashlib
import io
import json
import os
import pickle
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks import bit_flips
from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.errors import CheckpointError

WEIGHTS = "model.safetensors"
TAKEN = 200 << 20
"""Bytes that loading may take at most."""


class Bomb:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.system, (f"touch {self.path}",))


def set_json(folder: Path, name: str, change: Callable[[dict[str, object]], object]) -> None:
    values = json.loads((folder / name).read_text("utf-8"))
    change(values)
    (folder / name).write_text(json.dumps(values))


def set_header(folder: Path, change: Callable[[dict[str, dict[str, object]]], object]) -> None:
    data = (folder / WEIGHTS).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])


def a_pickle(folder: Path, mark: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb(mark)))


def a_torch_file(folder: Path, mark: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"decoder.embedding.weight": Bomb(mark)}, buffer)
    (folder / WEIGHTS).write_bytes(buffer.getvalue())


def a_zip_bomb(folder: Path, mark: Path) -> None:
    del mark
    with zipfile.ZipFile(folder / WEIGHTS, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\0" * (64 << 20))


def pickles_as_json(folder: Path, mark: Path) -> None:
    (folder / "config.json").write_bytes(pickle.dumps(Bomb(mark)))


def a_yaml_tag(folder: Path, mark: Path) -> None:
    (folder / "config.json").write_text(f"!!python/object/apply:os.system ['touch {mark}']")


def a_yaml_tag_in_a_value(folder: Path, mark: Path) -> None:
    tag = f"!!python/object/apply:os.system ['touch {mark}']"
    set_json(folder, "config.json", lambda v: v.update(family=tag))


def a_module_as_a_cell(folder: Path, mark: Path) -> None:
    del mark
    set_json(folder, "config.json", lambda v: v["model"].update(cell="os.system"))  # type: ignore[attr-defined]


def a_tokenizer_of_an_unknown_kind(folder: Path, mark: Path) -> None:
    del mark
    set_json(folder, "tokenizer.json", lambda v: v.update(kind="subprocess.Popen"))


def a_huge_width(folder: Path, mark: Path) -> None:
    del mark
    set_json(folder, "config.json", lambda v: v["model"].update(hidden_size=10**9))  # type: ignore[attr-defined]


def a_million_layers(folder: Path, mark: Path) -> None:
    del mark
    set_json(folder, "config.json", lambda v: v["model"].update(num_layers=10**6))  # type: ignore[attr-defined]


def a_huge_embedding(folder: Path, mark: Path) -> None:
    del mark
    set_json(folder, "config.json", lambda v: v["model"].update(embedding_dim=10**10))  # type: ignore[attr-defined]


def a_header_of_gigabytes(folder: Path, mark: Path) -> None:
    del mark
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 1 << 33) + data[8:])


def a_shape_beyond_the_file(folder: Path, mark: Path) -> None:
    del mark
    set_header(folder, lambda h: h["decoder.logits.weight"].update(shape=[10**6, 10**6]))


def offsets_that_overlap(folder: Path, mark: Path) -> None:
    del mark
    set_header(
        folder,
        lambda h: h["decoder.logits.weight"].update(data_offsets=h["decoder.logits.bias"]["data_offsets"]),
    )


def negative_offsets(folder: Path, mark: Path) -> None:
    del mark
    set_header(folder, lambda h: h["decoder.logits.weight"].update(data_offsets=[-8, 0]))


def a_type_that_is_none(folder: Path, mark: Path) -> None:
    del mark
    set_header(folder, lambda h: h["decoder.logits.weight"].update(dtype="PYTHON"))


def weights_cut_short(folder: Path, mark: Path) -> None:
    del mark
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def weights_of_another_name(folder: Path, mark: Path) -> None:
    del mark
    weights = load_file(folder / WEIGHTS)
    save_file({f"__class__.{name}": tensor for name, tensor in weights.items()}, folder / WEIGHTS)


def brackets_without_end(folder: Path, mark: Path) -> None:
    del mark
    (folder / "data.json").write_text("[" * 200_000)


def a_manifest_of_gigabytes(folder: Path, mark: Path) -> None:
    del mark
    with (folder / "data.json").open("wb") as file:
        file.truncate(4 << 30)  # a hole: it takes no disk


def a_number_without_end(folder: Path, mark: Path) -> None:
    del mark
    (folder / "metrics.json").write_text('{"a": ' + "9" * 1_000_000 + "}")


def a_pipe_for_a_file(folder: Path, mark: Path) -> None:
    del mark
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")


def a_link_to_a_device(folder: Path, mark: Path) -> None:
    del mark
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("/dev/zero")


HARM = [
    a_pickle, a_torch_file, a_zip_bomb, pickles_as_json, a_yaml_tag, a_yaml_tag_in_a_value,
    a_module_as_a_cell,
    a_tokenizer_of_an_unknown_kind, a_huge_width, a_million_layers, a_huge_embedding, a_header_of_gigabytes,
    a_shape_beyond_the_file, offsets_that_overlap, negative_offsets, a_type_that_is_none, weights_cut_short,
    weights_of_another_name, brackets_without_end, a_manifest_of_gigabytes, a_number_without_end,
    a_pipe_for_a_file, a_link_to_a_device,
]  # fmt: skip


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "harm"))


def resum(folder: Path) -> None:
    """Sums that fit: whoever means harm can count too."""
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    names = [line.split()[1] for line in lines]
    readable = [
        name for name in names if (folder / name).is_file() and (folder / name).stat().st_size < 1 << 30
    ]
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in readable]
    (folder / "SHA256SUMS").write_text("".join(sums))


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_it_is_refused_in_one_line(
    harm: Callable[[Path, Path], None], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "code-ran"
    harm(folder, mark)
    resum(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert main(["generate", str(folder), "--bars", "2", "--out", str(tmp_path / "out")]) == 2
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert not mark.exists()
    assert not (tmp_path / "out").exists()
    assert taken < TAKEN


def test_python_files_in_the_folder_are_never_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "code-ran"
    for name in ("config.py", "model.py", "tokenizer.py", "__init__.py", "sitecustomize.py", "json.py"):
        (folder / name).write_text(f"open({str(mark)!r}, 'w')")
    words = [sys.executable, "-m", "musegen", "generate", str(folder), "--bars", "2", "--seed", "1"]
    found = subprocess.run(
        [*words, "--out", str(tmp_path / "out")], cwd=tmp_path, capture_output=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert not mark.exists()


def test_a_bit_flipped_anywhere_is_noticed(folder: Path) -> None:
    """A hundred here; `test_a_thousand_flipped_bits` has more."""
    rng = np.random.default_rng(0)
    names = ["config.json", "tokenizer.json", "data.json", "metrics.json", WEIGHTS]
    for _ in range(100):
        path = folder / names[int(rng.integers(len(names)))]
        data = path.read_bytes()
        at, bit = int(rng.integers(len(data))), int(rng.integers(8))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        with pytest.raises(CheckpointError):
            load_checkpoint(folder)
        path.write_bytes(data)
    load_checkpoint(folder)


@pytest.mark.slow
def test_a_thousand_flipped_bits(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In every file that is summed, and in the sums."""
    assert bit_flips.main([str(trained), "--flips", "1000"]) == 0
    assert capsys.readouterr().out.endswith("1000 of 1000 detected\n")
