"""The n-grams beside a model's likelihood, on real music and really trained models."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from symusic import Tempo

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.evaluation.kneser_ney import FALLBACK_DISCOUNTS
from musegen.evaluation.likelihood import Likelihood, by_kind, model_view, split_likelihood, total_figures
from musegen.evaluation.ngrams import MAX_TOKENS, likelihood_figures, missed, ngram_baselines
from musegen.music.writing.midi import write_score
from musegen.tokenizers import Kind
from musegen.training.train import train
from tests.music_fixtures import TINY


def figures_of(checkpoint: Checkpoint, dataset: Dataset, split: str = "test") -> dict[str, Any]:
    view = model_view(checkpoint, dataset)
    found = split_likelihood(checkpoint, dataset, view, split)
    return likelihood_figures(checkpoint, dataset, view, split, found)


def short_training(dataset: Dataset, out: Path, steps: int, **tokens: bool) -> Checkpoint:
    trainer = replace(TINY.trainer, max_steps=steps, val_check_interval=steps)
    config = replace(TINY, trainer=trainer, tokenizer=TokenizerConfig(**tokens))
    return load_checkpoint(train(config, dataset, out, say=lambda _: None))


def test_the_unigram_equals_counts_by_hand(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    view, tables = model_view(checkpoint, tunes), checkpoint.tokenizer.tables
    figures = figures_of(checkpoint, tunes)
    learned = [view.stream(index).tolist() for index in view.indices("train")]
    counts = Counter(id_ for ids in learned for id_ in ids[1:])
    values = list(counts.values())
    assert 0 in [values.count(n) for n in (1, 2, 3)]  # so that the discounts are the fixed ones
    discounts = (0.0, *FALLBACK_DISCOUNTS)
    reserved = sum(discounts[min(count, 3)] for count in values)
    vocab, total = len(tables.kind), sum(values)

    def nats(id_: int) -> float:
        count = counts[id_]
        return -math.log((count - discounts[min(count, 3)] + reserved / vocab) / total)

    test = [id_ for index in view.indices("test") for id_ in view.stream(index)[1:].tolist()]
    unigram = figures["baselines"]["unigram"]
    assert unigram["nats_per_token"] == pytest.approx(np.mean([nats(id_) for id_ in test]), rel=1e-9)
    pitches = [nats(id_) for id_ in test if tables.kind[id_] == Kind.PITCH]
    assert unigram["by_kind"]["pitch"]["nats_each"] == pytest.approx(np.mean(pitches), rel=1e-9)
    assert unigram["by_kind"]["pitch"]["count"] == len(pitches)


def test_every_figure_of_the_model_has_its_like(trained: Path, tunes: Dataset) -> None:
    figures = figures_of(load_checkpoint(trained), tunes)
    baselines = figures["baselines"]
    assert baselines["training_pieces"] == len(tunes.split("train"))
    assert baselines["chosen_on"] == "valid"
    orders = []
    for key in ("unigram", "bigram", "ngram"):
        each = baselines[key]
        orders.append(each["order"])
        assert each.keys() - {"name", "order"} == figures.keys() - {
            "family", "dataset", "split", "baselines", "not_passed"
        }  # fmt: skip
        assert each["by_kind"].keys() == figures["by_kind"].keys()
        assert (each["notes"], each["tokens"]) == (figures["notes"], figures["tokens"])
    assert orders[:2] == [1, 2]
    assert 3 <= orders[2] <= 8
    assert baselines["ngram"]["nats_per_token"] < baselines["bigram"]["nats_per_token"]


def test_the_order_is_chosen_on_the_validation_split(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    view, tables = model_view(checkpoint, tunes), checkpoint.tokenizer.tables
    swapped = {"valid": "test", "test": "valid"}
    other = Dataset(
        tunes.path, tunes.info, [replace(p, split=swapped.get(p.split, p.split)) for p in tunes.pieces]
    )
    for dataset in (tunes, other):
        own = model_view(checkpoint, dataset)
        test = ngram_baselines(own, tables, "test", split_likelihood(checkpoint, dataset, own, "test"))
        valid = ngram_baselines(own, tables, "valid", split_likelihood(checkpoint, dataset, own, "valid"))
        assert test["ngram"]["order"] == valid["ngram"]["order"]
    assert view.indices("valid")


@pytest.mark.parametrize("split", ["train", "all"])
def test_none_beside_the_training_pieces(trained: Path, tunes: Dataset, split: str) -> None:
    assert not {"baselines", "not_passed"} & figures_of(load_checkpoint(trained), tunes, split).keys()


def test_many_training_pieces_are_thinned(
    trained: Path, tunes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(trained)
    view = model_view(checkpoint, tunes)
    tokens = sum(len(view.stream(index)) for index in view.indices("train"))
    assert tokens < MAX_TOKENS
    monkeypatch.setattr("musegen.evaluation.ngrams.MAX_TOKENS", tokens // 2 + 1)
    pieces = figures_of(checkpoint, tunes)["baselines"]["training_pieces"]
    assert pieces == len(view.indices("train")) // 2


@pytest.mark.parametrize("steps", [1, 2])
def test_a_model_of_few_steps_has_not_passed_the_unigram(steps: int, tunes: Dataset, tmp_path: Path) -> None:
    figures = figures_of(short_training(tunes, tmp_path / "model", steps), tunes)
    first = figures["not_passed"][0]
    assert (first["baseline"], first["name"]) == ("unigram", "unigram")
    assert first["model"] > first["other"]
    assert {each["baseline"] for each in figures["not_passed"]} == {"unigram", "bigram", "ngram"}
    baselines = figures["baselines"]
    for each in figures["not_passed"]:
        of = figures if each["kind"] == "token" else figures["by_kind"][each["kind"]]
        value = of["nats_per_token" if each["kind"] == "token" else "nats_each"]
        assert value == each["model"] >= each["other"] > 0
        assert each["baseline"] in baselines


def test_what_is_better_than_all_has_passed_all(trained: Path, tunes: Dataset) -> None:
    figures = figures_of(load_checkpoint(trained), tunes)
    better = figures | {"nats_per_token": 0.01}
    better["by_kind"] = {kind: row | {"nats_each": 0.01} for kind, row in figures["by_kind"].items()}
    assert missed(better) == []
    # A rare kind of token alone does not count.
    better["by_kind"]["eos"] |= {"nats_each": 99.0, "share_of_nats": 0.01}
    assert figures["baselines"]["unigram"]["by_kind"]["eos"]["share_of_nats"] < 0.05
    assert missed(better) == []
    better["by_kind"]["pitch"]["nats_each"] = 99.0
    assert [each.kind for each in missed(better)] == ["pitch"] * 3


@pytest.fixture(scope="module")
def played(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The tunes with tempos and velocities that differ from note to note."""
    folder = tmp_path_factory.mktemp("played")
    for number, piece in enumerate(tunes.pieces):
        score = tunes.score(piece)
        score.tempos = [Tempo(0, 80 + number), Tempo(2 * score.ticks_per_quarter, 120 - number)]
        for at, note in enumerate(score.tracks[0].notes):
            note.velocity = 40 + 17 * at % 60
        write_score(score, folder / "music" / f"{number}.mid")
    return prepare(str(folder / "music"), folder / "dataset")


def test_figures_without_velocity_and_tempo(played: Dataset, tmp_path: Path) -> None:
    checkpoint = short_training(played, tmp_path / "model", 2, velocity=True, tempo=True)
    figures = figures_of(checkpoint, played)
    for each in (figures, *(figures["baselines"][key] for key in ("unigram", "bigram", "ngram"))):
        kinds = each["by_kind"]
        assert {"velocity", "tempo"} <= kinds.keys()
        left = [row for kind, row in kinds.items() if kind not in ("velocity", "tempo")]
        nats = sum(row["count"] * row["nats_each"] for row in left)
        without = each["without_velocity_and_tempo"]
        assert without["bits_per_note"] == pytest.approx(nats / math.log(2) / each["notes"])
        assert without["nats_per_token"] == pytest.approx(nats / sum(row["count"] for row in left))
        assert without["bits_per_note"] < each["bits_per_note"]


def test_no_figures_without_what_is_not_there(trained: Path, tunes: Dataset) -> None:
    assert "without_velocity_and_tempo" not in figures_of(load_checkpoint(trained), tunes)


def test_by_kind_counts_no_padding() -> None:
    kinds = np.array([[Kind.BAR, Kind.PITCH, Kind.PITCH], [Kind.EOS, Kind.PAD, Kind.PAD]])
    nats, counts = by_kind(kinds, np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]]))
    assert nats[:, [Kind.BAR, Kind.PITCH, Kind.EOS]].tolist() == [[1, 5, 0], [0, 0, 4]]
    assert counts.sum(axis=1).tolist() == [3, 1]
    found = Likelihood([0, 1], nats, counts, np.ones(2), np.ones(2), np.zeros(2))
    assert found.nats.tolist() == [6, 4]
    assert total_figures(found)["nats_per_token"] == 2.5
