/* A small synthesizer: what each family of General MIDI sounds like, and one voice at a time.

Frequencies are in hertz, times in seconds of the audio context, levels in parts of full scale. */
"use strict";

const VOICES = 56; // sounding at once; the oldest gives way
const SILENT = 7; // time constants after which an envelope is taken to be at its end

/* partials: levels of the harmonics. detune: cents between two oscillators, 0 is one. attack in seconds; decay and
release are time constants, of which struck and plucked ones grow longer towards the bass. sustain: the share that
stays. bright: the cutoff of the filter in harmonics, from the first to the second of the two. vibrato in cents. */
const PIANO = {partials: [1, 0.46, 0.3, 0.2, 0.13, 0.1, 0.06, 0.04], detune: 3, attack: 0.004, decay: 0.75,
  sustain: 0, release: 0.09, bright: [9, 2.5], level: 0.25, struck: true};
const BELL = {partials: [1, 0, 0, 0.42, 0, 0, 0, 0, 0, 0.13], detune: 0, attack: 0.002, decay: 0.5, sustain: 0,
  release: 0.3, bright: [14, 8], level: 0.3, struck: true};
const ORGAN = {partials: [0.8, 0.7, 0.35, 0.4, 0.1, 0.15, 0, 0.2], detune: 4, attack: 0.012, decay: 0.1, sustain: 1,
  release: 0.05, bright: [12, 12], level: 0.12};
const PLUCK = {partials: [1, 0.62, 0.5, 0.3, 0.26, 0.16, 0.12, 0.1, 0.06], detune: 0, attack: 0.002, decay: 0.42,
  sustain: 0, release: 0.07, bright: [10, 1.8], level: 0.46, struck: true};
const BASS = {partials: [1, 0.55, 0.28, 0.18, 0.1, 0.06], detune: 0, attack: 0.006, decay: 0.6, sustain: 0.25,
  release: 0.06, bright: [8, 2.5], level: 0.42};
const STRINGS = {partials: [1, 0.58, 0.42, 0.3, 0.22, 0.17, 0.12, 0.09, 0.07], detune: 7, attack: 0.05, decay: 0.5,
  sustain: 0.85, release: 0.12, bright: [4, 5], level: 0.14, vibrato: 9};
const ENSEMBLE = {...STRINGS, detune: 13, attack: 0.08, release: 0.18, bright: [3, 4], level: 0.15, vibrato: 5};
const BRASS = {partials: [0.8, 0.9, 0.75, 0.55, 0.4, 0.28, 0.18, 0.1], detune: 4, attack: 0.035, decay: 0.2,
  sustain: 0.85, release: 0.07, bright: [2, 5], level: 0.18, vibrato: 4};
const REED = {partials: [1, 0.16, 0.62, 0.12, 0.36, 0.08, 0.18, 0.05, 0.1], detune: 0, attack: 0.025, decay: 0.3,
  sustain: 0.9, release: 0.06, bright: [5, 6], level: 0.24, vibrato: 7};
const PIPE = {partials: [1, 0.22, 0.1, 0.03], detune: 0, attack: 0.035, decay: 0.3, sustain: 0.92, release: 0.07,
  bright: [6, 6], level: 0.26, vibrato: 11};
const LEAD = {partials: [1, 0, 0.34, 0, 0.2, 0, 0.14, 0, 0.1], detune: 6, attack: 0.006, decay: 0.25, sustain: 0.75,
  release: 0.06, bright: [9, 5], level: 0.13, vibrato: 6};
const PAD = {...ENSEMBLE, attack: 0.22, release: 0.4, bright: [2, 3], level: 0.16};
const PATCHES = [ // one for each family of eight programs
  PIANO, BELL, ORGAN, PLUCK, BASS, STRINGS, ENSEMBLE, BRASS, REED, PIPE, LEAD, PAD, PAD, PLUCK, BELL, PAD,
];

/* noise: [filter, its frequency, time constant, level]; tone: [from, to, time constant, level]. */
const tom = (pitch) => ({tone: [pitch * 1.5, pitch, 0.13, 0.6], noise: ["lowpass", 900, 0.02, 0.2]});
const KICK = {tone: [140, 47, 0.12, 0.95], noise: ["lowpass", 2500, 0.006, 0.35]};
const SNARE = {tone: [250, 180, 0.05, 0.4], noise: ["highpass", 1600, 0.075, 0.5]};
const CLOSED = {noise: ["highpass", 7500, 0.022, 0.3]};
const CRASH = {noise: ["highpass", 4500, 0.45, 0.34]};
const RIDE = {noise: ["bandpass", 8800, 0.22, 0.3], tone: [4900, 4900, 0.04, 0.04]};
const KIT = {
  35: KICK, 36: KICK, 37: {tone: [1750, 1700, 0.012, 0.4], noise: ["highpass", 2500, 0.01, 0.3]}, 38: SNARE,
  39: {noise: ["bandpass", 1500, 0.06, 0.8]}, 40: SNARE, 41: tom(75), 42: CLOSED, 43: tom(90), 44: CLOSED,
  45: tom(110), 46: {noise: ["highpass", 7000, 0.15, 0.28]}, 47: tom(135), 48: tom(160), 49: CRASH, 50: tom(190),
  51: RIDE, 52: CRASH, 53: {tone: [3600, 3600, 0.12, 0.16]}, 54: {noise: ["highpass", 6500, 0.05, 0.34]}, 55: CRASH,
  56: {tone: [570, 565, 0.06, 0.4]}, 57: CRASH, 59: RIDE,
};
const OTHER_DRUM = {noise: ["bandpass", 2600, 0.04, 0.6]};

/** Noise that is the same every time, between -1 and 1. */
function* noise() {
  let state = 1;
  while (true) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}

/** A sample as it is up to 0.7, and ever less of it above. */
const rounded = (x) => Math.sign(x) * (Math.abs(x) < 0.7 ? Math.abs(x) : 0.7 + 0.3 * Math.tanh((Math.abs(x) - 0.7) / 0.3));

/** Channels and voices of an audio context, through a small room and a gentle limiter, into `output`. */
class Synth {
  constructor(context) {
    this.context = context;
    this.input = context.createGain();
    this.output = context.createGain();
    const room = context.createConvolver();
    const wet = new GainNode(context, {gain: 0.22});
    const limiter = new DynamicsCompressorNode(context, {threshold: -10, knee: 8, ratio: 14, attack: 0.003, release: 0.2});
    room.buffer = this.echo(1.5);
    this.input.connect(limiter);
    this.input.connect(wet).connect(room).connect(limiter);
    // the limiter is late for the first milliseconds of a loud chord: what is over 0.7 then is rounded off
    const round = new WaveShaperNode(context, {curve: Float32Array.from({length: 2049}, (_, i) => rounded(i / 1024 - 1))});
    limiter.connect(round).connect(this.output).connect(context.destination);
    this.hiss = this.filled(1, 1, (value) => value);
    this.waves = new Map();
    this.wobble = new OscillatorNode(context, {frequency: 5.3});
    this.wobble.start();
  }

  /** A buffer of so many seconds, made from noise by `shape(value, second)`. */
  filled(channels, seconds, shape) {
    const rate = this.context.sampleRate;
    const buffer = this.context.createBuffer(channels, Math.round(seconds * rate), rate);
    const values = noise();
    for (let channel = 0; channel < channels; channel++) {
      const samples = buffer.getChannelData(channel);
      for (let i = 0; i < samples.length; i++) samples[i] = shape(values.next().value, i / rate);
    }
    return buffer;
  }

  /** How a room answers: noise that dies away, its treble first. */
  echo(seconds) {
    let smooth = 0;
    return this.filled(2, seconds, (value, second) => {
      smooth += (value - smooth) * (0.5 * Math.exp(-2.2 * second) + 0.06);
      return second < 0.012 ? 0 : smooth * Math.exp(-4.5 * second);
    });
  }

  wave(patch) {
    if (!this.waves.has(patch)) {
      const sines = Float32Array.from([0, ...patch.partials]);
      this.waves.set(patch, this.context.createPeriodicWave(new Float32Array(sines.length), sines));
    }
    return this.waves.get(patch);
  }

  /** A note of a pitched instrument. */
  pitched(channel, program, {pitch, velocity}, when, duration) {
    const patch = PATCHES[program >> 3];
    const frequency = 440 * 2 ** ((pitch - 69) / 12);
    const longer = patch.struck ? 2 ** ((64 - pitch) / 20) : 1;
    const strength = velocity / 127;
    const off = when + Math.max(duration, patch.attack);
    const end = off + patch.release * SILENT;

    const level = new GainNode(this.context, {gain: 0});
    level.gain.setValueAtTime(0, when);
    level.gain.linearRampToValueAtTime(patch.level * strength ** 1.4, when + patch.attack);
    level.gain.setTargetAtTime(patch.level * strength ** 1.4 * patch.sustain, when + patch.attack, patch.decay * longer);
    level.gain.setTargetAtTime(0, off, patch.release);

    const [first, then] = patch.bright.map((harmonic) => this.audible(frequency * harmonic * (0.5 + strength * 0.8) + 250));
    const filter = new BiquadFilterNode(this.context, {type: "lowpass", frequency: first, Q: 0.3});
    filter.frequency.setValueAtTime(first, when);
    filter.frequency.setTargetAtTime(then, when, patch.struck ? 0.35 * longer : 0.08);
    filter.connect(level).connect(channel);

    const sources = (patch.detune ? [-0.5, 0.5] : [0]).map((side) => {
      const source = new OscillatorNode(this.context, {frequency, detune: patch.detune * side, periodicWave: this.wave(patch)});
      source.connect(filter);
      source.start(when);
      source.stop(end);
      return source;
    });
    const cleanups = [level];
    if (patch.vibrato && duration > 0.35) cleanups.push(this.vibrato(sources, patch.vibrato, when));
    sources[0].onended = () => cleanups.forEach((node) => node.disconnect());
    return {level, sources, end};
  }

  vibrato(sources, cents, when) {
    const depth = new GainNode(this.context, {gain: 0});
    depth.gain.setTargetAtTime(cents, when + 0.22, 0.2);
    this.wobble.connect(depth);
    sources.forEach((source) => depth.connect(source.detune));
    return depth;
  }

  /** A stroke of a drum. */
  drum(channel, {pitch, velocity}, when) {
    const {noise: hiss, tone} = KIT[pitch] ?? OTHER_DRUM;
    const level = new GainNode(this.context, {gain: 0.75 * (velocity / 127) ** 1.4});
    level.connect(channel);
    const sources = [];
    if (hiss) {
      const [type, frequency, decay, loud] = hiss;
      const source = new AudioBufferSourceNode(this.context, {buffer: this.hiss, loop: true});
      const filter = new BiquadFilterNode(this.context, {type, frequency: this.audible(frequency), Q: 0.8});
      source.connect(filter).connect(this.dying(loud, decay, when)).connect(level);
      source.start(when, (when * 0.37) % 0.9);
      source.stop(when + decay * SILENT);
      sources.push(source);
    }
    if (tone) {
      const [from, to, decay, loud] = tone;
      const source = new OscillatorNode(this.context, {frequency: from});
      source.frequency.setValueAtTime(from, when);
      source.frequency.setTargetAtTime(to, when, 0.03);
      source.connect(this.dying(loud, decay, when)).connect(level);
      source.start(when);
      source.stop(when + decay * SILENT);
      sources.push(source);
    }
    const end = when + SILENT * Math.max(hiss?.[2] ?? 0, tone?.[2] ?? 0);
    const last = (tone?.[2] ?? 0) > (hiss?.[2] ?? 0) ? sources.at(-1) : sources[0];
    last.onended = () => level.disconnect();
    return {level, sources, end};
  }

  dying(loud, decay, when) {
    const gain = new GainNode(this.context, {gain: 0});
    gain.gain.setValueAtTime(loud, when);
    gain.gain.setTargetAtTime(0, when, decay);
    return gain;
  }

  audible(frequency) {
    return Math.min(frequency, this.context.sampleRate * 0.45);
  }
}

/** A piece being played: its notes are handed to the synth shortly before they sound. */
class Playback {
  /** Of a `piece` from a second on, which is heard at the second `at` of the audio context. */
  constructor(synth, piece, {from, at, silenced}) {
    Object.assign(this, {synth, piece, from, at, next: 0, voices: []});
    this.bus = synth.context.createGain();
    this.bus.connect(synth.input);
    this.channels = piece.tracks.map((_, track) => {
      const side = piece.tracks.length > 1 ? (track / (piece.tracks.length - 1) - 0.5) * 0.7 : 0;
      const channel = new GainNode(synth.context, {gain: silenced.has(track) ? 0 : 1});
      channel.connect(new StereoPannerNode(synth.context, {pan: side})).connect(this.bus);
      return channel;
    });
  }

  /** The second of the piece that is heard at a time of the audio context. */
  position(time) {
    return this.from + Math.max(0, time - this.at);
  }

  /** Hand over what begins before a time of the audio context; what should have begun earlier begins `now`. */
  fill(until, now) {
    const {notes} = this.piece;
    for (; this.next < notes.length && this.at + notes[this.next].second - this.from < until; this.next++) {
      const note = notes[this.next];
      const planned = this.at + note.second - this.from;
      const when = Math.max(planned, now, this.at);
      const left = note.seconds - (when - planned);
      if (when - planned < 0.03 || (left > 0.1 && !note.drum)) this.start(note, when, left);
    }
  }

  start(note, when, seconds) {
    this.voices = this.voices.filter((voice) => voice.end > when);
    while (this.voices.length >= VOICES) Playback.hush(this.voices.shift(), when);
    const {program} = this.piece.tracks[note.track];
    const channel = this.channels[note.track];
    this.voices.push(note.drum ? this.synth.drum(channel, note, when) : this.synth.pitched(channel, program, note, when, seconds));
  }

  static hush({level, sources}, when) {
    level.gain.cancelScheduledValues(when);
    level.gain.setTargetAtTime(0, when, 0.012);
    sources.forEach((source) => source.stop(when + 0.1));
  }

  silence(track, silent) {
    this.channels[track].gain.setTargetAtTime(silent ? 0 : 1, this.synth.context.currentTime, 0.02);
  }

  /** Fade out at once. */
  stop() {
    const now = this.synth.context.currentTime;
    this.bus.gain.setTargetAtTime(0, now, 0.015);
    for (const {sources} of this.voices) sources.forEach((source) => source.stop(now + 0.15));
    setTimeout(() => this.bus.disconnect(), 300);
  }

  /** Let the last notes die away. */
  finish() {
    setTimeout(() => this.bus.disconnect(), 4000);
  }
}
