"""Checks a file before parsing: rejects what cannot be music, repairs what is harmless."""

import re
import stat
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from musegen.errors import MidiError

MAX_BYTES = 16 * 2**20
MAX_ENTRIES = 100
MAX_RATIO = 200
_ENCODINGS = re.compile(
    r"utf[-_]?(8|16|32)([-_]?[lb]e)?(-sig)?|(us-)?ascii|iso[-_]8859[-_]\d+|latin-?1|(windows-|cp)125\d"
    r"|mac[-_]?roman|macintosh|koi8-[ru]|shift[-_]jis|euc[-_](jp|kr)|gbk?|gb2312|gb18030|big5",
    re.IGNORECASE,
)
"""Common encodings; some others that Python supports take quadratic time."""
_ROOT_FILE = re.compile(r"<(?:[\w.-]+:)?rootfile\b[^<>]*?full-path=[\"']([^\"']+)[\"']")
_NO_SCORES = ("meta-inf/", "__macosx/")
_ZIP = b"PK\x03\x04"
_JUNK = 4096
"""How many bytes may stand before a zip archive."""
_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"RIFF", "a RIFF file without MIDI (perhaps WAV audio)"),
    (b"OggS", "Ogg audio"),
    (b"ID3", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"\x7fELF", "a program"),
)


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most 16 MB.

    Raises:
        MidiError: missing, not a regular file, empty, too large, unreadable.
    """
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise MidiError("not a regular file")
        if info.st_size > MAX_BYTES:
            raise MidiError(f"too large: {info.st_size} bytes; at most {MAX_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        raise MidiError(error.strerror or str(error)) from error
    if not data:
        raise MidiError("empty file")
    return data


def what_is(data: bytes) -> str:
    """A description of bytes that are not the expected music."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")) or b"<html" in head:
        return "an HTML page"
    if head.startswith(b"<"):
        return "XML"
    if not any(data):
        return "nothing but zero bytes"
    try:
        data[:4096].decode("utf-8")
    except UnicodeDecodeError:
        return "unknown bytes"
    return "unknown bytes" if b"\0" in data[:4096] else "text"


def xml_text(data: bytes) -> str:
    """The text of a MusicXML file, unpacked if it is an .mxl.

    Raises:
        MidiError: not MusicXML, wrongly encoded, with its own entities, or a zip without a score.
    """
    if not data.lstrip().startswith(b"<") and _ZIP in data[:_JUNK]:
        data = _unzip(data)
    declared = re.match(rb"\s*<\?xml[^>]*encoding=[\"']([\w.-]+)[\"']", data[:200])
    encoding = declared[1].decode() if declared else "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    if not _ENCODINGS.fullmatch(encoding):
        raise MidiError(f"XML in an encoding that is not read: {encoding}; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise MidiError(f"not readable as {encoding} text: {what_is(data)}") from error
    if "<!ENTITY" in text:
        raise MidiError("XML with entities of its own, which are refused")
    if not re.search(r"<score-(partwise|timewise)\b", text):
        raise MidiError(f"not MusicXML: it is {what_is(data)} without a score")
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)


def _unzip(data: bytes) -> bytes:
    """The score inside an .mxl archive: the first that the container names, else the first there is."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_ENTRIES:
                raise MidiError(f"an archive of {len(infos)} files; at most {MAX_ENTRIES} are read")
            names = {i.filename.lower(): i.filename for i in infos}
            container = names.get("meta-inf/container.xml")
            listed = (
                _ROOT_FILE.findall(_member(archive, container).decode(errors="replace")) if container else []
            )
            for name in [*map(str.lower, listed), *(n for n in names if not n.startswith(_NO_SCORES))]:
                if name in names and name.endswith((".xml", ".musicxml")) and "/._" not in f"/{name}":
                    return _member(archive, names[name])
            raise MidiError("an archive without a score")
    except (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, ValueError) as error:
        raise MidiError(f"damaged archive: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of the archive; at most MAX_BYTES are unpacked."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack all at once
        raise MidiError("an archive packed in a way that MusicXML does not use")
    with archive.open(info) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES or len(data) > MAX_RATIO * max(1, info.compress_size) + 4096:
        raise MidiError("an archive that unpacks to too much")
    return data
