/** What the network answers of a table's rows, against what is true: values on a diagonal, or classes counted. */

import { drawAxes, linear, percent, short } from "./axes.js";
import { look, styleOf } from "./color.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";

const MARGIN = 0.04;
/** rows shorter than this have no number in them */
const LOWEST_ROW = 13;

export class Answers extends Panel {
  /** @param {Surroundings} shared @param {Run} run */
  constructor(shared, run) {
    super(shared, "answers", "answers");
    this.run = run;
    this.follow(["examples"]);
  }

  /** @returns {{answers: Values, targets: Values | undefined, labels: Values | undefined, box: Box} | null} */
  get shown() {
    const answers = this.run.now.get("answers")?.values;
    const arrays = this.shared.store.state.examples?.arrays;
    const box = { left: 50, top: 22, right: this.width - 14, bottom: this.height - 36 };
    const [targets, labels] = [arrays?.get("targets")?.values, arrays?.get("labels")?.values];
    return answers && (targets || labels) ? { answers, targets, labels, box } : null;
  }

  draw() {
    const { shown } = this;
    if (shown?.targets) this.drawValues(shown.answers, shown.targets, shown.box);
    else if (shown?.labels) this.drawClasses(shown.box);
  }

  /** Draw each row as a point: true across, answered up. @param {Values} answers @param {Values} targets @param {Box} box */
  drawValues(answers, targets, box) {
    const { context, palette } = this;
    // an answer far outside is drawn at the edge
    const [low, high] = [Math.min(...targets), Math.max(...targets)];
    const pad = (high - low) * MARGIN || 1;
    const x = linear(low - pad, high + pad, box.left, box.right);
    const y = linear(low - pad, high + pad, box.bottom, box.top);
    drawAxes(this, box, x, y, { x: t("true_value"), y: t("answered") });
    this.lines(palette.muted, 1.25, [box.left, box.bottom, box.right, box.top]);
    context.fillStyle = palette.runs[this.run.index];
    context.globalAlpha = 0.55;
    targets.forEach((target, i) => {
      if (!Number.isFinite(answers[i])) return;
      context.beginPath();
      context.arc(x.place(target), Math.max(box.top, Math.min(box.bottom, y.place(answers[i]))), 2.6, 0, 7);
      context.fill();
    });
    context.globalAlpha = 1;
  }

  /** @returns {{names: string[], counts: number[][], totals: number[]}} rows of a true class, by the class answered */
  counted() {
    const { answers, labels } = /** @type {{answers: Values, labels: Values}} */ (this.shown);
    const names = this.shared.store.state.data?.classes ?? [];
    const counts = names.map(() => names.map(() => 0));
    labels.forEach((label, i) => {
      if (counts[label] && answers[2 * i] >= 0) counts[label][answers[2 * i]] += 1;
    });
    return { names, counts, totals: counts.map((row) => row.reduce((sum, one) => sum + one, 0)) };
  }

  /** Draw a square for each pair of classes: true down, answered across. @param {Box} box */
  drawClasses({ left, top, right, bottom }) {
    const { context, palette } = this;
    const { names, counts, totals } = this.counted();
    const [wide, tall] = [(right - left) / names.length, (bottom - top) / names.length];
    counts.forEach((row, i) =>
      row.forEach((count, j) => {
        context.fillStyle = styleOf(look(palette.sequential, count / (totals[i] || 1)));
        context.fillRect(left + j * wide + 1, top + i * tall + 1, wide - 2, tall - 2);
        if (tall < LOWEST_ROW || !count) return;
        this.write(String(count), left + (j + 0.5) * wide, top + (i + 0.5) * tall, { align: "center", color: palette.ink, size: 12, halo: 3 });
      }),
    );
    const often = Math.ceil(names.length / Math.max(1, Math.min((bottom - top) / 14, (right - left) / 44)));
    names.forEach((name, i) => {
      if (i % often) return;
      this.write(name, left - 6, top + (i + 0.5) * tall, { align: "right", most: left - 8 });
      this.write(name, left + (i + 0.5) * wide, bottom + 6, { align: "center", base: "top", most: wide * often - 4 });
    });
    this.write(t("true_value"), 4, top - 6, { base: "bottom" });
    this.write(t("answered"), right, bottom + 20, { align: "right", base: "top" });
  }

  /** @param {Point} at */
  read(at) {
    const { shown } = this;
    if (!shown) return [];
    const { answers, targets, box } = shown;
    const [across, down] = [(at.x - box.left) / (box.right - box.left), (at.y - box.top) / (box.bottom - box.top)];
    if (across < 0 || across >= 1 || down < 0 || down >= 1) return [];
    if (targets) {
      const wanted = Math.min(...targets) + across * (Math.max(...targets) - Math.min(...targets));
      const near = [...targets].reduce((best, one, i) => (Math.abs(one - wanted) < Math.abs(targets[best] - wanted) ? i : best), 0);
      return [`${t("true_value")}: ${short(targets[near])}`, `${t("answered")}: ${short(answers[near])}`];
    }
    const { names, counts, totals } = this.counted();
    const [i, j] = [Math.floor(down * names.length), Math.floor(across * names.length)];
    return [`${names[i]} → ${names[j]}: ${counts[i][j]} (${percent(counts[i][j] / totals[i])})`];
  }
}
