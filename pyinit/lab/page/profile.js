/** How large activations, gradients or weights are in each layer of every run, and what theory predicts. */

import { drawAxes, linear, logarithmic, short } from "./axes.js";
import { Panel } from "./panel.js";
import { KINDS, RMS } from "./run.js";
import { t } from "./text.js";

/** beyond so many layers their points touch */
const MOST_POINTS = 40;

export class Profile extends Panel {
  /** @param {Surroundings} shared */
  constructor(shared) {
    super(shared, "profile", "profile", {
      profile: [["activation_kind", "heat_activation"], ["gradient", "gradients"], ["weight", "weights"]],
    });
    /** @type {Scale | null} */
    this.x = null;
    this.follow(["runs"]);
  }

  /** @param {Run} run @returns {{found: number[], predicted: number[]}} by layer */
  sizesOf(run) {
    const kind = KINDS.indexOf(this.shared.store.state.profile);
    return {
      found: run.layers.map((_, i) => run.momentsOf(i, kind)[RMS]),
      predicted: run.layers.map((_, i) => run.predictedOf(i, kind)),
    };
  }

  draw() {
    const { context, palette } = this;
    const { runs } = this.shared.store.state;
    const box = { left: 50, top: 22, right: this.width - 18, bottom: this.height - 36 };
    const sizes = runs.map((run) => this.sizesOf(run));
    const layers = Math.max(1, ...runs.map((run) => run.layers.length));
    const all = sizes.flatMap(({ found, predicted }) => [...found, ...predicted]).filter((one) => one > 0 && Number.isFinite(one));
    const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0.1, 1];
    const middle = Math.sqrt(low * high);
    // at least two decades, so that layers that are alike look alike
    const y = logarithmic(Math.min(low / 1.4, middle / 10), Math.max(high * 1.4, middle * 10), box.bottom, box.top);
    const x = linear(layers > 1 ? 1 : 0.5, layers > 1 ? layers : 1.5, box.left + 10, box.right - 4);
    this.x = x;
    drawAxes(this, box, x, y, { x: t("layer"), y: t("rms"), xTicks: Math.min(layers - 1, 10) || 1 });
    if (runs.some((run) => run.predicted)) this.write(`- - ${t("theory")}`, box.right, box.top - 6, { align: "right", base: "bottom" });
    const placed = (/** @type {number[]} */ values) =>
      values.flatMap((value, i) => (Number.isFinite(value) ? [x.place(i + 1), y.place(value)] : []));
    sizes.forEach(({ found, predicted }, i) => {
      const color = palette.runs[runs[i].index];
      context.setLineDash([5, 4]);
      this.lines(color, 1.25, placed(predicted));
      context.setLineDash([]);
      this.lines(color, 1.75, placed(found));
      context.fillStyle = color;
      if (found.length > MOST_POINTS) return;
      found.forEach((value, layer) => {
        context.beginPath();
        context.arc(x.place(layer + 1), y.place(value), value > 0 ? 3.2 : 4.5, 0, 7);
        if (value > 0) context.fill();
        else context.stroke();
      });
    });
  }

  /** @param {Point} at */
  read(at) {
    if (!this.x) return [];
    const { runs } = this.shared.store.state;
    const layer = Math.round(this.x.value(at.x)) - 1;
    if (!runs.some((run) => run.layers[layer])) return [];
    const lines = runs.map((run) => {
      const { found, predicted } = this.sizesOf(run);
      return `${run.label}: ${short(found[layer])} (${t("theory")}: ${short(predicted[layer])})`;
    });
    return [`${t("layer")} ${layer + 1}`, ...lines];
  }
}
