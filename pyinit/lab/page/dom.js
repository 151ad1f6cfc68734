/** Elements in one call: `h("button", {class: "play", t: "play", onclick: start}, child)`. */

import { t } from "./text.js";

/** @typedef {Node | string | null} Child */

/**
 * Return an element. The attribute `t` is the key of its text and `tLabel` of its label, which follow the
 * language; one that starts with "on" listens.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, any>} attributes @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (made instanceof HTMLButtonElement) made.type = "button";
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "t") {
      made.dataset.t = value;
      made.textContent = t(value);
    } else if (name === "tLabel") {
      made.dataset.tLabel = value;
      made.setAttribute("aria-label", t(value));
      made.setAttribute("title", t(value));
    } else if (name.startsWith("on")) {
      made.addEventListener(name.slice(2), value);
    } else {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A control with its name before it. @param {string} name key of its text @param {HTMLElement} control */
export const field = (name, control) => h("label", { class: "field" }, h("span", { class: "name", t: name }), control);

/** @param {string[]} names @param {Record<string, any>} attributes */
export const select = (names, attributes) => h("select", attributes, ...names.map((name) => h("option", { value: name }, name)));

/** @type {Record<string, string>} */
const ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6.5 4.5h4v15h-4zM13.5 4.5h4v15h-4z",
  step: "M5 4.5v15l9.5-7.5zM16 4.5h3v15h-3z",
  rewind: "M19 4.5v15l-9.5-7.5zM5 4.5h3v15H5z",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3v18a9 9 0 0 0 0-18zm0 2a7 7 0 0 1 0 14z",
  link: "M3.9 12A3.1 3.1 0 0 1 7 8.9h4V7H7a5 5 0 0 0 0 10h4v-1.9H7A3.1 3.1 0 0 1 3.9 12zM8 13h8v-2H8zm9-6h-4v1.9h4a3.1 3.1 0 0 1 0 6.2h-4V17h4a5 5 0 0 0 0-10z",
  code: "M8.7 6.3 3 12l5.7 5.7 1.4-1.4L5.8 12l4.3-4.3zm6.6 0-1.4 1.4 4.3 4.3-4.3 4.3 1.4 1.4L21 12z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  cross: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
};

/** @param {string} name @returns {SVGElement} a drawing of one path, hidden from screen readers */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name] ?? "");
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

/**
 * Return a group of buttons of which one is pressed.
 * @param {string} label @param {[string, string][]} choices value and text key
 * @param {string} chosen @param {(value: string) => void} choose
 * @returns {HTMLElement}
 */
export function choice(label, choices, chosen, choose) {
  const group = h("div", { class: "choice", role: "group", tLabel: label });
  for (const [value, text] of choices) {
    const onclick = () => {
      press(group, value);
      choose(value);
    };
    group.append(h("button", { t: text, "data-value": value, onclick }));
  }
  press(group, chosen);
  return group;
}

/** Show which button of a group is pressed. @param {HTMLElement} group @param {string} value */
export function press(group, value) {
  for (const one of group.querySelectorAll("button")) {
    one.setAttribute("aria-pressed", String(one.dataset.value === value));
  }
}
