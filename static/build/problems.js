// What is wrong with the thing in the panel is said once: at its field where that can be seen, else on top of the panel.

const panel = document.getElementById("panel");

// A problem names its field as the definition does (`with.labels.0.name`); the form has keys of its own.
const KEYS = {
  with: (rest) => rest.map((_, at) => ["with", ...rest.slice(0, rest.length - at)].join("-")),
  when: () => ["when-when"],
  cases: ([at]) => [`way-cases-${at}-when`],
  inputs: ([name, asked]) => [`input-${name}-${asked}`],
  output: ([name]) => [`result-${name}-value`, "item-output"],
  on_error: () => ["failing-on_error"],
  helper: (rest) => [`failing-${rest.at(-1)}`, "failing-role"],
  retry: (rest) => [`failing-${rest.at(-1)}`, "failing-attempts"],
  timeout_s: () => ["failing-timeout_s"],
};

export function fieldOf(name) {
  const [what, ...rest] = name.split(".");
  const named = (key) => panel.querySelector(`[data-field="${CSS.escape(key)}"]`);
  return (KEYS[what]?.(rest) ?? []).map(named).find(Boolean) ?? null;
}

const placeOf = (field) => document.getElementById(`f-${field.dataset.field}-error`);

// The form of a step says itself what is wrong with what was typed, in plainer words.
function isSaid(field) {
  if (field.querySelector(".td-error")) return true;
  for (let around = field; around; around = around.parentElement.closest("[data-field]")) if (placeOf(around)?.querySelector(".td-error")) return true;
  return false;
}

export function tell() {
  const kept = new Set();
  for (const told of panel.querySelectorAll("#panel-problems > [data-at]")) {
    const field = fieldOf(told.dataset.at);
    const isAtField = Boolean(field?.checkVisibility() && placeOf(field));
    told.hidden = isAtField;
    if (isAtField) kept.add(noteAt(field, told));
  }
  for (const note of panel.querySelectorAll(".bd-note")) if (!kept.has(note)) note.remove();
  for (const field of panel.querySelectorAll("[data-part] [data-field]")) judge(field);
}

// One that stands there already stays: whatever comes new into a place is read aloud.
function noteAt(field, told) {
  const note = drawn(told, isSaid(field));
  const place = placeOf(field);
  const there = [...place.querySelectorAll(":scope > .bd-note")].find((one) => one.isEqualNode(note));
  return there ?? place.appendChild(note);
}

function drawn(told, said) {
  const note = document.createElement("div");
  note.className = "bd-note";
  const sentence = document.createElement("p");
  sentence.append(told.querySelector(".icon").cloneNode(true), told.querySelector(".bd-told").textContent);
  if (!said) note.append(sentence);
  const fixes = told.querySelector(".bd-fixes");
  if (fixes) note.append(fixes.cloneNode(true));
  return note;
}

function judge(field) {
  const isWrong = Boolean(placeOf(field)?.querySelector(".bd-note, .td-error"));
  for (const control of field.querySelectorAll(":scope > :is(input, textarea, select, [role=textbox])")) {
    isWrong ? control.setAttribute("aria-invalid", "true") : control.removeAttribute("aria-invalid");
  }
}

panel.addEventListener("htmx:afterSwap", tell);
panel.addEventListener("form-said", tell);
panel.addEventListener("toggle", tell, true);
panel.addEventListener("change", () => requestAnimationFrame(tell));
document.addEventListener("build:changed", tell);
