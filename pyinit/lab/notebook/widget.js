/** The page in a notebook: the wire is the widget's own channel to the kernel. */

import { mount } from "../page/main.js";

/**
 * Show the lab in an element, as anywidget asks.
 * @param {{model: any, el: HTMLElement & {pyinit?: object}}} given
 * @param {string} [film] "live" where a training elsewhere is shown
 * @returns {() => void} what ends it
 */
export function render({ model, el }, film = "") {
  /** @type {Wire} */
  const wire = {
    send: (message, binary) => model.send(message, undefined, binary ? [binary] : []),
    onmessage() {},
    onframe() {},
    onstate() {},
  };
  const heard = (/** @type {Record<string, any>} */ message, /** @type {(DataView | ArrayBuffer)[]} */ buffers) => {
    const [frame] = buffers ?? [];
    if (!frame) wire.onmessage(message);
    else wire.onframe(frame instanceof DataView ? frame : new DataView(frame));
  };
  const root = document.createElement("div");
  el.append(root);
  model.on("msg:custom", heard);
  let ended = false;
  const begin = () => {
    if (ended) return;
    // the page reads colors and widths, which an element has once it is shown
    if (!root.clientWidth) {
      requestAnimationFrame(begin);
      return;
    }
    if (film) root.dataset.film = film;
    el.pyinit = mount(root, wire, { query: film ? "view=layers" : "" });
    wire.onstate("open");
    wire.send({ type: "hello" });
  };
  begin();
  return () => {
    ended = true;
    wire.send({ type: "pause" });
    model.off("msg:custom", heard);
    /** @type {any} */ (el.pyinit)?.stop();
  };
}
