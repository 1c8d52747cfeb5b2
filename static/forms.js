// What forms can do beyond HTML: rows that come and go, fields that depend on others, conditions whose operators follow
// the type, the data picker, the preview under a field, and a form that saves itself.
//
// Around fields: <div data-forms data-known="JSON" data-picker="URL" data-preview="URL">; all three may be left out.
// A form that saves itself: <form data-save="URL"> with the inputs csrfmiddlewaretoken and revision. What was changed is
// sent as `touched` (top-level fields); the answer's fragments are swapped out of band and its HX-Trigger header becomes
// events on the body: draft-changed {revision, step}. Any htmx request waits until what was typed is saved.
(() => {
  "use strict";

  const PATIENCE_MS = 600;
  const AGAIN_MS = 4000;
  const chips = () => window.tandemChips;

  // ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  const LIST = "[data-rows], [data-conditions]";
  const rowsOf = (list) => [...list.querySelector(":scope > [data-row-list]").children];
  const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

  // The blank row of a list inside a row takes the number of the outer row, and keeps the place for its own.
  const numbered = (root, index, isInner = false) => {
    for (const element of root.querySelectorAll("*")) {
      for (const { name, value } of [...element.attributes]) {
        if (value.includes("__i__") && !(isInner && value === "__i__")) element.setAttribute(name, value.replace("__i__", index));
      }
      if (element.content) numbered(element.content, index, true);
    }
  };

  const addRow = (list, group) => {
    const template = list.querySelector(`:scope > template[${group ? "data-blank-group" : "data-blank"}]`);
    const used = rowsOf(list).map((row) => Number(row.querySelector("input[type=hidden]").value) || 0);
    const copy = template.content.cloneNode(true);
    numbered(copy, String(Math.max(-1, ...used) + 1));
    const row = copy.querySelector("[data-row]");
    list.querySelector(":scope > [data-row-list]").append(row);
    row.setAttribute("aria-label", `${row.getAttribute("aria-label")} ${rowsOf(list).length}`);
    ready(row);
    focusIn(row);
    // A row in which nothing has to be said means something as it is.
    if (!row.querySelector("[aria-required=true]")) changed(list);
  };

  const focusIn = (row) => {
    const field = row.querySelector("input:not([type=hidden]), textarea, select");
    if (field) (chips()?.box(field) || field).focus();
  };

  const removeRow = (row) => {
    const list = row.closest(LIST);
    const beside = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    beside ? focusIn(beside) : list.querySelector(":scope > [data-add-row], :scope > .td-row > [data-add-row]").focus();
    changed(list);
  };

  const moveRow = (row, up) => {
    const other = up ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    up ? other.before(row) : other.after(row);
    row.querySelector(up ? "[data-row-up]" : "[data-row-down]").focus();
    changed(row.closest(LIST));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const row = () => button.closest("[data-row]");
    if (button.matches("[data-add-row], [data-add-group]")) addRow(button.closest(LIST), button.matches("[data-add-group]"));
    else if (button.matches("[data-row-remove]")) removeRow(row());
    else if (button.matches("[data-row-up], [data-row-down]")) moveRow(row(), button.matches("[data-row-up]"));
    else if (button.matches("[data-insert]")) openPicker(document.getElementById(button.dataset.insert), button);
    else if (button.matches("[data-keep-mine]")) keepMine(button);
    else if (button.matches("[data-take-theirs]")) takeTheirs(button);
    else if (button.matches("[data-suggested]")) suggest(button);
  });

  // ── fields that depend on others ─────────────────────────────────────────────────────────────────────────────────

  const depend = (root) => {
    for (const field of root.querySelectorAll("[data-when]")) {
      const other = (field.closest("form, [data-forms]") || document).querySelector(`[name="${CSS.escape(field.dataset.when)}"]`);
      if (!other) continue;
      const said = other.type === "checkbox" ? String(other.checked) : other.value;
      const wanted = field.dataset.whenIs.split("|").includes(said);
      field.hidden = !wanted;
      for (const control of field.querySelectorAll("input, select, textarea")) control.disabled = !wanted;
    }
  };

  // ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

  const offered = new WeakMap();

  const condition = (row) => {
    const [value, operator, to] = ["value", "is", "to"].map((name) => row.querySelector(`[name$="-${name}"]`));
    const rules = JSON.parse(row.closest("[data-operators]").dataset.operators);
    const found = reference(value);
    if (!offered.has(operator)) offered.set(operator, [...operator.options]);
    const fit = rules.of_type[found?.type];
    const options = offered.get(operator).filter((option) => !fit || fit.includes(option.value) || option.value === operator.value);
    if (options.length !== operator.options.length) {
      const chosen = operator.value;
      operator.replaceChildren(...options);
      operator.value = chosen;
    }
    const alone = rules.alone.includes(operator.value);
    to.closest("[data-field]").hidden = alone;
    offerValues(to, alone ? [] : found?.choices || []);
  };

  // When another value is looked at, the operator has to suit it.
  const suit = (row) => {
    const [value, operator] = ["value", "is"].map((name) => row.querySelector(`[name$="-${name}"]`));
    const fit = JSON.parse(row.closest("[data-operators]").dataset.operators).of_type[reference(value)?.type];
    if (!fit || fit.includes(operator.value)) return;
    operator.replaceChildren(...(offered.get(operator) || operator.options));
    operator.value = fit[0];
  };

  const reference = (field) => {
    const [piece, more] = chips()?.pieces(field.value.trim()) || [];
    return piece?.path && !more ? chips().describe(piece.path, chips().known(field)) : null;
  };

  const offerValues = (to, values) => {
    const place = to.closest("[data-field]");
    place.querySelector(".td-suggested")?.remove();
    if (!values.length) return;
    const box = document.createElement("div");
    box.className = "td-suggested";
    for (const value of values) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "td-suggestion";
      button.dataset.suggested = to.id;
      button.textContent = value;
      box.append(button);
    }
    place.append(box);
  };

  const suggest = (button) => {
    const field = document.getElementById(button.dataset.suggested);
    const operator = button.closest("[data-row]").querySelector('[name$="-is"]').value;
    const several = ["one_of", "not_one_of"].includes(operator) && field.value.trim();
    write(field, several ? `${field.value.trim()}, ${button.textContent}` : button.textContent);
  };

  const write = (field, text) => {
    const box = chips()?.box(field);
    field.value = text;
    if (box && box !== field) { box.textContent = text; box.dispatchEvent(new InputEvent("input", { bubbles: true })); }
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  document.addEventListener("input", (event) => {
    const row = event.target.closest?.("[data-condition]");
    if (row) { suit(row); condition(row); }
  });
  document.addEventListener("change", (event) => {
    depend(event.target.closest?.("form, [data-forms]") || document);
    const row = event.target.closest?.("[data-condition]");
    if (row && event.target.matches("select")) condition(row);
  });

  // ── the data picker ──────────────────────────────────────────────────────────────────────────────────────────────

  let picker, picking;

  const makePicker = () => {
    picker = document.createElement("div");
    picker.id = "td-picker";
    picker.className = "td-picker";
    picker.popover = "auto";
    picker.setAttribute("role", "dialog");
    picker.addEventListener("toggle", (event) => { if (event.newState === "closed") picking?.opener.setAttribute("aria-expanded", "false"); });
    picker.addEventListener("keydown", pickByKey);
    picker.addEventListener("input", (event) => { if (event.target.matches("[data-picker-search]")) later("picker", 150, () => load(event.target.value)); });
    picker.addEventListener("click", (event) => {
      const item = event.target.closest("[data-pick]");
      if (item) pick(item.dataset.pick);
    });
    document.body.append(picker);
  };

  const openPicker = async (field, opener, replacing = 0) => {
    const holder = field.closest("[data-picker]");
    if (!holder) return;
    if (!picker) makePicker();
    picking = { field, opener, replacing, url: holder.dataset.picker, at: chips()?.caret(field), words: "" };
    const answer = await get(picking.url, { field: field.name });
    if (answer === null) return;
    picker.innerHTML = answer;
    picker.setAttribute("aria-label", picker.querySelector("[data-picker-title]")?.textContent || "");
    picker.showPopover();
    position(opener);
    opener.setAttribute("aria-expanded", "true");
    picker.querySelector("[data-picker-search]")?.focus();
  };

  const position = (opener) => {
    const at = opener.getBoundingClientRect();
    const width = Math.min(420, innerWidth - 16);
    const below = innerHeight - at.bottom - 12;
    const height = Math.min(460, Math.max(below, at.top - 12));
    picker.style.width = `${width}px`;
    picker.style.maxHeight = `${height}px`;
    picker.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
    picker.style.top = below >= Math.min(320, height) ? `${at.bottom + 6}px` : `${Math.max(8, at.top - Math.min(height, picker.offsetHeight) - 6)}px`;
  };

  const load = async (words) => {
    const answer = await get(picking.url, { field: picking.field.name, q: words, list: "1" });
    const list = picker.querySelector("[data-picker-list]");
    if (answer === null || !list) return;
    list.innerHTML = answer;
    picking.words = words;
  };

  // Enter may come before the list has followed the words.
  const takeFirst = async () => {
    clearTimeout(timers.get("picker"));
    const { value } = picker.querySelector("[data-picker-search]");
    if (value !== picking.words) await load(value);
    picker.querySelector("[data-pick]")?.click();
  };

  const pick = (text) => {
    const { field, replacing, at } = picking;
    picker.hidePopover();
    chips()?.insert(field, text, replacing, at);
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const pickByKey = (event) => {
    const items = [...picker.querySelectorAll("[data-pick]")];
    const here = items.indexOf(document.activeElement);
    if (event.key === "ArrowDown") items[Math.min(here + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp") here > 0 ? items[here - 1].focus() : picker.querySelector("[data-picker-search]").focus();
    else if (event.key === "Enter" && here < 0) takeFirst();
    else if (event.key === "Escape") { picker.hidePopover(); (chips()?.box(picking.field) || picking.field).focus(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  // Two braces, or Ctrl and space, open it while writing.
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-chips]") && chips()?.before(event.target).endsWith("{{") && !picker?.matches(":popover-open")) {
      openPicker(event.target, chips().box(event.target), 2);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.ctrlKey) return;
    const field = event.target.matches("[data-chips]") ? event.target : document.getElementById(event.target.id.replace(/-box$/, ""));
    if (!field?.matches("[data-chips]")) return;
    event.preventDefault();
    openPicker(field, event.target);
  });

  const get = async (url, asked) => {
    const address = new URL(url, location.href);
    for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
      return follow(answer) ? await answer.text() : null;
    } catch { return null; }
  };

  // A session that ended takes the page to the sign-in.
  const follow = (answer) => {
    const there = answer.headers.get("HX-Redirect");
    if (there) location.assign(there);
    return answer.ok && !there;
  };

  // ── the line under a field ───────────────────────────────────────────────────────────────────────────────────────

  const timers = new Map();
  const later = (key, after, what) => { clearTimeout(timers.get(key)); timers.set(key, setTimeout(what, after)); };

  const preview = async (field) => {
    const place = document.getElementById(`${field.id}-preview`);
    if (!place) return;
    const text = field.value;
    if (!text.includes("{{") && !text.includes("{%")) { place.replaceChildren(); return; }
    const body = new FormData();
    body.set("text", text);
    try {
      const answer = await fetch(field.closest("[data-preview]").dataset.preview, { method: "POST", body, headers: headers() });
      if (follow(answer) && field.value === text) place.innerHTML = await answer.text();
    } catch { /* the next letter asks again */ }
  };

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.matches?.("[data-chips]") && field.closest("[data-preview]")) later(field.id, 300, () => preview(field));
  });

  const headers = () => {
    const token = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
    return { "X-CSRFToken": token, "HX-Request": "true", "HX-Current-URL": location.href };
  };

  // ── forms that save themselves ───────────────────────────────────────────────────────────────────────────────────

  const touched = new Map(); // form → names of top-level fields
  const seen = new WeakMap(); // form → every field that was ever touched
  let line = Promise.resolve();

  const topField = (element) => {
    let found = null;
    for (let here = element.closest("[data-field]"); here; here = here.parentElement.closest("[data-field]")) found = here;
    return found?.dataset.field;
  };

  const touch = (event, after) => {
    const form = event.target.closest?.("form[data-save]");
    const name = form && topField(event.target);
    if (!name || event.target.closest("[data-no-save]")) return;
    if (!touched.has(form)) touched.set(form, new Set());
    touched.get(form).add(name);
    typedAt.set(form, performance.now());
    if (!seen.has(form)) seen.set(form, new Set());
    seen.get(form).add(name);
    later(form, after, () => flush());
  };

  document.addEventListener("input", (event) => touch(event, PATIENCE_MS));
  document.addEventListener("change", (event) => touch(event, 0));
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-save]")) return;
    event.preventDefault();
    flush();
  });

  // Resolves when everything typed so far is saved, or could not be.
  const flush = (leaving = false) => {
    for (const [form, names] of touched) {
      if (!names.size) continue;
      touched.delete(form);
      clearTimeout(timers.get(form));
      const body = new FormData(form);
      const forced = form.dataset.forced || "";
      delete form.dataset.forced;
      line = line.then(() => save(form, body, names, leaving, forced));
    }
    return line;
  };

  const save = async (form, body, names, leaving, forced) => {
    body.set("revision", forced || form.querySelector("[name=revision]")?.value || "");
    for (const name of names) body.append("touched", name);
    for (const name of seen.get(form) || []) body.append("seen", name);
    state(form, "saving");
    sending.set(form, (sending.get(form) || 0) + 1);
    try {
      const answer = await fetch(form.dataset.save, { method: "POST", body, headers: headers(), keepalive: leaving });
      if (!follow(answer) && answer.status !== 409 && answer.status !== 422) throw new Error(String(answer.status));
      shown(form, answer, await answer.text());
      state(form, answer.ok ? "saved" : "refused");
    } catch { again(form, names); }
    finally { sending.set(form, sending.get(form) - 1); }
  };

  const shown = (form, answer, html) => {
    const said = document.createElement("template");
    said.innerHTML = html;
    // A row that has gone meanwhile has no place for what is wrong with it.
    for (const place of [...said.content.querySelectorAll("[hx-swap-oob]")]) {
      place.removeAttribute("hx-swap-oob");
      document.getElementById(place.id)?.replaceWith(place);
    }
    mark(form);
    form.dispatchEvent(new CustomEvent("form-said", { bubbles: true }));
    for (const [name, detail] of Object.entries(JSON.parse(answer.headers.get("HX-Trigger") || "{}"))) {
      document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    }
  };

  // A reader of the screen learns from the control itself that something is wrong with it.
  const mark = (form) => {
    for (const place of form.querySelectorAll(".td-wrong-here")) {
      const field = document.getElementById(place.id.replace(/-error$/, ""));
      for (const control of field ? new Set([field, chips()?.box(field) || field]) : []) {
        const wrong = Boolean(place.querySelector(".td-error"));
        wrong && !control.matches("fieldset") ? control.setAttribute("aria-invalid", "true") : control.removeAttribute("aria-invalid");
        control.classList.toggle("is-invalid", wrong && !control.matches("fieldset"));
      }
    }
  };

  const again = (form, names) => {
    if (!form.isConnected) return;
    touched.set(form, new Set([...(touched.get(form) || []), ...names]));
    state(form, "unsaved");
    later(form, AGAIN_MS, () => flush());
  };

  const state = (form, name) => {
    const place = form.querySelector("[data-save-state]");
    if (place && place.dataset.state !== name) {
      place.dataset.state = name;
      place.textContent = place.dataset[name] || "";
    }
  };

  document.addEventListener("draft-changed", (event) => {
    const form = document.querySelector("form[data-save]");
    // While the form shows what others have replaced meanwhile, it stays at its revision: so that no text of theirs is
    // written over unseen.
    if (event.detail.others) { if (form && !isWaiting()) refresh(form); return; }
    for (const field of document.querySelectorAll("form[data-save] [name=revision]")) field.value = event.detail.revision;
  });

  // Whatever is asked of the server comes after what was typed.
  const sending = new Map(); // form → saves under way
  const begun = new WeakMap(); // request → when it was sent
  const typedAt = new WeakMap(); // form → when somebody last wrote in it

  document.addEventListener("htmx:beforeSend", (event) => begun.set(event.detail.xhr, performance.now()));

  // An answer that draws this very form again is older than what was written since it was asked for: the form stays.
  document.addEventListener("htmx:beforeSwap", (event) => {
    for (const form of document.querySelectorAll("form[data-save]")) {
      if (!event.detail.target?.contains(form) || !String(event.detail.serverResponse).includes(`data-save="${form.dataset.save}"`)) continue;
      const isNewer = (typedAt.get(form) || 0) > (begun.get(event.detail.xhr) || 0);
      if (touched.get(form)?.size || sending.get(form) || isNewer) event.detail.shouldSwap = false;
    }
  });

  const isWaiting = () => [...touched.values()].some((names) => names.size);
  document.addEventListener("htmx:confirm", (event) => {
    if (!isWaiting() || event.detail.elt.closest("[data-no-save]")) return;
    event.preventDefault();
    flush().then(() => event.detail.issueRequest(true));
  });
  document.addEventListener("focusout", (event) => { if (event.target.closest?.("form[data-save]") && isWaiting()) flush(); });
  addEventListener("pagehide", () => flush(true));
  addEventListener("beforeunload", (event) => { if (document.querySelector("[data-save-state][data-state=unsaved]")) event.preventDefault(); });

  const keepMine = (button) => {
    const form = button.closest("form");
    form.dataset.forced = button.dataset.revision || form.querySelector("[name=revision]").value;
    const name = topField(button);
    button.closest(".td-clash").remove();
    touched.set(form, new Set([...(touched.get(form) || []), name]));
    flush();
  };

  const takeTheirs = async (button) => {
    const form = button.closest("form");
    touched.delete(form);
    await refresh(form);
  };

  // The form as the draft has it now; whoever writes in it stays where they are.
  const refresh = async (form) => {
    const html = await get(form.dataset.save, {});
    if (html === null || touched.get(form)?.size || !form.isConnected) return;
    const held = form.contains(document.activeElement) ? document.activeElement.id : "";
    const fresh = document.createElement("template");
    fresh.innerHTML = html.trim();
    const next = fresh.content.querySelector("form");
    form.replaceWith(next);
    window.htmx.process(next);
    window.htmx.trigger(next, "htmx:load", { elt: next });
    if (held) document.getElementById(held)?.focus();
  };

  window.tandemForms = { flush };

  // ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────

  const ready = (root) => {
    chips()?.mount(root);
    depend(root.closest?.("form, [data-forms]") || root);
    for (const row of [...(root.matches?.("[data-condition]") ? [root] : []), ...root.querySelectorAll("[data-condition]")]) condition(row);
  };

  document.addEventListener("DOMContentLoaded", () => ready(document));
  document.addEventListener("htmx:load", (event) => ready(event.detail.elt));
})();
