// What can be done with a card, whichever way it is asked for: by key, by its menu, by dragging.

import { choose, chosenSteps, currentStep, focusOn } from "./cards.js";
import { edit, post } from "./edits.js";
import { base, build, event, item, placeAfter, placeIn, say, stepOf, stepsIn, words } from "./page.js";

const COPIED = "tandem.copied";

export function remove() {
  const steps = chosenSteps();
  if (steps.length) edit({ do: "remove", steps });
  choose([]);
}

export function duplicate() {
  const step = currentStep();
  if (step) edit({ do: "duplicate", step: step.dataset.step });
}

export function turn() {
  for (const id of chosenSteps()) {
    const isOff = item(id).querySelector(":scope > .bd-card").dataset.off === "1";
    edit({ do: "change", step: id, field: "off", value: !isOff });
  }
}

export function wrap(kind) {
  const steps = inOrder();
  if (steps.length) edit({ do: "wrap", steps, kind }, { own: true, then: (facts) => facts.step && event("open", { key: `step:${facts.step}` }) });
  choose([]);
}

export function unwrap() {
  const step = currentStep();
  if (step) edit({ do: "unwrap", step: step.dataset.step });
}

function inOrder() {
  const chosen = new Set(chosenSteps());
  const first = item([...chosen][0] ?? "");
  return first ? stepsIn(first.parentElement).map((step) => step.dataset.step).filter((id) => chosen.has(id)) : [];
}

// ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────────

function moveTo(place) {
  const steps = inOrder();
  if (!place || !steps.length) return say(words.forbidden);
  edit({ do: "move", steps, place });
}

function edges() {
  const ids = inOrder();
  const row = ids.length ? stepsIn(item(ids[0]).parentElement) : [];
  return { row, sequence: row[0]?.parentElement, first: row.indexOf(item(ids[0])), last: row.indexOf(item(ids.at(-1))) };
}

const wayOf = (sequence) => sequence?.closest(".bd-way");
const sequenceOf = (way) => (way?.matches(".bd-way") ? way.querySelector(":scope > .bd-seq") : null);

// Up and down: past the neighbour; at the edge of a way into the next way, at the edge of the container out of it.
export function up() {
  const { sequence, first } = edges();
  if (!sequence) return;
  if (first > 0) return moveTo(placeIn(sequence, first - 1));
  const before = sequenceOf(wayOf(sequence)?.previousElementSibling);
  const holder = stepOf(sequence);
  moveTo(before ? placeIn(before, stepsIn(before).length) : holder && placeIn(holder.parentElement, stepsIn(holder.parentElement).indexOf(holder)));
}

export function down() {
  const { row, sequence, last } = edges();
  if (!sequence) return;
  if (last < row.length - 1) return moveTo(placeIn(sequence, last + 2));
  const next = sequenceOf(wayOf(sequence)?.nextElementSibling);
  const holder = stepOf(sequence);
  moveTo(next ? placeIn(next, 0) : holder && placeAfter(holder));
}

export function out() {
  const holder = stepOf(edges().sequence);
  moveTo(holder && placeAfter(holder));
}

export function into() {
  const { row, first, last } = edges();
  const above = row[first - 1]?.querySelector(":scope > .bd-inside > .bd-way > .bd-seq");
  const below = row[last + 1]?.querySelector(":scope > .bd-inside > .bd-way > .bd-seq");
  moveTo(above ? placeIn(above, stepsIn(above).length) : below && placeIn(below, 0));
}

// ── the clipboard ────────────────────────────────────────────────────────────────────────────────────────────────

export async function copy(then) {
  const steps = inOrder();
  if (!steps.length) return;
  const query = new URLSearchParams(steps.map((id) => ["step", id]));
  const answer = await fetch(`${base}text/?${query}`).catch(() => null);
  if (!answer?.ok) return say(words.lost);
  const text = await answer.text();
  localStorage.setItem(COPIED, text);
  await toClipboard(text);
  say(then ? words.cut : words.copied);
  then?.();
}

// Outside of a secure address there is no clipboard for scripts: the old command does it there.
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const focused = document.activeElement;
    const held = document.createElement("textarea");
    held.value = text;
    held.className = "visually-hidden";
    document.body.append(held);
    held.select();
    document.execCommand("copy");
    held.remove();
    focused?.focus();
  }
}

export const cut = () => copy(remove);

export function paste(text = "") {
  const held = /\bkind\b/.test(text) ? text : localStorage.getItem(COPIED) || text;
  if (!held) return say(words.nothing);
  const step = currentStep();
  const end = document.activeElement?.closest?.(".bd-end")?.parentElement;
  const sequence = end ?? document.getElementById("seq");
  const place = step && !end ? placeAfter(step) : placeIn(sequence, document.activeElement?.closest?.("#card-start") ? 0 : stepsIn(sequence).length);
  post("paste/", { text: held, place: JSON.stringify(place) });
}

export const undo = () => post("undo/", {});
export const redo = () => post("redo/", {});

export function openHistory() {
  const dialog = document.getElementById("history");
  htmx.ajax("GET", `${base}history/`, { target: dialog, swap: "innerHTML", source: build }).then(() => dialog.showPopover());
}

export function openKeys() {
  document.getElementById("keys").showPopover();
}

export { focusOn };
