from pathlib import Path

import pytest

from musegen.data.corpora import CorpusFile, corpus_files, load_book, save_book
from musegen.files import cache_folder
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import tidy


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_first_tunes_of_a_corpus() -> None:
    files = corpus_files("ryans-mammoth", limit=5)
    assert [f.source for f in files[:2]] == [
        "ryansMammoth/42dHighlandRegimentStrathspey.abc",
        "ryansMammoth/7thRegimentReel.abc",
    ]
    for file in files:
        score, _, _ = tidy(parse_midi(file.data)[0])
        assert score.tpq == 480
        assert file.reason == ""


def test_chorales_have_four_sung_voices_without_instruments() -> None:
    (chorale,) = corpus_files("bach-chorales", limit=1)
    assert chorale.source == "bach/bwv1.6.mxl"  # with horns
    score, _ = parse_midi(chorale.data)
    voices = [(t.name, t.program) for t in score.tracks]
    assert voices == [("Soprano", 52), ("Alto", 52), ("Tenor", 52), ("Bass", 52)]


def test_few_tunes_are_not_kept(own_cache: Path) -> None:
    corpus_files("ryans-mammoth", limit=1)
    assert not own_cache.exists()


def test_a_book_is_kept_and_a_damaged_one_parsed_again(own_cache: Path) -> None:
    files = [
        CorpusFile("book/a.abc#1", b"MThd", ["1 grace notes dropped"], ""),
        CorpusFile("b", b"", [], "bad"),
    ]
    save_book(own_cache / "book.zip", files)
    assert load_book(own_cache / "book.zip") == files
    (own_cache / "book.zip").write_bytes(b"PK damaged")
    assert load_book(own_cache / "book.zip") is None
    assert load_book(own_cache / "none.zip") is None
    assert cache_folder() == own_cache
