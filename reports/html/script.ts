/**
 * The page's script: filter, copy buttons, and opening what a link points into. Without it the page still tells
 * everything; the controls that need it are made or shown by it.
 */
export const script = `
"use strict";
(() => {
  const jobs = [...document.querySelectorAll(".job")];
  const rows = [...document.querySelectorAll(".matrix tbody tr")];
  const tools = document.querySelector(".tools");
  const search = document.querySelector("#filter");
  const told = document.querySelector("#filter-told");
  const buttons = [...document.querySelectorAll(".tools button[data-standing]")];

  const apply = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const pressed = buttons.filter((button) => button.getAttribute("aria-pressed") === "true");
    const standings = new Set(pressed.map((button) => button.dataset.standing));
    const fits = (element) => words.every((word) => element.dataset.text.includes(word));
    let shown = 0;
    for (const job of jobs) {
      job.hidden = !(fits(job) && (standings.size === 0 || standings.has(job.dataset.standing)));
      if (!job.hidden) shown++;
    }
    for (const row of rows)
      row.hidden = ![...row.querySelectorAll("a[href^='#']")].some((link) => {
        const job = document.getElementById(link.hash.slice(1));
        return job !== null && !job.hidden;
      });
    told.textContent = (shown === jobs.length ? "" : shown + " of ") + jobs.length + (jobs.length === 1 ? " job" : " jobs");
  };
  tools.hidden = false;
  search.addEventListener("input", apply);
  for (const button of buttons)
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  apply();

  // Links are cut and mangled when they are sent on: half an escape does not stop the rest.
  const linked = () => {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return null;
    }
  };
  const reveal = () => {
    const target = linked();
    if (target === null) return;
    for (let element = target; element !== null; element = element.parentElement) {
      element.hidden = false;
      if (element.tagName === "DETAILS") element.open = true;
    }
    target.scrollIntoView({ block: target.tagName === "LI" ? "center" : "start" });
    const focus = target.tagName === "DETAILS" ? target.querySelector("summary") : target.querySelector("a");
    if (focus !== null) focus.focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link !== null && link.hash === location.hash) reveal();
  });
  reveal();

  // The fatal line is what a console is opened for.
  const showFatal = (job) => {
    for (const line of job.querySelectorAll(".console .fatal")) {
      const box = line.closest(".console");
      box.scrollTop = line.offsetTop - box.clientHeight * 0.7;
    }
  };
  for (const job of jobs) {
    if (job.open) showFatal(job);
    job.addEventListener("toggle", () => { if (job.open) showFatal(job); }, { once: true });
  }

  const copy = async (pre) => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy") ? "Copied" : "Selected";
    }
  };
  for (const pre of document.querySelectorAll(".repeat pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      button.textContent = await copy(pre);
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    pre.after(button);
  }
})();
`;
