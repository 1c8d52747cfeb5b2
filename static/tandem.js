// What a page needs beyond HTML and htmx: exact times in the reader's own zone, and keys for buttons.
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

  document.addEventListener("DOMContentLoaded", () => localise(document));
  document.addEventListener("htmx:load", (event) => localise(event.detail.elt));
})();
