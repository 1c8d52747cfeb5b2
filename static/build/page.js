// The build page's ground: where it is, what it says aloud, and where a card stands among the others.

export const build = document.getElementById("build");
export const flow = document.getElementById("flow");
export const base = build.dataset.url;
export const words = document.getElementById("words").dataset;

const heard = document.getElementById("said");
const toasted = document.getElementById("toast");
let vanish;

export function say(sentence) {
  heard.textContent = "";
  // A live region is only read when its text changes.
  requestAnimationFrame(() => { heard.textContent = sentence; });
}

export function toast(sentence, lasts = 9000) {
  clearTimeout(vanish);
  toasted.textContent = sentence;
  toasted.classList.toggle("bd-shown", Boolean(sentence));
  vanish = setTimeout(() => toasted.classList.remove("bd-shown"), lasts);
}

export const stepOf = (element) => element?.closest(".bd-step") ?? null;
export const item = (id) => document.getElementById(`step-${id}`);
export const stepsIn = (sequence) => [...sequence.children].filter((child) => child.matches(".bd-step"));
export const isWriting = (element) => Boolean(element?.closest("input, textarea, select, [contenteditable]:not([contenteditable=false])"));

export function placeIn(sequence, at) {
  return { into: { step: sequence.dataset.step, arm: sequence.dataset.arm }, at };
}

export function placeBefore(step) {
  return placeIn(step.parentElement, stepsIn(step.parentElement).indexOf(step));
}

export function placeAfter(step) {
  return placeIn(step.parentElement, stepsIn(step.parentElement).indexOf(step) + 1);
}

export function event(name, detail = {}) {
  document.dispatchEvent(new CustomEvent(`build:${name}`, { detail }));
}

// An element of the page's top layer beside what it belongs to, never outside of the window.
export function put(popover, beside, { below = 6 } = {}) {
  const at = beside.getBoundingClientRect();
  const size = popover.getBoundingClientRect();
  const room = innerHeight - at.bottom - below - 8;
  const top = size.height <= room ? at.bottom + below : Math.max(8, Math.min(at.top - below - size.height, innerHeight - size.height - 8));
  popover.style.top = `${Math.max(8, top)}px`;
  popover.style.left = `${Math.max(8, Math.min(at.left + at.width / 2 - size.width / 2, innerWidth - size.width - 8))}px`;
}
