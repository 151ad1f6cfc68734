/** From numbers to places and back: scales, their ticks, and the frame around a plot. */

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/**
 * @typedef {object} Scale
 * @property {(value: number) => number} place @property {(place: number) => number} value
 * @property {(most: number) => number[]} ticks @property {[number, number]} ends
 */

/** @param {number} from @param {number} to @param {number} start @param {number} end @returns {Scale} */
export function linear(from, to, start, end) {
  const [low, high] = to > from ? [from, to] : [from - 0.5, from + 0.5];
  const slope = (end - start) / (high - low);
  return {
    ends: [low, high],
    place: (value) => start + (value - low) * slope,
    value: (place) => low + (place - start) / slope,
    ticks(most) {
      const rough = (high - low) / Math.max(1, most);
      const power = 10 ** Math.floor(Math.log10(rough));
      const size = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
      const first = Math.ceil(low / size - 1e-9);
      const last = Math.floor(high / size + 1e-9);
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * size);
    },
  };
}

/** @param {number} from @param {number} to both above 0 @param {number} start @param {number} end @returns {Scale} */
export function logarithmic(from, to, start, end) {
  const low = Math.log10(from);
  const high = Math.log10(to) > low + 0.3 ? Math.log10(to) : low + 0.3;
  const inner = linear(low, high, start, end);
  return {
    ends: [from, 10 ** high],
    place: (value) => (value > 0 ? inner.place(Math.log10(value)) : start),
    value: (place) => 10 ** inner.value(place),
    ticks(most) {
      const decades = Math.floor(high + 1e-9) - Math.ceil(low - 1e-9);
      if (decades < 1) return linear(from, 10 ** high, 0, 1).ticks(most).filter((one) => one > 0);
      const every = Math.max(1, Math.ceil(decades / Math.max(1, most)));
      const first = Math.ceil(Math.ceil(low - 1e-9) / every) * every;
      const ticks = [];
      for (let power = first; power <= high + 1e-9; power += every) ticks.push(10 ** power);
      return ticks;
    },
  };
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** @param {number} value @param {number} digits @returns {string} such as 0.124, 12.3k or 4.1×10⁻⁵ */
export function short(value, digits = 3) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size >= 0.001 && size < 99999.5) {
    return sign + String(Number(size.toPrecision(digits)));
  }
  let power = Math.floor(Math.log10(size));
  let front = Number((size / 10 ** power).toPrecision(digits));
  if (front >= 10) [front, power] = [1, power + 1];
  const raised = [...String(Math.abs(power))].map((digit) => RAISED[Number(digit)]).join("");
  return `${sign}${front === 1 ? "" : `${front}×`}10${power < 0 ? "⁻" : ""}${raised}`;
}

/** @param {number} value @returns {string} a share as a percentage */
export function percent(value) {
  if (!Number.isFinite(value)) return "–";
  const hundred = value * 100;
  return `${hundred > 0 && hundred < 1 ? hundred.toPrecision(1) : Math.round(hundred)}%`;
}

/**
 * Draw grid lines and numbers; the plot is drawn over them.
 * @param {CanvasRenderingContext2D} context @param {Box} box @param {Scale} x @param {Scale} y
 * @param {import("./color.js").Palette} palette @param {{x?: string, y?: string, xTicks?: number, yTicks?: number}} [labels]
 */
export function drawAxes(context, box, x, y, palette, labels = {}) {
  context.font = `11px ${palette.font}`;
  context.lineWidth = 1;
  context.strokeStyle = palette.line;
  context.fillStyle = palette.muted;
  context.beginPath();
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of y.ticks(labels.yTicks ?? Math.max(2, (box.bottom - box.top) / 36))) {
    const at = Math.round(y.place(tick)) + 0.5;
    if (at < box.top - 1 || at > box.bottom + 1) continue;
    context.moveTo(box.left, at);
    context.lineTo(box.right, at);
    context.fillText(short(tick), box.left - 6, at);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of x.ticks(labels.xTicks ?? Math.max(2, (box.right - box.left) / 80))) {
    const at = Math.round(x.place(tick)) + 0.5;
    if (at < box.left - 1 || at > box.right + 1) continue;
    context.moveTo(at, box.bottom);
    context.lineTo(at, box.bottom + 4);
    context.fillText(short(tick), at, box.bottom + 6);
  }
  context.stroke();
  if (labels.x) {
    context.textAlign = "right";
    context.fillText(labels.x, box.right, box.bottom + 20);
  }
  if (labels.y) {
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText(labels.y, 4, box.top - 6);
  }
}
