// The inbox and the page of a task: counts for how long a task was before somebody's eyes, fills the editor with the
// chosen draft, opens a dialog that was refused, walks through the list by keyboard, and ticks tasks of one step.
(() => {
  "use strict";

  // ── the page of a task ───────────────────────────────────────────────────────────────────────────────────────────

  const counter = () => document.querySelector("[data-visible-s]");
  let seconds = 0;
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    seconds += 1;
    if (counter()) counter().value = String(seconds);
  }, 1000);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-needs]");
    if (!button) return;
    const field = document.getElementById(button.dataset.needs);
    field.required = !field.value.trim();
    if (field.required) field.value = "";
    if (!field.reportValidity()) event.preventDefault();
    field.required = false;
  });

  // What was changed in one draft is there again when it is chosen again.
  const edited = new Map();
  let chosen = null;
  const choose = (radio) => {
    const editor = document.getElementById("text");
    if (chosen) edited.set(chosen, editor.value);
    chosen = radio.value;
    editor.value = edited.get(chosen) ?? document.getElementById(`draft-${chosen}`).textContent;
    editor.dispatchEvent(new Event("input", { bubbles: true }));
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-options] input[type=radio]")) choose(event.target);
  });

  // ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────

  const lines = () => [...document.querySelectorAll("[data-rows] .td-task-line")];
  const here = () => document.activeElement?.closest(".td-task-line");
  const go = (steps) => {
    const all = lines();
    if (!all.length) return;
    const place = all.indexOf(here());
    const next = all[place < 0 ? 0 : Math.min(all.length - 1, Math.max(0, place + steps))];
    next.querySelector("a").focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const open = (what) => {
    const line = here() || lines()[0];
    if (line) location.assign(`${line.querySelector("a").href}#${what}`);
  };
  const KEYS = {
    j: () => go(1), k: () => go(-1),
    a: () => open("approve"), e: () => open("text"), r: () => open("ask-reject"),
    x: () => here()?.querySelector(".td-tick:not(:disabled)")?.click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !document.querySelector("[data-rows]")) return;
    if (event.target.closest("textarea, select, [popover], input:not(.td-tick)")) return;
    const deed = KEYS[event.key.toLowerCase()];
    if (!deed) return;
    event.preventDefault();
    deed();
  });

  // Nothing is decided on a list unseen: the key opens the task where it would be decided.
  const arrive = () => {
    const place = location.hash.slice(1);
    const wanted = place && document.getElementById(place);
    if (!wanted || !document.getElementById("decision")) return;
    if (wanted.matches("[popover]")) wanted.showPopover();
    else (wanted.querySelector("button") || wanted).focus();
    history.replaceState(null, "", location.pathname);
  };

  const MOST = 200;
  const ticks = () => [...document.querySelectorAll(".td-tick")];
  const count = () => {
    const bar = document.querySelector("[data-many]");
    if (!bar) return;
    const ticked = ticks().filter((each) => each.checked);
    const alike = ticked[0]?.dataset.alike;
    for (const each of ticks()) each.disabled = Boolean(alike) && each.dataset.alike !== alike;
    bar.hidden = !ticked.length;
    const label = bar.querySelector("[data-many-label]");
    label.dataset.words ??= label.textContent;
    label.textContent = label.dataset.words.replace("%", String(ticked.length));
    bar.querySelector("[data-tick-alike]").hidden = !ticks().some((each) => !each.checked && !each.disabled);
  };
  document.addEventListener("change", (event) => { if (event.target.matches(".td-tick")) count(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-tick-alike]")) return;
    for (const each of ticks().filter((one) => !one.disabled).slice(0, MOST)) each.checked = true;
    count();
  });
  document.addEventListener("htmx:afterSettle", count);

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("[popover][data-open]")?.showPopover();
    const radio = document.querySelector("[data-options] input:checked");
    if (radio) chosen = radio.value;
    arrive();
    count();
  });
})();
