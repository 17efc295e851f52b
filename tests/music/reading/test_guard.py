import io
import zipfile
from pathlib import Path

import pytest

from musegen.errors import MidiError
from musegen.music.reading.guard import read_bytes, xml_text
from musegen.music.reading.read import read_score

XML = "<score-partwise/>"


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match="No such file"):
        read_bytes(tmp_path / "a.mid")
    with pytest.raises(MidiError, match="not a regular file"):
        read_bytes(tmp_path)
    (tmp_path / "empty.mid").touch()
    with pytest.raises(MidiError, match=r"empty\.mid: empty file"):
        read_score(tmp_path / "empty.mid")
    with (tmp_path / "large.mid").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(MidiError, match="too large"):
        read_bytes(tmp_path / "large.mid")


def mxl(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_an_archive_gives_its_score() -> None:
    container = b'<container><rootfiles><rootfile full-path="b.xml"/></rootfiles></container>'
    data = mxl({"META-INF/container.xml": container, "a.xml": b"<other/>", "b.xml": XML.encode()})
    assert xml_text(data) == XML
    assert xml_text(mxl({"b.xml": XML.encode("utf-16")})) == XML


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html></html>", "an HTML page without a score"),
        (b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "b">]><score-partwise/>', "entities"),
        (b'<?xml version="1.0" encoding="UTF-8"?><score-partwise a="\xe9"/>', "not readable as"),
        (b"PK\3\4garbage", "damaged archive"),
        (mxl({"readme.txt": b"hello"}), "without a score"),
        (mxl({"a.xml": b"<score-partwise>" + b" " * 2**24 + b"</score-partwise>"}), "unpacks to too much"),
    ],
)
def test_what_is_no_musicxml_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(MidiError, match=said):
        xml_text(data)
