/** The settings of an experiment: data, network, initialization of each run, and training. */

import { choice, field, h, icon, press, select } from "./dom.js";
import { slider } from "./slider.js";
import { said, t } from "./text.js";
import { drawThumbnail, hasThumbnail } from "./thumbnail.js";

const MOST_RUNS = 4;
/** a start that has no scale: weights of a training before */
const FINE_TUNED = "fine_tuned";

/** @param {string} title @param {...(Node | null)} children */
function group(title, ...children) {
  return h("div", { class: `group of-${title}`, role: "group", tLabel: title }, h("h3", { t: title }), ...children);
}

export class Controls {
  /**
   * @param {Lab} lab @param {() => Palette} palette
   * @param {HTMLElement} drop where a file is chosen
   */
  constructor(lab, palette, drop) {
    this.lab = lab;
    this.palette = palette;
    this.drop = drop;
    this.store = lab.store;
    /** sigma_w / critical of a recipe at scale 1, by recipe and activation: kept as a scale of 0 does not tell @type {Map<string, number>} */
    this.ratios = new Map();
    this.presets = h("div", { class: "presets" });
    this.data = h("div", { class: "data" });
    this.runs = h("div", { class: "runs" });
    /** @type {{shape: string, shown: ((run: RunSetting) => void)[]}} */
    this.cards = { shape: "", shown: [] };
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
        group("data", this.data),
        group(
          "network",
          depth.element,
          width.element,
          field("activation", this.activation),
          field("norm", this.norm),
        ),
        group("initialization", this.runs),
        group(
          "training",
          field("optimizer", this.optimizer),
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
        h("button", { "data-value": name, onclick: () => this.lab.change({ runs: experiment.runs }) }, said(title)),
      ),
    );
    this.data.replaceChildren(...options.data.map((one) => this.dataButton(one)), this.drop);
    this.cards.shape = "";
    this.show();
  }

  /** @param {DataInfo} info */
  dataButton({ name, title }) {
    const picture = hasThumbnail(name) ? h("canvas", { "aria-hidden": "true" }) : null;
    if (picture) drawThumbnail(picture, name, this.palette());
    const choose = () => this.lab.change({ data: name });
    return h(
      "button",
      { "data-value": name, class: picture ? "pictured" : "", onclick: choose },
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
    this.cards.shown.forEach((show, i) => show(experiment.runs[i]));
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

  /** @param {Experiment} experiment @param {string} shape */
  makeCards(experiment, shape) {
    this.cards = { shape, shown: [] };
    const cards = experiment.runs.map((run, index) => this.makeCard(run, index, experiment.runs.length));
    const add = h("button", { class: "add", onclick: () => this.add() }, icon("plus"), h("span", { t: "add" }));
    this.runs.replaceChildren(...cards, ...(experiment.runs.length < MOST_RUNS ? [add] : []));
  }

  /** @param {RunSetting} run @param {number} index @param {number} count */
  makeCard(run, index, count) {
    const recipes = this.store.state.options?.recipes ?? [];
    const recipe = select(recipes.map(({ name }) => name), { tLabel: "recipe" });
    recipe.value = run.recipe;
    recipe.addEventListener("change", () => {
      const unscaled = recipe.value === FINE_TUNED ? { scale: 1, sigma_b: 0 } : {};
      this.lab.changeRun(index, { recipe: recipe.value, parameters: {}, ...unscaled });
    });
    const ratio = () => this.ratioOf(run.recipe);
    const scale = slider({
      label: "scale",
      low: 0.01,
      high: 10,
      byFactors: true,
      least: 0,
      most: 1000,
      unit: "critical",
      set: (value) => this.lab.changeRun(index, { scale: Number((value / (ratio() ?? 1)).toPrecision(6)) }),
    });
    const bias = slider({ label: "sigma_b", low: 0, high: 2, most: 10, set: (sigma_b) => this.lab.changeRun(index, { sigma_b }) });
    const known = recipes.find(({ name }) => name === run.recipe)?.parameters ?? [];
    const own = known.map((one) => ({ ...one, ...this.parameter(one, index) }));
    this.cards.shown.push(({ parameters = {}, scale: factor = 1, sigma_b = 0 }) => {
      scale.show(factor * (ratio() ?? 1));
      // beside weights of which no scale is known, as of zeros, the number is a factor
      scale.element.classList.toggle("plain", ratio() === undefined);
      bias.show(sigma_b);
      for (const { name, default: usual = 0, show } of own) show(parameters[name] ?? usual);
    });
    const [before, after] = run.recipe === FINE_TUNED ? [[], []] : [[scale.element], [bias.element]];
    const remove = h("button", { class: "quiet", tLabel: "remove", onclick: () => this.remove(index) }, icon("cross"));
    return h(
      "div",
      { class: "card", "data-run": index },
      h("div", { class: "head" }, h("span", { class: "dot" }), recipe, count > 1 ? remove : null),
      ...before,
      ...own.map(({ element }) => element),
      ...after,
    );
  }

  /**
   * A control of a recipe's parameter: a box for a truth value, a list for a word, else a slider.
   * @param {Parameter} parameter @param {number} index of the run
   * @returns {{element: HTMLElement, show: (value: any) => void}}
   */
  parameter({ name, default: usual = 0, choices = [] }, index) {
    const set = (/** @type {Setting} */ value) => {
      const now = this.store.state.experiment?.runs[index]?.parameters;
      this.lab.changeRun(index, { parameters: { ...now, [name]: value } });
    };
    if (typeof usual === "boolean") {
      const box = h("input", { type: "checkbox", tLabel: name, onchange: () => set(box.checked) });
      return { element: field(name, box), show: (value) => (box.checked = value) };
    }
    if (typeof usual === "string") {
      const list = select(choices, { tLabel: name, onchange: () => set(list.value) });
      return { element: field(name, list), show: (value) => (list.value = value) };
    }
    const [low, high] = [Math.min(0, 2 * usual), Math.max(2, 2 * usual)];
    return slider({ label: name, low, high, least: -1000, most: 1000, whole: usual > 2, set });
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

/** @param {RunSetting[]} some @param {RunSetting[]} others */
function areAlike(some, others) {
  return (
    some.length === others.length &&
    some.every(({ recipe, scale = 1 }, i) => recipe === others[i].recipe && scale === (others[i].scale ?? 1))
  );
}

/** A group of the views. @param {Store} store */
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
