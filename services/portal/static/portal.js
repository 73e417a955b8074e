// Comfort only: everything works without it.
"use strict";

const RESEND_AFTER_MS = 5000;
const WARN_BEFORE_MS = 20 * 60 * 1000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const BROKEN = "Die Verbindung ist abgebrochen. Bitte versuchen Sie es noch einmal.";

// A button pressed twice sends once.
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, RESEND_AFTER_MS);
  });
}

// Uploads show how far they are.
function progress(form) {
  const file = form.querySelector("input[type=file]");
  const bar = form.querySelector("progress");
  const said = form.querySelector("[data-progress-text]");
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || file.files.length === 0 || event.submitter?.name === "_remove") return;
    event.preventDefault();
    const data = new FormData(form);
    if (event.submitter?.name) data.append(event.submitter.name, event.submitter.value);
    upload(form, data, (percent) => {
      bar.hidden = false;
      bar.value = percent;
      // Said at quarters only: screen readers read every change.
      if (percent % 25 === 0 || said.textContent === "") said.textContent = percent + " % hochgeladen";
    }, () => {
      bar.hidden = true;
      said.textContent = BROKEN;
      delete form.dataset.sent;
    });
  });
}

function upload(form, data, tell, broken) {
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (step) => {
    if (step.lengthComputable) tell(Math.round((100 * step.loaded) / step.total));
  });
  request.addEventListener("load", () => {
    if (request.status < 400) window.location.assign(request.responseURL);
    else show(request.responseText);
  });
  request.addEventListener("error", broken);
  request.addEventListener("timeout", broken);
  request.open("POST", form.action);
  request.send(data);
}

// What the server answered, in place of this page's content; the address stays.
function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  document.title = page.title;
  const main = document.importNode(page.querySelector("main"), true);
  document.querySelector("main").replaceWith(main);
  enhance(main);
  if (!main.querySelector(".summary-of-errors")) main.focus();
  window.scrollTo(0, 0);
}

function enhance(part) {
  // Errors are announced, and words about an answer: the summary gets the focus.
  (part.querySelector(".summary-of-errors") ?? part.querySelector(".note.said"))?.focus();
  for (const form of part.querySelectorAll("form[method=post]")) once(form);
  for (const form of part.querySelectorAll("form[data-progress]")) progress(form);
}

// Before a draft is erased there is a warning, and one click keeps it, with all that is typed on the page.
function warnInTime(dialog) {
  const warn = () => { if (!dialog.open) dialog.showModal(); };
  const left = Number(dialog.dataset.until) * 1000 - Date.now() - WARN_BEFORE_MS;
  if (left < 0) warn();
  else if (left < LONGEST_TIMER_MS) setTimeout(warn, left);
  dialog.querySelector("[data-later]").addEventListener("click", () => dialog.close());
  const form = dialog.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fetch(form.action, { method: "POST", body: new FormData(form) })
      .then((answer) => { if (answer.ok) dialog.close(); else form.submit(); }, () => form.submit());
  });
}

enhance(document);
for (const dialog of document.querySelectorAll("dialog[data-until]")) warnInTime(dialog);
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
