/** A number that can be dragged or typed, evenly or by factors. */

import { h } from "./dom.js";

const POSITIONS = 1000;

/**
 * @param {object} options
 * @param {string} options.label key of its text @param {number} options.low @param {number} options.high
 * @param {boolean} [options.byFactors] @param {boolean} [options.whole] @param {number} [options.least] what may be typed
 * @param {number} [options.most] @param {string} [options.unit] key of its unit
 * @param {(value: number) => void} options.set
 * @returns {Slider}
 */
export function slider({ label, low, high, byFactors = false, whole = false, least = low, most = high, unit, set }) {
  const toPlace = (/** @type {number} */ value) =>
    byFactors
      ? (POSITIONS * Math.log(Math.max(value, low) / low)) / Math.log(high / low)
      : (POSITIONS * (value - low)) / (high - low);
  const toValue = (/** @type {number} */ place) => {
    const share = place / POSITIONS;
    const value = byFactors ? low * (high / low) ** share : low + share * (high - low);
    return whole ? Math.round(value) : Number(value.toPrecision(2));
  };
  const range = h("input", { type: "range", min: 0, max: POSITIONS, step: 1, tLabel: label });
  const typed = h("input", { type: "number", min: least, max: most, step: whole ? 1 : "any", tLabel: label });
  range.addEventListener("input", () => {
    const value = toValue(Number(range.value));
    typed.value = String(value);
    range.setAttribute("aria-valuetext", typed.value);
    set(value);
  });
  // a key moves by one where numbers are whole, else by a fortieth
  range.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const now = Number(typed.value);
    const next = whole ? Math.min(high, Math.max(low, now + by)) : toValue(toPlace(now) + (by * POSITIONS) / 40);
    show(next);
    set(next);
  });
  typed.addEventListener("change", () => {
    const value = Number(typed.value);
    if (typed.value === "" || !Number.isFinite(value)) return;
    const kept = Math.min(most, Math.max(least, whole ? Math.round(value) : value));
    show(kept);
    set(kept);
  });
  const show = (/** @type {number} */ value) => {
    if (document.activeElement !== typed) typed.value = String(Number(value.toPrecision(4)));
    range.value = String(toPlace(value));
    range.setAttribute("aria-valuetext", typed.value);
  };
  const element = h(
    "div",
    { class: "slider" },
    h("span", { class: "name", t: label }),
    h("span", { class: "typed" }, typed, unit ? h("span", { class: "unit", t: unit }) : null),
    range,
  );
  return { element, show };
}
