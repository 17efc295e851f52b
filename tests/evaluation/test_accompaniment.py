import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from musegen.checkpoint.folder import Checkpoint, load_checkpoint, write_metrics
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import DataError
from musegen.evaluation.accompaniment import SYSTEMS, evaluate_seq2seq, measure_accompaniments
from musegen.evaluation.likelihood import model_view, split_likelihood, total_figures
from musegen.evaluation.measures import MEASURES
from musegen.files import write_json
from musegen.generation.accompany import first_bars
from musegen.music.writing.midi import write_score


@pytest.fixture(scope="module")
def short(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The beginnings of the chorales, three bars each."""
    source, out = tmp_path_factory.mktemp("midi"), tmp_path_factory.mktemp("datasets")
    for piece in chorales.pieces:
        score = first_bars(chorales.score(piece), 3)
        assert score is not None
        path = source / piece.split / f"{Path(piece.name).name}.mid"
        path.parent.mkdir(exist_ok=True)
        write_score(score, path)
    return prepare(str(source), out / "short", workers=1)


@pytest.fixture(scope="module")
def folder(accompanist: Path, short: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accompanist's checkpoint, as though it had been trained on these beginnings."""
    path = tmp_path_factory.mktemp("checkpoints") / "choir"
    shutil.copytree(accompanist, path)
    data = json.loads((path / "data.json").read_text("utf-8"))
    write_json(path / "data.json", data | {"dataset_sha256": short.sha256})
    write_metrics(path, {})  # and the sums with it
    return path


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Checkpoint:
    return load_checkpoint(folder)


@pytest.fixture(scope="module")
def figures(checkpoint: Checkpoint, short: Dataset) -> dict[str, Any]:
    """Of the validation split, two pieces."""
    return evaluate_seq2seq(checkpoint, short, "valid").figures


def numbers(found: Any) -> Iterator[float]:
    if isinstance(found, dict):
        for value in found.values():
            yield from numbers(value)
    elif isinstance(found, float):
        yield found


def test_every_system_is_measured_and_the_melody_stands_in_all(figures: dict[str, Any]) -> None:
    assert tuple(figures["systems"]) == SYSTEMS
    assert list(figures["systems"]["model"]) == list(MEASURES)
    for system in SYSTEMS[1:]:
        assert list(figures["systems"][system]) == [n for n in MEASURES if n[:4] not in ("nats", "bits")]
    for found in figures["systems"].values():
        assert found["melody_preserved"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
        assert all(each["low"] <= each["mean"] <= each["high"] for each in found.values())
    assert all(map(math.isfinite, numbers(figures)))
    assert json.loads(json.dumps(figures)) == figures


def test_the_human_accompaniment_is_the_mark(figures: dict[str, Any]) -> None:
    human, chords = figures["systems"]["human"], figures["systems"]["block_chords"]
    assert human["pitch_class_similarity"]["mean"] == pytest.approx(1)
    assert human["groove_similarity"]["mean"] == 1
    assert human["log_density_ratio"]["mean"] == 0
    assert chords["chord_tone_rate"]["mean"] > 0.5  # the rule asks for it
    assert chords["voice_crossing"]["mean"] == 0


def test_the_likelihood_is_that_of_every_family(
    figures: dict[str, Any], checkpoint: Checkpoint, short: Dataset
) -> None:
    alone = total_figures(split_likelihood(checkpoint, short, model_view(checkpoint, short), "valid"))
    assert {name: figures[name] for name in alone} == alone
    interval = figures["systems"]["model"]["nats_per_beat"]
    assert interval["low"] <= alone["nats_per_beat"] <= interval["high"]  # two pieces of like length


def test_samples_follow_from_the_seed_and_a_piece_is_their_mean(
    checkpoint: Checkpoint, short: Dataset
) -> None:
    # Without the ranges of its voices, so that there are notes beyond them to count.
    wild = replace(checkpoint, data=checkpoint.data | {"ranges": [], "pitches": {}})
    view = model_view(wild, short)

    def rates(samples: int, seed: int) -> list[float]:
        values = measure_accompaniments(wild, short, view, samples=samples, seed=seed)
        return [float(values["model"][name][0]) for name in ("groove_similarity", "range_errors")]

    assert rates(1, 0) == rates(1, 0) != rates(1, 5)
    errors = rates(3, 0)[1] * 3
    assert errors == pytest.approx(round(errors)) != 0


def test_training_pieces_are_copies_of_themselves_but_never_their_own_yardstick(
    checkpoint: Checkpoint, short: Dataset
) -> None:
    values = measure_accompaniments(checkpoint, short, model_view(checkpoint, short), "train", limit=2)
    assert values["human"]["copied_bars"].tolist() == [1, 1]
    assert (values["random_retrieval"]["pitch_class_similarity"] < 1).all()


def test_what_of_other_music_is_copied_is_not_known(checkpoint: Checkpoint, short: Dataset) -> None:
    others = replace(checkpoint, data=checkpoint.data | {"dataset_sha256": "other"})
    values = measure_accompaniments(others, short, model_view(others, short), limit=1)
    assert all("copied_bars" not in found for found in values.values())


def test_without_training_pieces_there_is_nothing_to_retrieve(
    checkpoint: Checkpoint, short: Dataset, tmp_path: Path
) -> None:
    few = replace(short, path=tmp_path, pieces=[replace(p, split="test") for p in short.pieces[:1]])
    (tmp_path / "scores.bin").write_bytes((short.path / "scores.bin").read_bytes())
    figures = evaluate_seq2seq(checkpoint, few).figures
    assert list(figures["systems"]) == ["model", "human", "block_chords"]
    assert figures["accompanied"] == 1
    with pytest.raises(DataError, match="no valid pieces"):
        evaluate_seq2seq(checkpoint, few, "valid")


class TestCommand:
    def test_a_table_for_people_and_metrics_for_programs(
        self, folder: Path, short: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["evaluate", str(folder), str(short.path), "--seed", "3"]) == 0
        out = capsys.readouterr().out
        for measure in MEASURES.values():
            assert f"\n {measure.label} " in out
            assert f"\n{measure.label}: " in out
        saved = json.loads((folder / "metrics.json").read_text("utf-8"))["test"]
        assert saved["seed"] == 3
        assert tuple(saved["systems"]) == SYSTEMS

    def test_a_part_of_the_split_is_not_kept(
        self, folder: Path, short: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = (folder / "metrics.json").read_bytes()
        words = ["evaluate", str(folder), str(short.path), "--split", "valid", "--limit", "1", "--json"]
        assert main(words) == 0
        assert json.loads(capsys.readouterr().out)["accompanied"] == 1
        assert (folder / "metrics.json").read_bytes() == before

    def test_a_limit_is_for_what_takes_long(
        self, trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["evaluate", str(trained), str(tunes.path), "--limit", "2"]) == 2
        assert "--limit is for accompaniment and clip models" in capsys.readouterr().err
