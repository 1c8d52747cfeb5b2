// The cards: which one has the focus, which are chosen, which are folded, and what stands at their edges.

import { build, flow, item, stepOf, stepsIn, words } from "./page.js";

const LONG = 40; // cards beyond which those out of sight are not laid out
const STOPS = ".bd-open, .bd-end .bd-plus";
const FOLDED = `tandem.folded.${build.dataset.workflow}`;
const folded = new Set(JSON.parse(sessionStorage.getItem(FOLDED) ?? "[]"));
let chosen = [];
let current = "start";
let before = null;

const keyOf = (stop) => stop.dataset.open ?? `end:${stop.closest(".bd-seq").id}`;
const stops = () => [...flow.querySelectorAll(STOPS)].filter((stop) => stop.checkVisibility());
export const opener = (key) => flow.querySelector(key.startsWith("end:") ? `#${CSS.escape(key.slice(4))} > .bd-end .bd-plus` : `.bd-card [data-open="${CSS.escape(key)}"]`);
export const currentKey = () => current;
export const currentStep = () => (current.startsWith("step:") ? item(current.slice(5)) : null);

// One card is the way in for the Tab key; the arrows lead to the others.
function enter(stop) {
  for (const each of flow.querySelectorAll('[tabindex="0"]:not(.bd-text)')) each.tabIndex = -1;
  stop.tabIndex = 0;
  current = keyOf(stop);
  if (!stop.matches(".bd-open")) return;
  for (const tool of stop.closest(".bd-card").querySelectorAll(".bd-tool")) tool.tabIndex = 0;
}

export function focusOn(key) {
  const stop = opener(key);
  if (!stop) return false;
  for (let held = stepOf(stop)?.parentElement.closest(".bd-step"); held; held = held.parentElement.closest(".bd-step")) fold(held, false);
  enter(stop);
  stop.focus({ preventScroll: true });
  (stop.closest(".bd-card") ?? stop).scrollIntoView({ block: "nearest", inline: "nearest" });
  return true;
}

export function walk(by) {
  const all = stops();
  const next = all[all.indexOf(document.activeElement.closest?.(STOPS)) + by];
  if (next) focusOn(keyOf(next));
}

// Right: into the container, or to the next way. Left: to the way before, or out.
export function cross(by) {
  const step = stepOf(document.activeElement);
  if (by > 0 && step && document.activeElement.matches(".bd-open") && step.querySelector(":scope > .bd-inside")) {
    fold(step, false);
    return enterWay(step.querySelector(".bd-way"));
  }
  const way = document.activeElement.closest(".bd-way");
  const next = by > 0 ? way?.nextElementSibling : way?.previousElementSibling;
  if (next?.matches(".bd-way")) enterWay(next);
  else if (by < 0 && way) focusOn(`step:${stepOf(way).dataset.step}`);
}

const enterWay = (way) => focusOn(keyOf(way.querySelector(STOPS)));

export function fold(step, shut = !step.classList.contains("bd-folded")) {
  step.classList.toggle("bd-folded", shut);
  step.querySelector(":scope > .bd-card .bd-fold")?.setAttribute("aria-expanded", String(!shut));
  shut ? folded.add(step.dataset.step) : folded.delete(step.dataset.step);
  sessionStorage.setItem(FOLDED, JSON.stringify([...folded]));
}

// ── several cards at once ────────────────────────────────────────────────────────────────────────────────────────

export function chosenSteps() {
  const ids = chosen.filter(item);
  const step = currentStep();
  return ids.length ? ids : step ? [step.dataset.step] : [];
}

export function choose(ids) {
  chosen = ids;
  for (const card of flow.querySelectorAll(".bd-card.bd-chosen")) card.classList.remove("bd-chosen");
  if (ids.length > 1) for (const id of ids) item(id)?.querySelector(":scope > .bd-card").classList.add("bd-chosen");
}

// From the first chosen card to this one, if both stand in the same sequence.
export function chooseTo(step) {
  const anchor = item(chosen[0] ?? "") ?? currentStep();
  if (!anchor || anchor.parentElement !== step.parentElement) return false;
  const row = stepsIn(step.parentElement);
  const [from, to] = [row.indexOf(anchor), row.indexOf(step)];
  const ids = row.slice(Math.min(from, to), Math.max(from, to) + 1).map((each) => each.dataset.step);
  choose(from > to ? ids.reverse() : ids);
  return true;
}

// ── what stands at the edges ─────────────────────────────────────────────────────────────────────────────────────

function mark(id, tone, text, title = "") {
  const marks = item(id)?.querySelector(":scope > .bd-card .bd-marks");
  if (!marks) return;
  const pill = document.createElement("span");
  pill.className = `td-pill bd-mark ${tone}`;
  pill.textContent = text;
  pill.title = title;
  marks.prepend(pill);
}

export function dress() {
  for (const old of flow.querySelectorAll(".bd-mark")) old.remove();
  const { problems = {}, tested = [] } = JSON.parse(document.getElementById("marks").dataset.marks || "{}");
  for (const id of tested) if (!problems[id]) mark(id, "ok", words.tested);
  for (const [id, message] of Object.entries(problems)) if (id) mark(id, "wait", words.problem, message);
  for (const id of folded) if (item(id)) fold(item(id), true);
  flow.classList.toggle("bd-long", flow.querySelectorAll(".bd-step").length > LONG);
  const stop = opener(current) ?? opener("start");
  if (stop) enter(stop);
}

// ── what a swap must not lose ────────────────────────────────────────────────────────────────────────────────────

document.addEventListener("build:before-change", () => {
  const stop = document.activeElement.closest?.(STOPS);
  if (!flow.contains(document.activeElement)) { before = null; return; }
  const all = stops();
  const at = all.indexOf(stop);
  before = { key: stop ? keyOf(stop) : current, after: all.slice(at + 1).map(keyOf), above: all.slice(0, Math.max(0, at)).reverse().map(keyOf) };
});

document.addEventListener("build:changed", (changed) => {
  choose(chosen.filter(item));
  dress();
  const { step } = changed.detail;
  if (!before || (document.activeElement !== document.body && !step)) return;
  const wanted = [...(step ? [`step:${step}`] : []), before.key, ...before.after, ...before.above];
  wanted.some((key) => opener(key) && focusOn(key));
});

flow.addEventListener("focusin", (focused) => {
  const stop = focused.target.closest(STOPS);
  if (stop && keyOf(stop) !== current) enter(stop);
});
