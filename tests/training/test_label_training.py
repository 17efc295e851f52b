"""Training of language models given labels: what they see, and that the same again gives the same weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.settings import DataConfig, Seq2SeqTrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.piece_labels import label_pieces
from musegen.data.views import token_view
from musegen.errors import ConfigError, DataError
from musegen.evaluation.likelihood import model_view, split_likelihood
from musegen.music.key import tonic_in
from musegen.tokenizers.label_ids import LabelVocabulary
from musegen.training.train import train
from musegen.training.windows import HIDDEN, TokenDataModule
from tests.music_fixtures import STYLES, TINY


def test_a_checkpoint_keeps_its_labels(styles: Path, trained: Path) -> None:
    checkpoint = load_checkpoint(styles)
    assert checkpoint.config.data.labels == "folders"
    assert checkpoint.config.model.labels == ("folders=bach", "folders=fiddle")
    assert checkpoint.data["label_counts"] == {"folders": {"fiddle": 10, "bach": 4}}
    assert len(checkpoint.data["labels"]) == 18
    plain = json.loads((trained / "config.json").read_text("utf-8"))
    assert (plain["data"]["labels"], plain["model"]["labels"]) == (None, [])
    assert "labels" not in json.loads((trained / "data.json").read_text("utf-8"))


def test_the_same_seed_gives_the_same_weights(styles: Path, two_kinds: Dataset, tmp_path: Path) -> None:
    again = train(STYLES, two_kinds, tmp_path / "again", say=lambda _: None)
    assert (again / "model.safetensors").read_bytes() == (styles / "model.safetensors").read_bytes()


def test_batches_have_the_labels_of_their_pieces(styles: Path, two_kinds: Dataset) -> None:
    checkpoint = load_checkpoint(styles)
    labelled, _, _ = label_pieces(two_kinds, checkpoint.config.data, (), lambda _: None)
    view = token_view(labelled, checkpoint.tokenizer, checkpoint.config.data)
    data = TokenDataModule(view, checkpoint.tokenizer.tables, checkpoint.config, 4096)
    own = np.array([1 + (piece.labels["folders"] == "fiddle") for piece in view.pieces])
    seen, known = 0, 0
    for epoch in range(40):
        for batch in data.train_batches(epoch):
            labels, wanted = batch["labels"][:, 0].numpy(), own[batch["piece"].numpy()]
            assert ((labels == wanted) | (labels == 0)).all()
            seen, known = seen + len(labels), known + int((labels > 0).sum())
    assert 1 - known / seen == pytest.approx(HIDDEN, abs=0.04)
    for batch in data.val_dataloader():  # there all are known
        assert (batch["labels"][:, 0].numpy() == own[batch["piece"].numpy()]).all()


def test_keys_move_with_the_notes(tunes: Dataset) -> None:
    data = DataConfig(labels="key", window=4096)
    said: list[str] = []
    labelled, data, names = label_pieces(tunes, data, (), said.append)
    modes = {tonic for piece in labelled.pieces for tonic in piece.labels.values()}
    assert len(names) % 12 == 0  # every mode in all twelve keys
    assert all(tonic.partition(" ")[2] in ("major", "minor", "dorian", "mixolydian") for tonic in modes)
    config = replace(TINY, data=data, model=replace(TINY.model, labels=names))
    tokenizer = load_tiny_tokenizer(labelled)
    view, vocabulary = token_view(labelled, tokenizer, data), LabelVocabulary(names)
    batches = TokenDataModule(view, tokenizer.tables, config, 4096).train_batches(0)
    checked = 0
    for batch in batches:
        for ids, label, piece, length in zip(
            batch["input_ids"], batch["labels"], batch["piece"], batch["lengths"], strict=True
        ):
            index = int(piece)
            whole = len(view.stream(index)) - 1 == int(length)
            if int(label) and whole:
                _, mode = names[int(label) - 1].removeprefix("key=").split(" ", 1)
                tonic = tonic_in(tokenizer.decode(ids.numpy()[: int(length)]), mode)
                assert tonic == vocabulary.tonics[int(label)]
                checked += 1
    assert checked > 3


def load_tiny_tokenizer(dataset: Dataset):  # type: ignore[no-untyped-def]
    return fit_tokenizer(dataset, TINY.settled_tokenizer, TINY.data)


def test_several_kinds_at_once(two_kinds: Dataset, tmp_path: Path) -> None:
    config = replace(STYLES, data=replace(STYLES.data, labels="folders,key"))
    config = replace(config, trainer=replace(config.trainer, max_steps=2, val_check_interval=2))
    checkpoint = load_checkpoint(train(config, two_kinds, tmp_path / "both", say=lambda _: None))
    assert LabelVocabulary(checkpoint.config.model.labels).kinds == ("folders", "key")
    assert set(checkpoint.data["label_counts"]) == {"folders", "key"}
    assert checkpoint.model.labels.next_degree is not None  # type: ignore[union-attr]


def test_held_out_pieces_are_measured_given_their_labels(styles: Path, two_kinds: Dataset) -> None:
    checkpoint = load_checkpoint(styles)
    view = model_view(checkpoint, two_kinds)
    right = split_likelihood(checkpoint, two_kinds, view, "all").nats.sum()
    swapped = {"bach": "fiddle", "fiddle": "bach"}
    records = [
        {"name": each["name"], "labels": {"folders": swapped[each["labels"]["folders"]]}}
        for each in checkpoint.data["labels"]
    ]
    wrong = replace(checkpoint, data=checkpoint.data | {"labels": records})
    assert split_likelihood(wrong, two_kinds, view, "all").nats.sum() > right


def test_fine_tuning_keeps_the_labels(styles: Path, two_kinds: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=2, val_check_interval=2))
    path = train(config, two_kinds, tmp_path / "tuned", init=styles, say=lambda _: None)
    kept = json.loads((path / "config.json").read_text("utf-8"))
    assert kept["model"]["labels"] == ["folders=bach", "folders=fiddle"]
    assert kept["data"]["labels"] == "folders"


def test_a_model_without_labels_is_taught_some(trained: Path, two_kinds: Dataset, tmp_path: Path) -> None:
    config = replace(STYLES, trainer=replace(STYLES.trainer, max_steps=30, val_check_interval=15))
    said: list[str] = []
    path = train(config, two_kinds, tmp_path / "taught", init=trained, say=said.append)
    before, after = load_checkpoint(trained), load_checkpoint(path)
    assert after.config.model == replace(before.config.model, labels=("folders=bach", "folders=fiddle"))
    assert after.model.labels.embedding.weight.abs().sum() > 0  # type: ignore[union-attr,operator]
    view = model_view(before, two_kinds)
    plain = split_likelihood(before, two_kinds, view, "valid").nats.sum()
    first = next(line for line in said if line.startswith("step 0"))  # as it was, before any step
    bits = plain / np.log(2) / view.notes[view.indices("valid")].sum()
    assert f"{bits:.3f} bits per note" in first


def test_labels_of_other_families_are_refused() -> None:
    for kind, family in ((Seq2SeqTrainConfig, "seq2seq"), (VAETrainConfig, "vae")):
        with pytest.raises(ConfigError, match=f"data.labels is for language models .* family {family}"):
            kind(data=DataConfig(labels="folders"))
    with pytest.raises(ConfigError, match=r"model\.labels is for language models"):
        VAETrainConfig(model=VAEConfig(labels=("a=b",)))


def test_labels_that_no_training_piece_has_are_refused(two_kinds: Dataset, tmp_path: Path) -> None:
    config = replace(STYLES, model=replace(STYLES.model, labels=("folders=jazz",)))
    with pytest.raises(DataError, match="no training piece of dataset two-kinds has a label of folders=jazz"):
        train(config, two_kinds, tmp_path / "out", say=lambda _: None)
