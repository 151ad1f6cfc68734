/** The settings of an experiment: data, network, initialization of each run, and training. */

import { choice, h, icon, press } from "./dom.js";
import { slider } from "./slider.js";
import { said, t } from "./text.js";
import { drawThumbnail, hasThumbnail } from "./thumbnail.js";

/** @typedef {import("./store.js").Experiment} Experiment */
/** @typedef {import("./slider.js").Slider} Slider */

const MOST_RUNS = 4;

/** @param {string} title @param {...(Node | null)} children */
function group(title, ...children) {
  return h("div", { class: `group of-${title}`, role: "group", tLabel: title }, h("h3", { t: title }), ...children);
}

export class Controls {
  /**
   * @param {import("./lab.js").Lab} lab @param {() => import("./color.js").Palette} palette
   * @param {HTMLElement} drop where a file is chosen
   */
  constructor(lab, palette, drop) {
    this.lab = lab;
    this.palette = palette;
    this.store = lab.store;
    /** sigma_w / critical of a recipe at scale 1, by recipe and activation: kept as a scale of 0 does not tell @type {Map<string, number>} */
    this.ratios = new Map();
    this.presets = h("div", { class: "presets" });
    this.data = h("div", { class: "data" });
    this.runs = h("div", { class: "runs" });
    /** @type {{shape: string, sliders: {index: number, scale: Slider, bias: Slider, numbers: [string, Slider][]}[]}} */
    this.cards = { shape: "", sliders: [] };
    this.activation = this.select("activation");
    this.optimizer = this.select("optimizer");
    this.norm = this.select("norm");
    this.sliders = this.makeSliders();
    const { depth, width, learning_rate, batch_size, steps, seed } = this.sliders;
    this.element = h(
      "details",
      { class: "controls", open: true },
      h("summary", { t: "settings" }),
      h(
        "form",
        { onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
        group("presets", this.presets),
        group("data", this.data, drop),
        group(
          "network",
          depth.element,
          width.element,
          h("label", { class: "field" }, h("span", { class: "name", t: "activation" }), this.activation),
          h("label", { class: "field" }, h("span", { class: "name", t: "norm" }), this.norm),
        ),
        group("initialization", this.runs),
        group(
          "training",
          h("label", { class: "field" }, h("span", { class: "name", t: "optimizer" }), this.optimizer),
          learning_rate.element,
          batch_size.element,
          steps.element,
          seed.element,
        ),
      ),
    );
    this.store.on(["options", "presets"], () => this.fillChoices());
    this.store.on(["experiment", "options"], () => this.show());
    this.store.on(["runs"], () => this.learnRatios());
  }

  makeSliders() {
    const make = (/** @type {keyof Experiment} */ name, /** @type {number} */ low, /** @type {number} */ high, options = {}) =>
      slider({ label: name, low, high, whole: true, set: (value) => this.lab.change({ [name]: value }), ...options });
    return {
      depth: make("depth", 1, 100, { byFactors: true }),
      width: make("width", 1, 512, { byFactors: true }),
      learning_rate: make("learning_rate", 1e-4, 10, { byFactors: true, whole: false, least: 1e-6, most: 100 }),
      batch_size: make("batch_size", 1, 1024, { byFactors: true }),
      steps: make("steps", 10, 20000, { byFactors: true, least: 1, most: 1000000 }),
      seed: make("seed", 0, 100, { most: Number.MAX_SAFE_INTEGER }),
    };
  }

  /** @param {"activation" | "norm" | "optimizer"} name */
  select(name) {
    const made = h("select", { tLabel: name });
    made.addEventListener("change", () => {
      const { options } = this.store.state;
      const rate = options?.optimizers.find((one) => one.name === made.value)?.learning_rate;
      this.lab.change({ [name]: made.value, ...(name === "optimizer" && rate ? { learning_rate: rate } : {}) });
    });
    return made;
  }

  /** Offer what there is; said again when the language changes. */
  fillChoices() {
    const { options, presets } = this.store.state;
    if (!options) return;
    const offer = (/** @type {HTMLSelectElement} */ to, /** @type {string[]} */ names) =>
      to.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    offer(this.activation, options.activations);
    offer(this.norm, options.norms ?? ["none", "batch"]);
    offer(this.optimizer, options.optimizers.map(({ name }) => name));
    this.presets.replaceChildren(
      ...presets.map(({ name, title, experiment }) =>
        h("button", { type: "button", "data-value": name, onclick: () => this.lab.change({ runs: experiment.runs }) }, said(title)),
      ),
    );
    this.data.replaceChildren(...options.data.map((one) => this.dataButton(one)));
    this.cards.shape = "";
    this.show();
  }

  /** @param {import("./store.js").DataInfo} info */
  dataButton({ name, title }) {
    const picture = hasThumbnail(name) ? h("canvas", { "aria-hidden": "true" }) : null;
    if (picture) drawThumbnail(picture, name, this.palette());
    const choose = () => this.lab.change({ data: name });
    return h(
      "button",
      { type: "button", "data-value": name, class: picture ? "pictured" : "", onclick: choose },
      picture,
      h("span", {}, said(title) || name),
    );
  }

  recolor() {
    for (const canvas of this.data.querySelectorAll("canvas")) {
      drawThumbnail(canvas, /** @type {HTMLElement} */ (canvas.parentElement).dataset.value ?? "", this.palette());
    }
  }

  /** Show the experiment's settings; a control that has the focus keeps what is typed. */
  show() {
    const { experiment, options, presets } = this.store.state;
    if (!experiment?.runs || !options) return;
    for (const [name, one] of Object.entries(this.sliders)) {
      one.show(Number(experiment[/** @type {keyof Experiment} */ (name)] ?? 0));
    }
    this.activation.value = experiment.activation;
    this.optimizer.value = experiment.optimizer;
    this.norm.value = experiment.norm;
    press(this.data, experiment.data);
    press(this.presets, presets.find((one) => areAlike(one.experiment.runs, experiment.runs))?.name ?? "");
    const shape = experiment.runs.map(({ recipe }) => recipe).join(" ");
    if (this.cards.shape !== shape) this.makeCards(experiment, shape);
    for (const { index, scale, bias, numbers } of this.cards.sliders) {
      const run = experiment.runs[index];
      scale.show((run.scale ?? 1) * (this.ratioOf(run.recipe) ?? 1));
      // beside weights of which no scale is known, as of zeros, the number is a factor
      scale.element.classList.toggle("plain", this.ratioOf(run.recipe) === undefined);
      bias.show(run.sigma_b ?? 0);
      for (const [name, one] of numbers) one.show(Number(run.parameters?.[name] ?? this.defaultOf(run.recipe, name)));
    }
  }

  /** @param {string} recipe */
  ratioOf(recipe) {
    return this.ratios.get(`${recipe} ${this.store.state.experiment?.activation}`);
  }

  learnRatios() {
    const { runs, experiment } = this.store.state;
    runs.forEach(({ sigmaW, criticalScale }, i) => {
      const run = experiment?.runs[i];
      if (!run || !sigmaW || !criticalScale || !(run.scale > 0)) return;
      const key = `${run.recipe} ${experiment.activation}`;
      if (this.ratios.has(key)) return;
      this.ratios.set(key, sigmaW / criticalScale / run.scale);
      this.show();
    });
  }

  /** @param {string} recipe @returns {import("./store.js").Parameter[]} those that are numbers */
  parametersOf(recipe) {
    const found = this.store.state.options?.recipes.find(({ name }) => name === recipe)?.parameters ?? [];
    return found.filter((one) => typeof one.default === "number");
  }

  /** @param {string} recipe @param {string} name */
  defaultOf(recipe, name) {
    return Number(this.parametersOf(recipe).find((one) => one.name === name)?.default ?? 0);
  }

  /** @param {Experiment} experiment @param {string} shape */
  makeCards(experiment, shape) {
    this.cards = { shape, sliders: [] };
    const cards = experiment.runs.map((run, index) => this.makeCard(run, index, experiment.runs.length));
    const add = h(
      "button",
      { type: "button", class: "add", onclick: () => this.add() },
      icon("plus"),
      h("span", { t: "add" }),
    );
    this.runs.replaceChildren(...cards, ...(experiment.runs.length < MOST_RUNS ? [add] : []));
  }

  /** @param {import("./link.js").RunSetting} run @param {number} index @param {number} count */
  makeCard(run, index, count) {
    const recipes = this.store.state.options?.recipes ?? [];
    const recipe = h("select", { tLabel: "recipe" }, ...recipes.map(({ name }) => h("option", { value: name }, name)));
    recipe.value = run.recipe;
    recipe.addEventListener("change", () => this.lab.changeRun(index, { recipe: recipe.value, parameters: {} }));
    const scale = slider({
      label: "scale",
      low: 0.01,
      high: 10,
      byFactors: true,
      least: 0,
      most: 1000,
      unit: "critical",
      set: (value) => this.lab.changeRun(index, { scale: Number((value / (this.ratioOf(recipe.value) ?? 1)).toPrecision(6)) }),
    });
    const bias = slider({ label: "sigma_b", low: 0, high: 2, most: 10, set: (sigma_b) => this.lab.changeRun(index, { sigma_b }) });
    /** @type {[string, Slider][]} */
    const numbers = this.parametersOf(run.recipe).map(({ name }) => [
      name,
      slider({
        label: name,
        low: 0,
        high: 2,
        least: -1000,
        most: 1000,
        set: (value) => {
          const now = this.store.state.experiment?.runs[index]?.parameters ?? {};
          this.lab.changeRun(index, { parameters: { ...now, [name]: value } });
        },
      }),
    ]);
    this.cards.sliders.push({ index, scale, bias, numbers });
    const remove = h("button", { type: "button", class: "quiet", tLabel: "remove", onclick: () => this.remove(index) }, icon("cross"));
    return h(
      "div",
      { class: "card", "data-run": index },
      h("div", { class: "head" }, h("span", { class: "dot" }), recipe, count > 1 ? remove : null),
      scale.element,
      ...numbers.map(([, one]) => one.element),
      bias.element,
    );
  }

  /** Add a run like the last one, of the next recipe that is not shown yet. */
  add() {
    const { experiment, options } = this.store.state;
    if (!experiment || !options) return;
    const used = new Set(experiment.runs.map(({ recipe }) => recipe));
    const wanted = ["critical_normal", "lecun_normal", "xavier_normal", "orthogonal", ...options.recipes.map(({ name }) => name)];
    const known = new Set(options.recipes.map(({ name }) => name));
    const recipe = wanted.find((name) => known.has(name) && !used.has(name)) ?? experiment.runs[0].recipe;
    this.lab.change({ runs: [...experiment.runs, { recipe, parameters: {}, scale: 1, sigma_b: 0 }] });
  }

  /** @param {number} index */
  remove(index) {
    this.lab.change({ runs: this.store.state.experiment?.runs.filter((_, i) => i !== index) });
  }
}

/** @param {import("./link.js").RunSetting[]} some @param {import("./link.js").RunSetting[]} others */
function areAlike(some, others) {
  return (
    some.length === others.length &&
    some.every(({ recipe, scale = 1 }, i) => recipe === others[i].recipe && scale === (others[i].scale ?? 1))
  );
}

/** A group of the views. @param {import("./store.js").Store} store */
export function tabs(store) {
  const names = ["train", "layers", "compare", "phase", "tour"];
  const made = choice("views", names.map((name) => [name, name]), store.state.view, (view) => store.set({ view }));
  made.classList.add("tabs");
  const show = () => {
    press(made, store.state.view);
    const chosen = /** @type {HTMLElement} */ (made.querySelector("[aria-pressed=true]"));
    made.scrollLeft = chosen.offsetLeft - made.offsetLeft - 24;
  };
  store.on(["view", "options"], show);
  made.title = t("views");
  return made;
}
