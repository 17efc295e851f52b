import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from musegen.checkpoint.folder import WEIGHTS, load_checkpoint, write_metrics
from musegen.checkpoint.sizes import COMPONENTS
from musegen.errors import CheckpointError
from musegen.models import vae
from musegen.tokenizers import RemiTokenizer


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def resum(folder: Path) -> None:
    """Make the sums fit what is in the folder now."""
    write_metrics(folder, json.loads((folder / "metrics.json").read_text("utf-8")))


def test_what_is_loaded_predicts_what_was_saved(trained: Path) -> None:
    a, b = load_checkpoint(trained), load_checkpoint(trained)
    ids = torch.tensor([[1, 3]])
    assert torch.equal(a.model(ids, a.model.init_state(1))[0], b.model(ids, b.model.init_state(1))[0])
    assert not a.model.training


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "model.safetensors", "data.json", "SHA256SUMS"]
)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "model.safetensors", "data.json", "metrics.json"]
)
def test_a_flipped_bit_is_noticed(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(copy)


def test_the_tokenizer_of_another_model_is_refused_by_both_hashes(copy: Path, rich: RemiTokenizer) -> None:
    """Files mixed up between two runs: ids would mean other notes."""
    digests = [hashlib.sha256((copy / "tokenizer.json").read_bytes()).hexdigest()[:12]]
    (copy / "tokenizer.json").write_text(json.dumps(rich.to_dict()))
    digests.insert(0, hashlib.sha256((copy / "tokenizer.json").read_bytes()).hexdigest()[:12])
    with pytest.raises(CheckpointError, match=f"tokenizer.json .*{digests[0]}, not {digests[1]}"):
        load_checkpoint(copy)
    resum(copy)  # whoever mends the sums is told by the sizes
    with pytest.raises(CheckpointError, match="do not fit"):
        load_checkpoint(copy)


def test_the_card_may_be_edited(copy: Path) -> None:
    (copy / "README.md").write_text("mine")
    load_checkpoint(copy)


def test_an_unknown_format_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text("utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"format_version": 99}))
    resum(copy)
    with pytest.raises(CheckpointError, match="version 99"):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 48}, "do not fit"),
        ({"hiden_size": 48}, r"did you mean model\.hidden_size"),
        ({"hidden_size": 0}, "model.hidden_size is 0: it must be 1 or more"),
        ({"cell": "abacus"}, "lstm"),
    ],
)
def test_a_changed_config_is_refused(copy: Path, change: dict[str, object], message: str) -> None:
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["model"] |= change
    (copy / "config.json").write_text(json.dumps(config))
    resum(copy)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    ("without", "more", "message"),
    [("decoder.input.bias", "", r"Missing.*decoder\.input\.bias"), ("", "other", "Unexpected.*other")],
)
def test_weights_that_do_not_fit_are_noticed_when_the_model_is_built(
    copy: Path, without: str, more: str, message: str
) -> None:
    """Of tensors that the settings say nothing of."""
    weights = load_file(copy / WEIGHTS)
    weights.pop(without, None)
    save_file(weights | ({more: torch.zeros(1)} if more else {}), copy / WEIGHTS)
    resum(copy)
    checkpoint = load_checkpoint(copy)
    with pytest.raises(CheckpointError, match=f"do not fit config.json.*{message}"):
        _ = checkpoint.model


def test_the_mixture_is_that_of_the_model() -> None:
    assert COMPONENTS == vae.COMPONENTS


def test_a_model_in_memory_is_not_loaded(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    other = replace(checkpoint, path=Path("nowhere"), module=checkpoint.model)
    assert other.model is checkpoint.model


def test_no_folder_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("sums", [b"junk\n", b"\xff\xfe\x00", b""])
def test_damaged_sums_are_one_line(copy: Path, sums: bytes) -> None:
    (copy / "SHA256SUMS").write_bytes(sums)
    with pytest.raises(CheckpointError, match="SHA256SUMS"):
        load_checkpoint(copy)


@pytest.mark.parametrize("key", ["tempo", "program", "train", "dataset_sha256"])
def test_a_manifest_without_what_generation_needs_is_refused(copy: Path, key: str) -> None:
    data = json.loads((copy / "data.json").read_text("utf-8"))
    del data[key]
    (copy / "data.json").write_text(json.dumps(data))
    resum(copy)
    with pytest.raises(CheckpointError, match=key):
        load_checkpoint(copy)


def test_absurd_sizes_take_no_memory(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["model"]["hidden_size"] = 10**12
    (copy / "config.json").write_text(json.dumps(config))
    resum(copy)
    with pytest.raises(CheckpointError, match="do not fit"):
        load_checkpoint(copy)
