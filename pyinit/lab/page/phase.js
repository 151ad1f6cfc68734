/** The plane of initializations: order, chaos, the edge between them, and where the runs are. */

import { drawAxes, linear, short } from "./axes.js";
import { fillPixels, look } from "./color.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";

export class Phase extends Panel {
  /**
   * @param {Surroundings} shared
   * @param {(sigmaW: number, sigmaB: number) => void} begin what a click does
   */
  constructor(shared, begin) {
    super(shared, "phase", "phase_diagram", { phase: [["chi", "chi"], ["depth", "depth_scale"]] });
    this.begin = begin;
    this.field = document.createElement("canvas");
    this.follow(["diagram", "experiment", "runs"]);
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
    drawAxes(this, box, x, y, { x: "σw", y: "σb" });
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
      this.lines(palette.ink, 2.5, Array.from(edge, (value, i) => (i % 2 ? y : x).place(value)));
      context.restore();
      this.drawNames(edge);
    }
    if (this.pointer) {
      this.lines(palette.ink, 1, [this.pointer.x, box.top, this.pointer.x, box.bottom], [box.left, this.pointer.y, box.right, this.pointer.y]);
    }
    this.drawRuns();
  }

  /** @param {Plane} plane @param {string} phase */
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
    const { box, x } = this.scales;
    const line = x.place(edge[0]);
    /** @type {[string, "left" | "right", number, number][]} */
    const names = [
      ["ordered", "left", box.left + 14, line - box.left],
      ["chaotic", "right", box.right - 14, box.right - line],
    ];
    for (const [name, align, at, room] of names) {
      if (room > 60) this.write(t(name), at, box.top + 20, { align, color: this.palette.ink, size: 13, weight: 600, halo: 4 });
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
      const atRight = left > (box.left + box.right) / 2;
      const name = runs.length > 1 ? run.label : t("here");
      const level = Math.min(top, box.bottom - 14) - (runs.length > 1 ? 16 * i : 0);
      const align = atRight ? "right" : "left";
      this.write(name, left + (atRight ? -14 : 14), level, { align, color: palette.ink, size: 12, weight: 600, halo: 3.5 });
    });
  }

  /** @param {Point} at @returns {[number, number] | null} */
  valuesAt(at) {
    const { box, x, y } = this.scales;
    if (at.x < box.left || at.x > box.right || at.y < box.top || at.y > box.bottom) return null;
    return [Number(x.value(at.x).toPrecision(3)), Math.max(0, Number(y.value(at.y).toFixed(3)))];
  }

  /** @param {Point} at */
  read(at) {
    const values = this.valuesAt(at);
    const diagram = this.shared.store.state.diagram;
    const chi = diagram?.arrays.get("chi");
    if (!values || !chi) return [];
    const { x, y } = this.scales;
    const [height, width] = chi.shape;
    const share = (/** @type {Scale} */ { ends }, /** @type {number} */ value) =>
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

  /** @param {Point} at */
  press(at) {
    const values = this.valuesAt(at);
    if (values) this.begin(...values);
  }
}
