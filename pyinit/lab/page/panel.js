/** A titled canvas that fits its place, tells what is under the pointer, and can be read by arrow keys. */

import { choice, h, press } from "./dom.js";
import { t } from "./text.js";

const MOST_PIXELS = 2;
const KEY_STEP = 12;

export class Panel {
  /**
   * @param {Surroundings} shared @param {string} name of its class @param {string} title key of its title
   * @param {Partial<Record<keyof State, [string, string][]>>} choices by what they set: values and text keys
   */
  constructor(shared, name, title, choices = {}) {
    const { store } = shared;
    this.shared = shared;
    this.title = title;
    this.width = 0;
    this.height = 0;
    this.seen = true;
    /** @type {Point | null} */
    this.pointer = null;
    this.canvas = h("canvas", { role: "img", tabindex: 0 });
    /** what is called when the panel closes @type {(() => void)[]} */
    this.ends = [];
    const groups = Object.entries(choices).map(([name, pairs]) => {
      const key = /** @type {keyof State} */ (name);
      const group = choice(title, pairs, String(store.state[key]), (value) => store.set({ [key]: value }));
      this.follow([key], (state) => press(group, String(state[key])));
      return group;
    });
    this.tools = h("div", { class: "tools" }, ...groups);
    this.element = h(
      "section",
      { class: `panel ${name}` },
      h("header", {}, h("h2", { t: title }), this.tools),
      h("div", { class: "stage" }, this.canvas),
    );
    const context = this.canvas.getContext("2d");
    if (!context) throw new Error("this browser has no 2-D canvas");
    this.context = context;
    this.watch();
  }

  /** Draw again when a part of the state is set. @param {(keyof State)[]} names @param {(state: State) => void} [first] */
  follow(names, first) {
    const off = this.shared.store.on(names, (state) => {
      first?.(state);
      this.mark();
    });
    this.ends.push(off);
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

  /** @param {string} text @param {number} x @param {number} y @param {Style} [style] */
  write(text, x, y, { align = "left", base = "middle", color = this.palette.muted, size = 11, weight = 400, halo = 0, most } = {}) {
    const { context, palette } = this;
    context.font = `${weight} ${size}px ${palette.font}`;
    context.textAlign = align;
    context.textBaseline = base;
    context.fillStyle = color;
    if (halo) {
      context.strokeStyle = palette.surface;
      context.lineWidth = halo;
      context.lineJoin = "round";
      context.strokeText(text, x, y, most);
    }
    context.fillText(text, x, y, most);
  }

  /** Draw lines between points, each a group of numbers x, y, x, y. @param {string} color @param {number} wide @param {...number[]} lines */
  lines(color, wide, ...lines) {
    const { context } = this;
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.beginPath();
    for (const places of lines) {
      for (let i = 0; i + 1 < places.length; i += 2) context[i ? "lineTo" : "moveTo"](places[i], places[i + 1]);
    }
    context.stroke();
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
    for (const end of this.ends) end();
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
