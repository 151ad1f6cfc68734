/** A recorded experiment as a wire: what was trained is played, paused, stepped and rewound without a server. */

import { mount } from "../page/main.js";

/**
 * @typedef {object} Recording
 * @property {Record<string, any>} hello @property {Record<string, any>} ready
 * @property {number[]} steps of each step frame
 * @property {Record<string, any>[][]} said verdicts that are new with each step frame
 */

const REST = 30;
const OTHER = {
  en: "This page is a recording of one experiment. Run pyinit lab to change it.",
  zh: "本页是一次实验的录像。要更改设置,请运行 pyinit lab。",
};

/** @param {any} value @returns {string} JSON with the names in order */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`;
}

/**
 * Return a wire that plays a recording: its frames are data, the phase diagram, then one for each of the steps.
 * @param {Recording} recording @param {DataView[]} frames
 * @returns {Wire}
 */
export function recordingWire(recording, frames) {
  const [data, phase, ...shown] = frames;
  const last = shown.length - 1;
  let [at, pace, playing, started, timer, rest] = [0, 1, false, false, 0, false];

  const show = (/** @type {number} */ next) => {
    at = next;
    wire.onframe(shown[at]);
    for (const verdict of recording.said[at]) wire.onmessage(verdict);
  };
  const state = () => wire.onmessage({ type: "state", playing, step: recording.steps[at], steps: recording.steps[last], finished: at === last });
  const forward = (/** @type {number} */ count) => {
    // every frame is shown to the page, as each holds the losses since the one before
    for (let i = 0; i < count && at < last; i++) show(at + 1);
  };
  const tick = () => {
    clearTimeout(timer);
    if (!playing) return;
    forward(pace);
    rest = true;
    if (at === last) {
      playing = false;
      state();
    }
  };
  const first = () => {
    at = 0;
    playing = false;
    wire.onmessage({ ...recording.ready, verdicts: recording.said[0] });
    wire.onframe(data);
    wire.onframe(shown[0]);
  };
  /** @type {Record<string, (message: Record<string, any>) => void>} */
  const does = {
    start({ experiment }) {
      const same = !started || canonical(experiment) === canonical(recording.ready.experiment);
      started = true;
      first();
      if (!same) wire.onmessage({ type: "error", message: OTHER });
    },
    play() {
      playing = at < last;
      state();
      tick();
    },
    pause() {
      playing = false;
      state();
    },
    step({ count }) {
      playing = false;
      forward(count);
      state();
    },
    rewind() {
      playing = false;
      show(0);
      state();
    },
    pace({ steps }) {
      pace = steps;
    },
    ack() {
      if (!rest) return;
      rest = false;
      timer = setTimeout(tick, REST);
    },
    phase() {
      wire.onframe(phase);
    },
    upload() {
      wire.onmessage({ type: "error", message: OTHER });
    },
  };
  /** @type {Wire} */
  const wire = {
    // as over a network, the answer comes after the question
    send: (message) => void setTimeout(() => does[message.type]?.(message)),
    onmessage() {},
    onframe() {},
    onstate() {},
    close() {
      playing = false;
    },
  };
  setTimeout(() => {
    wire.onstate("open");
    wire.onmessage(recording.hello);
  });
  return wire;
}

/** @param {string} text base64 of gzip of frames, each after its length @returns {Promise<DataView[]>} */
async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const lengths = new DataView(buffer);
  /** @type {DataView[]} */
  const frames = [];
  for (let at = 0; at < buffer.byteLength; ) {
    const length = lengths.getUint32(at, true);
    frames.push(new DataView(buffer, at + 8, length));
    at += 8 + length;
  }
  return frames;
}

/** Play what the document holds. */
export async function play() {
  const text = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? "";
  const recording = JSON.parse(text("recording"));
  const wire = recordingWire(recording, await unpacked(text("frames")));
  const root = document.getElementById("page");
  const { film } = recording.ready;
  if (root && film) root.dataset.film = film;
  if (root) Object.assign(window, { pyinit: mount(root, wire, { query: film ? "view=layers" : "" }) });
}
