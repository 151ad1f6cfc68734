/** Distributions in every layer: a row for each layer, a column for each kind, and theory's curve over them. */

import { percent, short } from "./axes.js";
import { h } from "./dom.js";
import { Panel } from "./panel.js";
import { KINDS } from "./run.js";
import { said, t } from "./text.js";

/** @typedef {{layer: number, kind: number, box: Box, low: number, high: number, counts: Values, theory: Values, total: number, scale: number}} Cell */

const NO_THEORY = new Float32Array(0);

const TOP = 26;
const LEFT = 58;
const GAP = 14;
/** below so many pixels in all, names and gaps take half */
const NARROW = 400;
/** below so many pixels a row, layers are left out, evenly */
const LOWEST_ROW = 30;
/** below so many pixels a cell, only its right end is named */
const NARROWEST = 74;
/** pixels that a curve may be off */
const LEVEL = 0.3;

export class Histogram extends Panel {
  /** @param {Surroundings} shared @param {Run} run */
  constructor(shared, run) {
    super(shared, "histogram", "histogram");
    this.tools.append(h("span", { class: "key", t: "theory" }));
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

  /** @returns {boolean} whether names and gaps take half */
  get isNarrow() {
    return this.width < NARROW;
  }

  /** @param {number} row @param {number} column @returns {Box} */
  cell(row, column) {
    const { isNarrow } = this;
    const start = isNarrow ? LEFT / 2 : LEFT;
    const wide = (this.width - start) / this.columns;
    const tall = (this.height - TOP) / this.rows.length;
    const left = start + column * wide;
    return { left, right: left + wide - (isNarrow ? GAP / 2 : GAP), top: TOP + row * tall + 3, bottom: TOP + (row + 1) * tall - 14 };
  }

  /**
   * Draw in passes over all cells, one path for each colour, as a path costs more than what is in it.
   */
  draw() {
    const { context, palette } = this;
    const cells = this.cells();
    if (!cells.length) return;
    const kinds = this.columns;
    this.drawHeadings(kinds);
    this.drawLines(cells);
    context.globalAlpha = 0.55;
    for (let kind = 0; kind < kinds; kind++) {
      context.fillStyle = palette.kinds[kind];
      context.beginPath();
      for (const cell of cells) if (cell.kind === kind) addBars(context, cell);
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = palette.ink;
    context.lineWidth = 1.5;
    // a round joint at each of thousands of points costs as much as all else
    context.lineJoin = "bevel";
    context.beginPath();
    for (const cell of cells) addTheory(context, cell);
    context.stroke();
    context.setLineDash([3, 3]);
    context.beginPath();
    for (const cell of cells) addSize(context, cell, this.run.predictedOf(cell.layer, cell.kind));
    context.stroke();
    context.setLineDash([]);
    this.drawEnds(cells);
    this.rows.forEach((layer, row) => this.drawName(layer, row));
    for (const { box, layer, kind } of cells) if (kind < 2) this.drawShares(box, layer, kind);
  }

  /** @returns {Cell[]} every cell that is shown, with what is drawn in it */
  cells() {
    const counts = this.run.now.get("counts");
    const edges = this.run.now.get("edges");
    if (!counts || !edges) return [];
    const [, kinds, bins] = counts.shape;
    const theory = this.run.now.get("theory");
    return this.rows.flatMap((layer, row) =>
      Array.from({ length: kinds }, (_, kind) => {
        const at = layer * kinds + kind;
        return cellOf({
          layer,
          kind,
          box: this.cell(row, kind),
          low: edges.values[2 * at],
          high: edges.values[2 * at + 1],
          counts: counts.values.subarray(at * bins, (at + 1) * bins),
          theory: theory?.values.subarray(at * bins, (at + 1) * bins) ?? NO_THEORY,
        });
      }),
    );
  }

  /** @param {number} kinds */
  drawHeadings(kinds) {
    const { context, palette } = this;
    for (let kind = 0; kind < kinds; kind++) {
      const { left, right } = this.cell(0, kind);
      this.write(t(KINDS[kind]), left, 9, { color: this.palette.kinds[kind], size: 12, weight: 600, most: right - left });
    }
  }

  /** @param {number} layer @param {number} row */
  drawName(layer, row) {
    const { palette } = this;
    const { top, bottom } = this.cell(row, 0);
    const verdict = this.run.verdict.layers[layer];
    const ill = verdict && verdict.kind !== "healthy";
    const isTall = bottom - top > 34 && !this.isNarrow;
    const middle = (top + bottom) / 2;
    this.write(`${ill ? "▲ " : ""}${layer + 1}`, 2, isTall ? middle - 7 : middle, { color: ill ? palette.bad : palette.ink, size: 12, weight: 600 });
    if (isTall) this.write(this.run.layers[layer].activation ?? "", 2, middle + 8, { most: LEFT - 8 });
  }

  /** Draw where each cell stands, and where 0 is. @param {Cell[]} cells */
  drawLines(cells) {
    const { context, palette } = this;
    context.strokeStyle = palette.line;
    context.lineWidth = 1;
    context.beginPath();
    for (const { box: { left, right, top, bottom }, low, high } of cells) {
      context.moveTo(left, bottom + 0.5);
      context.lineTo(right, bottom + 0.5);
      if (!(low < 0 && high > 0)) continue;
      const zero = Math.round(left + (-low / (high - low)) * (right - left)) + 0.5;
      context.moveTo(zero, top);
      context.lineTo(zero, bottom);
    }
    context.stroke();
  }

  /** Name the ends of each cell. @param {Cell[]} cells */
  drawEnds(cells) {
    const { context, palette } = this;
    context.fillStyle = palette.muted;
    context.font = `9.5px ${palette.font}`;
    context.textBaseline = "top";
    for (const align of /** @type {("left" | "right")[]} */ (["left", "right"])) {
      context.textAlign = align;
      for (const { box, low, high } of cells) {
        const wide = box.right - box.left;
        if (align === "right") context.fillText(short(high, 2), box.right, box.bottom + 3, wide / 2);
        else if (wide >= NARROWEST) context.fillText(short(low, 2), box.left, box.bottom + 3, wide / 2);
      }
    }
  }

  /** Say how many are saturated or dead, where it is worth saying. @param {Box} box @param {number} layer @param {number} kind */
  drawShares(box, layer, kind) {
    const { palette } = this;
    const moments = this.run.momentsOf(layer, kind);
    const [key, value] = kind === 0 ? ["saturated", moments[3]] : kind === 1 ? ["dead", moments[4]] : ["", 0];
    if (!key || !(value >= 0.005)) return;
    const text = box.right - box.left < NARROWEST ? percent(value) : `${percent(value)} ${t(key)}`;
    const color = value > 0.3 ? palette.bad : palette.muted;
    this.write(text, box.right, box.top, { align: "right", base: "top", size: 10, weight: 600, color, halo: 3 });
  }

  /** @param {Point} at */
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
          `${this.run.titleOf(layer)}, ${t(KINDS[kind])}`,
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

/** @param {Omit<Cell, "scale" | "total">} cell @returns {Cell} with the pixels of a height of 1: of an even distribution */
function cellOf(cell) {
  const { box, low, high, theory } = cell;
  let [total, most, peak] = [0, 0, 0];
  for (const count of cell.counts) total += count;
  const counts = joined(cell.counts, total);
  for (const count of counts) most = Math.max(most, count);
  most *= counts.length / (total || 1);
  for (const density of theory) if (density * (high - low) > peak) peak = density * (high - low);
  let ceiling = most;
  // the higher of both is cut where the lower could not be seen beside it
  if (peak > most) ceiling = Math.min(peak * 1.15, most * 3);
  else if (peak > 0) ceiling = Math.max(peak * 1.15, Math.min(most, peak * 2.5));
  return { ...cell, counts, total, scale: (box.bottom - box.top) / (ceiling || 1) };
}

/** Join neighbours where there are fewer values than bins, so that a few make no comb. @param {Values} counts @param {number} total */
function joined(counts, total) {
  const by = total < counts.length ? 4 : total < 4 * counts.length ? 2 : 1;
  if (by === 1) return counts;
  const found = new Float32Array(counts.length / by);
  counts.forEach((count, i) => (found[Math.floor(i / by)] += count));
  return found;
}

/** @param {CanvasRenderingContext2D} context @param {Cell} cell */
function addBars(context, { box: { left, right, top, bottom }, low, high, counts, total, scale }) {
  if (!total) return;
  const wide = right - left;
  if (!(high > low)) {
    context.rect(left + wide / 2 - 1.5, top, 3, bottom - top);
    return;
  }
  const bins = counts.length;
  const unit = (bins / total) * scale;
  context.moveTo(left, bottom);
  let before = bottom;
  for (let i = 0; i < bins; i++) {
    const y = Math.max(top, Math.round(bottom - counts[i] * unit));
    if (y !== before) {
      const x = left + (i / bins) * wide;
      context.lineTo(x, before);
      context.lineTo(x, y);
      before = y;
    }
  }
  context.lineTo(right, before);
  context.lineTo(right, bottom);
  context.closePath();
}

/** @param {CanvasRenderingContext2D} context @param {Cell} cell */
function addTheory(context, { box: { left, right, top, bottom }, low, high, theory, total, scale }) {
  if (!total || !(high > low)) return;
  const wide = (right - left) / theory.length;
  const unit = (high - low) * scale;
  const place = (/** @type {number} */ i) => Math.max(top, bottom - theory[i] * unit);
  let before = NaN;
  for (let i = 0; i < theory.length; i++) {
    const y = place(i);
    // on a level part its ends are enough
    if (Math.abs(y - before) < LEVEL && Math.abs(place(i + 1) - before) < LEVEL) continue;
    if (Number.isFinite(y)) context[Number.isFinite(before) ? "lineTo" : "moveTo"](left + (i + 0.5) * wide, y);
    before = y;
  }
}

/**
 * Mark ± the size that theory predicts, where it knows no curve: of a gradient.
 * @param {CanvasRenderingContext2D} context @param {Cell} cell @param {number} size
 */
function addSize(context, { box: { left, right, top, bottom }, low, high, theory, total }, size) {
  if (!total || !(high > low) || theory.some(Number.isFinite)) return;
  for (const value of [-size, size]) {
    if (!(value >= low && value <= high)) continue;
    const x = left + ((value - low) / (high - low)) * (right - left);
    context.moveTo(x, top);
    context.lineTo(x, bottom);
  }
}
