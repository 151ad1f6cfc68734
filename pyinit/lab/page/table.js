/** The runs tried since the page was opened: sorted by a click, and brought back by another. */

import { percent, short } from "./axes.js";
import { h } from "./dom.js";
import { toQuery } from "./link.js";
import { t } from "./text.js";

/** @typedef {Record<string, string | number> & {label: string, loss: number, score: number}} Row */
/** @typedef {{id: string, experiment: Experiment, index: number, diverged: boolean, row: Row}} Tried */

const COLUMNS = ["label", "data", "depth", "width", "activation", "optimizer", "learning_rate", "seed", "steps", "loss", "score"];
const MOST = 200;

export class Table {
  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
    /** @type {Map<string, Tried>} */
    this.tried = new Map();
    this.sorted = { by: "", down: false };
    this.shown = 0;
    this.head = h("tr");
    this.body = h("tbody");
    this.element = h(
      "section",
      { class: "panel table" },
      h("header", {}, h("h2", { t: "tried" })),
      h("div", { class: "scroll", tabindex: 0, role: "region", tLabel: "tried" }, h("table", {}, h("thead", {}, this.head), this.body)),
    );
    for (const name of COLUMNS) {
      const sort = h("button", { t: name, onclick: () => this.sort(name) });
      this.head.append(h("th", { scope: "col", "data-column": name, "aria-sort": "none" }, sort));
    }
    this.head.append(h("th", { scope: "col" }, h("span", { class: "unseen", t: "restore" })));
    lab.store.on(["runs", "finished", "playing"], () => this.note());
    lab.store.on(["view"], () => this.show());
  }

  /** @param {string} by */
  sort(by) {
    this.sorted = { by, down: this.sorted.by === by ? !this.sorted.down : by === "score" };
    this.show();
  }

  /** Note where each run is. */
  note() {
    const { runs, experiment, step, view } = this.lab.store.state;
    if (!experiment || !step) return;
    const whole = toQuery(experiment);
    runs.forEach((run, index) => {
      const id = `${whole}#${index}`;
      const row = /** @type {Row} */ ({
        label: run.label,
        data: experiment.data,
        depth: experiment.depth,
        width: experiment.width,
        activation: experiment.activation,
        optimizer: experiment.optimizer,
        learning_rate: experiment.learning_rate,
        seed: experiment.seed,
        steps: step,
        loss: run.losses.last,
        score: run.score,
      });
      const before = this.tried.get(id);
      if (before) Object.assign(before, { row, diverged: run.diverged });
      else this.tried.set(id, { id, experiment, index, diverged: run.diverged, row });
    });
    if (this.tried.size > MOST) this.tried.delete(/** @type {string} */ (this.tried.keys().next().value));
    if (view === "compare" && performance.now() - this.shown > 500) this.show();
  }

  /** @returns {Tried[]} */
  rows() {
    const { by, down } = this.sorted;
    const all = [...this.tried.values()];
    if (!by) return all.reverse();
    const order = (/** @type {Tried} */ a, /** @type {Tried} */ b) => {
      const [x, y] = [a.row[by], b.row[by]];
      if (typeof x === "string" || typeof y === "string") return String(x).localeCompare(String(y));
      // what is not a number comes last
      return (Number.isFinite(x) ? x : down ? -Infinity : Infinity) - (Number.isFinite(y) ? y : down ? -Infinity : Infinity);
    };
    all.sort(order);
    return down ? all.reverse() : all;
  }

  show() {
    this.shown = performance.now();
    for (const one of this.head.querySelectorAll("th[data-column]")) {
      const on = one.getAttribute("data-column") === this.sorted.by;
      one.setAttribute("aria-sort", on ? (this.sorted.down ? "descending" : "ascending") : "none");
    }
    // a row that is shown is changed in place, so that a click on it is not lost
    const now = new Map([...this.body.rows].map((one) => [one.dataset.id, one]));
    this.rows().forEach((tried, i) => {
      const row = now.get(tried.id) ?? this.makeRow(tried);
      now.delete(tried.id);
      COLUMNS.forEach((name, j) => {
        const text = this.textOf(tried, name);
        if (row.cells[j].textContent !== text) row.cells[j].textContent = text;
      });
      if (this.body.rows[i] !== row) this.body.insertBefore(row, this.body.rows[i] ?? null);
    });
    for (const gone of now.values()) gone.remove();
  }

  /** @param {Tried} tried @param {string} name */
  textOf({ row, diverged }, name) {
    const value = row[name];
    if (typeof value === "string") return value;
    if (name === "loss" && diverged) return t("diverged");
    if (name === "score") return this.lab.store.state.scored === "accuracy" ? percent(value) : short(value);
    return name === "loss" || name === "learning_rate" ? short(value) : String(value);
  }

  /** @param {Tried} tried */
  makeRow({ id, experiment }) {
    const restore = h("button", { class: "text", t: "restore", onclick: () => this.lab.start(experiment) });
    const row = h("tr", {}, ...COLUMNS.map((name) => h("td", { "data-column": name })), h("td", {}, restore));
    row.dataset.id = id;
    return row;
  }
}
