/** Distributions in every layer: a row for each layer, a column for each kind, and theory's curve over them. */

import { percent, short } from "./axes.js";
import { Panel } from "./panel.js";
import { KINDS } from "./run.js";
import { said, t } from "./text.js";

/** @typedef {import("./color.js").Palette} Palette */
/** @typedef {import("./axes.js").Box} Box */

const TOP = 26;
const LEFT = 58;
const GAP = 14;
/** below so many pixels a row, layers are left out, evenly */
const LOWEST_ROW = 30;

export class Histogram extends Panel {
  /** @param {import("./panel.js").Surroundings} shared @param {import("./run.js").Run} run */
  constructor(shared, run) {
    super(shared, "histogram", { title: "histogram" });
    this.run = run;
    this.element.style.setProperty("--rows", String(Math.min(run.layers.length, 12)));
  }

  /** @returns {number[]} the layers that are shown */
  get rows() {
    const layers = this.run.layers.length;
    const most = Math.max(2, Math.floor((this.height - TOP) / LOWEST_ROW));
    if (layers <= most) return Array.from({ length: layers }, (_, i) => i);
    return Array.from({ length: most }, (_, i) => Math.round((i * (layers - 1)) / (most - 1)));
  }

  /** @returns {number} how many kinds a frame has */
  get columns() {
    return this.run.now.get("counts")?.shape[1] ?? KINDS.length;
  }

  /** @param {number} row @param {number} column @returns {Box} */
  cell(row, column) {
    const wide = (this.width - LEFT - 4) / this.columns;
    const tall = (this.height - TOP) / this.rows.length;
    const left = LEFT + column * wide;
    return { left, right: left + wide - GAP, top: TOP + row * tall + 3, bottom: TOP + (row + 1) * tall - 14 };
  }

  /** @param {CanvasRenderingContext2D} context @param {Palette} palette */
  draw(context, palette) {
    const counts = this.run.now.get("counts");
    const edges = this.run.now.get("edges");
    if (!counts || !edges) return;
    const [, kinds, bins] = counts.shape;
    const theory = this.run.now.get("theory");
    const { rows } = this;
    this.drawHeadings(context, palette, kinds);
    rows.forEach((layer, row) => {
      this.drawName(context, palette, layer, row);
      for (let kind = 0; kind < kinds; kind++) {
        const at = layer * kinds + kind;
        const box = this.cell(row, kind);
        const ends = edges.values.subarray(2 * at, 2 * at + 2);
        const density = theory?.values.subarray(at * bins, (at + 1) * bins);
        this.drawCell(context, palette, box, kind, counts.values.subarray(at * bins, (at + 1) * bins), ends, density);
        this.drawShares(context, palette, box, layer, kind);
      }
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {Palette} palette @param {number} kinds */
  drawHeadings(context, palette, kinds) {
    context.font = `600 12px ${palette.font}`;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    for (let kind = 0; kind < kinds; kind++) {
      const { left, right } = this.cell(0, kind);
      context.fillStyle = palette.kinds[kind];
      context.fillText(t(KINDS[kind]), left, 14, right - left);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Palette} palette @param {number} layer @param {number} row */
  drawName(context, palette, layer, row) {
    const { top, bottom } = this.cell(row, 0);
    const verdict = this.run.verdict.layers[layer];
    const ill = verdict && verdict.kind !== "healthy";
    context.fillStyle = ill ? palette.bad : palette.ink;
    context.font = `600 12px ${palette.font}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    const middle = (top + bottom) / 2;
    context.fillText(`${ill ? "▲ " : ""}${layer + 1}`, 2, bottom - top > 34 ? middle - 7 : middle);
    if (bottom - top <= 34) return;
    context.fillStyle = palette.muted;
    context.font = `11px ${palette.font}`;
    context.fillText(this.run.layers[layer].activation ?? "", 2, middle + 8, LEFT - 8);
  }

  /** @param {CanvasRenderingContext2D} context @param {Palette} palette @param {Box} box @param {number} kind @param {ArrayLike<number>} counts @param {ArrayLike<number>} ends @param {ArrayLike<number> | undefined} theory */
  drawCell(context, palette, box, kind, counts, ends, theory) {
    const { left, right, top, bottom } = box;
    const bins = counts.length;
    const wide = right - left;
    context.strokeStyle = palette.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(left, bottom + 0.5);
    context.lineTo(right, bottom + 0.5);
    const [low, high] = [ends[0], ends[1]];
    if (low < 0 && high > 0) {
      const zero = Math.round(left + (-low / (high - low)) * wide) + 0.5;
      context.moveTo(zero, top);
      context.lineTo(zero, bottom);
    }
    context.stroke();
    let total = 0;
    for (let i = 0; i < bins; i++) total += counts[i];
    context.fillStyle = palette.kinds[kind];
    if (!(high > low)) {
      if (Number.isFinite(low) && total) context.fillRect(left + wide / 2 - 1.5, top, 3, bottom - top);
    } else if (total > 0) {
      // heights in units of an even distribution over the cell
      let most = 1e-9;
      const overTheory = theory ? (high - low) : 0;
      for (let i = 0; i < bins; i++) most = Math.max(most, (counts[i] / total) * bins);
      let ceiling = most;
      if (theory) {
        let peak = 0;
        for (let i = 0; i < bins; i++) if (theory[i] * overTheory > peak) peak = theory[i] * overTheory;
        // the higher of both is cut where the lower could not be seen beside it
        if (peak > most) ceiling = Math.min(peak * 1.15, most * 3);
        else if (peak > 0) ceiling = Math.max(peak * 1.15, Math.min(most, peak * 2.5));
      }
      const scale = (bottom - top) / ceiling;
      context.globalAlpha = 0.55;
      context.beginPath();
      context.moveTo(left, bottom);
      for (let i = 0; i < bins; i++) {
        const y = Math.max(top, bottom - (counts[i] / total) * bins * scale);
        context.lineTo(left + (i / bins) * wide, y);
        context.lineTo(left + ((i + 1) / bins) * wide, y);
      }
      context.lineTo(right, bottom);
      context.fill();
      context.globalAlpha = 1;
      if (theory) {
        context.strokeStyle = palette.ink;
        context.lineWidth = 1.5;
        context.beginPath();
        let open = false;
        for (let i = 0; i < bins; i++) {
          const value = theory[i];
          if (!Number.isFinite(value)) {
            open = false;
            continue;
          }
          const x = left + ((i + 0.5) / bins) * wide;
          const y = Math.max(top, bottom - value * overTheory * scale);
          if (open) context.lineTo(x, y);
          else context.moveTo(x, y);
          open = true;
        }
        context.stroke();
      }
    }
    context.fillStyle = palette.muted;
    context.font = `9.5px ${palette.font}`;
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillText(short(low, 2), left, bottom + 3, wide / 2);
    context.textAlign = "right";
    context.fillText(short(high, 2), right, bottom + 3, wide / 2);
  }

  /** Say how many are saturated or dead, where it is worth saying. @param {CanvasRenderingContext2D} context @param {Palette} palette @param {Box} box @param {number} layer @param {number} kind */
  drawShares(context, palette, box, layer, kind) {
    const moments = this.run.momentsOf(layer, kind);
    const [key, value] = kind === 0 ? ["saturated", moments[3]] : kind === 1 ? ["dead", moments[4]] : ["", 0];
    if (!key || !(value >= 0.005)) return;
    context.font = `600 10px ${palette.font}`;
    context.textAlign = "right";
    context.textBaseline = "top";
    context.fillStyle = value > 0.3 ? palette.bad : palette.muted;
    context.strokeStyle = palette.surface;
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeText(`${percent(value)} ${t(key)}`, box.right, box.top, box.right - box.left);
    context.fillText(`${percent(value)} ${t(key)}`, box.right, box.top, box.right - box.left);
  }

  /** @param {import("./panel.js").Point} at */
  read(at) {
    const counts = this.run.now.get("counts");
    const edges = this.run.now.get("edges");
    if (!counts || !edges) return [];
    const [, kinds, bins] = counts.shape;
    const { rows } = this;
    for (let row = 0; row < rows.length; row++) {
      for (let kind = 0; kind < kinds; kind++) {
        const { left, right, top, bottom } = this.cell(row, kind);
        if (at.x < left || at.x > right || at.y < top || at.y > bottom + 14) continue;
        const layer = rows[row];
        const index = layer * kinds + kind;
        const [low, high] = edges.values.subarray(2 * index, 2 * index + 2);
        const bin = Math.min(bins - 1, Math.floor(((at.x - left) / (right - left)) * bins));
        const own = counts.values.subarray(index * bins, (index + 1) * bins);
        let total = 0;
        for (const one of own) total += one;
        const [mean, std, , saturated, dead] = this.run.momentsOf(layer, kind);
        const size = (high - low) / bins;
        const lines = [
          `${t("layer")} ${layer + 1}, ${t(KINDS[kind])}`,
          `[${short(low + bin * size)}, ${short(low + (bin + 1) * size)}): ${percent(total ? own[bin] / total : NaN)}`,
          `${t("mean")} ${short(mean)}, ${t("std")} ${short(std)}`,
        ];
        if (kind === 0 && Number.isFinite(saturated)) lines.push(`${t("saturated")} ${percent(saturated)}`);
        if (kind === 1 && Number.isFinite(dead)) lines.push(`${t("dead")} ${percent(dead)}`);
        const verdict = this.run.verdict.layers[layer];
        if (verdict) lines.push(said(verdict.text));
        return lines;
      }
    }
    return [];
  }
}
