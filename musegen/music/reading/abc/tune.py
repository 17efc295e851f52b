"""One ABC tune as a notated piece, and played."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction

from musegen.errors import MidiError
from musegen.music.chord_symbols import moved, parse_symbol
from musegen.music.reading.abc import fields
from musegen.music.reading.abc.fields import VoiceOptions
from musegen.music.reading.abc.lexer import read_length, read_note, step_pitch, tokens
from musegen.music.reading.abc.piece import put_together
from musegen.music.reading.abc.tunebook import FIELD, tune_lines
from musegen.music.reading.abc.voice import Context, Voice
from musegen.music.reading.notated import JUMPS, LOUDNESS, KeyMark, Mark, TempoMark, Tune, play
from musegen.music.reading.repeats import UNCLEAR, read_jump

MAX_VOICES = 64
UNREAD = "signs not understood"
_LIKE_CHORD = re.compile(r"[A-G][#b♯♭]?(?:m|M|maj|min|dim|aug|sus|add|[\d/+°oø-])[^ ]*$")
_SILENT_MIDI = {"drum", "drumon", "drone", "droneon", "gchord", "gchordon"}
"""Directives of accompaniments that players make up from the chord symbols."""


def parse_abc(tune: str, propagate: str = "pitch") -> Tune:
    """One ABC tune (see `split_abc`) as it is played, with one track per voice.

    Args:
        tune: its text.
        propagate: how far an accidental holds in its bar where the tune does not say: "not" (for its note
            alone), "octave" or "pitch" (in all octaves, the default of the standard, section 11.3).

    Raises:
        MidiError: it is no tune, it has no notes, or it is absurdly long.
    """
    lines = tune_lines(tune)
    reader = _Reader(propagate)
    if lines.after:
        reader.counts["lines of music after the end of the tune (an empty line) not read"] += lines.after
    reader.read_header(lines.header)
    for line in lines.body:
        reader.read_line(line)
    for voice in reader.voices.values():
        voice.close()
    piece = put_together([*reader.voices.values()], reader.opening, reader.order, reader.counts)
    score = play(piece, reader.counts, abc=True)
    return Tune(reader.title, score, [f"{n} {what}" for what, n in (+reader.counts).items()])


def _rest(voice: Voice, text: str) -> None:
    length = read_length(text[1:])
    if text[0] in "ZX" and length.denominator == 1:
        voice.bars_of_rest(int(length))
    else:
        voice.rest(length, is_invisible=text[0] == "x")


_OF_VOICE: dict[str, Callable[[Voice, str], None]] = {
    "note": Voice.note,
    "rest": _rest,
    "open": lambda voice, _: voice.open_chord(),
    "close": lambda voice, text: voice.close_chord(read_length(text[1:])),
    "tie": lambda voice, _: voice.tie(),
    "broken": Voice.broken,
    "tuplet": Voice.tuplet,
    "overlay": lambda voice, _: voice.overlay(),
}
"""What the tokens do that concern the voice alone."""


class _Reader:
    """The state of reading a tune."""

    def __init__(self, propagate: str) -> None:
        self.counts: Counter[str] = Counter()
        self.title = ""
        self.order: list[str] = []
        self.default = Context(fields.read_key("C") or fields.Key({}, 0, minor=False), (4, 4), Fraction(1, 2))
        self.default = self.default._replace(propagate=propagate)
        self.voices: dict[str, Voice] = {}
        self.declared: dict[str, VoiceOptions] = {}
        self.common = VoiceOptions()
        """Of the K: field of the header."""
        self.voice: Voice | None = None
        self.declaring = ""
        """The voice of the last V: field of the header, to which directives after it belong."""
        self.own: dict[str, dict[str, object]] = {}
        """What such directives set, by voice."""
        self.previous = ""
        """The kind of the last token."""
        self.opening: list[Mark] = []
        self.symbols: dict[str, str] = {"S": "segno", "O": "coda"}
        """Decorations by their letters."""

    # -- fields

    def read_header(self, header: Iterable[str]) -> None:
        """The fields before the music."""
        unit = metre = None
        tempo = ""
        for line in header:
            name, value = line[:1], line[2:].split("%")[0].strip()
            if line.startswith("%%"):
                self._directive(line[2:])
            elif name == "T" and not self.title:
                self.title = value
            elif name == "M":
                metre = self._read_metre(value)
            elif name == "L":
                unit = fields.read_unit(value) or unit
            elif name == "Q":
                tempo = line[2:]
            elif name == "P":
                self.order = fields.read_parts(value)
            elif name == "K":
                self._header_key(value)
            else:
                self._other_field(name, value)
        self.default = self.default._replace(
            metre=metre or self.default.metre, unit=unit or fields.default_unit(metre)
        )
        self.declaring = ""
        self.opening.insert(0, KeyMark(self.default.key.sharps, self.default.key.minor))
        if tempo:
            self._tempo(tempo, None)

    def _header_key(self, value: str) -> None:
        key = fields.read_key(value)
        if not fields.is_known_key(value):
            self.counts["keys not understood"] += 1
        self.default = self.default._replace(key=key or self.default.key)
        self.common = fields.read_voice(value)

    def _read_metre(self, value: str) -> tuple[int, int] | None:
        metre = fields.read_metre(value)
        if metre is None and value and not re.match("none|free", value, re.IGNORECASE):
            self.counts["metres not understood"] += 1
        return metre

    def _declare(self, value: str) -> None:
        name, rest = _name_and_rest(value)
        self.declaring = name
        said = {k: v for k, v in fields.read_voice(rest)._asdict().items() if v is not None}
        self.declared[name] = self.declared.get(name, VoiceOptions())._replace(**said)

    def _other_field(self, name: str, value: str) -> None:
        if name == "V":
            self._declare(value)
        elif name == "I":
            self._directive(value.replace("=", " ", 1))
        elif name == "m":
            self.counts["macros (m:) not expanded"] += 1
        elif name == "U":
            letter, _, sign = value.partition("=")
            self.symbols[letter.strip()] = sign.strip().strip("!+")

    def _directive(self, text: str) -> None:
        """A directive: the text after %%."""
        words = text.split()
        if words[:1] == ["propagate-accidentals"] and words[1:2] in (["not"], ["octave"], ["pitch"]):
            self._set(propagate=words[1])
        elif words[:1] == ["MIDI"] and len(words) > 1:
            self._midi(words[1].lower(), words[2:])

    def _midi(self, name: str, words: list[str]) -> None:
        numbers = [int(w) for w in words if re.fullmatch(r"[+-]?\d{1,3}", w)]
        if name == "program" and numbers and 0 <= numbers[-1] <= 127:
            self._set(program=numbers[-1])
        elif name == "channel" and numbers:
            self._set(channel=numbers[0])
        elif name == "transpose" and numbers:
            self._set(transpose=numbers[0])
        elif name in ("drummap", "percmap") and len(words) > 1 and numbers:
            kind = next(tokens(words[0]), ("", ""))
            if kind[0] == "note":
                letter, octave, alter, _ = read_note(words[0])
                pair = step_pitch(letter, octave) + round(alter or 0), numbers[-1]
                context = self.voice.context if self.voice else self.default
                self._set(drum_map=(*context.drum_map, pair))
        elif name in _SILENT_MIDI:
            self.counts["accompaniments (%%MIDI drum, gchord) not sounded"] += 1

    def _set(self, **said: object) -> None:
        """Change the context of the voice that is read, or of all before the first."""
        if self.voice is not None:
            self.voice.set_context(self.voice.context._replace(**said))  # type: ignore[arg-type]
        elif self.declaring:
            self.own.setdefault(self.declaring, {}).update(said)
        else:
            self.default = self.default._replace(**said)  # type: ignore[arg-type]

    def _tempo(self, value: str, voice: Voice | None) -> None:
        unit = voice.context.unit if voice else self.default.unit
        qpm = fields.read_tempo(value, unit)
        if qpm is not None:
            self._mark(TempoMark(qpm), voice)
        elif re.search(r"\d", re.sub(r'"[^"]*"', "", value)):
            self.counts["tempos (Q:) not understood"] += 1

    def _mark(self, mark: Mark, voice: Voice | None) -> None:
        if voice is not None:
            voice.mark(mark)
        else:
            self.opening.append(mark)

    def body_field(self, name: str, value: str) -> None:
        """A field among the music."""
        value = value.split("%", maxsplit=1)[0].strip()
        if name == "V":
            self._enter(value)
        elif name == "K":
            self._key(value)
        elif name == "M":
            metre = self._read_metre(value)
            if metre is not None:
                self._set(metre=metre)
        elif name == "L":
            unit = fields.read_unit(value)
            if unit is not None:
                self._set(unit=unit)
        elif name == "Q":
            self._tempo(value, self.voice)
        elif name == "P" and self.order:
            self._voice().part(value[:1])
        else:
            self._other_field(name, value)

    def _key(self, value: str) -> None:
        options = fields.read_voice(value)
        key = fields.read_key(value)
        if not fields.is_known_key(value):
            self.counts["keys not understood"] += 1
        if self.voice is not None:
            self.voice.configure(options)
        else:
            said = {k: v for k, v in options._asdict().items() if v is not None}
            self.common = self.common._replace(**said)
        if key is not None:
            self._set(key=key)
            self._mark(KeyMark(key.sharps, key.minor), self.voice)

    # -- voices

    def _enter(self, value: str) -> None:
        name, rest = _name_and_rest(value)
        self.voice = self.voices.get(name) or self._begin(name)
        self.voice.configure(fields.read_voice(rest))

    def _begin(self, name: str) -> Voice:
        if len(self.voices) >= MAX_VOICES:
            raise MidiError(f"more than {MAX_VOICES} voices")
        context = self.default._replace(**self.own.get(name, {}))  # type: ignore[arg-type]
        voice = Voice(name, context, self.counts)
        voice.configure(self.common)
        voice.configure(self.declared.get(name, VoiceOptions()))
        self.voices[name] = voice
        return voice

    def _voice(self) -> Voice:
        if self.voice is None:
            self.voice = self._begin(next(iter(self.declared), ""))
        return self.voice

    # -- music

    def read_line(self, line: str) -> None:
        """A line after the header."""
        if line.startswith("%"):
            if line.startswith("%%"):
                self._directive(line[2:])
        elif FIELD.match(line):
            self.body_field(line[0], line[2:])
        else:
            for kind, text in tokens(line):
                self._token(kind, text, self.previous)
                is_fermata = text.strip("!+") in ("H", "fermata") and kind in ("letter", "decoration")
                is_room = self.previous == "fermata" and text == "x"
                self.previous = "fermata" if is_fermata or is_room else kind
            self._voice().settle()

    def _token(self, kind: str, text: str, previous: str) -> None:
        if kind == "field":
            self.body_field(text[1], text[3:].rstrip("]"))
            return
        voice = self._voice()
        if kind in _OF_VOICE:
            _OF_VOICE[kind](voice, text)
        elif kind == "bar":
            if previous == "fermata":  # over a barline it is where a da capo ends
                voice.sign_after(fine=True)
            voice.barline(text)
        elif kind == "ending":
            self._ending(voice, text, previous)
        elif kind == "grace":
            self.counts["grace notes dropped"] += sum(k == "note" for k, _ in tokens(text.strip("{}/")))
        elif kind in ("text", "named"):
            self._text(voice, text.strip('["'))
        elif kind in ("decoration", "letter"):
            self._decoration(voice, text.strip("!+") if kind == "decoration" else self.symbols.get(text, ""))
        elif kind == "other":
            self.counts[UNREAD] += 1

    def _ending(self, voice: Voice, text: str, previous: str) -> None:
        if previous != "bar" and not text.startswith("["):
            self.counts[UNREAD] += 1
            return
        numbers: list[int] = []
        for first, last in re.findall(r"(\d{1,2})(?:\s*-\s*(\d{1,2}))?", text):
            numbers += range(int(first), min(int(last or first), int(first) + 31) + 1)
        if numbers:
            voice.ending(tuple(numbers[:64]))

    def _text(self, voice: Voice, text: str) -> None:
        """A chord symbol or an annotation."""
        for words in re.split(r"[;\n]", text):
            if self._is_jump(voice, words.lstrip("^_<>@ ")):
                return
        symbol = parse_symbol(text) or parse_symbol(re.sub(r"\(.*\)$", "", text))
        if symbol is not None:
            voice.mark(moved(symbol, (voice.options.transpose or 0) + voice.context.transpose))
        elif _LIKE_CHORD.match(text):
            self.counts["chord symbols not understood"] += 1

    def _decoration(self, voice: Voice, name: str) -> None:
        if name in LOUDNESS:
            voice.velocity = LOUDNESS[name]
        else:
            self._is_jump(voice, name)

    def _is_jump(self, voice: Voice, words: str) -> bool:
        """Whether words say where to play on; if so, that is noted."""
        sign = read_jump(words)
        if sign in ("segno", "coda"):
            voice.sign_before(**{sign: True})
        elif sign == "tocoda":
            voice.sign_next(coda=True)
        elif sign == "fine":
            voice.sign_after(fine=True)
        elif sign == UNCLEAR:
            self.counts[JUMPS] += 1
        elif sign:
            voice.sign_after(jump=sign)
        return bool(sign)


def _name_and_rest(value: str) -> tuple[str, str]:
    """The name of the voice in a V: field, and what follows."""
    name, *rest = value.split(None, 1) or [""]
    return name, rest[0] if rest else ""
