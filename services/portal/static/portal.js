// Comfort only: everything works without it.
"use strict";

// Errors are announced, and words about an answer: the summary gets the focus.
(document.querySelector(".summary-of-errors") ?? document.querySelector(".note.said"))?.focus();

// A button pressed twice sends once.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Uploads show how far they are.
for (const form of document.querySelectorAll("form[data-progress]")) {
  form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]");
    if (event.defaultPrevented || !file || file.files.length === 0 || event.submitter?.name === "_remove") return;
    event.preventDefault();
    const bar = form.querySelector("progress");
    const said = form.querySelector("[data-progress-text]");
    bar.hidden = false;
    const data = new FormData(form);
    if (event.submitter?.name) data.append(event.submitter.name, event.submitter.value);
    const request = new XMLHttpRequest();
    let told = -1;
    request.upload.addEventListener("progress", (step) => {
      if (!step.lengthComputable) return;
      const percent = Math.round((100 * step.loaded) / step.total);
      bar.value = percent;
      if (Math.floor(percent / 25) !== told) { told = Math.floor(percent / 25); said.textContent = percent + " % hochgeladen"; }
    });
    request.addEventListener("load", () => {
      if (request.status < 400) { window.location.assign(request.responseURL); return; }
      if (request.status === 422 || request.status >= 500) {
        document.open(); document.write(request.responseText); document.close();
        return;
      }
      window.location.reload();
    });
    request.addEventListener("error", () => {
      bar.hidden = true;
      said.textContent = "Die Verbindung ist abgebrochen. Bitte versuchen Sie es noch einmal.";
      delete form.dataset.sent;
    });
    request.open("POST", form.action);
    request.send(data);
  });
}

// Before a draft is erased there is a warning, and one click keeps it.
const keep = document.querySelector("dialog[data-until]");
if (keep) {
  const warn = () => { if (!keep.open) keep.showModal(); };
  const left = Number(keep.dataset.until) * 1000 - Date.now() - 20 * 60 * 1000;
  if (left < 0) warn();
  else if (left < 2 ** 31) setTimeout(warn, left);
  keep.querySelector("[data-later]")?.addEventListener("click", () => keep.close());
}
