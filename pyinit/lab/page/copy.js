/** What is copied: the link, and the experiment as a script in Python. */

import { h, icon } from "./dom.js";
import { t } from "./text.js";

/** A dialog that shows text to copy. @param {() => string} read */
export function pythonDialog(read) {
  const code = h("pre", { tabindex: 0 });
  const copied = h("span", { class: "copied", role: "status" });
  const copy = h("button", { class: "primary", t: "copy_python", onclick: () => toClipboard(code.textContent ?? "", copied) });
  const dialog = h(
    "dialog",
    { class: "dialog python" },
    h("header", {}, icon("code"), h("h2", { t: "copy_python" })),
    code,
    h("div", { class: "actions" }, copy, h("button", { class: "text", t: "close", onclick: () => dialog.close() }), copied),
  );
  const open = () => {
    code.textContent = read();
    copied.textContent = "";
    dialog.showModal();
  };
  return { dialog, open };
}

/** @param {string} text @param {HTMLElement} told where the page says how it went */
export async function toClipboard(text, told) {
  try {
    await navigator.clipboard.writeText(text);
    told.textContent = t("copied");
  } catch {
    told.textContent = t("copy_failed");
  }
}
