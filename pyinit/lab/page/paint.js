/** The one loop that paints: at a display's refresh, what has changed and can be seen. */

const REMEMBERED = 1000;

export class Painter {
  constructor() {
    /** @type {Set<Painted>} */
    this.changed = new Set();
    /** @type {(() => void)[]} */
    this.then = [];
    this.asked = 0;
    this.touched = 0;
    /** frames received, frames painted, frames refused, and times from an input to its effect, in ms */
    this.stats = { frames: 0, painted: 0, refused: 0, latency: /** @type {number[]} */ ([]) };
  }

  /** @param {Painted} panel */
  mark(panel) {
    this.changed.add(panel);
    this.ask();
  }

  /** @param {() => void} done called after the next painting */
  after(done) {
    this.then.push(done);
    this.ask();
  }

  /** Measure how long an input takes to be seen. @param {Event} event */
  touch(event) {
    this.touched ||= event.timeStamp;
    this.ask();
  }

  ask() {
    this.asked ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.asked = 0;
    const panels = [...this.changed];
    const done = this.then;
    this.changed.clear();
    this.then = [];
    for (const panel of panels) panel.paint();
    for (const one of done) one();
    if (!this.touched) return;
    const from = this.touched;
    this.touched = 0;
    this.stats.latency.push(performance.now() - from);
    if (this.stats.latency.length > REMEMBERED) this.stats.latency.shift();
  }
}
