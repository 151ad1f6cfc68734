/** One's own data: a CSV or npz that is dropped or chosen, and the column to predict. */

import { field, h } from "./dom.js";
import { t } from "./text.js";

const HEAD = 65536;

export class Upload {
  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
    this.input = h("input", { type: "file", accept: ".csv,.tsv,.txt,.npz", class: "unseen", tLabel: "own" });
    this.button = h("label", { class: "own" }, this.input, h("span", { t: "own" }));
    this.veil = h("div", { class: "veil", hidden: true }, h("p", { t: "drop_here" }));
    this.target = h("select", { tLabel: "target" });
    this.name = h("h2");
    this.dialog = h(
      "dialog",
      { class: "dialog" },
      this.name,
      field("target", this.target),
      h(
        "div",
        { class: "actions" },
        h("button", { class: "primary use", t: "use", onclick: () => this.send() }),
        h("button", { class: "text", t: "close", onclick: () => this.dialog.close() }),
      ),
    );
    /** @type {File | null} */
    this.file = null;
    this.input.addEventListener("change", () => {
      const file = this.input.files?.[0];
      if (file) this.take(file);
      this.input.value = "";
    });
  }

  /** Take what is dropped anywhere on the page. @param {HTMLElement} root */
  listen(root) {
    root.addEventListener("dragover", (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      this.veil.hidden = false;
    });
    root.addEventListener("dragleave", (event) => {
      if (!(event.relatedTarget instanceof Node && root.contains(event.relatedTarget))) this.veil.hidden = true;
    });
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.veil.hidden = true;
      const file = event.dataTransfer?.files[0];
      if (file) this.take(file);
    });
  }

  /** @param {File} file */
  async take(file) {
    const { store } = this.lab;
    const most = store.state.options?.limits?.upload;
    if (most && file.size > most) {
      store.set({ error: `${t("too_large")}: ${file.size} > ${most} bytes` });
      return;
    }
    this.file = file;
    if (file.name.endsWith(".npz")) {
      await this.send();
      return;
    }
    const head = await file.slice(0, HEAD).text();
    const [first = ""] = head.split(/\r?\n/);
    const delimiter = ["\t", ";", ","].find((one) => first.includes(one)) ?? ",";
    const names = first.split(delimiter).map((one) => one.trim().replace(/^"|"$/g, ""));
    this.target.replaceChildren(...names.map((one) => h("option", { value: one }, one)));
    this.target.value = names[names.length - 1];
    this.name.textContent = file.name;
    this.dialog.showModal();
  }

  async send() {
    if (!this.file) return;
    const target = this.file.name.endsWith(".npz") ? null : this.target.value;
    if (this.dialog.open) this.dialog.close();
    this.lab.upload(this.file.name, target, await this.file.arrayBuffer());
    this.file = null;
  }
}
