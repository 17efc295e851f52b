"""The benchmark of n-grams, from the command line."""

import json
import math

import pytest

from benchmarks import ngram
from benchmarks.ngram import parse_orders
from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer


def test_command_line_on_real_tunes(tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert ngram.main([str(tunes.path), "--orders", "2:6", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["order"] for row in rows] == [2, 3, 4, 5, 6]
    # A token is a bar, position, pitch or duration in turn: order 4 knows what kind comes next and more.
    assert rows[2]["nats_per_token"] < rows[0]["nats_per_token"] < math.log(100)
    notes = sum(piece.notes for piece in tunes.split("test"))
    tokenizer = fit_tokenizer(tunes, TokenizerConfig())
    predicted = sum(len(tokenizer.encode(tunes.score(piece))) - 1 for piece in tunes.split("test"))
    ratio = predicted / math.log(2) / notes
    assert rows[0]["bits_per_note"] == pytest.approx(rows[0]["nats_per_token"] * ratio)
    assert ngram.main([str(tunes.path), "--orders", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert ngram.main([str(tunes.path), "--orders", "9:2"]) == 2
    assert "--orders 9:2" in capsys.readouterr().err


def test_orders_are_parsed() -> None:
    assert parse_orders("2:15") == range(2, 16)
    assert parse_orders("5") == range(5, 6)
