/** The cost of every run by step: the mean of each group of steps, and the band from least to greatest. */

import { drawAxes, linear, logarithmic, short } from "./axes.js";
import { h } from "./dom.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";

export class Curve extends Panel {
  /** @param {Surroundings} shared */
  constructor(shared) {
    super(shared, "curve", "curve", { curve: [["loss", "loss"], ["score", "score"]] });
    const { store } = shared;
    const onclick = () => store.set({ logarithmic: !store.state.logarithmic });
    const log = h("button", { class: "switch", t: "log", "aria-pressed": "true", onclick });
    this.tools.append(log);
    this.follow(["logarithmic", "runs"], ({ logarithmic }) => log.setAttribute("aria-pressed", String(logarithmic)));
    /** @type {{x: Scale, y: Scale} | null} */
    this.scales = null;
  }

  draw() {
    const { context, palette } = this;
    const { runs, curve, logarithmic: log, scored, experiment } = this.shared.store.state;
    const box = { left: 50, top: 22, right: this.width - 14, bottom: this.height - 36 };
    const loss = curve === "loss";
    const [low, high, last] = loss ? lossEnds(runs) : scoreEnds(runs);
    const x = linear(0, Math.max(last, Math.min(100, experiment?.steps ?? 100)), box.left, box.right);
    const usesLog = loss && log && low > 0;
    const pad = usesLog ? 0 : (high - low) * 0.06;
    const y = usesLog
      ? logarithmic(low / 1.2, high * 1.2, box.bottom, box.top)
      : linear(loss ? Math.min(0, low) : low - pad, high + pad, box.bottom, box.top);
    this.scales = { x, y };
    drawAxes(this, box, x, y, { x: t("at"), y: loss ? t("loss") : t(scored) });
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 2, box.right - box.left + 3, box.bottom - box.top + 4);
    context.clip();
    for (const run of runs) {
      context.strokeStyle = context.fillStyle = palette.runs[run.index];
      if (loss) drawLosses(context, run, x, y);
      else drawScores(context, run, x, y);
    }
    context.restore();
    if (!loss) this.write(`${t("test")} —   ${t("train_rows")} - -`, box.right, box.top - 6, { align: "right", base: "bottom" });
    if (this.pointer && this.pointer.x > box.left) {
      this.lines(palette.muted, 1, [this.pointer.x, box.top, this.pointer.x, box.bottom]);
    }
    if (!runs.some((run) => run.losses.count)) {
      const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
      this.write(t("nothing_yet"), middle[0], middle[1], { align: "center", size: 13, halo: 8 });
    }
  }

  /** @param {Point} at */
  read(at) {
    const { runs, curve } = this.shared.store.state;
    if (!this.scales || !runs.some((run) => run.losses.count)) return [];
    const step = Math.max(0, this.scales.x.value(at.x));
    const lines = [`${t("at")} ${Math.round(step)}`];
    for (const { label, losses, scores } of runs) {
      const group = Math.min(losses.groups - 1, Math.floor(step / losses.group));
      const near = scores.reduce((a, b) => (Math.abs(b.step - step) < Math.abs(a.step - step) ? b : a), scores[0]);
      if (curve === "loss" && group >= 0) lines.push(`${label}: ${short(losses.meanOf(group))}`);
      if (curve === "score" && near) {
        lines.push(`${label}: ${t("train_rows")} ${short(near.train)}, ${t("test")} ${short(near.test)}`);
      }
    }
    return lines;
  }
}

/** @param {Run[]} runs @returns {[number, number, number]} least, greatest and last step */
function lossEnds(runs) {
  let [low, high, last] = [Infinity, -Infinity, 1];
  for (const { losses } of runs) {
    for (let i = 0; i < losses.groups; i++) {
      const value = losses.meanOf(i);
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    last = Math.max(last, losses.count);
  }
  return high >= low ? [low, high > low ? high : low + Math.abs(low) * 0.1 + 1e-9, last] : [0, 1, last];
}

/** @param {Run[]} runs @returns {[number, number, number]} */
function scoreEnds(runs) {
  const all = runs.flatMap((run) => run.scores.flatMap(({ train, test }) => [train, test])).filter(Number.isFinite);
  const last = Math.max(1, ...runs.map((run) => run.scores.at(-1)?.step ?? 1));
  if (!all.length) return [0, 1, last];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return [low, high > low ? high : low + 0.1, last];
}

/** @param {CanvasRenderingContext2D} context @param {Run} run @param {Scale} x @param {Scale} y */
function drawLosses(context, { losses }, x, y) {
  if (losses.group > 1) {
    context.globalAlpha = 0.16;
    context.beginPath();
    for (let i = 0; i < losses.groups; i++) context.lineTo(x.place(losses.stepOf(i)), y.place(losses.high[i]));
    for (let i = losses.groups - 1; i >= 0; i--) context.lineTo(x.place(losses.stepOf(i)), y.place(losses.low[i]));
    context.fill();
    context.globalAlpha = 1;
  }
  const around = Math.floor(losses.groups / 50);
  context.lineJoin = "round";
  context.lineWidth = around ? 1 : 2;
  context.globalAlpha = around ? 0.35 : 1;
  context.beginPath();
  for (let i = 0; i < losses.groups; i++) {
    const value = losses.meanOf(i);
    if (Number.isFinite(value)) context.lineTo(x.place(losses.stepOf(i)), y.place(value));
  }
  context.stroke();
  context.globalAlpha = 1;
  if (around) drawSmooth(context, losses, around, x, y);
}

/** Draw means over neighbours, so that a noisy loss can be read. @param {CanvasRenderingContext2D} context @param {Series} losses @param {number} around @param {Scale} x @param {Scale} y */
function drawSmooth(context, losses, around, x, y) {
  const sums = new Float64Array(losses.groups + 1);
  for (let i = 0; i < losses.groups; i++) {
    const value = losses.meanOf(i);
    sums[i + 1] = sums[i] + (Number.isFinite(value) ? value : 0);
  }
  context.lineWidth = 2;
  context.beginPath();
  for (let i = 0; i < losses.groups; i++) {
    const from = Math.max(0, i - around);
    const to = Math.min(losses.groups, i + around + 1);
    context.lineTo(x.place(losses.stepOf(i)), y.place((sums[to] - sums[from]) / (to - from)));
  }
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Run} run @param {Scale} x @param {Scale} y */
function drawScores(context, { scores }, x, y) {
  for (const part of /** @type {("train" | "test")[]} */ (["train", "test"])) {
    context.lineWidth = part === "test" ? 2 : 1.25;
    context.setLineDash(part === "test" ? [] : [4, 3]);
    context.beginPath();
    for (const score of scores) {
      if (Number.isFinite(score[part])) context.lineTo(x.place(score.step), y.place(score[part]));
    }
    context.stroke();
  }
  context.setLineDash([]);
}
