// The “+” menu: search first, arrows and Enter suffice.

import { edit, post } from "./edits.js";
import { base, event, placeBefore, placeIn, put, stepOf, stepsIn } from "./page.js";

const menu = document.getElementById("add-menu");
const search = document.getElementById("add-search");
const list = document.getElementById("add-list");
const none = document.getElementById("add-none");
let place = null;
let opened = null;

const offers = () => [...list.querySelectorAll("[role=option]")];
const visible = () => offers().filter((offer) => !offer.hidden);
const active = () => list.querySelector('[aria-selected="true"]');

export function placeOf(plus) {
  const step = stepOf(plus);
  if (plus.closest(".bd-end")) {
    const sequence = plus.closest(".bd-seq");
    return placeIn(sequence, stepsIn(sequence).length);
  }
  return placeBefore(step);
}

export function openMenu(beside, where) {
  place = where;
  opened = beside;
  search.value = "";
  filter();
  menu.showPopover();
  put(menu, beside);
  search.focus();
  refresh();
}

// The library may have grown since the page was loaded.
async function refresh() {
  const answer = await fetch(`${base}menu/`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || !menu.matches(":popover-open")) return;
  const html = await answer.text();
  if (html.trim() === list.innerHTML.trim()) return;
  const chosen = active()?.id;
  list.innerHTML = html;
  filter(chosen);
}

function filter(keep = "") {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const offer of offers()) {
    const sentence = offer.textContent.toLowerCase();
    const names = `${offer.querySelector(".td-strong").textContent} ${offer.dataset.words ?? ""}`.toLowerCase().split(/\s+/);
    // “if” stands in half of the sentences: so short a word is looked for where a name begins.
    const fits = (word) => names.some((name) => (word.length < 3 ? name.startsWith(word) : name.includes(word))) || (word.length > 2 && sentence.includes(word));
    offer.hidden = !wanted.every(fits);
  }
  for (const group of list.querySelectorAll(".bd-group")) group.hidden = !group.querySelector("[role=option]:not([hidden])");
  const found = visible();
  none.hidden = found.length > 0;
  const title = (offer) => offer.querySelector(".td-strong").textContent.toLowerCase();
  activate(found.find((offer) => offer.id === keep) ?? found.find((offer) => wanted.length && title(offer).startsWith(wanted.join(" "))) ?? found[0]);
}

function activate(offer) {
  for (const each of offers()) each.setAttribute("aria-selected", String(each === offer));
  search.setAttribute("aria-activedescendant", offer?.id ?? "");
  offer?.scrollIntoView({ block: "nearest" });
}

function choose(offer) {
  if (!offer) return;
  menu.hidePopover();
  const wanted = JSON.parse(offer.dataset.edit);
  // The panel goes over to the new step: what it showed before need not be drawn again.
  edit({ ...wanted, place }, { own: true, then: (facts) => facts.step && event("open", { key: `step:${facts.step}`, enter: true }) });
}

search.addEventListener("input", () => filter());
search.addEventListener("keydown", (pressed) => {
  const all = visible();
  const at = all.indexOf(active());
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[pressed.key];
  if (pressed.key === "Enter") choose(active());
  else if (pressed.key === "Tab") menu.hidePopover();
  else if (to === undefined || (["Home", "End"].includes(pressed.key) && search.value)) return;
  else activate(all[Math.max(0, Math.min(to, all.length - 1))]);
  pressed.preventDefault();
});
list.addEventListener("click", (clicked) => choose(clicked.target.closest("[role=option]")));
list.addEventListener("mousemove", (moved) => {
  const offer = moved.target.closest("[role=option]");
  if (offer && offer !== active()) activate(offer);
});
menu.addEventListener("toggle", (toggled) => {
  opened?.classList.toggle("bd-open-plus", toggled.newState === "open");
  opened?.setAttribute("aria-expanded", String(toggled.newState === "open"));
  if (toggled.newState === "closed" && document.activeElement === document.body) opened?.focus();
});

export { post };
