// The panel: opened by a card, filled by the server, saved as one goes.

import { currentKey, currentStep, focusOn, opener } from "./cards.js";
import { edit, panelKey, post } from "./edits.js";
import { base, build, flow, isWriting, toast, words } from "./page.js";
import { fieldOf, tell } from "./problems.js";

const panel = document.getElementById("panel");
const behindPanel = [flow, document.querySelector(".td-top"), document.getElementById("build-bar"), document.getElementById("drill")];
const narrow = matchMedia("(max-width: 899px)");
const address = (key) => (key.startsWith("step:") ? `${base}step/${key.slice(5)}/` : `${base}${key}/`);

// On a narrow screen the panel covers all else; a window can become narrow or wide while it is open.
function cover() {
  const covers = narrow.matches && build.classList.contains("bd-has-panel");
  for (const behind of behindPanel) behind.inert = covers;
}
narrow.addEventListener("change", cover);

function select(key) {
  for (const each of flow.querySelectorAll("[aria-current]")) each.removeAttribute("aria-current");
  opener(key)?.setAttribute("aria-current", "true");
}

// What fills the panel goes one after the other: the answer to an older wish never covers that to a newer one.
let line = Promise.resolve();
let wanted = "";
const inTurn = (deed) => (line = line.then(deed, deed));
const bring = (key) => htmx.ajax("GET", address(key), { target: panel, swap: "innerHTML settle:0ms", source: panel });

export function open(key, how = {}) {
  wanted = key;
  return inTurn(() => wanted === key && opened(key, how));
}

async function opened(key, { enter = false, field = "" }) {
  await bring(key);
  if (panelKey() !== key) return;
  tell();
  select(key);
  build.classList.add("bd-has-panel");
  cover();
  const query = key.startsWith("step:") ? `?step=${key.slice(5)}` : `?open=${key}`;
  history.replaceState(null, "", query);
  if (field) toField(field);
  else if (enter || narrow.matches) (first() ?? panel).focus();
}

// A field for data is written in a box of its own (static/chips.js); the control behind it is hidden.
const boxOf = (control) => (control && !control.checkVisibility() ? document.getElementById(`${control.id}-box`) : control);
const CONTROLS = "input:not([type=hidden]), textarea, select";
const first = () => [...panel.querySelectorAll(".bd-panel-body :is(input:not([type=hidden]), textarea, select, [role=textbox]):not(:disabled)")].find((one) => one.checkVisibility());

function toField(name) {
  const held = panel.querySelector(`[data-key="${CSS.escape(name)}"]`) ?? fieldOf(name) ?? panel.querySelector(".bd-panel-body");
  for (let around = held.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  const found = boxOf(held.querySelector(CONTROLS)) ?? held.querySelector("button");
  found?.focus();
  found?.scrollIntoView({ block: "center" });
}

// Once the panel is as the last change has left it: back to where the change was asked for.
export const returnTo = (key) => inTurn(() => {
  const field = panel.querySelector(`[data-field="${CSS.escape(key)}"]`);
  (boxOf(field?.querySelector(CONTROLS)) ?? panel).focus();
});

export const reload = () => inTurn(again);

async function again() {
  const key = panelKey();
  if (!key) return;
  const [held, top] = [document.activeElement?.id, panel.scrollTop];
  const shut = [...panel.querySelectorAll("details[id]")].map((each) => [each.id, each.open]);
  await bring(key);
  for (const [id, isOpen] of shut) { const each = document.getElementById(id); if (each) each.open = isOpen; }
  tell();
  panel.scrollTop = top;
  if (held && document.activeElement === document.body) document.getElementById(held)?.focus();
  select(key);
}

export function close({ focus = true } = {}) {
  const key = panelKey();
  if (narrow.matches || !panel.contains(document.activeElement) || !focus) clear();
  if (focus) focusOn(key) || focusOn(currentKey());
}

function clear() {
  build.classList.remove("bd-has-panel");
  cover();
  panel.replaceChildren(document.getElementById("no-panel").content.cloneNode(true));
  select("");
  history.replaceState(null, "", location.pathname);
}

export function shut() {
  const key = panelKey();
  clear();
  focusOn(key) || focusOn(currentKey());
}

// ── saved as one goes ────────────────────────────────────────────────────────────────────────────────────────────

const stepHere = () => panel.querySelector("[data-step]")?.dataset.step;

function saved(part, control) {
  const step = stepHere();
  const isOfStep = /^(when|failing|way|item)/.test(part.dataset.part);
  const path = isOfStep ? `step/${step}/settings/` : panelKey() === "start" ? "start/" : "result/";
  // Another type or name of a question changes what else is asked about it; a row of a step's form is just a row.
  const shapes = !isOfStep && /-(type|name)$/.test(control?.name ?? "");
  post(path, new FormData(part), {
    own: true,
    then: () => { for (const wrong of part.querySelectorAll(".td-error")) wrong.remove(); if (shapes) reload(); },
    refused: (html) => { htmx.swap(part, html, { swapStyle: "outerHTML", swapDelay: 0, settleDelay: 0 }); },
  });
}

panel.addEventListener("change", (changed) => {
  const control = changed.target;
  const part = control.closest("[data-part]");
  if (part) return saved(part, control);
  if (control.dataset.change) return edit({ do: "change", step: stepHere(), field: control.dataset.change, value: control.value.trim() }, { own: true });
  if (control.dataset.rename) rename(control);
});

function rename(control) {
  const id = control.value.trim();
  if (id === control.dataset.rename) return;
  edit({ do: "rename", step: control.dataset.rename, id }, {
    then: () => open(`step:${id}`),
    refused: (html) => { toast(new DOMParser().parseFromString(html, "text/html").body.innerText.trim()); control.value = control.dataset.rename; },
  });
}

panel.addEventListener("submit", (sent) => {
  const part = sent.target.closest("[data-part]");
  const named = sent.target.closest("[data-add-named]");
  if (!part && !named) return;
  sent.preventDefault();
  if (part) return saved(part);
  const title = named.elements.title.value.trim();
  const name = free(slug(title));
  const isInput = named.dataset.addNamed === "set_input";
  edit({ do: named.dataset.addNamed, name, value: isInput ? { title } : "" }, {
    own: true,
    then: async () => {
      await reload();
      const item = panel.querySelector(`[data-key="${isInput ? "input" : "result"}:${name}"]`);
      if (item) item.open = true;
      boxOf(item?.querySelector(isInput ? "select" : CONTROLS))?.focus();
    },
  });
});

function slug(title) {
  const plain = title.replaceAll("ß", "ss").normalize("NFKD").replace(/[̀-ͯ]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "");
  return plain.slice(0, 50) || "value";
}

function free(name) {
  const taken = new Set([...panel.querySelectorAll("[data-key]")].map((each) => each.dataset.key.split(":")[1]));
  let number = 2;
  let wanted = name;
  while (taken.has(wanted)) wanted = `${name}_${number++}`;
  return wanted;
}

document.addEventListener("build:changed", (changed) => {
  const { panel: state, own } = changed.detail;
  const key = panelKey();
  if (!key || !state || state === "same" || own) return key && select(key);
  if (state === "gone") return clear();
  if (panel.contains(document.activeElement) && isWriting(document.activeElement) && changed.detail.isNews) return toast(words.newer);
  reload();
});
// The heading of a way is its caption above the steps, which a new title or condition has just changed.
document.addEventListener("build:changed", () => {
  for (const way of panel.querySelectorAll('.bd-item[data-key^="way:"]')) {
    const caption = build.querySelector(`[data-open="${panelKey()}"][data-field="${way.dataset.key}"]`);
    if (caption) way.querySelector("summary .td-strong").textContent = caption.textContent;
  }
});
document.addEventListener("build:open", (asked) => open(asked.detail.key, asked.detail));
document.addEventListener("build:reload", reload);
document.addEventListener("build:changed", () => { const key = panelKey(); if (key) select(key); });

export { currentStep };
