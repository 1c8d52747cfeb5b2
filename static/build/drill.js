// The drill: where would a run stop if the AI were away? Shown above the column and at its cards, until it is left.

import { base, flow, item, say, toast, words } from "./page.js";

const place = document.getElementById("drill");
let asked = 0;

const isOn = () => !place.hidden;
const away = () => document.getElementById("drill-away")?.value ?? "";

export async function drill() {
  if (isOn()) return leave();
  if (await fill("")) document.getElementById("h-drill").focus();
}

function leave() {
  asked += 1;
  place.hidden = true;
  place.replaceChildren();
  unmark();
  tell();
  document.getElementById("drill-button").focus();
}

// Of two answers that cross each other the one to the later question counts.
async function fill(which) {
  const mine = (asked += 1);
  const answer = await fetch(`${base}drill/?away=${encodeURIComponent(which)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (mine !== asked) return false;
  if (answer?.status === 422 && which) return fill("");
  if (!answer?.ok) { toast(words.lost); return false; }
  const html = await answer.text();
  if (mine !== asked) return false;
  const held = place.contains(document.activeElement) ? document.activeElement : null;
  const open = place.querySelector("details")?.open;
  htmx.swap(place, html, { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
  place.hidden = false;
  if (open && place.querySelector("details")) place.querySelector("details").open = true;
  if (held) again(held);
  mark();
  tell();
  say(place.firstElementChild.dataset.count);
  return true;
}

// Whoever worked in the drill stays in it: at the same control, else at the next step that is left.
function again(held) {
  const same = held.id ? document.getElementById(held.id) : null;
  (same ?? place.querySelector("[data-edit]") ?? document.getElementById("h-drill")).focus();
}

function unmark() {
  for (const old of flow.querySelectorAll(".bd-drilled")) old.remove();
  for (const opener of flow.querySelectorAll('.bd-open[aria-describedby^="drilled-"]')) opener.removeAttribute("aria-describedby");
}

function mark() {
  unmark();
  for (const [id, sentence] of Object.entries(JSON.parse(place.firstElementChild.dataset.cards))) {
    const card = item(id)?.querySelector(":scope > .bd-card");
    if (!card) continue;
    const told = document.createElement("p");
    told.className = "bd-drilled";
    told.id = `drilled-${id}`;
    told.textContent = sentence;
    card.querySelector(".td-grow").append(told);
    card.querySelector(".bd-open").setAttribute("aria-describedby", told.id);
  }
}

const tell = () => document.getElementById("drill-button").setAttribute("aria-pressed", String(isOn()));

place.addEventListener("change", (changed) => { if (changed.target.id === "drill-away") fill(away()); });
document.addEventListener("build:changed", () => { tell(); if (isOn()) { mark(); fill(away()); } });
document.addEventListener("keydown", (pressed) => {
  if (pressed.key === "Escape" && isOn() && place.contains(pressed.target)) { pressed.preventDefault(); leave(); }
});
