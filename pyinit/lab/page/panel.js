/** A titled canvas that fits its place, tells what is under the pointer, and can be read by arrow keys. */

import { h } from "./dom.js";
import { t } from "./text.js";

/** @typedef {import("./color.js").Palette} Palette */
/** @typedef {{x: number, y: number}} Point */
/**
 * @typedef {object} Surroundings what all panels share
 * @property {import("./paint.js").Painter} painter @property {import("./store.js").Store} store
 * @property {() => Palette} palette @property {HTMLElement} tip
 */

const MOST_PIXELS = 2;
const KEY_STEP = 12;

export class Panel {
  /**
   * @param {Surroundings} shared @param {string} name of its class, and the key of its title
   * @param {{title: string, tools?: HTMLElement[], note?: HTMLElement}} options
   */
  constructor(shared, name, { title, tools = [], note }) {
    this.shared = shared;
    this.name = name;
    this.title = title;
    this.width = 0;
    this.height = 0;
    this.seen = true;
    /** @type {Point | null} */
    this.pointer = null;
    this.canvas = h("canvas", { role: "img", tabindex: 0 });
    this.heading = h("h2", { t: title });
    this.element = h(
      "section",
      { class: `panel ${name}` },
      h("header", {}, this.heading, ...(tools.length ? [h("div", { class: "tools" }, ...tools)] : [])),
      h("div", { class: "stage" }, this.canvas),
      note ?? null,
    );
    const context = this.canvas.getContext("2d");
    if (!context) throw new Error("this browser has no 2-D canvas");
    this.context = context;
    this.watch();
  }

  /** @returns {Palette} the colours now */
  get palette() {
    return this.shared.palette();
  }

  watch() {
    const { canvas } = this;
    this.resizing = new ResizeObserver(() => this.fit());
    this.resizing.observe(/** @type {HTMLElement} */ (canvas.parentElement));
    this.seeing = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      if (this.seen) this.mark();
    });
    this.seeing.observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.point({ x: event.offsetX, y: event.offsetY }));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("blur", () => this.point(null));
    canvas.addEventListener("click", (event) => this.press({ x: event.offsetX, y: event.offsetY }));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (by) {
      const from = this.pointer ?? { x: this.width / 2, y: this.height / 2 };
      const step = event.shiftKey ? KEY_STEP * 4 : KEY_STEP;
      this.point({
        x: Math.min(this.width - 1, Math.max(0, from.x + by[0] * step)),
        y: Math.min(this.height - 1, Math.max(0, from.y + by[1] * step)),
      });
    } else if (event.key === "Enter" && this.pointer) {
      this.press(this.pointer);
    } else if (event.key === "Escape") {
      this.point(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  fit() {
    const stage = /** @type {HTMLElement} */ (this.canvas.parentElement);
    const { clientWidth: width, clientHeight: height } = stage;
    this.width = width;
    this.height = height;
    const scale = Math.min(MOST_PIXELS, window.devicePixelRatio || 1);
    if (width && height) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.context.setTransform(scale, 0, 0, scale, 0, 0);
      this.resized();
    }
    this.mark();
  }

  mark() {
    this.shared.painter.mark(this);
  }

  paint() {
    if (!this.seen || this.width < 20 || this.height < 20) return;
    this.context.clearRect(0, 0, this.width, this.height);
    this.draw();
    if (this.pointer) this.tell();
  }

  /** @param {Point | null} at */
  point(at) {
    this.pointer = at;
    if (at) this.tell();
    else this.shared.tip.hidden = true;
    this.mark();
  }

  tell() {
    const { tip } = this.shared;
    const lines = this.pointer ? this.read(this.pointer) : [];
    tip.hidden = !lines.length;
    if (!lines.length || !this.pointer) return;
    tip.replaceChildren(...lines.map((line) => h("div", {}, line)));
    const place = this.canvas.getBoundingClientRect();
    const home = /** @type {HTMLElement} */ (tip.parentElement).getBoundingClientRect();
    const x = place.left - home.left + this.pointer.x;
    const left = x + 16 + tip.offsetWidth > home.width ? x - tip.offsetWidth - 12 : x + 16;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${place.top - home.top + this.pointer.y + 12}px`;
  }

  /** @param {string} text what a screen reader says of the picture */
  describe(text) {
    this.canvas.setAttribute("aria-label", `${t(this.title)}. ${text} ${t("canvas_help")}`);
  }

  close() {
    this.resizing?.disconnect();
    this.seeing?.disconnect();
    this.element.remove();
  }

  /** Draw the picture on an empty canvas. */
  draw() {}

  /** @param {Point} _at @returns {string[]} the lines of the read-out there */
  read(_at) {
    return [];
  }

  /** @param {Point} _at */
  press(_at) {}

  /** What depends on the size alone is made again. */
  resized() {}
}
