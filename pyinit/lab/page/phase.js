/** The plane of initializations: order, chaos, the edge between them, and where the runs are. */

import { drawAxes, linear, short } from "./axes.js";
import { fillPixels, look } from "./color.js";
import { choice } from "./dom.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";


export class Phase extends Panel {
  /**
   * @param {import("./panel.js").Surroundings} shared
   * @param {(sigmaW: number, sigmaB: number) => void} begin what a click does
   */
  constructor(shared, begin) {
    const { store } = shared;
    const which = choice("phase_diagram", [["chi", "chi"], ["depth", "depth_scale"]], store.state.phase, (phase) =>
      store.set({ phase: /** @type {"chi" | "depth"} */ (phase) }),
    );
    super(shared, "phase", { title: "phase_diagram", tools: [which] });
    this.begin = begin;
    this.field = document.createElement("canvas");
    store.on(["phase", "diagram", "experiment", "runs"], () => this.mark());
  }

  get scales() {
    const header = this.shared.store.state.diagram?.header;
    const box = { left: 50, top: 22, right: this.width - 14, bottom: this.height - 38 };
    const [w0, w1] = header?.sigma_w ?? [0, 4];
    const [b0, b1] = header?.sigma_b ?? [0, 2];
    return { box, x: linear(w0, w1, box.left, box.right), y: linear(b0, b1, box.bottom, box.top) };
  }

  draw() {
    const { context, palette } = this;
    const { diagram, phase } = this.shared.store.state;
    const { box, x, y } = this.scales;
    drawAxes(context, box, x, y, palette, { x: "σw", y: "σb" });
    const plane = diagram?.arrays.get(phase);
    if (plane) {
      this.fill(plane, phase);
      context.imageSmoothingEnabled = true;
      context.save();
      context.translate(0, box.top + box.bottom);
      context.scale(1, -1);
      context.drawImage(this.field, box.left, box.top, box.right - box.left, box.bottom - box.top);
      context.restore();
    }
    const edge = diagram?.arrays.get("edge")?.values;
    if (edge) {
      context.save();
      context.beginPath();
      context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
      context.clip();
      context.strokeStyle = palette.ink;
      context.lineWidth = 2.5;
      context.beginPath();
      for (let i = 0; i + 1 < edge.length; i += 2) context.lineTo(x.place(edge[i]), y.place(edge[i + 1]));
      context.stroke();
      context.restore();
      this.drawNames(edge);
    }
    this.drawRuns();
    if (!this.pointer) return;
    context.strokeStyle = palette.ink;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(this.pointer.x, box.top);
    context.lineTo(this.pointer.x, box.bottom);
    context.moveTo(box.left, this.pointer.y);
    context.lineTo(box.right, this.pointer.y);
    context.stroke();
  }

  /** @param {import("./wire.js").Plane} plane @param {string} phase */
  fill({ values, shape: [height, width] }, phase) {
    const { palette } = this;
    fillPixels(this.field, width, height, (i) =>
      phase === "chi"
        ? look(palette.diverging, 0.5 + Math.log2(Math.max(values[i], 1e-9)) / 4)
        : look(palette.sequential, Math.log10(Math.max(1, Math.min(1000, values[i]))) / 3),
    );
  }

  /** @param {ArrayLike<number>} edge */
  drawNames(edge) {
    const { context, palette } = this;
    const { box, x } = this.scales;
    const line = x.place(edge[0]);
    context.font = `600 13px ${palette.font}`;
    context.fillStyle = palette.ink;
    context.textBaseline = "bottom";
    context.textAlign = "left";
    context.strokeStyle = palette.surface;
    context.lineWidth = 4;
    context.lineJoin = "round";
    /** @type {[string, "left" | "right", number, number][]} */
    const names = [
      ["ordered", "left", box.left + 14, line - box.left],
      ["chaotic", "right", box.right - 14, box.right - line],
    ];
    for (const [name, side, at, room] of names) {
      if (room < 60) continue;
      context.textAlign = side;
      context.strokeText(t(name), at, box.top + 28);
      context.fillText(t(name), at, box.top + 28);
    }
  }

  drawRuns() {
    const { context, palette } = this;
    const { runs } = this.shared.store.state;
    const { box, x, y } = this.scales;
    runs.forEach((run, i) => {
      if (run.sigmaW === null) return;
      const left = Math.min(box.right, x.place(run.sigmaW));
      const top = Math.max(box.top, y.place(run.sigmaB));
      context.fillStyle = palette.runs[i];
      context.strokeStyle = palette.surface;
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(left, top, 8, 0, 7);
      context.fill();
      context.stroke();
      context.font = `600 12px ${palette.font}`;
      context.textBaseline = "middle";
      const atRight = left > (box.left + box.right) / 2;
      context.textAlign = atRight ? "right" : "left";
      context.lineWidth = 3.5;
      const name = runs.length > 1 ? run.label : t("here");
      const from = left + (atRight ? -14 : 14);
      const level = Math.min(top, box.bottom - 14) - (runs.length > 1 ? 16 * i : 0);
      context.strokeText(name, from, level);
      context.fillStyle = palette.ink;
      context.fillText(name, from, level);
    });
  }

  /** @param {import("./panel.js").Point} at @returns {[number, number] | null} */
  valuesAt(at) {
    const { box, x, y } = this.scales;
    if (at.x < box.left || at.x > box.right || at.y < box.top || at.y > box.bottom) return null;
    return [Number(x.value(at.x).toPrecision(3)), Math.max(0, Number(y.value(at.y).toFixed(3)))];
  }

  /** @param {import("./panel.js").Point} at */
  read(at) {
    const values = this.valuesAt(at);
    const diagram = this.shared.store.state.diagram;
    const chi = diagram?.arrays.get("chi");
    if (!values || !chi) return [];
    const { x, y } = this.scales;
    const [height, width] = chi.shape;
    const share = (/** @type {import("./axes.js").Scale} */ { ends }, /** @type {number} */ value) =>
      (value - ends[0]) / (ends[1] - ends[0]);
    const row = Math.min(height - 1, Math.floor(share(y, values[1]) * height));
    const column = Math.min(width - 1, Math.floor(share(x, values[0]) * width));
    const cell = row * width + column;
    const slope = chi.values[cell];
    const depth = diagram?.arrays.get("depth")?.values[cell];
    const lines = [
      `σw ${short(values[0])}, σb ${short(values[1])}`,
      `χ ${short(slope)}: ${t(slope < 1 ? "ordered" : "chaotic")}`,
    ];
    if (depth !== undefined) lines.push(`ξ ${short(depth)}`);
    return lines;
  }

  /** @param {import("./panel.js").Point} at */
  press(at) {
    const values = this.valuesAt(at);
    if (values) this.begin(...values);
  }
}
