"""Generation given labels: guidance weighs two rows of a stream, on every back-end, with any batch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.data.dataset import Dataset
from musegen.data.views import token_view
from musegen.errors import ConfigError
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.engine import stream_nats
from musegen.generation.exported import Exported
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.generation.guidance import LabelRequest, given
from musegen.generation.machine import Machine
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.label_reader import Condition, guided
from musegen.models.lm import LanguageModel
from musegen.models.losses import token_nats
from musegen.music.excerpt import excerpt
from musegen.tokenizers.label_ids import LabelVocabulary


def labelled(folder: Path) -> Checkpoint:
    return load_checkpoint(folder)


def in_torch(checkpoint: Checkpoint, labels: Sequence[str], guidance: float) -> Machine:
    machine = Eager(checkpoint.model, checkpoint.tokenizer.tables)
    return given(machine, checkpoint.config.model.labels, labels, guidance)


def written(machine: Machine, checkpoint: Checkpoint, num: int, **more: object) -> list[list[int]]:
    results = generate(machine, checkpoint.tokenizer, Request(bars=3), num=num, seed=3, **more)  # type: ignore[arg-type]
    return [each.ids for each in results]


def test_guidance_weighs_the_two_rows_of_a_pair() -> None:
    logits = torch.randn(5, 2, 7)
    pair, guidance = torch.tensor([1, -1, 0, 1, -1]), torch.tensor([2.0, 2.0, 1.0, 0.5, 0.5])
    found = guided(logits, Condition(torch.zeros(5, 1), pair, guidance))
    assert torch.equal(found[0], logits[1] + 2 * (logits[0] - logits[1]))
    assert torch.equal(found[0], found[1])  # to the last bit: both must draw the same ids
    assert torch.equal(found[2], logits[2])
    assert torch.equal(found[3], found[4])
    assert torch.allclose(found[3], (logits[3] + logits[4]) / 2)


def test_a_model_given_no_labels_is_the_one_without(styles: Path, two_kinds: Dataset) -> None:
    """Any label and guidance 0 are the same, and so is any label of one row."""
    checkpoint = labelled(styles)
    plain = written(in_torch(checkpoint, (), 1.0), checkpoint, 3)
    assert written(in_torch(checkpoint, ("folders=bach",), 0.0), checkpoint, 3) == plain
    assert written(in_torch(checkpoint, ("folders=bach",), 1.0), checkpoint, 3) != plain


def test_guidance_of_one_is_the_conditional_model(styles: Path) -> None:
    """The paired rows of a guidance of nearly 1 draw what one row with labels draws."""
    checkpoint = labelled(styles)
    label = ("folders=fiddle",)
    alone = written(in_torch(checkpoint, label, 1.0), checkpoint, 3)
    assert written(in_torch(checkpoint, label, 1.0 + 1e-9), checkpoint, 3) == alone
    assert written(in_torch(checkpoint, label, 4.0), checkpoint, 3) != alone


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_a_row_does_not_depend_on_the_others(styles: Path, guidance: float) -> None:
    checkpoint = labelled(styles)
    machine = in_torch(checkpoint, ("folders=bach",), guidance)
    together = written(machine, checkpoint, 5)
    assert written(machine, checkpoint, 1) == together[:1]


def test_the_likelihood_is_that_given_the_labels(styles: Path) -> None:
    checkpoint = labelled(styles)
    vocabulary = LabelVocabulary(checkpoint.config.model.labels)
    model = checkpoint.model
    assert isinstance(model, LanguageModel)
    wanted = Wanted(seed=1, num=2, bars=3, labels=LabelRequest(("bach",), 2.0))
    for result in generate_pieces(checkpoint, wanted).results:
        ids = torch.tensor([[*result.ids, checkpoint.tokenizer.eos_id]])
        labels = torch.from_numpy(vocabulary.ids({"folders": "bach"}))[None]
        with torch.no_grad():
            logits, _ = model(ids[:, :-1], model.init_state(1, labels))
        own = -float(token_nats(logits, ids[:, 1:]).sum())
        assert result.log_likelihood == pytest.approx(own, abs=1e-3)
        assert result.given == {"labels": ["folders=bach"], "guidance": 2.0}


def test_labels_change_the_likelihood_as_they_should(styles: Path, two_kinds: Dataset) -> None:
    """Of the first notes of chorales the label bach is the likelier one, of those of fiddle tunes the other.

    Later notes say by themselves what music they are of.
    """
    checkpoint = labelled(styles)
    view = token_view(two_kinds, checkpoint.tokenizer, checkpoint.config.data)
    for name in ("bach", "fiddle"):
        own = [index for index, piece in enumerate(view.pieces) if piece.labels["folders"] == name]
        streams = [view.stream(index).tolist() for index in own]
        nats = {}
        for label in ("bach", "fiddle"):
            machine = machine_of(checkpoint, "float32", (f"folders={label}",))
            nats[label] = sum(float(each[:12].sum()) for each in stream_nats(machine, streams, []))
        assert min(nats, key=lambda label: nats[label]) == name


def test_a_prompt_is_continued_given_labels(styles: Path, two_kinds: Dataset) -> None:
    checkpoint = labelled(styles)
    prompt = excerpt(two_kinds.score(two_kinds.pieces[-1]), 0, 2)
    for guidance in (0.0, 1.0, 3.0):
        wanted = Wanted(seed=1, num=3, bars=2, prompt=prompt, labels=LabelRequest(("bach",), guidance))
        found = generate_pieces(checkpoint, wanted).results
        assert [each.bars for each in found] == [4, 4, 4]


@pytest.mark.slow
def test_the_exported_step_is_guided_like_torch(
    styles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSEGEN_EXPORT", "1")
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path))
    checkpoint = labelled(styles)
    for label, guidance in ((("folders=bach",), 1.0), (("folders=bach",), 2.0), ((), 1.0)):
        machine = machine_of(checkpoint, "float32", label, guidance)
        assert isinstance(vars(machine)["_machine"], Exported)
        sampling = SamplingOptions(temperature=0.9, min_p=0.01)
        theirs = written(in_torch(checkpoint, label, guidance), checkpoint, 3, sampling=sampling)
        assert written(machine, checkpoint, 3, sampling=sampling) == theirs
        assert written(machine, checkpoint, 1, sampling=sampling) == theirs[:1]


@pytest.mark.parametrize(
    ("labels", "guidance", "message"),
    [
        (("bahc",), 1.0, "label bahc is not known to this model: did you mean bach"),
        (("bach", "fiddle"), 1.0, "label names several labels of one kind: folders=bach, folders=fiddle"),
        ((), 2.0, "guidance 2 is how closely a label is followed: add one, or leave it out"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    styles: Path, labels: tuple[str, ...], guidance: float, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        generate_pieces(labelled(styles), Wanted(seed=0, labels=LabelRequest(labels, guidance)))


def test_models_without_labels_say_so(trained: Path, autoencoder: Path) -> None:
    checkpoint = load_checkpoint(trained)
    with pytest.raises(ConfigError, match="label bach: tiny knows no labels: train a model with labels"):
        generate_pieces(checkpoint, Wanted(seed=0, labels=LabelRequest(("bach",))))
    assert machine_of(checkpoint) is not None
    assert replace(checkpoint).config.model.labels == ()
    assert np.array_equal(LabelVocabulary(()).tonics, [-1])
