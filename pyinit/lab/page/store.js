/** What the page knows, in one place; who shows a part of it is told when that part changes. */

/** @typedef {import("./link.js").Experiment} Experiment */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./text.js").Both} Both */
/** @typedef {{name: string, kind: "2d" | "digits" | "table", features: number, classes: string[], title?: Both | string, columns?: string[]}} DataInfo */
/** @typedef {{name: string, title: Both | string, experiment: Experiment}} Preset */
/** @typedef {Preset & {text: Both, question: Both, answer: Both, show: string}} Lesson */
/** @typedef {{name: string, default?: number | boolean | string}} Parameter */
/**
 * @typedef {object} Options
 * @property {DataInfo[]} data @property {{name: string, parameters?: Parameter[]}[]} recipes
 * @property {string[]} activations @property {string[]} [norms] @property {{name: string, learning_rate: number}[]} optimizers
 * @property {Record<string, any>} limits
 */
/**
 * @typedef {object} State
 * @property {"open" | "closed" | "connecting"} connection
 * @property {Options | null} options @property {Preset[]} presets @property {Lesson[]} tour
 * @property {Experiment | null} experiment @property {Run[]} runs @property {DataInfo | null} data
 * @property {boolean} playing @property {boolean} finished @property {number} step @property {number} pace
 * @property {string} view @property {string} lesson @property {number} shown which run single views show
 * @property {"weights" | "gradients"} drawn @property {boolean} logarithmic @property {string} heat
 * @property {"loss" | "score"} curve @property {string} scored @property {"chi" | "depth"} phase
 * @property {boolean} own whether the networks are the user's, not the experiment's
 * @property {string} python @property {string} error @property {number[]} extent
 * @property {import("./wire.js").Frame | null} examples the frame of kind data
 * @property {import("./wire.js").Frame | null} diagram the frame of kind phase
 */

/** @returns {State} */
function fresh() {
  return {
    connection: "connecting",
    options: null,
    presets: [],
    tour: [],
    experiment: null,
    runs: [],
    data: null,
    playing: false,
    finished: false,
    step: 0,
    pace: 1,
    view: "train",
    lesson: "",
    shown: 0,
    drawn: "weights",
    logarithmic: true,
    heat: "heat_activation",
    curve: "loss",
    scored: "accuracy",
    phase: "chi",
    own: false,
    python: "",
    error: "",
    extent: [-1, 1, -1, 1],
    examples: null,
    diagram: null,
  };
}

export class Store {
  constructor() {
    this.state = fresh();
    /** @type {{names: Set<string>, listener: (state: State) => void}[]} */
    this.listeners = [];
  }

  /** @param {(keyof State)[]} names @param {(state: State) => void} listener called when one of them is set */
  on(names, listener) {
    this.listeners.push({ names: new Set(names), listener });
  }

  /** @param {Partial<State>} changes */
  set(changes) {
    Object.assign(this.state, changes);
    const names = Object.keys(changes);
    for (const { names: wanted, listener } of this.listeners) {
      if (names.some((name) => wanted.has(name))) listener(this.state);
    }
  }
}
