/** What the page knows, in one place; who shows a part of it is told when that part changes. */

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
    profile: "gradient",
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

  /** @param {(keyof State)[]} names @param {(state: State) => void} listener called when one of them is set @returns {() => void} what ends it */
  on(names, listener) {
    const one = { names: new Set(names), listener };
    this.listeners.push(one);
    return () => void this.listeners.splice(this.listeners.indexOf(one), 1);
  }

  /** @param {Partial<State>} changes */
  set(changes) {
    Object.assign(this.state, changes);
    const names = Object.keys(changes);
    for (const { names: wanted, listener } of [...this.listeners]) {
      if (names.some((name) => wanted.has(name))) listener(this.state);
    }
  }
}
