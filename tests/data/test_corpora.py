from pathlib import Path

import pytest

from musegen.data.corpora import cache_folder, corpus_files
from musegen.music.read import parse_midi, tidy


def test_the_first_tunes_of_a_corpus() -> None:
    files = corpus_files("ryans-mammoth", limit=5)
    assert [f.source for f in files[:2]] == [
        "ryansMammoth/42dHighlandRegimentStrathspey.abc",
        "ryansMammoth/AbithaMugginsFavoriteReel.abc",
    ]
    for file in files:
        score, _, _ = tidy(parse_midi(file.data)[0])
        assert score.tpq == 480
        assert file.reason == ""


def test_chorales_have_four_sung_voices() -> None:
    (chorale,) = corpus_files("bach-chorales", limit=1)
    score, _ = parse_midi(chorale.data)
    voices = [(t.name, t.program) for t in score.tracks]
    assert voices == [("Soprano", 52), ("Alto", 52), ("Tenor", 52), ("Bass", 52)]


def test_the_cache_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MUSEGEN_CACHE")
    assert cache_folder().is_relative_to(Path.home()) or "XDG_CACHE_HOME" in __import__("os").environ
