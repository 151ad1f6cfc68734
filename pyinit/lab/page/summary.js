/** What is seen, in words, for who does not see it; said when something ends, and now and then before. */

import { percent, short } from "./axes.js";
import { h } from "./dom.js";
import { said, t } from "./text.js";

/** @typedef {import("./store.js").State} State */

const EVERY = 8000;

/** @param {State} state */
export function summaryOf({ step, experiment, runs, scored, finished }) {
  const begin = `${t("at")} ${step}${experiment ? ` ${t("of")} ${experiment.steps}` : ""}${finished ? `, ${t("finished")}` : ""}.`;
  const each = runs.map((run) => {
    const score = scored === "accuracy" ? percent(run.score) : short(run.score);
    const loss = run.diverged ? t("diverged") : `${t("loss")} ${short(run.losses.last)}`;
    return `${run.label}: ${loss}, ${t(scored)} ${score}. ${said(run.verdict.text)}`;
  });
  return [begin, ...each].join(" ");
}

export class Summary {
  /** @param {import("./store.js").Store} store */
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
