/** From numbers to places and back: scales, their ticks, and the frame around a plot. */

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
      const [first, last] = [Math.floor(low), Math.ceil(high)];
      for (const digits of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
        const powers = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
        const found = powers.flatMap((power) => digits.map((digit) => digit * power));
        const inside = found.filter((one) => one >= from * 0.999 && one <= 10 ** high * 1.001);
        if (inside.length < 2) return linear(from, 10 ** high, 0, 1).ticks(most).filter((one) => one > 0);
        if (inside.length <= most) return inside;
        if (digits.length === 1) return inside.filter((_, i) => i % Math.ceil(inside.length / most) === 0);
      }
      return [];
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
 * @param {Panel} panel @param {Box} box @param {Scale} x @param {Scale} y
 * @param {{x?: string, y?: string, xTicks?: number}} [labels]
 */
export function drawAxes(panel, { left, top, right, bottom }, x, y, labels = {}) {
  /** @type {number[][]} */
  const lines = [];
  for (const tick of y.ticks(Math.max(2, (bottom - top) / 36))) {
    const at = Math.round(y.place(tick)) + 0.5;
    if (at < top - 1 || at > bottom + 1) continue;
    lines.push([left, at, right, at]);
    panel.write(short(tick), left - 6, at, { align: "right" });
  }
  for (const tick of x.ticks(labels.xTicks ?? Math.max(2, (right - left) / 80))) {
    const at = Math.round(x.place(tick)) + 0.5;
    if (at < left - 1 || at > right + 1) continue;
    lines.push([at, bottom, at, bottom + 4]);
    panel.write(short(tick), at, bottom + 6, { align: "center", base: "top" });
  }
  panel.lines(panel.palette.line, 1, ...lines);
  if (labels.x) panel.write(labels.x, right, bottom + 20, { align: "right", base: "top" });
  if (labels.y) panel.write(labels.y, 4, top - 6, { base: "bottom" });
}
