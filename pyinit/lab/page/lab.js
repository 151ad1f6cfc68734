/** An experiment from the page's side: what is asked of the wire, and what its answers change. */

import { fromQuery, toQuery } from "./link.js";
import { Run } from "./run.js";
import { said } from "./text.js";
import { decode } from "./wire.js";

const VIEWS = ["train", "layers", "compare", "phase", "tour"];
const SETTLING = 90;
const MOST_TOLD = 5;
const DIAGRAM_SIZE = 64;

/** @param {string} text such as phase or tour.saturation @returns {{view: string, lesson: string}} */
export function viewOf(text) {
  const [view = "", lesson = ""] = text.split(".");
  return { view: VIEWS.includes(view) ? view : VIEWS[0], lesson };
}

export class Lab {
  /**
   * @param {Store} store @param {Wire} wire
   * @param {Painter} painter @param {Partial<Experiment>} wanted by the link
   */
  constructor(store, wire, painter, wanted) {
    this.store = store;
    this.wire = wire;
    this.painter = painter;
    this.wanted = wanted;
    this.waiting = false;
    this.resume = false;
    this.excused = false;
    this.rewound = false;
    this.settling = 0;
    this.diagramOf = "";
    wire.onmessage = (message) => this.hear(message);
    wire.onframe = (frame) => this.receive(frame);
    wire.onstate = (connection) => store.set({ connection, ...(connection === "open" ? {} : { playing: false }) });
    store.on(["view"], () => this.askDiagram());
  }

  /** @param {Record<string, any>} message */
  hear(message) {
    const { store } = this;
    if (message.type === "hello") {
      store.set({ connection: "open", options: message.options, presets: message.presets ?? [], tour: message.tour ?? [] });
      this.start(store.state.experiment ?? message.experiment ?? this.first());
    } else if (message.type === "ready") {
      this.ready(message);
    } else if (message.type === "state") {
      const { playing, finished = false, step = store.state.step } = message;
      if (!this.waiting) store.set({ playing, finished, step });
    } else if (message.type === "verdict") {
      const run = store.state.runs[message.run ?? 0];
      if (run) run.verdict = { layers: message.layers ?? [], text: message.text ?? "" };
      store.set({ runs: store.state.runs });
    } else if (message.type === "uploaded") {
      const { options, experiment } = store.state;
      if (!options || !experiment) return;
      const others = options.data.filter((one) => one.name !== message.data.name);
      store.set({ options: { ...options, data: [...others, message.data] } });
      this.start({ ...experiment, data: message.data.name });
    } else if (message.type === "error") {
      this.waiting = false;
      store.set({ error: said(message.message) });
      // a link that cannot be followed leaves the usual start, and says why
      if (!store.state.runs.length && Object.keys(this.wanted).length) {
        this.wanted = {};
        this.excused = true;
        this.start(this.first());
      }
    }
  }

  /** @returns {Experiment} what the link asks for, with the usual settings for the rest; else a lesson or a preset */
  first() {
    const { presets, tour, view, lesson: name } = this.store.state;
    const lesson = view === "tour" ? (tour.find((one) => one.name === name) ?? tour[0]) : null;
    if (lesson && !name) this.store.set({ lesson: lesson.name });
    if (Object.keys(this.wanted).length && (name || !lesson)) return /** @type {Experiment} */ (this.wanted);
    if (lesson) return lesson.experiment;
    const preset = presets.find(({ name }) => name === "appropriate") ?? presets[0];
    return /** @type {Experiment} */ (preset?.experiment ?? {});
  }

  /** @param {Record<string, any>} message */
  ready(message) {
    this.waiting = false;
    this.rewound = false;
    const runs = message.runs.map((/** @type {Record<string, any>} */ info, /** @type {number} */ i) => new Run(i, info));
    for (const [i, verdict] of (message.verdicts ?? []).entries()) {
      if (runs[i] && verdict) runs[i].verdict = { layers: verdict.layers ?? [], text: verdict.text ?? "" };
    }
    const { shown } = this.store.state;
    this.store.set({
      runs,
      // a setting that was changed meanwhile is about to start: this is the answer to the one before
      experiment: this.settling ? this.store.state.experiment : message.experiment,
      data: message.data,
      own: message.own ?? false,
      python: message.python ?? "",
      step: 0,
      finished: false,
      playing: false,
      error: this.excused ? this.store.state.error : "",
      shown: Math.min(shown, runs.length - 1),
    });
    this.askDiagram();
    if (this.resume) this.play();
    this.resume = false;
    this.excused = false;
  }

  /** @param {DataView} data */
  receive(data) {
    const { stats } = this.painter;
    /** @type {Frame} */
    let frame;
    try {
      frame = decode(data);
    } catch (fault) {
      stats.refused += 1;
      if (stats.refused <= MOST_TOLD) console.warn("a frame was refused:", fault);
      return;
    }
    const { header } = frame;
    stats.frames += 1;
    const { extent } = header;
    if (extent) this.store.set({ extent });
    if (header.kind === "data") this.store.set({ examples: frame });
    else if (header.kind === "phase") this.store.set({ diagram: frame });
    else if (header.kind === "step") this.take(frame);
  }

  /** @param {Frame} frame */
  take(frame) {
    const { store, painter, wire } = this;
    const { header } = frame;
    // a frame of the experiment before this one, or of before a rewind, is let go
    this.rewound &&= header.step !== 0;
    if (!this.waiting && !this.rewound) {
      for (const run of store.state.runs) run.take(frame);
      store.set({ step: header.step, scored: header.scored ?? store.state.scored, runs: store.state.runs });
    }
    painter.after(() => {
      if (!this.waiting) painter.stats.painted += 1;
      wire.send({ type: "ack", id: header.id });
    });
  }

  /** Start an experiment at once; what plays goes on playing. @param {Experiment} experiment @param {boolean} [play] */
  start(experiment, play = this.store.state.playing || this.resume) {
    clearTimeout(this.settling);
    this.settling = 0;
    this.waiting = true;
    this.resume = play;
    this.wire.send({ type: "start", experiment });
    this.wire.send({ type: "pace", steps: this.store.state.pace });
  }

  /** Change settings; the experiment starts when they have not changed for a moment. @param {Partial<Experiment>} changes */
  change(changes) {
    const { experiment, playing } = this.store.state;
    if (!experiment) return;
    this.store.set({ experiment: { ...experiment, ...changes } });
    this.resume ||= playing;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.start(/** @type {Experiment} */ (this.store.state.experiment)), SETTLING);
  }

  /** Change one run. @param {number} index @param {Partial<RunSetting>} changes */
  changeRun(index, changes) {
    const runs = this.store.state.experiment?.runs.map((run, i) => (i === index ? { ...run, ...changes } : run));
    if (runs) this.change({ runs });
  }

  play() {
    if (this.store.state.finished) this.rewind();
    this.store.set({ playing: true, finished: false });
    this.wire.send({ type: "play" });
  }

  pause() {
    this.store.set({ playing: false });
    this.wire.send({ type: "pause" });
  }

  toggle() {
    if (this.store.state.playing) this.pause();
    else this.play();
  }

  step() {
    if (this.store.state.playing) this.pause();
    this.wire.send({ type: "step", count: this.store.state.pace });
  }

  /** Go back to the same weights; what was seen since is forgotten. */
  rewind() {
    const { runs } = this.store.state;
    this.rewound = true;
    for (const run of runs) run.forget();
    this.store.set({ step: 0, playing: false, finished: false, runs });
    this.wire.send({ type: "rewind" });
  }

  /** @param {number} steps */
  setPace(steps) {
    this.store.set({ pace: steps });
    this.wire.send({ type: "pace", steps });
  }

  /** Ask for the phase diagram where it is shown and not the one of this activation. */
  askDiagram() {
    const { view, experiment, own, runs } = this.store.state;
    const activation = own ? runs[0]?.layers[0].activation : experiment?.activation;
    if (view !== "phase" || !activation || this.diagramOf === activation) return;
    this.diagramOf = activation;
    this.wire.send({ type: "phase", activation: [activation], size: DIAGRAM_SIZE });
  }

  /** @param {string} name @param {string | null} target @param {ArrayBuffer} content */
  upload(name, target, content) {
    this.wire.send({ type: "upload", name, target, nbytes: content.byteLength }, content);
  }

  /** @returns {string} the query of a link to what is shown */
  query() {
    const { experiment, view, lesson } = this.store.state;
    if (!experiment) return "";
    return toQuery(experiment, { view: view === "tour" && lesson ? `tour.${lesson}` : view });
  }

  /** Follow a link. @param {string} hash */
  follow(hash) {
    const { experiment, page } = fromQuery(hash);
    if (page.view) this.store.set(viewOf(page.view));
    if (this.store.state.options && Object.keys(experiment).length) this.start(/** @type {Experiment} */ (experiment));
  }
}
