// Text fields in which the data of earlier steps shows as chips: “How does it speak about us? ▸ label” stands for
// {{ steps.tone.label }}. The field of the form stays what is sent; a box over it is what is written in. Without scripts,
// or where a person prefers it, the field itself shows the plain text.
//
// Mark a text input or textarea with data-chips. Inside an element with data-known (JSON: what inputs and steps are
// called, see workflows.pages.build_data.known) chips carry titles, and one that leads nowhere is marked.
// Others use: tandemChips.mount(root), .insert(field, text), .caret(field), .box(field), .known(element).
(() => {
  "use strict";

  const TAG = /\{\{-?\s*([A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*)\s*((?:\|[^{}]*)?)-?\}\}/g;
  const PLAIN = "tandem.plain-data";
  const editors = new WeakMap();
  const parsed = new WeakMap();

  const known = (element) => {
    const holder = element.closest("[data-known]");
    if (!holder) return null;
    const text = holder.dataset.known;
    if (parsed.get(holder)?.text !== text) parsed.set(holder, { text, value: JSON.parse(text || "null") });
    return parsed.get(holder).value;
  };

  const parts = (path) => path.split(/[.[\]]+/).filter(Boolean);
  const spoken = (name) => name.replaceAll("_", " ");

  // Names that a text makes itself: {% for row in … %}, {% assign total = … %}, {% capture … %}.
  const ownNames = (text) => new Set(["forloop", "tablerowloop", ...[...text.matchAll(/\{%-?\s*(?:for|tablerow|assign|capture|increment|decrement)\s+([A-Za-z_][\w-]*)/g)].map((found) => found[1])]);

  // What the reference is called, its type and whether it leads anywhere, as far as the page knows.
  const describe = (path, all, own = new Set()) => {
    const [root, name, ...rest] = parts(path);
    const held = all?.[root];
    if ((root !== "steps" && root !== "inputs") || name === undefined) {
      const gone = Boolean(all) && !(root in all.names) && !own.has(root) && root !== "steps" && root !== "inputs";
      const title = rest.length ? "" : all?.names?.[root]?.[name]?.title;
      return { label: title || [root, name, ...rest].filter(Boolean).map(spoken).join(" ▸ "), gone, type: "", choices: [] };
    }
    const found = held?.[name];
    const field = rest.length ? found?.fields?.[rest[0]] : found;
    const gone = Boolean(all) && (!found || (rest.length > 0 && Boolean(found.fields) && !field));
    return {
      label: [found?.title || spoken(name), ...rest.map(spoken)].join(" ▸ "),
      gone,
      type: rest.length > 1 ? "" : field?.type || "",
      choices: rest.length > 1 ? [] : field?.choices || [],
    };
  };

  // Text → [{text}] and [{text, path, filters}], in order; joined they are the text again.
  const pieces = (text) => {
    const found = [];
    let from = 0;
    for (const match of text.matchAll(TAG)) {
      if (match.index > from) found.push({ text: text.slice(from, match.index) });
      found.push({ text: match[0], path: match[1], filters: match[2].trim() });
      from = match.index + match[0].length;
    }
    if (from < text.length) found.push({ text: text.slice(from) });
    return found;
  };

  class Editor {
    constructor(field) {
      this.field = field;
      this.single = field.matches("input");
      this.label = document.querySelector(`label[for="${CSS.escape(field.id)}"]`);
      this.past = [];
      this.future = [];
      this.pushed = 0;
      this.last = [field.value.length, field.value.length];
      this.box = this.make();
      this.draw(field.value);
      field.after(this.box);
      field.hidden = true;
      this.label?.removeAttribute("for");
      this.listen();
    }

    make() {
      const box = document.createElement("div");
      box.id = `${this.field.id}-box`;
      box.className = `${this.field.className} td-chips-box${this.single ? " is-single" : ""}`;
      box.setAttribute("contenteditable", "plaintext-only");
      if (box.contentEditable !== "plaintext-only") box.setAttribute("contenteditable", "true");
      box.setAttribute("role", "textbox");
      box.setAttribute("aria-multiline", String(!this.single));
      if (this.label) box.setAttribute("aria-labelledby", this.label.id);
      for (const name of ["aria-describedby", "aria-required", "aria-invalid", "aria-label", "inputmode", "spellcheck"]) {
        if (this.field.hasAttribute(name)) box.setAttribute(name, this.field.getAttribute(name));
      }
      if (this.field.closest("[data-picker]")) box.setAttribute("aria-keyshortcuts", "Control+Space");
      return box;
    }

    listen() {
      this.box.addEventListener("beforeinput", (event) => this.before(event));
      this.box.addEventListener("input", (event) => { event.stopPropagation(); if (!event.isComposing) this.typed(); });
      this.box.addEventListener("compositionend", () => this.typed());
      this.box.addEventListener("keydown", (event) => this.key(event));
      this.box.addEventListener("copy", (event) => this.copy(event));
      this.box.addEventListener("cut", (event) => { if (this.copy(event)) this.edit(...this.range(), ""); });
      this.box.addEventListener("focus", () => { this.begun = this.field.value; });
      this.box.addEventListener("blur", () => {
        if (this.begun !== undefined && this.begun !== this.field.value) this.say("change");
        this.begun = this.field.value;
      });
      this.clicked = () => this.box.focus();
      this.label?.addEventListener("click", this.clicked);
    }

    say(name) { this.field.dispatchEvent(new Event(name, { bubbles: true })); }

    // ── between text and nodes ───────────────────────────────────────────────────────────────────────────────────

    draw(text) {
      const all = known(this.field);
      const own = ownNames(text);
      const nodes = pieces(text).map((piece) => (piece.path ? this.chip(piece, all, own) : document.createTextNode(piece.text)));
      // A line that ends the text is drawn only if something follows it; a chip at an end needs room for the caret.
      if (text.endsWith("\n") || nodes.at(-1)?.nodeType === Node.ELEMENT_NODE) nodes.push(this.end());
      this.box.replaceChildren(...nodes);
      this.drawn = text;
    }

    chip(piece, all, own) {
      const { label, gone } = describe(piece.path, all, own);
      const chip = document.createElement("span");
      chip.className = `td-data${gone ? " is-gone" : ""}`;
      chip.contentEditable = "false";
      chip.dataset.text = piece.text;
      chip.title = piece.text;
      chip.textContent = piece.filters ? `${label} ${piece.filters}` : label;
      return chip;
    }

    end() {
      const end = document.createElement("br");
      end.dataset.end = "";
      return end;
    }

    static width(node) {
      if (node.nodeType === Node.TEXT_NODE) return node.data.length;
      if (node.dataset?.text !== undefined) return node.dataset.text.length;
      if (node.nodeName === "BR") return "end" in node.dataset || !node.nextSibling ? 0 : 1;
      return [...node.childNodes].reduce((sum, child) => sum + Editor.width(child), 0);
    }

    static text(node) {
      if (node.nodeType === Node.TEXT_NODE) return node.data;
      if (node.dataset?.text !== undefined) return node.dataset.text;
      if (node.nodeName === "BR") return Editor.width(node) ? "\n" : "";
      return [...node.childNodes].map(Editor.text).join("");
    }

    read() { return Editor.text(this.box).replaceAll("\u00a0", " "); }

    // The place in the text of a place in the page.
    offset(node, at) {
      if (!this.box.contains(node)) return this.drawn.length;
      const chip = node.nodeType === Node.TEXT_NODE ? node.parentElement.closest("[data-text]") : node.closest("[data-text]");
      if (chip) return this.offset(chip.parentNode, [...chip.parentNode.childNodes].indexOf(chip) + (at ? 1 : 0));
      let sum = node.nodeType === Node.TEXT_NODE ? at : [...node.childNodes].slice(0, at).reduce((all, child) => all + Editor.width(child), 0);
      for (let here = node; here !== this.box; here = here.parentNode) {
        for (let before = here.previousSibling; before; before = before.previousSibling) sum += Editor.width(before);
      }
      return sum;
    }

    range() {
      const chosen = getSelection();
      if (!chosen.rangeCount || !this.box.contains(chosen.anchorNode)) return this.last;
      const found = chosen.getRangeAt(0);
      return [this.offset(found.startContainer, found.startOffset), this.offset(found.endContainer, found.endOffset)];
    }

    // The place in the page of a place in the text; never inside a chip.
    point(offset) {
      let left = offset;
      for (const [index, node] of [...this.box.childNodes].entries()) {
        const width = Editor.width(node);
        if (node.nodeType === Node.TEXT_NODE && left <= width) return [node, left];
        if (left <= 0 || (left < width && node.nodeType !== Node.TEXT_NODE)) return [this.box, index];
        left -= width;
      }
      const last = this.box.lastChild;
      return [this.box, last?.dataset && "end" in last.dataset ? this.box.childNodes.length - 1 : this.box.childNodes.length];
    }

    place(start, end = start) {
      const range = document.createRange();
      range.setStart(...this.point(start));
      range.setEnd(...this.point(end));
      const chosen = getSelection();
      chosen.removeAllRanges();
      chosen.addRange(range);
      this.last = [start, end];
    }

    // ── changes ──────────────────────────────────────────────────────────────────────────────────────────────────

    before(event) {
      if (event.isComposing || event.inputType === "insertCompositionText") return;
      const kind = event.inputType;
      if (kind === "historyUndo" || kind === "historyRedo") { event.preventDefault(); this.turn(kind === "historyUndo"); return; }
      const [start, end] = this.target(event);
      if (kind === "insertText" && start === end && this.isInText()) return;
      event.preventDefault();
      if (kind.startsWith("delete")) this.remove(kind, start, end);
      else if (kind === "insertParagraph" || kind === "insertLineBreak") { if (!this.single) this.edit(start, end, "\n"); }
      else if (kind.startsWith("insert")) {
        this.edit(start, end, this.fit(event.dataTransfer?.getData("text/plain") || event.data || ""));
      }
    }

    target(event) {
      const [range] = event.getTargetRanges();
      if (!range) return this.range();
      return [this.offset(range.startContainer, range.startOffset), this.offset(range.endContainer, range.endOffset)];
    }

    isInText() {
      const node = getSelection().anchorNode;
      return node?.nodeType === Node.TEXT_NODE && this.box.contains(node);
    }

    fit(text) {
      const clean = text.replace(/\r\n?/g, "\n");
      return this.single ? clean.replace(/\s*\n\s*/g, " ") : clean;
    }

    // A chip goes as a whole, whichever side it is reached from.
    remove(kind, start, end) {
      if (start === end) {
        const text = this.read();
        if (kind.endsWith("Backward") && start > 0) start -= text.codePointAt(start - 2) > 0xffff ? 2 : 1;
        else if (kind.endsWith("Forward") && end < text.length) end += text.codePointAt(end) > 0xffff ? 2 : 1;
      }
      let from = 0;
      for (const piece of pieces(this.read())) {
        const to = from + piece.text.length;
        if (piece.path && start < to && end > from) { start = Math.min(start, from); end = Math.max(end, to); }
        from = to;
      }
      if (start !== end) this.edit(start, end, "");
    }

    edit(start, end, inserted) {
      const text = this.read();
      this.keep(text, Math.min(this.range()[1], text.length));
      this.set(text.slice(0, start) + inserted + text.slice(end), start + inserted.length);
    }

    set(text, caret) {
      this.draw(text);
      this.box.focus();
      this.place(caret);
      this.write(text);
    }

    write(text) {
      this.field.value = text;
      this.say("input");
      this.box.dispatchEvent(new CustomEvent("chips:caret", { bubbles: true, detail: { field: this.field } }));
    }

    // What the browser itself has put in.
    typed() {
      const text = this.read();
      if (text === this.field.value && text === this.drawn) return;
      const [start, end] = this.range();
      if (Date.now() - this.pushed > 700) this.keep(this.drawn, Math.min(this.last[0], this.drawn.length));
      const chips = pieces(text).filter((piece) => piece.path).length;
      if (chips !== this.box.querySelectorAll("[data-text]").length || !text) {
        this.draw(text);
        this.place(start, end);
      }
      this.drawn = text;
      this.last = [start, end];
      this.write(text);
    }

    keep(text, caret) {
      this.past.push({ text, caret });
      if (this.past.length > 200) this.past.shift();
      this.future = [];
      this.pushed = Date.now();
    }

    turn(back) {
      const [from, to] = back ? [this.past, this.future] : [this.future, this.past];
      const state = from.pop();
      if (!state) return;
      to.push({ text: this.read(), caret: this.range()[0] });
      this.pushed = 0;
      this.set(state.text, Math.min(state.caret, state.text.length));
    }

    key(event) {
      const command = (event.ctrlKey || event.metaKey) && !event.altKey;
      if (command && event.key.toLowerCase() === "z") { event.preventDefault(); event.stopPropagation(); this.turn(!event.shiftKey); }
      else if (command && event.key.toLowerCase() === "y") { event.preventDefault(); event.stopPropagation(); this.turn(false); }
      else if (event.key === "Enter" && this.single && !event.isComposing) event.preventDefault();
    }

    copy(event) {
      const [start, end] = this.range();
      if (start === end) return false;
      event.preventDefault();
      event.clipboardData.setData("text/plain", this.read().slice(start, end));
      return true;
    }

    insert(text, replacing = 0, at = this.last) {
      this.edit(Math.max(0, at[0] - replacing), at[1], text);
    }

    leave() {
      this.box.remove();
      this.field.hidden = false;
      this.label?.setAttribute("for", this.field.id);
      this.label?.removeEventListener("click", this.clicked);
      editors.delete(this.field);
    }
  }

  document.addEventListener("selectionchange", () => {
    const box = document.activeElement;
    if (!box?.classList.contains("td-chips-box")) return;
    const editor = editors.get(document.getElementById(box.id.replace(/-box$/, "")));
    if (editor && getSelection().rangeCount) editor.last = editor.range();
  });

  const isPlain = () => { try { return localStorage.getItem(PLAIN) === "1"; } catch { return false; } };
  const fields = (root) => [...(root.matches?.("[data-chips]") ? [root] : []), ...root.querySelectorAll("[data-chips]")];

  const mount = (root) => {
    for (const button of root.querySelectorAll("[data-plain]")) button.setAttribute("aria-pressed", String(isPlain()));
    if (isPlain()) return;
    for (const field of fields(root)) if (!editors.has(field) && field.isConnected) editors.set(field, new Editor(field));
  };

  const setPlain = (wanted) => {
    try { localStorage.setItem(PLAIN, wanted ? "1" : ""); } catch { /* remembered for this page only */ }
    for (const field of fields(document)) if (wanted) editors.get(field)?.leave();
    mount(document);
    for (const button of document.querySelectorAll("[data-plain]")) button.setAttribute("aria-pressed", String(wanted));
  };

  // Where the caret stands or stood last: opening a dialog takes the focus away, and with it the caret.
  const caret = (field) => [...(editors.get(field)?.last || [field.selectionStart ?? 0, field.selectionEnd ?? 0])];

  const insert = (field, text, replacing = 0, at = caret(field)) => {
    const editor = editors.get(field);
    if (editor) { editor.insert(text, replacing, at); return; }
    const start = field.selectionStart ?? field.value.length;
    field.setRangeText(text, Math.max(0, start - replacing), field.selectionEnd ?? start, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const before = (field) => {
    const editor = editors.get(field);
    return editor ? editor.read().slice(0, editor.range()[0]) : field.value.slice(0, field.selectionStart ?? 0);
  };

  window.tandemChips = { mount, insert, caret, before, known, describe, pieces, box: (field) => editors.get(field)?.box || field };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-plain]");
    if (button) setPlain(button.getAttribute("aria-pressed") !== "true");
  });
  document.addEventListener("DOMContentLoaded", () => mount(document));
  document.addEventListener("htmx:load", (event) => mount(event.detail.elt));
})();
