/** The page put together: `mount` builds it in an element over any wire. */

import { Answers } from "./answers.js";
import { Boundary } from "./boundary.js";
import { paletteOf } from "./color.js";
import { Controls, tabs } from "./controls.js";
import { pythonDialog, toClipboard } from "./copy.js";
import { Curve } from "./curve.js";
import { Digits } from "./digits.js";
import { h, icon } from "./dom.js";
import { Heatmap } from "./heatmap.js";
import { Histogram } from "./histogram.js";
import { Lab, viewOf } from "./lab.js";
import { fromQuery } from "./link.js";
import { NetworkView } from "./network.js";
import { Painter } from "./paint.js";
import { Phase } from "./phase.js";
import { Profile } from "./profile.js";
import { Store } from "./store.js";
import { Table } from "./table.js";
import { language, languageOf, speak, t } from "./text.js";
import { Tour } from "./tour.js";
import { Summary, summaryOf, Transport } from "./transport.js";
import { Upload } from "./upload.js";
import { socketWire } from "./wire.js";

const DESCRIBED_EVERY = 1000;

/**
 * Build the page in `root`. With `address` the page reads and writes the link in the address bar.
 * @param {HTMLElement} root @param {Wire} wire
 * @param {{address?: boolean, query?: string}} [options]
 * @returns {Mounted}
 */
export function mount(root, wire, { address = false, query = "" } = {}) {
  const { experiment, page } = fromQuery(address ? location.hash : query);
  const store = new Store();
  if (page.view) Object.assign(store.state, viewOf(page.view));
  const painter = new Painter();
  root.classList.add("pyinit-lab");
  speak(root, languageOf(page.lang ?? null));
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  let theme = page.theme;
  const dress = () => (root.dataset.theme = theme ?? (preferred.matches ? "dark" : "light"));
  dress();

  const lab = new Lab(store, wire, painter, experiment);
  let colors = paletteOf(root);
  const tip = h("div", { class: "tip", hidden: true, role: "tooltip" });
  const shared = { painter, store, tip, palette: () => colors };

  const upload = new Upload(lab);
  const controls = new Controls(lab, shared.palette, upload.button);
  const transport = new Transport(lab);
  const summary = new Summary(store);
  const table = new Table(lab);
  const tour = new Tour(lab);
  const curve = new Curve(shared);
  const profile = new Profile(shared);
  const phase = new Phase(shared, (sigmaW, sigmaB) => {
    lab.changeRun(store.state.shown, { recipe: "lecun_normal", parameters: {}, scale: sigmaW, sigma_b: sigmaB });
    lab.resume = true;
  });
  const phaseNote = h("p", { class: "note", t: "phase_help" });
  phase.element.append(phaseNote);
  const wide = [curve, profile, phase];
  const python = pythonDialog(() => store.state.python);
  const told = h("span", { class: "unseen", role: "status" });
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const connection = h("p", { class: "connection", role: "status", t: "connecting" });

  const switchTheme = () => {
    theme = root.dataset.theme === "dark" ? "light" : "dark";
    recolor();
  };
  const switchLanguage = () => {
    speak(root, language() === "en" ? "zh" : "en");
    controls.fillChoices();
    tour.show();
    transport.showPlaying();
    store.set({ runs: store.state.runs });
    repaint();
    describe();
  };
  const copyLink = () => {
    const link = `${location.origin}${location.pathname}${location.search}#${lab.query()}`;
    toClipboard(link, told).then(() => {
      linked.dataset.told = told.textContent ?? "";
      setTimeout(() => delete linked.dataset.told, 1600);
    });
  };
  const linked = h("button", { class: "quiet link", tLabel: "copy_link", onclick: copyLink }, icon("link"));
  const head = h(
    "header",
    { class: "head" },
    h("div", { class: "brand" }, h("h1", { t: "title" }), h("p", { t: "tagline" })),
    tabs(store),
    h(
      "div",
      { class: "tools" },
      linked,
      h("button", { class: "quiet python", tLabel: "copy_python", onclick: python.open }, icon("code")),
      h("button", { class: "quiet theme", tLabel: "theme", onclick: switchTheme }, icon("theme")),
      h("button", { class: "quiet language", t: "language", onclick: switchLanguage }),
    ),
  );
  const board = h("main", { class: "board" }, tour.element, curve.element, profile.element, phase.element, table.element);
  root.replaceChildren(
    head,
    h("div", { class: "body" }, controls.element, h("div", { class: "view" }, transport.element, error, connection, board)),
    summary.element,
    told,
    tip,
    upload.veil,
    upload.dialog,
    python.dialog,
  );
  upload.listen(root);
  if (root.clientWidth < 760) controls.element.open = false;

  /** @type {{panels: Panel[], element: HTMLElement, run: Run}[]} */
  let sections = [];
  /** @type {Run[]} */
  let built = [];

  const rebuild = () => {
    for (const { panels, element } of sections) {
      for (const panel of panels) panel.close();
      element.remove();
    }
    built = store.state.runs;
    const kind = store.state.data?.kind;
    sections = built.map((run) => {
      const panels = [
        new NetworkView(shared, run),
        ...(kind === "2d" ? [new Boundary(shared, run)] : []),
        ...(kind === "digits" ? [new Digits(shared, run)] : []),
        ...(kind === "table" ? [new Answers(shared, run)] : []),
        new Heatmap(shared, run),
        new Histogram(shared, run),
      ];
      const name = h("h2", { class: "run-name" }, h("span", { class: "dot" }), run.label);
      const element = h("section", { class: "run", "data-run": run.index }, name, ...panels.map((panel) => panel.element));
      return { panels, element, run };
    });
    board.dataset.kind = kind ?? "";
    root.toggleAttribute("data-own", store.state.own);
    board.style.setProperty("--runs", String(built.length));
    board.prepend(...sections.map(({ element }) => element));
    arrange();
  };
  const arrange = () => {
    const { view, shown } = store.state;
    root.dataset.view = view;
    board.dataset.view = view;
    board.dataset.show = tour.lesson?.show ?? "";
    sections.forEach(({ element }, i) => element.classList.toggle("shown", i === shown));
  };
  const repaint = () => {
    for (const panel of [...wide, ...sections.flatMap(({ panels }) => panels)]) panel.mark();
    painter.mark(transport);
  };
  const recolor = () => {
    dress();
    colors = paletteOf(root);
    controls.recolor();
    for (const { panels } of sections) for (const panel of panels) panel.resized();
    repaint();
  };
  let described = 0;
  const describe = () => {
    described = performance.now();
    const text = summaryOf(store.state);
    for (const panel of [...wide, ...sections.flatMap(({ panels }) => panels)]) panel.describe(text);
  };

  store.on(["runs"], ({ runs }) => {
    if (runs !== built) rebuild();
    repaint();
    if (performance.now() - described > DESCRIBED_EVERY) describe();
  });
  store.on(["view", "shown", "lesson", "tour"], arrange);
  store.on(["examples", "extent"], () => {
    for (const { panels } of sections) for (const panel of panels) panel.resized();
    repaint();
  });
  store.on(["step", "finished", "shown"], () => painter.mark(transport));
  store.on(["error"], (state) => {
    error.hidden = !state.error;
    error.textContent = state.error;
  });
  store.on(["connection"], (state) => {
    connection.hidden = state.connection === "open";
    connection.dataset.t = state.connection;
    connection.textContent = t(state.connection);
  });
  const write = () => {
    if (address && store.state.experiment) history.replaceState(null, "", `#${lab.query()}`);
  };
  store.on(["experiment", "view", "lesson"], write);

  const keys = (/** @type {KeyboardEvent} */ event) => {
    const inside = event.target instanceof Element && event.target.closest("input, select, button, dialog, summary, a");
    if (inside || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, () => void>} */
    const does = { " ": () => lab.toggle(), s: () => lab.step(), r: () => lab.rewind() };
    const act = does[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  };
  (address ? document : root).addEventListener("keydown", /** @type {EventListener} */ (keys));
  for (const kind of ["click", "input", "keydown"]) root.addEventListener(kind, (event) => painter.touch(event));
  const followed = () => lab.follow(location.hash);
  if (address) addEventListener("hashchange", followed);
  preferred.addEventListener("change", recolor);
  arrange();

  return {
    store,
    wire,
    stats: painter.stats,
    paint: () => painter.paint(),
    get runs() {
      return store.state.runs;
    },
    stop() {
      preferred.removeEventListener("change", recolor);
      removeEventListener("hashchange", followed);
      document.removeEventListener("keydown", /** @type {EventListener} */ (keys));
      wire.close?.();
      root.replaceChildren();
    },
  };
}

const page = document.querySelector("[data-pyinit-lab]");
if (page instanceof HTMLElement) {
  const socket = new URL("socket", location.href);
  socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  socket.search = location.search;
  socket.hash = "";
  Object.assign(window, { pyinit: mount(page, socketWire(socket.href, location.href), { address: true }) });
  document.title = t("title");
}
