// Moving by drag: a card goes with all it holds; a place that would nest too deeply does not light up.

import { edit } from "./edits.js";
import { flow, placeIn, say, words } from "./page.js";

const DEEPEST = 8;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let dragged = false;

const depthOf = (sequence) => { let depth = 1; for (let up = sequence.parentElement.closest(".bd-seq"); up; up = up.parentElement.closest(".bd-seq")) depth += 1; return depth; };
const heightOf = (step) => 1 + Math.max(0, ...[...step.querySelectorAll(":scope > .bd-inside > .bd-way > .bd-seq > .bd-step")].map(heightOf));

function watch(sequence) {
  if (Sortable.get(sequence)) return;
  Sortable.create(sequence, {
    group: "steps",
    draggable: ".bd-step",
    handle: ".bd-card",
    filter: ".bd-tool",
    preventOnFilter: false,
    animation: calm.matches ? 0 : 140,
    delay: 220,
    delayOnTouchOnly: true,
    touchStartThreshold: 6,
    forceFallback: true,
    fallbackOnBody: true,
    fallbackTolerance: 5,
    emptyInsertThreshold: 18,
    invertSwap: true,
    swapThreshold: 0.6,
    ghostClass: "bd-ghost",
    dragClass: "bd-dragged",
    scrollSensitivity: 90,
    scrollSpeed: 16,
    onStart: () => { dragged = true; flow.classList.add("bd-dragging"); },
    onMove: (moved) => depthOf(moved.to) - 1 + heightOf(moved.dragged) <= DEEPEST,
    onEnd: dropped,
  });
}

function dropped(drop) {
  flow.classList.remove("bd-dragging");
  setTimeout(() => { dragged = false; }, 0);
  const { from, to, oldDraggableIndex: was, newDraggableIndex: is, item } = drop;
  // The "+" at the end of a sequence stays its end.
  const end = to.querySelector(":scope > .bd-end");
  if (end && end !== to.lastElementChild) to.append(end);
  if (from === to && was === is) return;
  const at = from === to && is > was ? is + 1 : is;
  edit({ do: "move", steps: [item.dataset.step], place: placeIn(to, at) }, { refused: () => { back(from, item, was); say(words.forbidden); } });
}

function back(from, item, was) {
  const row = [...from.children].filter((child) => child.matches(".bd-step") && child !== item);
  from.insertBefore(item, row[was] ?? from.querySelector(":scope > .bd-end"));
}

// The click at the end of a drag opens nothing.
flow.addEventListener("click", (clicked) => {
  if (!dragged) return;
  clicked.stopPropagation();
  clicked.preventDefault();
}, { capture: true });

export function watchAll() {
  for (const sequence of flow.querySelectorAll(".bd-seq")) watch(sequence);
}

document.addEventListener("build:changed", watchAll);
