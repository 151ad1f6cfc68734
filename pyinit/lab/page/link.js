/** An experiment as the query of a link, and back: the same text that Python writes and reads. */

const WHOLE = /^-?\d{1,15}$/;
const NUMBER = /^-?\d{1,20}(\.\d{1,30})?(e[+-]?\d{1,3})?$/i;
/** Every setting in its order, and what a text is when it is a number. @type {Record<string, RegExp | null>} */
const SETTINGS = {
  data: null,
  depth: WHOLE,
  width: WHOLE,
  activation: null,
  norm: null,
  optimizer: null,
  learning_rate: NUMBER,
  batch_size: WHOLE,
  steps: WHOLE,
  seed: WHOLE,
};
const OF_THE_PAGE = ["view", "lang", "theme"];

/** What is no number stays a text, which the other end refuses by name. @param {RegExp | null} pattern @param {string} text */
const readAs = (pattern, text) => (pattern?.test(text) ? Number(text) : text);

/** @param {string} text */
const quoted = (text) => encodeURIComponent(text).replace(/[!*'()]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** @param {string} text */
function unquoted(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} text @param {string} by @returns {[string, string]} what is before and after a sign */
function cut(text, by) {
  const at = text.indexOf(by);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** @param {RunSetting} run */
function writtenRun({ recipe, parameters = {}, scale = 1, sigma_b = 0 }) {
  const given = Object.entries(parameters);
  if (scale !== 1) given.push(["scale", scale]);
  if (sigma_b) given.push(["sigma_b", sigma_b]);
  return [recipe, ...given.map(([name, value]) => `${name}:${value}`)].join(",");
}

/** @param {string} text @returns {RunSetting} */
function readRun(text) {
  const [recipe, ...rest] = text.split(",");
  const run = { recipe, parameters: /** @type {Record<string, Setting>} */ ({}), scale: 1, sigma_b: 0 };
  const named = new Set();
  for (const part of rest) {
    const [name, value] = cut(part, ":");
    const read = value === "true" || value === "false" ? value === "true" : readAs(NUMBER, value);
    if (named.has(name)) run.parameters[part] = read;
    else if (name === "scale" || name === "sigma_b") run[name] = /** @type {number} */ (read);
    else run.parameters[name] = read;
    named.add(name);
  }
  return run;
}

/** @param {Experiment} experiment @param {Record<string, string>} page what only the page knows */
export function toQuery(experiment, page = {}) {
  const known = /** @type {Record<string, any>} */ (experiment);
  const parts = Object.keys(SETTINGS).filter((name) => known[name] !== undefined).map((name) => `${name}=${quoted(String(known[name]))}`);
  parts.push(...experiment.runs.map((run) => `run=${writtenRun(run)}`));
  parts.push(...Object.entries(page).map(([name, value]) => `${name}=${quoted(value)}`));
  return parts.join("&");
}

/** @param {string} text @returns {{experiment: Partial<Experiment>, page: Record<string, string>}} only what is written */
export function fromQuery(text) {
  /** @type {Record<string, any>} */
  const experiment = {};
  /** @type {Record<string, string>} */
  const page = {};
  for (const part of text.replace(/^[#?]/, "").split("&").filter(Boolean)) {
    const [name, raw] = cut(part, "=");
    const value = unquoted(raw);
    if (OF_THE_PAGE.includes(name)) page[name] = value;
    else if (name === "run") (experiment.runs ??= []).push(readRun(value));
    else if (name in experiment) experiment[name] = [experiment[name], value];
    else experiment[name] = readAs(SETTINGS[name] ?? null, value);
  }
  return { experiment, page };
}
