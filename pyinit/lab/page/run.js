/** One run as the page knows it: its newest arrays, and what it remembers of the past. */

import { Columns, Series } from "./series.js";
import { t } from "./text.js";

export const KINDS = ["pre_activation", "activation_kind", "gradient", "weight"];
export const MOMENTS = 5;
export const RMS = 2;

/** What the heat map can show of a layer. */
export const STATISTICS = ["heat_activation", "heat_gradient", "heat_saturated", "heat_dead", "heat_update"];

export class Run {
  /** @param {number} index @param {Record<string, any>} info the run as `ready` describes it */
  constructor(index, info) {
    this.index = index;
    /** @type {string} */
    this.label = info.label ?? info.recipe ?? "";
    /** @type {LayerInfo[]} */
    this.layers = info.layers ?? [];
    /** whether layers are told by the names of the user's own modules */
    this.named = Boolean(info.named);
    /** @type {number | null} */
    this.sigmaW = info.sigma_w ?? null;
    /** @type {number} */
    this.sigmaB = info.sigma_b ?? 0;
    /** @type {number | null} */
    this.criticalScale = info.critical_scale ?? null;
    this.losses = new Series();
    /** @type {{step: number, train: number, test: number}[]} */
    this.scores = [];
    /** @type {Map<string, Plane>} */
    this.now = new Map();
    /** the rms that theory predicts of each layer and kind, of the network as it begins @type {Plane | undefined} */
    this.predicted = undefined;
    this.history = new Columns(this.layers.length * STATISTICS.length);
    /** @type {{layers: LayerVerdict[], text: Said}} */
    this.verdict = { layers: [], text: "" };
    this.diverged = false;
  }

  /** Begin again from the same weights. */
  forget() {
    this.losses.clear();
    this.scores = [];
    this.history = new Columns(this.history.rows);
    this.diverged = false;
  }

  /** Take this run's arrays of a frame. @param {Frame} frame */
  take({ header, arrays }) {
    const prefix = `r${this.index}.`;
    this.now = new Map();
    for (const [name, plane] of arrays) {
      if (name.startsWith(prefix)) this.now.set(name.slice(prefix.length), plane);
    }
    this.predicted = this.now.get("predicted") ?? this.predicted;
    const boundary = this.now.get("boundary");
    if (boundary?.values instanceof Uint8Array) {
      this.now.set("boundary", { values: Float32Array.from(boundary.values, (one) => one / 255), shape: boundary.shape });
    }
    for (const loss of this.now.get("losses")?.values ?? []) {
      this.losses.push(loss);
    }
    const scores = this.now.get("scores")?.values ?? [];
    for (let i = 0; i + 2 < scores.length; i += 3) {
      this.scores.push({ step: scores[i], train: scores[i + 1], test: scores[i + 2] });
    }
    this.diverged = Boolean(header.diverged?.[this.index]);
    const moments = this.now.get("moments");
    if (moments && moments.shape[0] === this.layers.length) this.remember(header.step, moments);
  }

  /** @param {number} step @param {Plane} moments */
  remember(step, { values, shape }) {
    const [layers, kinds] = shape;
    const column = new Float32Array(layers * STATISTICS.length);
    const at = (/** @type {number} */ layer, /** @type {number} */ kind, /** @type {number} */ moment) =>
      values[(layer * kinds + kind) * MOMENTS + moment];
    const output = at(layers - 1, 2, RMS);
    const updates = this.now.get("updates")?.values;
    for (let layer = 0; layer < layers; layer++) {
      column[layer] = at(layer, 1, RMS);
      column[layers + layer] = at(layer, 2, RMS) / output;
      column[2 * layers + layer] = at(layer, 0, 3);
      column[3 * layers + layer] = at(layer, 1, 4);
      column[4 * layers + layer] = updates?.[layer] ?? NaN;
    }
    this.history.push(step, column);
  }

  /** @param {number} layer @param {number} kind @returns {number[]} mean, std, rms, saturated, dead */
  momentsOf(layer, kind) {
    const moments = this.now.get("moments");
    if (!moments) return [NaN, NaN, NaN, NaN, NaN];
    const from = (layer * moments.shape[1] + kind) * MOMENTS;
    return [...moments.values.subarray(from, from + MOMENTS)];
  }

  /** @param {number} layer @returns {string} its number, and its name where it has one of its own */
  titleOf(layer) {
    return `${t("layer")} ${layer + 1}${this.named ? `, ${this.layers[layer].name}` : ""}`;
  }

  /** @param {number} layer @param {number} kind @returns {number} the rms that theory predicts */
  predictedOf(layer, kind) {
    return this.predicted?.values[layer * this.predicted.shape[1] + kind] ?? NaN;
  }

  /** @returns {number} the newest score on test rows, else on training rows */
  get score() {
    const last = this.scores.at(-1);
    if (!last) return NaN;
    return Number.isFinite(last.test) ? last.test : last.train;
  }
}
