"""A Humdrum file as a notated piece, and played."""

import re
from collections import Counter
from fractions import Fraction

from musegen.errors import MidiError
from musegen.music.reading.bars import Metre, quarters, snap
from musegen.music.reading.humdrum.spines import Player, Spine, next_spines
from musegen.music.reading.humdrum.token import KernNote, read_barline, read_notes
from musegen.music.reading.instruments import drum_placed, program_named
from musegen.music.reading.notated import KeyMark, Mark, Notated, NotatedPart, Sound, TempoMark, Tune, play
from musegen.music.reading.repeats import Printed, merged_signs

MAX_MEASURES = 20_000
LATEST = Fraction(1, 4)
"""By how much a note may come after its line, in quarter notes."""
KERN = "**kern"
_TITLE = re.compile(r"^!!!OTL[^:]*:\s*(.*)", re.MULTILINE)
_MODES = {"dor": -2, "phr": -4, "lyd": 1, "mix": -1, "loc": -5}
_TONICS = "fcgdaeb"
_CODES = {
    "violn": 40, "viola": 41, "cello": 42, "cbass": 43, "flt": 73, "picco": 72, "oboe": 68, "clars": 71,
    "fagot": 70, "cor": 60, "tromp": 56, "tromb": 57, "tuba": 58, "piano": 0, "forte": 0, "cemba": 6,
    "organ": 19, "harp": 46,
    "guitr": 24, "liuto": 24, "soprn": 52, "alto": 52, "tenor": 52, "bass": 52, "vox": 52, "timpa": 47,
}  # fmt: skip
"""Codes of instruments, and General MIDI programs from 0."""


def parse_kern(text: str) -> Tune:
    """The **kern spines of a Humdrum file as they are played, with one track per part.

    Raises:
        MidiError: it has no **kern spine or no notes, or its spines do not fit together.
    """
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            reader.read_line(line)
        except MidiError as error:
            raise MidiError(f"line {number}: {error}") from error
    title = _TITLE.search(text)
    score = play(reader.notated(), reader.counts, abc=False)
    words = [f"{n} {what}" for what, n in (+reader.counts).items()]
    return Tune(title[1].strip() if title else "", score, words)


class _Measure:
    """A measure while it is read."""

    def __init__(self, start: Fraction, printed: Printed, metre: Metre) -> None:
        self.start, self.printed, self.metre = start, printed, metre
        self.sounds: dict[int, list[Sound]] = {}
        """By number of the player."""
        self.marks: list[tuple[Fraction, Mark]] = []
        self.length = Fraction(0)


class _Reader:
    """The state of reading a file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.spines: list[Spine] = []
        self.players: dict[int, Player] = {}
        self.now = Fraction(0)
        self.order: list[str] = []
        self.label = ""
        self.current = _Measure(Fraction(0), Printed(), (4, 4))
        self.measures: list[_Measure] = []

    def read_line(self, line: str) -> None:
        """A line of any kind."""
        if not line or line.startswith("!"):
            return
        cells = line.split("\t")
        if not self.spines:
            if not line.startswith("**"):
                return
            players = [Player(i) for i in range(len(cells))]
            self.spines = [Spine(cell, p, Fraction(0)) for cell, p in zip(cells, players, strict=True)]
            self.players = {p.number: p for p in players}
        elif line.startswith("*"):
            self._interpret(cells)
            self.spines = next_spines(self.spines, cells, self._time())
            self.players |= {s.player.number: s.player for s in self.spines if s.kind == KERN}
        elif line.startswith("="):
            self._barline(cells)
        elif len(cells) != len(self.spines):
            raise MidiError(f"a line of {len(cells)} cells where there are {len(self.spines)} spines")
        else:
            self._data(cells)

    def _kern(self) -> list[Spine]:
        return [spine for spine in self.spines if spine.kind == KERN]

    def _time(self) -> Fraction:
        """The time of the next line: where the first of the spines ends."""
        return max(self.now, min((spine.ends for spine in self._kern()), default=self.now))

    def _data(self, cells: list[str]) -> None:
        pairs = [(s, c) for s, c in zip(self.spines, cells, strict=True) if s.kind == KERN and c != "."]
        notes = [(spine, read_notes(cell)) for spine, cell in pairs]
        if any(note for _, group in notes for note in group if not note.is_grace):
            self.now = self._time()
        for spine, group in notes:
            self._place(spine, group)

    def _place(self, spine: Spine, notes: list[KernNote]) -> None:
        """The notes of a cell, at the time of its line.

        A note in line with one that comes a little earlier by the note values, as a dotted rhythm is with
        triplets, has the time of its own spine.
        """
        lasting = [note for note in notes if not note.is_grace]
        self.counts["grace notes dropped"] += sum(n.is_grace and n.pitch is not None for n in notes)
        late = spine.ends - self.now if lasting else Fraction(0)
        if late > LATEST:
            self.counts["notes that begin before the one before them ends"] += 1
        time = spine.ends if 0 < late <= LATEST else self.now
        for note in lasting:
            if note.pitch is not None:
                self._sound(spine, note, time)
        if lasting:
            spine.ends = snap(time + lasting[0].length)
            self.current.length = max(self.current.length, spine.ends - self.current.start)

    def _sound(self, spine: Spine, note: KernNote, time: Fraction) -> None:
        player = spine.player
        pitch = drum_placed(*note.place, "") if player.is_percussion else note.pitch or 0
        if not 0 <= pitch <= 127:
            self.counts["notes outside MIDI's range dropped"] += 1
            return
        sound = Sound(
            time - self.current.start,
            note.length,
            pitch,
            tie=note.tie,
            voice=f"{player.number}.{spine.voice}",
        )
        self.current.sounds.setdefault(player.number, []).append(sound)

    def _barline(self, cells: list[str]) -> None:
        kern = [cell for spine, cell in zip(self.spines, cells, strict=False) if spine.kind == KERN]
        if not kern:
            return
        before, after = read_barline(max(kern, key=len))
        now = max([self.now, *(spine.ends for spine in self._kern())])
        if self.current.length:
            self.current.printed = merged_signs([self.current.printed, before])
            self._close(now)
        elif self.measures:
            self.measures[-1].printed = merged_signs([self.measures[-1].printed, before])
        self.current.printed = merged_signs([self.current.printed, after])

    def _close(self, now: Fraction) -> None:
        """End the measure, and begin the next."""
        if len(self.measures) >= MAX_MEASURES:
            raise MidiError(f"absurdly long: more than {MAX_MEASURES} measures")
        self.measures.append(self.current)
        self.now = now
        for spine in self.spines:
            spine.ends = now
        self.current = _Measure(now, Printed(), self.current.metre)

    def _interpret(self, cells: list[str]) -> None:
        for spine, cell in zip(self.spines, cells, strict=False):
            if cell.startswith("*>["):
                self.order = self.order or [label.strip() for label in cell[3:].rstrip("]").split(",")]
            elif cell.startswith("*>") and "[" not in cell:
                self._section(cell[2:])
            elif spine.kind == KERN and len(cell) > 1:
                self._setting(spine.player, cell[1:])

    def _section(self, label: str) -> None:
        if self.current.length:
            self._close(max([self.now, *(spine.ends for spine in self._kern())]))
        self.current.printed = self.current.printed._replace(label=label)

    def _setting(self, player: Player, text: str) -> None:
        """An interpretation of a **kern spine, without its star."""
        at = self._time() - self.current.start
        if found := re.fullmatch(r"M(\d{1,3})/(\d{1,3})(?:%\d+)?", text):
            metre = int(found[1]), int(found[2])
            if metre[0] and metre[1] and not self.current.length:
                self.current.metre = metre
        elif found := re.fullmatch(r"MM(\d{1,4}(?:\.\d{1,3})?)", text):
            if 4 <= float(found[1]) <= 1000:
                self._mark(at, TempoMark(float(found[1])))
        elif text.startswith("k["):
            self._mark(at, KeyMark(max(-7, min(7, text.count("#") - text.count("-")))))
        elif text.startswith('I"'):
            self.counts["changes of the instrument of a part not followed"] += bool(
                player.name and player.name != text[2:].strip()
            )
            player.name = player.name or text[2:].strip()
        elif re.match(r"I[a-z]", text):
            player.code = text[1:]
            player.is_percussion |= text.startswith(("Idrm", "Iperc", "Ibdrum", "Isdrum"))
        elif text.startswith("clefX"):
            player.is_percussion = True

    def _mark(self, at: Fraction, mark: Mark) -> None:
        if (at, mark) not in self.current.marks:
            self.current.marks.append((at, mark))

    def notated(self) -> Notated:
        """What was read.

        Raises:
            MidiError: no **kern spine, or no notes.
        """
        if self.current.length:
            self._close(max([self.now, *(spine.ends for spine in self.spines)]))
        if not any(m.sounds for m in self.measures):
            raise MidiError("no notes in **kern spines")
        printed = [m.printed for m in self.measures]
        if self.order:  # it says all that is repeated
            printed = [Printed(label=p.label, section=p.section) for p in printed]
        sounding = sorted({number for m in self.measures for number in m.sounds}, reverse=True)
        return Notated(
            [self._part(number) for number in sounding],
            [m.length or quarters(m.metre) for m in self.measures],
            [m.metre for m in self.measures],
            printed,
            [m.marks for m in self.measures],
            self.order,
        )

    def _part(self, number: int) -> NotatedPart:
        player = self.players[number]
        program = _CODES.get(player.code, program_named(player.name or player.code))
        measures = [m.sounds.get(number, []) for m in self.measures]
        drums = player.is_percussion
        return NotatedPart(player.name or player.code, 0 if drums else program, drums, measures)
