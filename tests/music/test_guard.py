import io
import struct
import zipfile
from pathlib import Path

import pytest

from musegen.errors import MidiError
from musegen.music.guard import check_midi, read_bytes, xml_text
from musegen.music.read import read_midi, read_score
from musegen.music.write import midi_bytes
from tests.music.scores import line, score

GOOD = midi_bytes(score(line([60, 62, 64])))
XML = "<score-partwise/>"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><p>404", "an HTML page"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\0" * 100, "zero bytes"),
        (b"to be or not to be", "text"),
        (GOOD[:10], "ends within its header"),
        (GOOD[:14], "no tracks"),
        (GOOD[:40], "damaged MIDI"),
        (GOOD[:12] + b"\0\0" + GOOD[14:], "zero ticks"),
        (GOOD[:12] + b"\xe7\x28" + GOOD[14:], "SMPTE"),
        (b"RIFF\0\0\0\0WAVE" + GOOD, "RIFF"),
    ],
)
def test_what_is_no_midi_is_refused_with_its_reason(data: bytes, said: str) -> None:
    with pytest.raises(MidiError, match=said):
        read_midi(data)


def test_wrappers_headers_and_track_counts_are_mended() -> None:
    wrapped = b"RIFF" + struct.pack("<I", len(GOOD) + 12) + b"RMIDdata" + struct.pack("<I", len(GOOD)) + GOOD
    assert check_midi(wrapped) == (GOOD, ["wrapper around the MIDI taken off"])
    longer = GOOD[:4] + struct.pack(">I", 8) + GOOD[8:14] + b"\0\0" + GOOD[14:]
    assert check_midi(longer) == (GOOD, [])
    few = GOOD[:10] + b"\0\1" + GOOD[12:]
    assert check_midi(few) == (GOOD, ["the header says 1 tracks, the file has 2"])


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


def test_no_notes_and_endless_notes_are_refused() -> None:
    silent = b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0"
    with pytest.raises(MidiError, match="no notes"):
        read_midi(silent)
    events = b"\0\x90\x3c\x40" + b"\xff\xff\xff\x7f\x80\x3c\0" + b"\0\xff\x2f\0"
    with pytest.raises(MidiError, match="absurdly long"):
        read_midi(silent[:14] + b"MTrk" + struct.pack(">I", len(events)) + events)


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
