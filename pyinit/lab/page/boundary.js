/** What the network answers everywhere in the plane, and the data over it. */

import { linear, percent, short } from "./axes.js";
import { fillPixels, look, pixel, rgb } from "./color.js";
import { Panel } from "./panel.js";

const MOST_POINTS = 800;
const GOLDEN = 0.6180339887;

export class Boundary extends Panel {
  /** @param {Surroundings} shared @param {Run} run */
  constructor(shared, run) {
    super(shared, "boundary", "boundary");
    this.run = run;
    this.field = document.createElement("canvas");
    this.points = document.createElement("canvas");
    this.stale = true;
  }

  /** The square in which the plane is drawn. */
  get square() {
    const size = Math.min(this.width, this.height) - 4;
    const left = Math.round((this.width - size) / 2);
    const top = Math.round((this.height - size) / 2);
    return { left, top, right: left + size, bottom: top + size };
  }

  resized() {
    this.stale = true;
  }

  draw() {
    const { context } = this;
    const plane = this.run.now.get("boundary");
    const { left, top, right, bottom } = this.square;
    if (plane) {
      this.fill(plane);
      // row 0 is the lowest y
      context.save();
      context.translate(0, top + bottom);
      context.scale(1, -1);
      context.drawImage(this.field, left, top, right - left, bottom - top);
      context.restore();
      if (plane.shape.length === 2) this.drawLine(plane);
    }
    if (this.stale) this.drawPoints();
    context.drawImage(this.points, left, top, right - left, bottom - top);
  }

  /** @param {Plane} plane */
  fill({ values, shape }) {
    const { palette } = this;
    const [height, width, classes = 1] = shape;
    if (classes === 1) {
      fillPixels(this.field, width, height, (i) => look(palette.sides, values[i]));
      return;
    }
    const colors = Array.from({ length: classes }, (_, i) => rgb(palette.classes[i % palette.classes.length]));
    const ground = rgb(palette.surface);
    fillPixels(this.field, width, height, (i) => {
      let best = 0;
      for (let c = 1; c < classes; c++) if (values[i * classes + c] > values[i * classes + best]) best = c;
      const sure = 0.08 + (0.42 * (values[i * classes + best] - 1 / classes)) / (1 - 1 / classes);
      const [r, g, b] = colors[best].map((one, j) => ground[j] + (one - ground[j]) * sure);
      return pixel(r, g, b);
    });
  }

  /** Draw where both classes are equally likely. @param {Plane} plane */
  drawLine({ values, shape }) {
    const { context, palette } = this;
    const [height, width] = shape;
    const { left, top, right, bottom } = this.square;
    const x = (/** @type {number} */ i) => left + ((i + 0.5) / width) * (right - left);
    const y = (/** @type {number} */ j) => bottom - ((j + 0.5) / height) * (bottom - top);
    context.beginPath();
    for (let j = 0; j + 1 < height; j++) {
      for (let i = 0; i + 1 < width; i++) {
        const at = j * width + i;
        const a = values[at] - 0.5;
        const b = values[at + 1] - 0.5;
        const c = values[at + width + 1] - 0.5;
        const d = values[at + width] - 0.5;
        if (a > 0 === b > 0 && a > 0 === c > 0 && a > 0 === d > 0) continue;
        const cuts = [];
        if (a > 0 !== b > 0) cuts.push([i + a / (a - b), j]);
        if (b > 0 !== c > 0) cuts.push([i + 1, j + b / (b - c)]);
        if (d > 0 !== c > 0) cuts.push([i + d / (d - c), j + 1]);
        if (a > 0 !== d > 0) cuts.push([i, j + a / (a - d)]);
        for (let k = 0; k + 1 < cuts.length; k += 2) {
          context.moveTo(x(cuts[k][0]), y(cuts[k][1]));
          context.lineTo(x(cuts[k + 1][0]), y(cuts[k + 1][1]));
        }
      }
    }
    context.strokeStyle = palette.ink;
    context.lineWidth = 1.5;
    context.stroke();
  }

  drawPoints() {
    const { palette } = this;
    const { examples, extent } = this.shared.store.state;
    const points = examples?.arrays.get("points");
    const labels = examples?.arrays.get("labels");
    const { left, right } = this.square;
    const size = right - left;
    const scale = Math.min(2, window.devicePixelRatio || 1);
    this.points.width = this.points.height = Math.max(1, Math.round(size * scale));
    const context = this.points.getContext("2d");
    if (!context || !points || !labels) return;
    context.scale(scale, scale);
    const x = linear(extent[0], extent[1], 0, size);
    const y = linear(extent[2], extent[3], size, 0);
    const radius = size > 260 ? 3 : 2;
    // thinned where there are very many, by a step that no order of the classes shares
    const share = MOST_POINTS / labels.values.length;
    context.strokeStyle = palette.surface;
    context.lineWidth = 1;
    for (let i = 0; i < labels.values.length; i++) {
      if ((i * GOLDEN) % 1 > share) continue;
      context.fillStyle = palette.classes[labels.values[i] % palette.classes.length];
      context.beginPath();
      context.arc(x.place(points.values[2 * i]), y.place(points.values[2 * i + 1]), radius, 0, 7);
      context.fill();
      context.stroke();
    }
    this.stale = false;
  }

  /** @param {Point} at */
  read(at) {
    const plane = this.run.now.get("boundary");
    const { left, top, right, bottom } = this.square;
    if (!plane || at.x < left || at.x > right || at.y < top || at.y > bottom) return [];
    const { extent, data } = this.shared.store.state;
    const [height, width, classes = 1] = plane.shape;
    const across = (at.x - left) / (right - left);
    const up = (bottom - at.y) / (bottom - top);
    const cell = Math.min(height - 1, Math.floor(up * height)) * width + Math.min(width - 1, Math.floor(across * width));
    const x = extent[0] + across * (extent[1] - extent[0]);
    const y = extent[2] + up * (extent[3] - extent[2]);
    const found = [...plane.values.subarray(cell * classes, (cell + 1) * classes)];
    const shares = classes === 1 ? [1 - found[0], found[0]] : found;
    return [`(${short(x, 2)}, ${short(y, 2)})`, ...shares.map((share, i) => `${data?.classes[i] ?? i}: ${percent(share)}`)];
  }
}
