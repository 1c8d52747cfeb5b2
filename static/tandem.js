// What a page needs beyond HTML and htmx: exact times in the reader's own zone, clocks that tick, keys for buttons,
// one press of a button is one deed, and details that stay open while the page fills.
(() => {
  "use strict";

  const exact = new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
    dateStyle: "full", timeStyle: "medium",
  });

  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.valueOf())) time.title = exact.format(moment);
    }
  };

  const span = (seconds) => {
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  };

  const tick = () => {
    for (const clock of document.querySelectorAll("[data-since]")) {
      clock.textContent = span(Math.max(0, Math.floor((Date.now() - new Date(clock.dataset.since)) / 1000)));
    }
  };

  // A box that scrolls can be reached and scrolled by keyboard.
  const reach = (root) => {
    for (const box of root.querySelectorAll(".td-clip, .td-difference, pre")) {
      if (box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    }
  };

  const ready = (root) => { localise(root); reach(root); tick(); };
  document.addEventListener("DOMContentLoaded", () => { ready(document); setInterval(tick, 1000); });
  document.addEventListener("htmx:load", (event) => ready(event.detail.elt));

  // A key presses the button that names it, unless somebody is writing.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [popover]")) return;
    const wanted = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!wanted) return;
    event.preventDefault();
    wanted.matches("textarea") ? wanted.focus() : wanted.click();
  });

  // Escape leaves the editor, so that the keys work again.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches("textarea[data-key]")) event.target.blur();
  });

  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.matches("[data-once]")) setTimeout(() => { button.disabled = true; }, 0);
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("[data-once]:disabled")) button.disabled = false;
  });

  // What a page asks by itself keeps nobody signed in.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent) event.detail.headers["X-Unattended"] = "1";
  });

  // While a run fills its page, the server is told which steps are open, and what was open stays so.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches("[data-keeps-open]")) return;
    const open = event.detail.elt.querySelectorAll("details[open][data-step]");
    if (open.length) event.detail.parameters.open = [...open].map((step) => step.dataset.step);
  });

  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.target.querySelectorAll("details[open][id]")].map((each) => each.id);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    open = [];
  });
})();
