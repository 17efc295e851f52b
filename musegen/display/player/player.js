/* The page at work: a player a piece, of which one is heard at a time. */
"use strict";

const AHEAD = 1.6; // seconds handed over to the synth; timers of a tab in the background run once a second
const EVERY = 100; // milliseconds
const START = 0.06; // seconds until the first note
const PLAY = "M8 5.5v13l11-6.5z", PAUSE = "M7 6h3.6v12H7zM13.4 6H17v12h-3.6z";

/** Seconds as minutes and seconds. */
const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** A piece with its notes by onset: ticks for the eye, seconds for the ear. */
function readPiece(piece) {
  const clock = new Clock(piece);
  const notes = piece.tracks.flatMap(({notes: flat, program}, track) => Array.from({length: flat.length / 4}, (_, i) => {
    const [tick, ticks, pitch, velocity] = flat.slice(4 * i, 4 * i + 4);
    const second = clock.seconds(tick);
    return {tick, ticks, pitch, velocity, track, drum: program < 0, second, seconds: clock.seconds(tick + ticks) - second};
  }));
  notes.sort((a, b) => a.tick - b.tick);
  const length = notes.reduce((latest, note) => Math.max(latest, note.second + note.seconds), 0);
  return {...piece, clock, bars: new Bars(piece), notes, length};
}

/** The one synth of the page, made when something is first played, as browsers demand. */
const sound = {
  synth: null,
  volume: 0.7,
  get() {
    this.synth ??= new Synth(new AudioContext({latencyHint: "playback"}));
    this.turn(this.volume);
    this.synth.context.resume();
    return this.synth;
  },
  turn(volume) {
    this.volume = volume;
    this.synth?.output.gain.setTargetAtTime(volume ** 2, this.synth.context.currentTime, 0.02);
  },
};

class Player {
  constructor(element, piece, drumNames) {
    Object.assign(this, {element, piece, position: 0, playback: null, timer: 0});
    this.find = (selector) => element.querySelector(selector);
    this.roll = new Roll(this.find(".roll"), piece, drumNames);
    this.find("h2").textContent = piece.title;
    this.find(".facts").textContent = piece.facts;
    this.find(".whole").textContent = `/ ${minutes(piece.length)}`;
    this.find(".roll").setAttribute("aria-label", `Position in ${piece.title}`);
    this.find(".roll").setAttribute("aria-valuemax", Math.floor(piece.length));
    this.find(".play").addEventListener("click", () => this.toggle());
    this.find(".stop").addEventListener("click", () => this.stop());
    this.find(".roll").addEventListener("click", (event) => this.point(event));
    this.find(".roll").addEventListener("scroll", () => this.draw());
    element.addEventListener("keydown", (event) => this.press(event));
    piece.tracks.forEach((track, index) => this.find(".tracks").append(this.label(track, index)));
    this.tell();
  }

  /** The name of a track, which silences it. */
  label({name}, index) {
    const item = document.createElement("li"), button = document.createElement("button");
    const patch = document.createElement("i"), words = document.createElement("span");
    patch.style.background = `var(--track-${index % COLOURS})`;
    words.textContent = name;
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.append(patch, words);
    button.addEventListener("click", () => {
      const silent = !this.roll.silenced.delete(index);
      if (silent) this.roll.silenced.add(index);
      button.setAttribute("aria-pressed", String(!silent));
      this.playback?.silence(index, silent);
      this.draw();
    });
    item.append(button);
    return item;
  }

  toggle() {
    if (this.playback) this.pause(); else this.play();
  }

  play() {
    Player.current?.pause();
    Player.current = this;
    const synth = sound.get();
    const at = synth.context.currentTime + START;
    this.playback = new Playback(synth, this.piece, {from: this.position, at, silenced: this.roll.silenced});
    this.timer = setInterval(() => this.feed(), EVERY);
    this.roll.follow(this.piece.clock.ticks(this.position));
    this.feed();
    this.tell();
    requestAnimationFrame(() => this.frame());
  }

  /** Keep the synth supplied, and end with the last note. */
  feed() {
    const {currentTime} = this.playback.synth.context;
    this.playback.fill(currentTime + AHEAD, currentTime);
    if (this.playback.position(currentTime) < this.piece.length) return;
    this.playback.finish();
    this.rest();
    this.move(0);
  }

  frame() {
    if (!this.playback) return;
    const seen = this.roll.sees(this.piece.clock.ticks(this.position));
    this.position = this.heard();
    if (seen) this.roll.follow(this.piece.clock.ticks(this.position));
    this.draw();
    this.tell();
    requestAnimationFrame(() => this.frame());
  }

  /** The second of the piece that leaves the loudspeaker. */
  heard() {
    const {currentTime, outputLatency = 0} = this.playback.synth.context;
    return Math.min(this.piece.length, this.playback.position(currentTime - outputLatency));
  }

  pause() {
    if (!this.playback) return;
    this.position = this.heard();
    this.playback.stop();
    this.rest();
  }

  stop() {
    this.pause();
    this.move(0);
  }

  /** Nothing is played any more. */
  rest() {
    clearInterval(this.timer);
    this.playback = null;
    if (Player.current === this) Player.current = null;
    this.draw();
    this.tell();
  }

  /** Go to a second of the piece, and play on from there if it is being played. */
  move(second) {
    const playing = this.playback;
    if (playing) this.pause();
    this.position = Math.max(0, Math.min(second, this.piece.length));
    if (playing && this.position < this.piece.length) this.play();
    this.roll.follow(this.piece.clock.ticks(this.position));
    this.draw();
    this.tell();
  }

  point(event) {
    const tick = this.roll.tick(event.clientX - this.find(".roll").getBoundingClientRect().left - 1);
    if (tick !== null) this.move(this.piece.clock.seconds(tick));
  }

  press(event) {
    const {clock, bars, length} = this.piece;
    const step = (back) => clock.seconds(bars.step(clock.ticks(this.position), {back, whole: event.shiftKey}));
    const onRoll = event.target === this.find(".roll");
    if (event.key === " " && onRoll) this.toggle();
    else if (event.key === "ArrowLeft") this.move(step(true));
    else if (event.key === "ArrowRight") this.move(step(false));
    else if (event.key === "Home") this.move(0);
    else if (event.key === "End" && onRoll) this.move(length);
    else return;
    event.preventDefault();
  }

  draw() {
    this.roll.draw(this.position, Player.colours);
  }

  /** Say in words where the cursor is, where that has changed. */
  tell() {
    const {clock, bars, title} = this.piece;
    const words = `${minutes(this.position)}, bar ${bars.at(clock.ticks(this.position)) + 1} of ${bars.count}`;
    const name = `${this.playback ? "Pause" : "Play"} ${title}`;
    if (this.told === words + name) return;
    this.told = words + name;
    this.find(".now").textContent = minutes(this.position);
    this.find(".roll").setAttribute("aria-valuenow", Math.floor(this.position));
    this.find(".roll").setAttribute("aria-valuetext", words);
    this.find(".play").setAttribute("aria-label", name);
    this.find(".play path").setAttribute("d", this.playback ? PAUSE : PLAY);
  }
}

/** Build the page from its music. */
function open() {
  const music = JSON.parse(document.getElementById("music").textContent);
  const template = document.getElementById("piece");
  const players = music.pieces.map((piece) => {
    const element = template.content.cloneNode(true).firstElementChild;
    document.getElementById("pieces").append(element);
    return new Player(element, readPiece(piece), music.drums);
  });
  const owner = new Map(players.map((player) => [player.roll.element, player]));
  const seen = new IntersectionObserver((entries) => entries.forEach(({target, isIntersecting}) => {
    owner.get(target).roll.show(isIntersecting);
    owner.get(target).draw();
  }), {rootMargin: "300px"});
  const sizes = new ResizeObserver((entries) => entries.forEach(({target}) => {
    const player = owner.get(target);
    player.roll.resize();
    player.roll.show(player.roll.shown);
    player.draw();
  }));
  const paint = () => {
    Player.colours = palette();
    players.forEach((player) => player.draw());
  };
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  for (const {roll} of players) {
    roll.resize();
    seen.observe(roll.element);
    sizes.observe(roll.element);
  }
  const volume = document.getElementById("volume");
  volume.addEventListener("input", () => sound.turn(volume.value / 100));
  return players;
}

/** The first seconds of a piece as they are heard, left channel, without waiting for them. */
async function record(piece, seconds, rate = 44100) {
  const context = new OfflineAudioContext(2, Math.round(seconds * rate), rate);
  new Playback(new Synth(context), piece, {from: 0, at: 0, silenced: new Set()}).fill(seconds, 0);
  return (await context.startRendering()).getChannelData(0);
}

/** For the console of the browser, and for tests: what is on the page, what it sounds like. */
window.musegen = {players: open(), sound, record};
