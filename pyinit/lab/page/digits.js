/** A grid of digits with what the network says they are; a wrong answer is crossed and coloured. */

import { percent } from "./axes.js";
import { fillPixels, pixel, rgb } from "./color.js";
import { Panel } from "./panel.js";
import { t } from "./text.js";

export class Digits extends Panel {
  /** @param {Surroundings} shared @param {Run} run */
  constructor(shared, run) {
    super(shared, "digits", "digits");
    this.run = run;
    this.atlas = document.createElement("canvas");
    /** @type {Palette | null} */
    this.inked = null;
    this.known = /** @type {unknown} */ (null);
  }

  get grid() {
    const count = this.run.now.get("digits")?.shape[0] ?? 0;
    const high = this.height - 22;
    const wanted = Math.sqrt((count * this.width) / Math.max(1, high)) * 1.12;
    // whole rows, where a number of columns near the wanted one makes them
    const whole = Array.from({ length: count }, (_, i) => i + 1).filter((one) => count % one === 0);
    const near = whole.find((one) => Math.abs(Math.log(one / wanted)) < 0.4) ?? Math.round(wanted);
    const columns = Math.max(1, Math.min(count, near));
    const rows = Math.ceil(count / columns) || 1;
    return { count, columns, wide: this.width / columns, tall: high / rows };
  }

  /** Draw the images once, in the colour of text. */
  prepare() {
    const { palette } = this;
    const { examples } = this.shared.store.state;
    const images = examples?.arrays.get("images");
    if (!images || (this.inked === palette && this.known === examples)) return;
    const [count, rows, columns] = images.shape;
    const [r, g, b] = rgb(palette.ink);
    const ink = pixel(r, g, b) & 0xffffff;
    fillPixels(this.atlas, columns, rows * count, (i) => (images.values[i] << 24) | ink);
    this.inked = palette;
    this.known = examples;
  }

  draw() {
    const { context, palette } = this;
    const digits = this.run.now.get("digits");
    const labels = this.shared.store.state.examples?.arrays.get("labels");
    if (!digits || !labels) return;
    this.prepare();
    const { count, columns, wide, tall } = this.grid;
    const side = Math.min(wide - 6, tall - 18);
    let right = 0;
    for (let i = 0; i < count; i++) {
      const [guess, sure] = digits.values.subarray(2 * i, 2 * i + 2);
      const good = guess === labels.values[i];
      right += Number(good);
      const left = (i % columns) * wide + (wide - side) / 2;
      const top = Math.floor(i / columns) * tall + 2;
      context.globalAlpha = 0.07 + 0.16 * sure;
      context.fillStyle = good ? palette.good : palette.bad;
      context.beginPath();
      context.roundRect(left, top, side, side, 4);
      context.fill();
      context.globalAlpha = 1;
      context.imageSmoothingEnabled = true;
      context.drawImage(this.atlas, 0, i * 28, 28, 28, left + 1, top + 1, side - 2, side - 2);
      const color = good ? palette.good : palette.bad;
      this.write(`${good ? "" : "✕ "}${guess}`, left + side / 2, top + side + 2, { align: "center", base: "top", weight: 600, color });
    }
    this.write(`${right} ${t("right")}, ${count - right} ${t("wrong")}`, 4, this.height - 2, { base: "bottom", size: 12 });
  }

  /** @param {Point} at */
  read(at) {
    const digits = this.run.now.get("digits");
    const labels = this.shared.store.state.examples?.arrays.get("labels");
    const { count, columns, wide, tall } = this.grid;
    const i = Math.floor(at.y / tall) * columns + Math.floor(at.x / wide);
    if (!digits || !labels || i >= count) return [];
    return [`${labels.values[i]} → ${digits.values[2 * i]}  (${percent(digits.values[2 * i + 1])})`];
  }
}
