// The build page: keys, clicks and menus, each leading to a deed of build/deeds.js.

import { chooseTo, choose, cross, currentKey, dress, focusOn, fold, opener, walk } from "./build/cards.js";
import * as deeds from "./build/deeds.js";
import { watchAll } from "./build/drag.js";
import { drill } from "./build/drill.js";
import { again, edit, isBusy, look, panelKey, settled } from "./build/edits.js";
import { openMenu, placeOf } from "./build/menu.js";
import { build, flow, isWriting, item, placeAfter, placeIn, put, stepOf, stepsIn } from "./build/page.js";
import { open, reload, returnTo, shut } from "./build/panel.js";

const cardMenu = document.getElementById("card-menu");
const clash = document.getElementById("clash");

// ── clicks ───────────────────────────────────────────────────────────────────────────────────────────────────────

document.addEventListener("click", (clicked) => {
  const pressed = clicked.target.closest("button, a");
  if (!pressed) return;
  if (pressed.href && isBusy() && !clicked.ctrlKey && !clicked.metaKey) return leave(pressed, clicked);
  const { open: key, dots, fold: folds, jump, edit: wanted, do: deed } = pressed.dataset;
  if (pressed.matches("[data-add]")) openMenu(pressed, placeOf(pressed));
  else if (dots) openCardMenu(dots, pressed);
  else if (folds) fold(item(folds));
  else if (jump !== undefined) jumpTo(jump, pressed.dataset.field);
  else if (key) openCard(key, pressed, clicked);
  else if (pressed.dataset.changeTo) change(pressed);
  else if (deed) act(deed, pressed);
  else if (wanted) apply(pressed, JSON.parse(wanted));
});

// What was just done is saved before the page is left.
function leave(link, clicked) {
  clicked.preventDefault();
  settled(() => location.assign(link.href));
}

function openCard(key, pressed, clicked) {
  const step = stepOf(pressed);
  if (clicked.shiftKey && step && chooseTo(step)) return focusOn(key);
  choose([]);
  open(key, { field: pressed.dataset.field, enter: clicked.detail === 0 });
}

function jumpTo(place, field) {
  document.getElementById("problems")?.hidePopover();
  if (!place) return openMenu(flow.querySelector("#seq > .bd-end .bd-plus"), placeIn(document.getElementById("seq"), null));
  focusOn(place);
  open(place, { field });
}

function apply(pressed, wanted) {
  const isInList = Boolean(pressed.closest("#problems"));
  const field = pressed.closest(".bd-note")?.closest("[data-field]").dataset.field ?? "";
  const isToldHere = Boolean(pressed.closest(".bd-note, .bd-panel-problem"));
  edit(wanted, { then: () => (isInList ? showRest() : isToldHere && returnTo(field)) });
}

// What is left of the list, or the card where there is nothing left.
function showRest() {
  const list = document.getElementById("problems");
  if (!list) return focusOn(currentKey());
  list.showPopover();
  list.querySelector("button").focus();
}

function change(pressed) {
  const step = pressed.closest("[data-panel]").dataset.step;
  edit({ do: "change", step, field: pressed.dataset.change, value: JSON.parse(pressed.dataset.changeTo) });
}

// ── the menu of a card ───────────────────────────────────────────────────────────────────────────────────────────

function openCardMenu(id, beside) {
  focusOn(`step:${id}`);
  const step = item(id);
  cardMenu.dataset.off = step.querySelector(":scope > .bd-card").dataset.off;
  cardMenu.querySelector('[data-do="unwrap"]').hidden = !step.querySelector(":scope > .bd-inside");
  cardMenu.showPopover();
  put(cardMenu, beside.isConnected && beside.checkVisibility() ? beside : opener(`step:${id}`));
  cardMenu.querySelector("[role=menuitem]").focus();
}

cardMenu.addEventListener("keydown", (pressed) => {
  const items = [...cardMenu.querySelectorAll("[role=menuitem]:not([hidden])")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[pressed.key];
  if (pressed.key === "Tab") cardMenu.hidePopover();
  if (to === undefined) return;
  pressed.preventDefault();
  items[(to + items.length) % items.length].focus();
});
cardMenu.addEventListener("toggle", (toggled) => {
  if (toggled.newState === "closed" && (document.activeElement === document.body || cardMenu.contains(document.activeElement))) focusOn(currentKey());
});

function act(deed, pressed) {
  if (pressed.closest("#card-menu")) cardMenu.hidePopover();
  const deeper = {
    open: () => open(currentKey(), { enter: true }),
    close: shut,
    off: () => settled(deeds.turn),
    history: deeds.openHistory,
    keys: deeds.openKeys,
    drill,
    retry: again,
    over: () => { clash.close(); edit(JSON.parse(pressed.dataset.edit), { on: Number(pressed.dataset.revision) }); },
    theirs: () => { clash.close(); look().then(reload); },
    paste: () => settled(() => deeds.paste()),
    copy: () => settled(() => deeds.copy()),
    wrap: () => settled(() => deeds.wrap(pressed.dataset.kind)),
  };
  deeper[deed] ? deeper[deed]() : settled(deeds[deed]);
}

// ── two people ───────────────────────────────────────────────────────────────────────────────────────────────────

document.addEventListener("build:clash", (met) => {
  clash.innerHTML = met.detail.html;
  if (!clash.open) clash.showModal();
});

// ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const isCommand = (pressed) => pressed.ctrlKey || pressed.metaKey;

const PLAIN = {
  ArrowDown: () => walk(1),
  ArrowUp: () => walk(-1),
  ArrowRight: () => cross(1),
  ArrowLeft: () => cross(-1),
  Home: () => focusOn("start"),
  End: () => focusOn("result"),
  Delete: deeds.remove,
  Backspace: deeds.remove,
  "+": () => addAfter(),
  m: () => { const step = stepOf(document.activeElement); if (step) openCardMenu(step.dataset.step, step.querySelector(".bd-dots")); },
};
const WITH_ALT = { ArrowUp: deeds.up, ArrowDown: deeds.down, ArrowLeft: deeds.out, ArrowRight: deeds.into };
const CHANGES = new Set([deeds.up, deeds.down, deeds.out, deeds.into, deeds.remove, deeds.duplicate]);
const WITH_SHIFT = { ArrowDown: () => extend(1), ArrowUp: () => extend(-1) };

function addAfter() {
  const focused = document.activeElement;
  if (focused.matches("[data-add]")) return openMenu(focused, placeOf(focused));
  const step = stepOf(focused);
  if (step) return openMenu(opener(`step:${step.dataset.step}`), placeAfter(step));
  const sequence = document.getElementById("seq");
  openMenu(focused, placeIn(sequence, focused.closest("#card-start") ? 0 : stepsIn(sequence).length));
}

function extend(by) {
  const step = stepOf(document.activeElement);
  const next = by > 0 ? step?.nextElementSibling : step?.previousElementSibling;
  if (!next?.matches(".bd-step") || !chooseTo(next)) return;
  focusOn(`step:${next.dataset.step}`);
}

flow.addEventListener("keydown", (pressed) => {
  if (isWriting(pressed.target)) return;
  const key = pressed.key.length === 1 ? pressed.key.toLowerCase() : pressed.key;
  const deed = isCommand(pressed) ? { d: deeds.duplicate }[key] : pressed.altKey ? WITH_ALT[key] : pressed.shiftKey && WITH_SHIFT[key] ? WITH_SHIFT[key] : PLAIN[key];
  if (!deed) return;
  pressed.preventDefault();
  if (deed !== WITH_SHIFT[key] && key.startsWith("Arrow") && !pressed.altKey) choose([]);
  CHANGES.has(deed) ? settled(deed) : deed();
});

document.addEventListener("keydown", (pressed) => {
  if (pressed.defaultPrevented) return;
  const isFree = !isWriting(pressed.target) && !pressed.target.closest("[popover], dialog");
  if (isCommand(pressed) && isFree && pressed.key.toLowerCase() === "z") turn(pressed, pressed.shiftKey ? deeds.redo : deeds.undo);
  else if (isCommand(pressed) && isFree && pressed.key.toLowerCase() === "y") turn(pressed, deeds.redo);
  else if (pressed.key === "?" && isFree && !isCommand(pressed)) turn(pressed, deeds.openKeys);
  else if (pressed.key === "Escape" && (pressed.target === document.body || pressed.target.closest("#panel")) && !document.querySelector(":popover-open")) back(pressed);
});

function turn(pressed, deed) {
  pressed.preventDefault();
  deed();
}

// From the panel back to its card; on a phone the panel covers the cards and goes.
function back(pressed) {
  pressed.preventDefault();
  if (matchMedia("(max-width: 899px)").matches) return shut();
  focusOn(panelKey() || currentKey());
}

const isOurs = (target) => !isWriting(target) && !getSelection().toString() && (flow.contains(document.activeElement) || document.activeElement === document.body);
document.addEventListener("copy", (copied) => { if (isOurs(copied.target)) { copied.preventDefault(); deeds.copy(); } });
document.addEventListener("cut", (copied) => { if (isOurs(copied.target)) { copied.preventDefault(); deeds.cut(); } });
document.addEventListener("paste", (pasted) => { if (isOurs(pasted.target)) { pasted.preventDefault(); deeds.paste(pasted.clipboardData.getData("text/plain")); } });

// ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────

// What is sticky below the bar knows how high the bar is.
const bar = document.getElementById("build-bar");
new ResizeObserver(() => build.style.setProperty("--bd-top", `${52 + bar.offsetHeight}px`)).observe(bar);

dress();
watchAll();
const asked = new URLSearchParams(location.search);
const wanted = asked.get("step") ? `step:${asked.get("step")}` : asked.get("open");
if (wanted && opener(wanted)) open(wanted);
build.dataset.ready = "1";
