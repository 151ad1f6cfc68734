/** Norms layer by layer, of every run: of gradients, or of weights. */

import { drawAxes, linear, logarithmic, short } from "./axes.js";
import { choice } from "./dom.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";

export class Profile extends Panel {
  /** @param {import("./panel.js").Surroundings} shared */
  constructor(shared) {
    const tools = [choice("profile", [["1", "gradients"], ["0", "weights"]], "1", (value) => this.choose(value))];
    super(shared, "profile", { title: "profile", tools });
    this.which = 1;
    /** @type {import("./axes.js").Scale | null} */
    this.x = null;
    shared.store.on(["runs"], () => this.mark());
  }

  /** @param {string} value */
  choose(value) {
    this.which = Number(value);
    this.mark();
  }

  draw() {
    const { context, palette } = this;
    const { runs } = this.shared.store.state;
    const box = { left: 50, top: 22, right: this.width - 18, bottom: this.height - 36 };
    let [low, high, layers] = [Infinity, 0, 1];
    for (const run of runs) {
      layers = Math.max(layers, run.layers.length);
      for (let i = 0; i < run.layers.length; i++) {
        const value = this.normOf(run, i);
        if (!(value > 0) || !Number.isFinite(value)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (!high) [low, high] = [0.1, 1];
    const middle = Math.sqrt(low * high);
    // at least two decades, so that layers that are alike look alike
    const y = logarithmic(Math.min(low / 1.4, middle / 10), Math.max(high * 1.4, middle * 10), box.bottom, box.top);
    const x = linear(layers > 1 ? 1 : 0.5, layers > 1 ? layers : 1.5, box.left + 10, box.right - 4);
    this.x = x;
    const label = t(this.which ? "gradient_norm" : "weight_norm");
    drawAxes(context, box, x, y, palette, { x: t("layer"), y: label, xTicks: Math.min(layers - 1, 10) || 1 });
    for (const run of runs) {
      context.strokeStyle = context.fillStyle = palette.runs[run.index];
      context.lineWidth = 1.75;
      context.beginPath();
      for (let i = 0; i < run.layers.length; i++) {
        const value = this.normOf(run, i);
        if (Number.isFinite(value)) context.lineTo(x.place(i + 1), y.place(value));
      }
      context.stroke();
      if (run.layers.length > 40) continue;
      for (let i = 0; i < run.layers.length; i++) {
        const value = this.normOf(run, i);
        context.beginPath();
        context.arc(x.place(i + 1), y.place(value), value > 0 ? 3.2 : 4.5, 0, 7);
        if (value > 0) context.fill();
        else context.stroke();
      }
    }
  }

  /** @param {import("./run.js").Run} run @param {number} layer */
  normOf(run, layer) {
    return run.now.get("norms")?.values[2 * layer + this.which] ?? NaN;
  }

  /** @param {import("./panel.js").Point} at */
  read(at) {
    if (!this.x) return [];
    const { runs } = this.shared.store.state;
    const layer = Math.round(this.x.value(at.x)) - 1;
    if (!runs.some((run) => run.layers[layer])) return [];
    return [`${t("layer")} ${layer + 1}`, ...runs.map((run) => `${run.label}: ${short(this.normOf(run, layer))}`)];
  }
}
