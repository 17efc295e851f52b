"""The page that shows and plays pieces, as text: what it holds, and that it asks for nothing else."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from symusic import Score, Tempo

from musegen.data.dataset import Dataset
from musegen.display.page import page, write_page
from tests.music.scores import line, score

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--<script> ${title} $script \u2028 &amp;"
)


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text in each of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open in ("script", "style", "title"):
            self.texts.append((self.open, data))

    def text(self, tag: str) -> list[str]:
        return [text for each, text in self.texts if each == tag]


def music(text: str) -> Any:
    return json.loads(Elements(text).text("script")[0])


def notes(track: dict[str, Any]) -> list[tuple[int, ...]]:
    flat = track["notes"]
    return [tuple(flat[i : i + 4]) for i in range(0, len(flat), 4)]


@pytest.fixture
def band() -> Score:
    """Two instruments and drums, in 6/8 and then in 3/4, which becomes faster."""
    tracks = (
        line([60, 62, 64, 65] * 6, name="Tune", program=40),
        line([36] * 12, step=480),
        line([36, 42, 38, 42] * 6, drums=True),
    )
    music = score(*tracks, metres=[(0, 6, 8), (2880, 3, 4)], tempo=90)
    music.tempos.append(Tempo(2880, 150))
    return music


class TestMusic:
    def test_every_note_of_every_tune_is_there(self, tunes: Dataset) -> None:
        pieces = [(piece.name, tunes.score(piece)) for piece in tunes.pieces]
        read = music(page(pieces, title="tunes"))
        assert [piece["title"] for piece in read["pieces"]] == [title for title, _ in pieces]
        for piece, (_, original) in zip(read["pieces"], pieces, strict=True):
            expected = [[(n.time, n.duration, n.pitch, n.velocity) for n in t.notes] for t in original.tracks]
            assert [notes(track) for track in piece["tracks"]] == expected

    def test_tracks_metres_and_tempos(self, band: Score) -> None:
        (piece,) = music(page([("band", band)], title="t"))["pieces"]
        names = [(track["name"], track["program"]) for track in piece["tracks"]]
        assert names == [("Tune", 40), ("piano", 0), ("drums", -1)]
        assert piece["metres"] == [[0, 1440, 2], [2880, 1440, 3]]
        assert piece["tempos"] == [[0, 666_667], [2880, 400_000]]
        assert (piece["tpq"], piece["end"]) == (480, 5760)
        assert piece["facts"] == "C major · 6/8 · 4 bars"

    def test_it_is_compact(self, band: Score) -> None:
        empty = page([], title="t")
        assert len(page([("band", band)], title="t")) - len(empty) < 20 * band.note_num() + 300
        assert len(empty) < 50_000


class TestItself:
    def test_asks_for_nothing_else(self, band: Score) -> None:
        text = page([("band", band)], title="t")
        assert not re.search(
            r"https?:|//[a-z]+\.|\bsrc\s*=|@import|url\(|\bfetch\b|XMLHttp|WebSocket|\bimport\b", text
        )
        links = [attributes["href"] for _, attributes in Elements(text).found if "href" in attributes]
        assert links == ["data:,"]

    def test_runs_what_its_policy_names(self, band: Score) -> None:
        elements = Elements(page([("band", band)], title="t"))
        (policy,) = [a["content"] for _, a in elements.found if "http-equiv" in a]
        assert policy
        assert policy.startswith("default-src 'none'; ")
        for tag, text in (("style", elements.text("style")[0]), ("script", elements.text("script")[1])):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy

    def test_hostile_names_are_text(self, band: Score) -> None:
        harmless = Elements(page([("piece", band)], title="t"))
        band.tracks[0].name = HOSTILE
        text = page([(HOSTILE, band)], title=HOSTILE)
        assert [tag for tag, _ in Elements(text).found] == [tag for tag, _ in harmless.found]
        assert Elements(text).text("title") == [HOSTILE]
        (piece,) = music(text)["pieces"]
        assert piece["title"] == piece["tracks"][0]["name"] == HOSTILE

    def test_the_same_music_gives_the_same_bytes(self, band: Score, tmp_path: Path) -> None:
        for name in ("a.html", "b.html"):
            write_page([("band", band)], tmp_path / name, title="t")
        assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()

    def test_a_name_that_is_no_unicode(self, band: Score, tmp_path: Path) -> None:
        write_page([("caf\udce9", band)], tmp_path / "a.html", title="caf\udce9 ñ 二胡")
        assert Elements((tmp_path / "a.html").read_text("utf-8")).text("title") == ["caf? ñ 二胡"]
