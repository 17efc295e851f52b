/* A piano roll on a canvas: time from left to right, pitch from low to high, drums below, a colour a track.

The canvas is as wide as what is seen of it and stays in place while the roll is scrolled; it is drawn anew then. */
"use strict";

const RULER = 18, KEYS = 34, DRUM_NAMES = 82, DRUM_ROW = 12; // pixels
const QUARTER = [13, 72]; // narrowest and widest, in pixels
const SEMITONE = [3.5, 8]; // the same of a pitch
const HEIGHT = 200; // of all pitches together, if it can be had
const COLOURS = 8;
const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);
const within = (value, [least, most]) => Math.min(most, Math.max(least, value));

/** The colours of the page, as its style sheet has them for light or dark. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["sheet", "ink", "soft", "line", "black-row", "beat", "bar", "octave", "cursor", "key-white", "key-black", "key-name"];
  const colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  colours.tracks = Array.from({length: COLOURS}, (_, i) => style.getPropertyValue(`--track-${i}`).trim());
  return colours;
}

class Roll {
  constructor(element, piece, drumNames) {
    Object.assign(this, {element, piece, drumNames, shown: false, silenced: new Set()});
    this.canvas = element.querySelector("canvas");
    this.wide = element.querySelector(".wide");
    const pitches = piece.notes.filter((note) => !note.drum).map((note) => note.pitch);
    this.low = pitches.reduce((a, b) => Math.min(a, b), 127) - 1;
    this.high = pitches.reduce((a, b) => Math.max(a, b), 0) + 1;
    this.drums = [...new Set(piece.notes.filter((note) => note.drum).map((note) => note.pitch))].sort((a, b) => b - a);
    const rows = pitches.length ? this.high - this.low + 1 : 0;
    this.row = within(HEIGHT / Math.max(1, rows), SEMITONE);
    this.floor = RULER + rows * this.row; // where the drums begin
    this.height = Math.ceil(this.floor + (this.drums.length ? this.drums.length * DRUM_ROW + 4 : 0)) + 1;
    this.canvas.style.height = `${this.height}px`;
  }

  /** Fit the roll to the width it has. */
  resize() {
    const {piece} = this;
    this.width = this.element.clientWidth;
    this.left = this.drums.length && this.width > 480 ? DRUM_NAMES : KEYS;
    this.scale = within((this.width - this.left - 8) / piece.end * piece.tpq, QUARTER) / piece.tpq;
    this.canvas.style.width = `${this.width}px`;
    this.wide.style.width = `${Math.max(this.width, this.left + piece.end * this.scale + 8)}px`;
  }

  /** Take memory for the picture while it can be seen, and give it back after. */
  show(shown) {
    this.shown = shown;
    const dots = shown ? Math.min(2, devicePixelRatio) : 0;
    this.canvas.width = Math.round(this.width * dots);
    this.canvas.height = Math.round(this.height * dots);
    this.dots = dots;
  }

  x(tick) {
    return this.left + tick * this.scale - this.element.scrollLeft;
  }

  /** The tick at a place of the roll, in pixels from its left edge; null on the keys. */
  tick(x) {
    if (x < this.left) return null;
    return Math.min(this.piece.end, (x - this.left + this.element.scrollLeft) / this.scale);
  }

  y(pitch) {
    return RULER + (this.high - pitch) * this.row;
  }

  /** Turn the page where `tick` has left what is seen. */
  follow(tick) {
    const x = this.x(tick);
    if (x < this.left || x > this.width - 12) this.element.scrollLeft += x - this.left - (this.width - this.left) * 0.06;
  }

  sees(tick) {
    const x = this.x(tick);
    return x >= this.left && x <= this.width;
  }

  draw(position, colours) {
    if (!this.shown) return;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.dots, 0, 0, this.dots, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    this.drawRows(pen, colours);
    this.drawBars(pen, colours);
    this.drawNotes(pen, colours, position);
    this.drawKeys(pen, colours);
    this.drawCursor(pen, colours, position);
  }

  drawRows(pen, colours) {
    pen.fillStyle = colours.sheet;
    pen.fillRect(0, 0, this.width, this.height);
    for (let pitch = this.low; pitch <= this.high && this.floor > RULER; pitch++) {
      pen.fillStyle = colours["black-row"];
      if (isBlack(pitch)) pen.fillRect(0, this.y(pitch), this.width, this.row);
      pen.fillStyle = colours.octave;
      if (pitch % 12 === 0) pen.fillRect(0, this.y(pitch) + this.row - 0.5, this.width, 1);
    }
    pen.fillStyle = colours.octave;
    if (this.drums.length) pen.fillRect(0, this.floor, this.width, 1);
  }

  drawBars(pen, colours) {
    const {bars, end} = this.piece;
    const [begin, stop] = [Math.max(0, this.element.scrollLeft / this.scale), this.tick(this.width)];
    let numbered = -Infinity, lined = -Infinity;
    pen.font = "10px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (let bar = bars.at(Math.min(begin, end)); bar < bars.count; bar++) {
      const {tick, length, beats} = bars.get(bar);
      if (tick > stop) break;
      const x = Math.round(this.x(tick));
      if (x - lined < 4) continue;
      lined = x;
      pen.fillStyle = colours.beat;
      for (let beat = 1; beat < beats && length / beats * this.scale > 7; beat++) {
        pen.fillRect(Math.round(x + beat * length / beats * this.scale), RULER, 1, this.height);
      }
      pen.fillStyle = colours.bar;
      pen.fillRect(x, RULER - 5, 1, this.height);
      if (x - numbered < 24) continue;
      numbered = x;
      pen.fillStyle = colours.soft;
      pen.fillText(String(bar + 1), x + 4, RULER / 2);
    }
    const last = Math.round(this.x(end));
    pen.fillStyle = colours.sheet;
    pen.fillRect(last, 0, this.width, this.height);
    pen.fillStyle = colours.bar;
    pen.fillRect(last - 1, RULER - 5, 2, this.height);
  }

  drawNotes(pen, colours, position) {
    const {notes} = this.piece;
    const stop = this.tick(this.width), begin = (this.element.scrollLeft - 4) / this.scale;
    for (const note of notes) { // by onset
      if (note.tick > stop) break;
      if (note.tick + note.ticks < begin && !note.drum) continue;
      const sounds = position > 0 && note.second <= position && position < note.second + note.seconds;
      const faint = this.silenced.has(note.track);
      pen.fillStyle = colours.tracks[note.track % COLOURS];
      pen.globalAlpha = faint ? 0.16 : sounds ? 1 : 0.5 + 0.42 * note.velocity / 127;
      this.outline(pen, note);
      pen.fill();
      if (!sounds || faint) continue;
      pen.strokeStyle = colours.ink;
      pen.lineWidth = this.row > 5 ? 1.25 : 0.75;
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  outline(pen, note) {
    const x = this.x(note.tick);
    pen.beginPath();
    if (note.drum) {
      const y = this.floor + 3 + (this.drums.indexOf(note.pitch) + 0.5) * DRUM_ROW;
      const size = 2.2 + 2 * note.velocity / 127;
      pen.moveTo(x, y - size);
      pen.lineTo(x + size, y);
      pen.lineTo(x, y + size);
      pen.lineTo(x - size, y);
      pen.closePath();
    } else {
      const width = Math.max(2, note.ticks * this.scale - 1);
      pen.roundRect(x + 0.5, this.y(note.pitch) + 0.5, width, this.row - 1, Math.min(2.5, width / 3));
    }
  }

  drawCursor(pen, colours, position) {
    const x = this.x(this.piece.clock.ticks(position));
    if (x < this.left - 1) return; // behind the keys
    pen.fillStyle = colours.cursor;
    pen.fillRect(x - 0.75, RULER - 6, 1.5, this.height);
    pen.beginPath();
    pen.moveTo(x - 5, RULER - 12);
    pen.lineTo(x + 5, RULER - 12);
    pen.lineTo(x, RULER - 5);
    pen.fill();
  }

  /** The keyboard, and the names of the drums, before the notes that are scrolled out. */
  drawKeys(pen, colours) {
    pen.fillStyle = colours.sheet;
    pen.fillRect(0, 0, this.left, this.height);
    pen.textAlign = "right";
    for (let pitch = this.low; pitch <= this.high && this.floor > RULER; pitch++) {
      const y = this.y(pitch);
      pen.fillStyle = colours["key-white"];
      pen.fillRect(this.left - KEYS, y, KEYS, this.row);
      pen.fillStyle = colours["key-black"];
      if (isBlack(pitch)) pen.fillRect(this.left - KEYS, y + 0.25, KEYS * 0.58, this.row - 0.5);
      pen.fillStyle = colours.bar;
      if ([0, 5].includes(pitch % 12)) pen.fillRect(this.left - KEYS, y + this.row - 0.5, KEYS, 1);
    }
    pen.fillStyle = colours["key-name"];
    pen.font = "9px system-ui, sans-serif";
    for (let pitch = Math.ceil(this.low / 12) * 12; pitch <= this.high; pitch += 12) {
      pen.fillText(`C${pitch / 12 - 1}`, this.left - 3, this.y(pitch) + this.row / 2 + 0.5);
    }
    pen.fillStyle = colours.soft;
    pen.font = "10px system-ui, sans-serif";
    this.drums.forEach((pitch, index) => {
      const y = this.floor + 3 + (index + 0.5) * DRUM_ROW;
      if (this.left === DRUM_NAMES) pen.fillText(this.drumNames[pitch] ?? String(pitch), this.left - 6, y, DRUM_NAMES - 10);
    });
    pen.textAlign = "left";
    pen.fillStyle = colours.bar;
    pen.fillRect(this.left - 1, RULER, 1, this.height);
  }
}
