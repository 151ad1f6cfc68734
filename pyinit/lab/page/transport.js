/** One control bar for all runs: play, step, rewind, pace; how far each run is, and what is seen, in words. */

import { percent, short } from "./axes.js";
import { h, icon } from "./dom.js";
import { said, t } from "./text.js";

const PACES = [1, 2, 5, 10, 20, 50];

export class Transport {
  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
    const { store } = lab;
    this.playing = h("button", { class: "play", tLabel: "play", "aria-keyshortcuts": "Space", onclick: () => lab.toggle() }, icon("play"));
    const step = h("button", { class: "step", tLabel: "step", "aria-keyshortcuts": "S", onclick: () => lab.step() }, icon("step"));
    const rewind = h("button", { class: "rewind", tLabel: "rewind_hint", "aria-keyshortcuts": "R", onclick: () => lab.rewind() }, icon("rewind"));
    const pace = h("select", { tLabel: "pace", class: "pace" }, ...PACES.map((one) => h("option", { value: one }, `×${one}`)));
    pace.addEventListener("change", () => lab.setPace(Number(pace.value)));
    this.step = h("output", { class: "count" });
    this.bar = h("div", { class: "bar" });
    this.runs = h("div", { class: "legend" });
    this.verdict = h("p", { class: "verdict" });
    this.element = h(
      "div",
      { class: "transport" },
      h("div", { class: "buttons" }, rewind, this.playing, step, pace),
      h("div", { class: "progress" }, this.step, h("div", { class: "track" }, this.bar)),
      this.runs,
      this.verdict,
    );
    store.on(["playing"], () => this.showPlaying());
    store.on(["runs", "shown", "finished"], () => (this.stale = true));
    this.stale = true;
    this.scored = "";
    /** @type {{label: string, chip: HTMLButtonElement, loss: HTMLElement, score: HTMLElement}[]} */
    this.chips = [];
  }

  showPlaying() {
    const { playing } = this.lab.store.state;
    this.playing.replaceChildren(icon(playing ? "pause" : "play"));
    const text = playing ? "pause" : "play";
    this.playing.dataset.tLabel = text;
    this.playing.setAttribute("aria-label", t(text));
    this.playing.title = t(text);
  }

  /** Show the numbers; called once a painting, as texts change with every frame. */
  paint() {
    const { step, experiment, runs, shown, scored } = this.lab.store.state;
    this.step.textContent = reached(this.lab.store.state);
    this.bar.style.transform = `scaleX(${experiment?.steps ? Math.min(1, step / experiment.steps) : 0})`;
    if (!this.stale) return;
    this.stale = false;
    if (this.scored !== scored || this.chips.length !== runs.length || this.chips.some(({ label }, i) => label !== runs[i].label)) this.makeChips();
    runs.forEach((run, i) => {
      const { chip, loss, score } = this.chips[i];
      chip.setAttribute("aria-pressed", String(i === shown));
      loss.textContent = lossOf(run);
      score.textContent = scoreOf(run, scored);
    });
    const run = runs[shown];
    const text = run ? said(run.verdict.text) : "";
    if (this.verdict.textContent !== text) this.verdict.textContent = text;
    this.verdict.dataset.kind = run?.verdict.layers.some(({ kind }) => kind !== "healthy") ? "ill" : "healthy";
  }

  makeChips() {
    const { store } = this.lab;
    this.scored = store.state.scored;
    this.chips = store.state.runs.map(({ label, index }) => {
      const [loss, score] = [h("b"), h("b")];
      const chip = h(
        "button",
        { class: "chip", "data-run": index, onclick: () => store.set({ shown: index }) },
        h("span", { class: "dot" }),
        h("span", { class: "label" }, label),
        h("span", { class: "number" }, h("span", { t: "loss" }), loss),
        h("span", { class: "number" }, h("span", { t: this.scored }), score),
      );
      return { label, chip, loss, score };
    });
    this.runs.replaceChildren(...this.chips.map(({ chip }) => chip));
  }
}

/** ms between summaries while a run plays */
const EVERY = 8000;

/** @param {State} state how far the runs are, and of when the scores are, as rows are scored once an epoch */
function reached({ step, experiment, finished, runs }) {
  const scored = Math.max(...runs.map(({ scores }) => scores.at(-1)?.step ?? step));
  const of = experiment?.steps ? ` ${t("of")} ${experiment.steps}` : "";
  return `${t("at")} ${step}${of}${finished ? ` · ${t("finished")}` : scored < step ? ` · ${t("scored_at")} ${scored}` : ""}`;
}

/** @param {Run} run */
const lossOf = ({ diverged, losses }) => (diverged ? t("diverged") : short(losses.last));

/** @param {Run} run @param {string} scored */
const scoreOf = ({ score }, scored) => (scored === "accuracy" ? percent(score) : short(score));

/** @param {State} state what is seen, in words */
export function summaryOf(state) {
  const { runs, scored } = state;
  const each = runs.map(
    (run) => `${run.label}: ${t("loss")} ${lossOf(run)}, ${t(scored)} ${scoreOf(run, scored)}. ${said(run.verdict.text)}`,
  );
  return [`${reached(state)}.`, ...each].join(" ");
}

/** Says what is seen to who does not see it: when a run pauses or ends, and now and then before. */
export class Summary {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.element = h("p", { class: "unseen summary", role: "status", "aria-live": "polite" });
    this.said = 0;
    store.on(["playing", "finished"], () => this.say());
    store.on(["step"], () => {
      if (performance.now() - this.said > EVERY) this.say();
    });
  }

  say() {
    this.said = performance.now();
    const text = summaryOf(this.store.state);
    if (this.element.textContent !== text) this.element.textContent = text;
  }
}
