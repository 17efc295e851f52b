/* Ticks, seconds and bars of a piece. */
"use strict";

/** The index of the last of `rows` whose first number is at most `value`; 0 where there is none. */
function lastAtMost(rows, value) {
  let low = 0, high = rows.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] <= value) low = middle; else high = middle;
  }
  return low;
}

/** The tempo map of a piece both ways: ticks to seconds and back. */
class Clock {
  constructor({tempos, tpq}) {
    this.byTick = [[0, 0, 0.5 / tpq]]; // [tick, second, seconds a tick]; 120 quarters a minute until told otherwise
    for (const [tick, microseconds] of tempos) {
      this.byTick.push([tick, this.seconds(tick), microseconds / 1e6 / tpq]);
    }
    this.bySecond = this.byTick.map(([tick, second, pace]) => [second, tick, pace]);
  }

  seconds(tick) {
    const [from, second, pace] = this.byTick[lastAtMost(this.byTick, tick)];
    return second + (tick - from) * pace;
  }

  ticks(second) {
    const [from, tick, pace] = this.bySecond[lastAtMost(this.bySecond, second)];
    return tick + (second - from) / pace;
  }
}

/** The bars of a piece; their numbers begin with 0. */
class Bars {
  constructor({metres, end}) {
    this.byTick = []; // [tick, first bar, ticks a bar, beats a bar], one for each metre
    let bar = 0;
    metres.forEach(([tick, length, beats], index) => {
      this.byTick.push([tick, bar, length, beats]);
      bar += Math.round(((index + 1 < metres.length ? metres[index + 1][0] : end) - tick) / length);
    });
    this.byBar = this.byTick.map(([tick, first, length, beats]) => [first, tick, length, beats]);
    this.count = bar;
  }

  /** The number of the bar at a tick. */
  at(tick) {
    const [from, first, length] = this.byTick[lastAtMost(this.byTick, tick)];
    return Math.min(this.count - 1, first + Math.floor((tick - from) / length));
  }

  /** Where a bar begins, and how many ticks and beats it has. */
  get(bar) {
    const [first, from, length, beats] = this.byBar[lastAtMost(this.byBar, bar)];
    return {tick: from + (bar - first) * length, length, beats};
  }

  /** The next beat (or bar) after a tick, or the one before; from shortly after one, back is to that before it. */
  step(tick, {back, whole}) {
    const unit = this.unit(tick, whole);
    const from = back ? Math.max(0, tick - unit / 4) : tick + 1e-3;
    const {tick: begin} = this.get(this.at(from));
    const own = this.unit(from, whole);
    return begin + (Math.floor((from - begin) / own) + (back ? 0 : 1)) * own;
  }

  unit(tick, whole) {
    const {length, beats} = this.get(this.at(tick));
    return whole ? length : length / beats;
  }
}
