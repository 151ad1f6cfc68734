/** The network as it is: each line a weight or its gradient, each column the units of a layer. */

import { short } from "./axes.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";

const LEVELS = 6;
/** lines below this share of the greatest are not drawn */
const FAINTEST = 0.02;
/** where there are more lines than this, those for weights of 0 are not drawn, and so many of each layer are */
const MANY = 1500;
const MOST_OF_LAYER = 220;

export class NetworkView extends Panel {
  /** @param {Surroundings} shared @param {Run} run */
  constructor(shared, run) {
    super(shared, "network", "network_drawn", { drawn: [["weights", "weights"], ["gradients", "gradients"]] });
    this.run = run;
    /** @type {{x: number, y: number, size: number}[][]} */
    this.places = [];
    /** @type {number[]} */
    this.faintest = [];
  }

  /** @returns {(Plane | undefined)[]} */
  get matrices() {
    const { drawn } = this.shared.store.state;
    return this.run.layers.map((_, i) => this.run.now.get(`${drawn}.${i}`));
  }

  draw() {
    const matrices = this.matrices;
    if (!this.run.layers.length || !this.run.now.size) return;
    if (matrices.every((one) => one !== undefined)) {
      this.drawLines(/** @type {Plane[]} */ (matrices));
    } else {
      this.drawBlocks();
    }
  }

  /** @param {Plane[]} matrices */
  drawLines(matrices) {
    const { context, palette } = this;
    const counts = [matrices[0].shape[1], ...matrices.map((one) => one.shape[0])];
    const bottom = this.height - 34;
    this.places = counts.map((count, column) => {
      const x = 34 + (column * (this.width - 68)) / Math.max(1, counts.length - 1);
      const gap = Math.min(34, (bottom - 16) / count);
      return Array.from({ length: count }, (_, i) => ({
        x,
        y: 8 + bottom / 2 + (i - (count - 1) / 2) * gap,
        size: Math.max(2.5, Math.min(8, gap * 0.34)),
      }));
    });
    let most = 0;
    for (const { values } of matrices) for (const value of values) most = Math.max(most, Math.abs(value) || 0);
    this.faintest = matrices.map(({ values }) => (isMany(matrices) ? strongest(values) / (most || 1) : FAINTEST));
    this.drawGround(matrices);
    for (const sign of [-1, 1]) {
      context.strokeStyle = sign < 0 ? palette.negative : palette.positive;
      for (let level = 1; level <= LEVELS; level++) this.drawLevel(matrices, most, sign, level);
    }
    context.globalAlpha = 1;
    this.drawUnits();
    this.drawLegend(most);
  }

  /** Draw that units are joined, even by a weight of 0. @param {Plane[]} matrices */
  drawGround(matrices) {
    const { context, palette } = this;
    if (isMany(matrices)) return;
    context.strokeStyle = palette.line;
    context.lineWidth = 0.75;
    context.beginPath();
    matrices.forEach((_, layer) => {
      for (const from of this.places[layer]) {
        for (const to of this.places[layer + 1]) {
          context.moveTo(from.x + from.size, from.y);
          context.lineTo(to.x - to.size, to.y);
        }
      }
    });
    context.stroke();
  }

  /** Draw the lines of one sign whose strength is in one of a few levels. @param {Plane[]} matrices @param {number} most @param {number} sign @param {number} level */
  drawLevel(matrices, most, sign, level) {
    const { context } = this;
    context.globalAlpha = 0.1 + 0.75 * (level / LEVELS);
    context.lineWidth = 0.5 + 2.5 * (level / LEVELS);
    context.beginPath();
    matrices.forEach(({ values, shape: [units, inputs] }, layer) => {
      const faintest = this.faintest[layer];
      for (let unit = 0; unit < units; unit++) {
        for (let input = 0; input < inputs; input++) {
          const strength = (sign * values[unit * inputs + input]) / (most || 1);
          if (!(strength > faintest) || Math.ceil(strength * LEVELS) !== level) continue;
          const from = this.places[layer][input];
          const to = this.places[layer + 1][unit];
          context.moveTo(from.x + from.size, from.y);
          context.lineTo(to.x - to.size, to.y);
        }
      }
    });
    context.stroke();
  }

  drawUnits() {
    const { context, palette } = this;
    context.lineWidth = 1.5;
    const often = Math.ceil(this.places.length / Math.max(1, this.width / 40));
    this.places.forEach((units, column) => {
      context.strokeStyle = palette.muted;
      context.fillStyle = palette.surface;
      context.beginPath();
      for (const { x, y, size } of units) {
        context.moveTo(x + size, y);
        context.arc(x, y, size, 0, 7);
      }
      context.fill();
      context.stroke();
      if (column % often && column !== this.places.length - 1) return;
      const name = column === 0 ? "x" : column === this.places.length - 1 ? "y" : String(column);
      this.write(name, units[0].x, this.height - 34, { align: "center", base: "top" });
    });
  }

  /** @param {number} most */
  drawLegend(most) {
    const { palette } = this;
    const y = this.height - 9;
    const middle = this.width / 2;
    this.write("0", middle, y, { align: "center" });
    if (!most) return;
    this.lines(palette.negative, 3, [middle - 58, y, middle - 34, y]);
    this.lines(palette.positive, 3, [middle + 34, y, middle + 58, y]);
    this.write(short(-most), middle - 64, y, { align: "right" });
    this.write(short(most), middle + 64, y);
  }

  /** Draw a bar for each layer, as long as its norm. */
  drawBlocks() {
    const { context, palette } = this;
    this.places = [];
    const norms = this.run.now.get("norms")?.values;
    if (!norms) return;
    const which = this.shared.store.state.drawn === "gradients" ? 1 : 0;
    const layers = this.run.layers.length;
    const logs = this.run.layers.map((_, i) => Math.log10(norms[2 * i + which]));
    const finite = logs.filter(Number.isFinite);
    const high = Math.max(...finite, -30);
    const low = Math.min(high - 2, ...finite);
    const gap = (this.width - 40) / layers;
    const tall = this.height - 66;
    context.fillStyle = which ? palette.kinds[2] : palette.kinds[3];
    logs.forEach((value, i) => {
      const size = Number.isFinite(value) ? (0.06 + 0.94 * ((value - low) / (high - low))) * tall : 1;
      context.beginPath();
      context.roundRect(20 + i * gap + gap * 0.12, 14 + (tall - size) / 2, Math.max(1, gap * 0.76), size, Math.min(4, gap * 0.3));
      context.fill();
    });
    const often = Math.ceil(layers / Math.max(1, this.width / 40));
    for (let i = 0; i < layers; i += often) {
      this.write(String(i + 1), 20 + (i + 0.5) * gap, this.height - 46, { align: "center", base: "top" });
    }
    this.write(t("too_wide"), this.width / 2, this.height - 20, { align: "center", base: "top", most: this.width - 20 });
  }

  /** @param {Point} at */
  read(at) {
    const matrices = this.matrices;
    if (!this.places.length) {
      const layer = Math.floor(((at.x - 20) / (this.width - 40)) * this.run.layers.length);
      const norms = this.run.now.get("norms")?.values;
      if (!norms || !this.run.layers[layer]) return [];
      return [
        `${t("layer")} ${layer + 1}: ${this.run.layers[layer].units} × ${this.run.layers[layer].inputs}`,
        `${t("weight_norm")} ${short(norms[2 * layer])}`,
        `${t("gradient_norm")} ${short(norms[2 * layer + 1])}`,
      ];
    }
    for (let column = 0; column < this.places.length; column++) {
      const unit = this.places[column].findIndex(({ x, y, size }) => Math.hypot(x - at.x, y - at.y) < size + 5);
      const matrix = matrices[column - 1];
      if (unit < 0) continue;
      if (!matrix) return [`x${unit + 1}`];
      const row = matrix.values.subarray(unit * matrix.shape[1], (unit + 1) * matrix.shape[1]);
      const { drawn } = this.shared.store.state;
      const shown = [...row.subarray(0, 8)].map((value) => short(value)).join("  ");
      return [`${t("layer")} ${column}, ${unit + 1}`, `${t(drawn)}: ${shown}${row.length > 8 ? " …" : ""}`];
    }
    return [];
  }
}

/** @param {Plane[]} matrices */
function isMany(matrices) {
  return matrices.reduce((sum, { values }) => sum + values.length, 0) > MANY;
}

/** @param {Values} values @returns {number} the size that only a few are above */
function strongest(values) {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return sizes[sizes.length - 1 - MOST_OF_LAYER] ?? 0;
}
