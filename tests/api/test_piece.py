"""What a model wrote: saved in every form, shown in a notebook."""

import html
import re
import wave
from dataclasses import replace
from pathlib import Path

import pytest
from symusic import Score
from symusic.core import ScoreTick

from musegen.api.piece import Piece, Pieces
from musegen.display.page import page
from musegen.errors import ConfigError, MidiError
from musegen.generation.request import Result
from tests.music.scores import line, score

HOSTILE = '</iframe><script>alert(1)</script>" onload="alert(2)'


@pytest.fixture
def piece() -> Piece:
    music: ScoreTick = score(line([62, 64, 65, 67] * 4), metres=[(0, 4, 4)], tempo=100)
    return Piece("folk", Result(music, -12.34, 2, []), 7)


def framed(text: str) -> str:
    """The page in the frame that a notebook is given."""
    found = re.fullmatch(
        r'<iframe srcdoc="([^"]*)" title="[^"]*" style="[^"]*" onload="[^"]*"></iframe>', text
    )
    assert found
    return html.unescape(found[1])


def test_says_what_it_is(piece: Piece) -> None:
    words = "2 bars, 4/4, C major, 16 notes, seed 7, log-likelihood -12.3 nats"
    assert repr(piece) in (f"<folk: {words}>", f"<folk: {words.replace('C major', 'D minor')}>")
    assert repr(Pieces([piece, piece])).count("\n") == 1
    assert piece.log_likelihood == -12.34


def test_saved_as_its_ending_says(piece: Piece, tmp_path: Path) -> None:
    for name in ("a.mid", "a.MusicXML", "a.wav", "a.png", "a.html"):
        assert piece.save(tmp_path / name).stat().st_size > 100
    assert Score(tmp_path / "a.mid").note_num() == 16
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() > 8 * 60 / 100
    assert (tmp_path / "a.html").read_text() == page([("folk", piece.score)], title="folk")
    with pytest.raises(ConfigError, match=r"a\.mp3 cannot be written: it must end with one of \.mid, "):
        piece.save(tmp_path / "a.mp3")


def test_several_are_numbered(piece: Piece, tmp_path: Path) -> None:
    paths = Pieces([piece, piece]).save(tmp_path / "new")
    assert [path.name for path in paths] == ["001.mid", "002.mid"]
    assert paths[0].read_bytes() == piece.save(tmp_path / "a.mid").read_bytes()


def test_a_notebook_shows_the_page_that_plays_it(piece: Piece) -> None:
    assert framed(piece._repr_html_()) == page([("folk", piece.score)], title="folk")
    both = Pieces([piece, replace(piece, title="other")])
    expected = page([("folk", piece.score), ("other", piece.score)], title="2 pieces")
    assert framed(both._repr_html_()) == expected
    assert not re.search(r"https?:|\bsrc\s*=", framed(piece._repr_html_()))


def test_a_hostile_title_stays_inside(piece: Piece) -> None:
    text = replace(piece, title=HOSTILE)._repr_html_()
    assert framed(text) == page([(HOSTILE, piece.score)], title=HOSTILE)
    assert text.count("<") == 2


def test_silence_is_shown_and_not_saved(piece: Piece, tmp_path: Path) -> None:
    silent = replace(piece, result=replace(piece.result, score=score(metres=[(0, 4, 4)])))
    assert silent._repr_html_() == "<p>folk: no notes</p>"
    assert framed(Pieces([silent, piece])._repr_html_()) == page([("folk", piece.score)], title="2 pieces")
    with pytest.raises(MidiError):
        silent.save(tmp_path / "silent.mid")
