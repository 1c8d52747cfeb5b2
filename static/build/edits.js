// The one way by which the draft changes: a queue of small requests, each answered with what looks different now.
// A change that could not be sent stays in the queue; nothing that somebody did is dropped.

import { base, build, event, say, toast, words } from "./page.js";

const RETRY_MS = 5000;
const LOOK_MS = 10000;
const queue = [];
let revision = Number(build.dataset.revision); // the one that the page shows
let built = revision; // the one that the next change builds on: ahead by what a form has saved and nobody has fetched yet
const waiting = [];
let isSending = false;
let retry;

const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const state = (name) => { document.getElementById("saved-state").dataset.state = name; };
export const isBusy = () => isSending || queue.length > 0;
export const panelKey = () => document.querySelector("[data-panel]")?.dataset.panel ?? "";

// `then(facts)` is called when the change has been made, `refused(html)` when it cannot be. `on` is the revision that the
// change builds on, where that is not the one the page shows.
export function post(path, fields, { then, refused, own = false, on } = {}) {
  queue.push({ path, fields, then, refused, own, on });
  send();
}

export function edit(wanted, after = {}) {
  post("edit/", { edit: JSON.stringify(wanted) }, after);
}

async function send() {
  if (isSending || !queue.length) return;
  isSending = true;
  clearTimeout(retry);
  state("saving");
  // What was typed into the form of a step comes first: the next change may build on it.
  await window.tandemForms?.flush();
  const job = queue[0];
  const answer = await ask(job).catch(() => null);
  isSending = false;
  if (!answer || answer.status >= 500) return lost();

  queue.shift();
  if (!queue.length) state("saved");
  await take(answer, job);
  send();
  if (!isBusy()) waiting.shift()?.();
}

function ask(job) {
  const body = job.fields instanceof FormData ? new URLSearchParams(job.fields) : new URLSearchParams(Object.entries(job.fields));
  body.set("revision", job.on ?? built);
  body.set("shown", revision);
  body.set("panel", panelKey());
  return fetch(base + job.path, { method: "POST", body, headers: { "X-CSRFToken": token(), "HX-Request": "true", "HX-Current-URL": location.href } });
}

function lost() {
  state("lost");
  toast(words.lost, 60000);
  retry = setTimeout(send, RETRY_MS);
}

export function again() {
  toast("");
  send();
}

async function take(answer, job) {
  if (leaves(answer)) return;
  const html = await answer.text();
  if (answer.ok) {
    const facts = show(answer, html, job.own);
    job.then?.(facts);
  } else if (answer.status === 409) {
    event("clash", { html, facts: factsOf(answer) });
  } else if (job.refused) {
    job.refused(html);
  } else {
    toast(sentence(html));
    event("refused");
  }
}

function leaves(answer) {
  const there = answer.headers.get("HX-Redirect");
  if (there) location.assign(there);
  return Boolean(there);
}

function sentence(html) {
  const main = new DOMParser().parseFromString(html, "text/html");
  return (main.querySelector("main") ?? main.body).innerText.trim();
}

const factsOf = (answer) => JSON.parse(answer.headers.get("X-Draft") ?? "{}");

function show(answer, html, own, isNews = false) {
  const facts = factsOf(answer);
  event("before-change", facts);
  htmx.swap(build, html, { swapStyle: "none", swapDelay: 0, settleDelay: 0 });
  revision = Math.max(revision, facts.revision);
  built = Math.max(built, revision);
  build.dataset.revision = revision;
  if (facts.said) say(facts.said);
  tell(facts, own);
  event("changed", { ...facts, own, isNews });
  return facts;
}

// The forms build on the revision that they have seen: one that shows what is older by now keeps the older number.
function tell(facts, own) {
  if (!own && facts.panel === "changed") return;
  document.body.dispatchEvent(new CustomEvent("draft-changed", { bubbles: true, detail: { revision: facts.revision, isShown: true } }));
}

// What others did, and what the form of a step has saved by itself.
export async function look(own = false, { anyway = false } = {}) {
  if (isBusy()) return;
  const asked = revision;
  const answer = await fetch(`${base}news/?revision=${asked}&panel=${encodeURIComponent(panelKey())}${anyway ? "&marks=1" : ""}`, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } }).catch(() => null);
  if (!answer?.ok || answer.status === 204 || leaves(answer)) return;
  const html = await answer.text();
  if (isSending) return;
  if (asked === revision) show(answer, html, own, !own);
  // Of two looks at once the first one's news is shown; what only the second one saw is asked for again.
  else if (factsOf(answer).revision > revision) await look(own, { anyway });
}

// A deed reads the column as it stands: it waits until what was done before is in it.
export function settled(deed) {
  if (!isBusy()) return deed();
  waiting.push(deed);
}

// The form of a step saves itself (static/forms.js) and says so; what it has changed is fetched.
document.addEventListener("draft-changed", (saved) => {
  if (saved.detail.isShown) return;
  if (!saved.detail.others) built = Math.max(built, saved.detail.revision);
  look(!saved.detail.elt);
});

document.addEventListener("samples-changed", () => look(true, { anyway: true }));
setInterval(() => { if (!document.hidden) look(); }, LOOK_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
addEventListener("online", () => send());
addEventListener("beforeunload", (leaving) => { if (isBusy()) leaving.preventDefault(); });
