/** An experiment as the query of a link, and back; only what is written is set. */

/**
 * @typedef {{recipe: string, parameters: Record<string, number | boolean | string>, scale: number, sigma_b: number}} RunSetting
 * @typedef {object} Experiment
 * @property {string} data @property {number} depth @property {number} width @property {string} activation
 * @property {string} norm @property {string} optimizer @property {number} learning_rate
 * @property {number} batch_size @property {number} steps @property {number} seed @property {RunSetting[]} runs
 */

const TEXT = ["data", "activation", "norm", "optimizer"];
const NUMBER = ["depth", "width", "learning_rate", "batch_size", "steps", "seed"];

/** @param {RunSetting} run */
function writtenRun(run) {
  /** @type {[string, number | boolean | string][]} */
  const numbers = Object.entries(run.parameters ?? {});
  if (run.scale !== 1) numbers.push(["scale", run.scale]);
  if (run.sigma_b) numbers.push(["sigma_b", run.sigma_b]);
  return [run.recipe, ...numbers.map(([name, value]) => `${name}:${value}`)].join(",");
}

/** @param {string} value */
const words = (value) => (value === "true" || value === "false" ? value === "true" : value);

/** @param {string} text @returns {RunSetting} */
function readRun(text) {
  const [recipe = "", ...rest] = text.split(",");
  /** @type {RunSetting} */
  const run = { recipe, parameters: {}, scale: 1, sigma_b: 0 };
  for (const one of rest) {
    const [name = "", value = ""] = one.split(":");
    if (!name || value === "") continue;
    const number = Number(value);
    if (name !== "scale" && name !== "sigma_b") run.parameters[name] = Number.isFinite(number) ? number : words(value);
    else if (Number.isFinite(number)) run[name] = number;
  }
  return run;
}

/** @param {Experiment} experiment @param {Record<string, string>} page what only the page knows */
export function toQuery(experiment, page = {}) {
  const query = new URLSearchParams();
  for (const name of [...TEXT, ...NUMBER]) {
    const value = experiment[/** @type {keyof Experiment} */ (name)];
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  for (const run of experiment.runs) query.append("run", writtenRun(run));
  for (const [name, value] of Object.entries(page)) query.set(name, value);
  return query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** @param {string} text @returns {{experiment: Partial<Experiment>, page: Record<string, string>}} */
export function fromQuery(text) {
  /** @type {Record<string, any>} */
  const experiment = {};
  /** @type {Record<string, string>} */
  const page = {};
  /** @type {RunSetting[]} */
  const runs = [];
  for (const [name, value] of new URLSearchParams(text.replace(/^#/, ""))) {
    if (TEXT.includes(name)) experiment[name] = value;
    else if (NUMBER.includes(name)) {
      if (value !== "" && Number.isFinite(Number(value))) experiment[name] = Number(value);
    } else if (name === "run") runs.push(readRun(value));
    else page[name] = value;
  }
  if (runs.length) experiment.runs = runs.slice(0, 4);
  return { experiment, page };
}
