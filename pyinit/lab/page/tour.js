/** The guided tour: lessons of two or three sentences, a run, a question, and the answer once it has run. */

import { h } from "./dom.js";
import { said, t } from "./text.js";

/** an answer is given when this share of the steps has been seen, or at the end */
const ENOUGH = 0.5;

export class Tour {
  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
    const { store } = lab;
    this.list = h("ol", { class: "lessons" });
    this.number = h("p", { class: "number" });
    this.title = h("h2");
    this.text = h("p", { class: "text" });
    this.question = h("p", { class: "question" });
    this.answer = h("p", { class: "answer", role: "status", hidden: true });
    this.run = h("button", { class: "primary", t: "run_it", onclick: () => this.begin() });
    this.next = h("button", { class: "text", t: "next", onclick: () => this.go(1) });
    this.element = h(
      "section",
      { class: "tour" },
      h("article", {}, this.number, this.title, this.text, this.question, h("div", { class: "actions" }, this.run, this.next), this.answer),
      h("nav", { tLabel: "tour" }, this.list),
    );
    this.started = "";
    store.on(["tour", "lesson", "view"], () => this.show());
    store.on(["step", "finished"], () => this.reply());
  }

  /** @returns {Lesson | undefined} */
  get lesson() {
    const { tour, lesson } = this.lab.store.state;
    return tour.find(({ name }) => name === lesson) ?? tour[0];
  }

  /** @param {number} by */
  go(by) {
    const { tour } = this.lab.store.state;
    const now = this.lesson;
    if (now) this.choose(tour[(tour.indexOf(now) + by + tour.length) % tour.length]);
  }

  /** @param {Lesson} lesson */
  choose({ name, experiment }) {
    this.started = "";
    this.answer.hidden = true;
    this.lab.store.set({ lesson: name, playing: false });
    this.lab.start(experiment, false);
  }

  begin() {
    const { lesson } = this;
    if (!lesson) return;
    this.started = lesson.name;
    this.answer.hidden = true;
    this.lab.start(lesson.experiment, true);
  }

  show() {
    const { tour, view, experiment } = this.lab.store.state;
    const { lesson } = this;
    if (!lesson) return;
    this.list.replaceChildren(
      ...tour.map((one, i) =>
        h(
          "li",
          {},
          h(
            "button",
            { "aria-current": one === lesson ? "true" : "false", "data-value": one.name, onclick: () => this.choose(one) },
            h("span", {}, String(i + 1)),
            said(one.title),
          ),
        ),
      ),
    );
    this.number.textContent = `${tour.indexOf(lesson) + 1} / ${tour.length}`;
    this.title.textContent = said(lesson.title);
    this.text.textContent = said(lesson.text);
    this.question.textContent = said(lesson.question);
    this.answer.textContent = `${t("answer")}: ${said(lesson.answer)}`;
    this.reply();
    if (view === "tour" && experiment && !this.lab.store.state.lesson) this.choose(lesson);
  }

  reply() {
    const { step, finished, experiment, runs } = this.lab.store.state;
    if (!this.answer.hidden || !this.started || this.started !== this.lesson?.name || !experiment) return;
    if (finished || step >= ENOUGH * experiment.steps || (runs.length && runs.every((run) => run.diverged))) {
      this.answer.hidden = false;
    }
  }
}
