/** All layers over time in one picture: each column of pixels a moment, each row a layer. */

import { linear, percent, short } from "./axes.js";
import { fillPixels, look } from "./color.js";
import { Panel } from "./panel.js";
import { STATISTICS } from "./run.js";
import { t } from "./text.js";

/** decades on either side of 1 that the colours span */
const DECADES = 3;
const SHARES = ["heat_saturated", "heat_dead"];
/** the share of its weights by which a layer's update is neither large nor small */
const USUAL_UPDATE = 1e-3;

export class Heatmap extends Panel {
  /** @param {Surroundings} shared @param {Run} run */
  constructor(shared, run) {
    super(shared, "heatmap", "heatmap", { heat: STATISTICS.map((one) => [one, one]) });
    this.run = run;
    this.pixels = document.createElement("canvas");
    this.scale = document.createElement("canvas");
    this.drawn = {
      heat: "",
      version: -1,
      length: 0,
      palette: /** @type {Palette | null} */ (null),
      history: run.history,
    };
  }

  get box() {
    return { left: 34, top: 6, right: this.width - 64, bottom: this.height - 30 };
  }

  draw() {
    const { context, palette } = this;
    const { history, layers } = this.run;
    const { heat } = this.shared.store.state;
    const { left, top, right, bottom } = this.box;
    this.update(heat);
    const kept = Math.max(1, history.length);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.pixels, 0, 0, kept, layers.length, left, top, right - left, bottom - top);
    this.drawLabels();
    this.drawScale(heat);
    if (this.pointer && this.pointer.x > left && this.pointer.x < right) {
      const row = Math.floor(((this.pointer.y - top) / (bottom - top)) * layers.length);
      const tall = (bottom - top) / layers.length;
      context.strokeStyle = palette.ink;
      context.lineWidth = 1;
      if (row >= 0 && row < layers.length) context.strokeRect(left, top + row * tall, right - left, tall);
    }
  }

  /** Colour the columns that are new, or all where the colours or the past changed. @param {string} heat */
  update(heat) {
    const { palette } = this;
    const { history, layers } = this.run;
    const { drawn } = this;
    const same = drawn.heat === heat && drawn.version === history.version && drawn.palette === palette && drawn.history === history;
    const from = same ? drawn.length : 0;
    if (!same) {
      this.pixels.width = 512;
      this.pixels.height = Math.max(1, layers.length);
    }
    if (from < history.length) {
      const wide = history.length - from;
      const first = STATISTICS.indexOf(heat) * layers.length;
      const usual = heat === "heat_update" ? USUAL_UPDATE : 1;
      const colorOf = (/** @type {number} */ value) =>
        SHARES.includes(heat)
          ? look(palette.sequential, value)
          : look(palette.diverging, 0.5 + Math.log10(Math.max(value / usual, 1e-30)) / (2 * DECADES));
      const at = (/** @type {number} */ i) => (from + (i % wide)) * history.rows + first + Math.floor(i / wide);
      fillPixels(this.pixels, wide, layers.length, (i) => colorOf(history.values[at(i)]), from);
    }
    this.drawn = { heat, version: history.version, length: history.length, palette, history };
  }

  drawLabels() {
    const { history, layers } = this.run;
    const { left, top, right, bottom } = this.box;
    const tall = (bottom - top) / layers.length;
    const often = Math.ceil(layers.length / Math.max(1, (bottom - top) / 15));
    for (let i = 0; i < layers.length; i += often) this.write(String(i + 1), left - 7, top + (i + 0.5) * tall, { align: "right" });
    const last = history.length - 1;
    if (last < 1) return;
    const x = linear(0, last, left, right);
    const count = Math.max(2, Math.floor((right - left) / 110));
    for (let i = 0; i < count; i++) {
      const at = Math.round((i * last) / (count - 1));
      const align = i === 0 ? "left" : i === count - 1 ? "right" : "center";
      this.write(`${i === 0 ? `${t("at")} ` : ""}${history.steps[at]}`, x.place(at), bottom + 7, { align, base: "top" });
    }
  }

  /** @param {string} heat */
  drawScale(heat) {
    const { context, palette } = this;
    const { right, top, bottom } = this.box;
    const isShare = SHARES.includes(heat);
    const table = isShare ? palette.sequential : palette.diverging;
    const from = right + 12;
    fillPixels(this.scale, 1, table.length, (i) => table[table.length - 1 - i]);
    context.drawImage(this.scale, from, top, 10, bottom - top);
    const labels = isShare ? ["100%", "50%", "0%"] : heat === "heat_update" ? ["1", "10⁻³", "10⁻⁶"] : ["10³", "1", "10⁻³"];
    labels.forEach((label, i) => this.write(label, from + 14, top + 6 + (i / 2) * (bottom - top - 12)));
  }

  /** @param {Point} at */
  read(at) {
    const { history, layers } = this.run;
    const { left, top, right, bottom } = this.box;
    if (!history.length || at.x < left || at.x > right || at.y < top || at.y > bottom) return [];
    const layer = Math.min(layers.length - 1, Math.floor(((at.y - top) / (bottom - top)) * layers.length));
    const column = Math.min(history.length - 1, Math.floor(((at.x - left) / (right - left)) * history.length));
    const { heat } = this.shared.store.state;
    const value = history.values[column * history.rows + STATISTICS.indexOf(heat) * layers.length + layer];
    const said =
      SHARES.includes(heat)
        ? `${t(heat)}: ${percent(value)}`
        : `${t(heat === "heat_gradient" ? "relative" : heat === "heat_update" ? heat : "rms")}: ${short(value)}`;
    return [`${this.run.titleOf(layer)}, ${t("at")} ${history.steps[column]}`, said];
  }
}
