/* Files on their way: chosen, previewed, sent by XMLHttpRequest with true progress. Names and errors are set as text. */
(function () {
  "use strict";
  const { element, icon, setProps, csrf } = window.evDom;
  const HEAD_BYTES = 256 * 1024;  // as much as a preview reads
  const ZIP_BYTES = 2 * 1024 * 1024;  // of a zip all is needed: its directory is at the end
  const AT_ONCE = 2;
  const FIELDS = { format: "upload-format", timezone: "upload-timezone", timestamp_format: "upload-timestamp-format",
    encoding: "upload-encoding", delimiter: "upload-delimiter", header: "upload-header", pattern: "upload-pattern",
    service: "upload-service", source: "upload-source", environment: "upload-environment", tags: "upload-tags" };
  let staged = [];      // {key, file, state: ready | waiting | sending | failed, share, error, request}
  let chosen = null;    // key of the staged file on the right
  let nextKey = 1;
  let refreshes = 1000;

  const page = () => document.getElementById("upload-page");

  function size(bytes) {
    const units = ["B", "kB", "MB", "GB"];
    let amount = bytes, unit = 0;
    while (amount >= 1000 && unit < 3) { amount /= 1000; unit += 1; }
    return `${unit ? amount.toFixed(1).replace(/\.0$/, "") : amount} ${units[unit]}`;
  }

  /* choosing */
  function add(files) {
    const fresh = [...files].map((file) => ({ key: nextKey++, file, state: "ready", share: 0, error: "" }));
    if (!fresh.length) return;
    staged = staged.concat(fresh);
    choose(fresh[0].key);
  }
  function choose(key) {
    chosen = key;
    const entry = staged.find((each) => each.key === key);
    setProps("upload-chosen", { data: entry ? "staged" : "" });
    show();
    if (entry) preview(entry);
  }
  async function preview(entry) {
    document.getElementById("upload-staged-name").textContent = entry.file.name;
    const whole = /\.zip$/i.test(entry.file.name) && entry.file.size <= ZIP_BYTES;
    const bytes = new Uint8Array(await entry.file.slice(0, whole ? ZIP_BYTES : HEAD_BYTES).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    const complete = bytes.length === entry.file.size;
    if (chosen === entry.key) setProps("upload-head", { data: { name: entry.file.name, head: btoa(text), key: entry.key, complete } });
  }
  function remove(key) {
    const entry = staged.find((each) => each.key === key);
    if (!entry) return;
    if (entry.request) entry.request.abort();
    staged = staged.filter((each) => each !== entry);
    if (chosen === key) choose(staged.length ? staged[0].key : null);
    else show();
  }

  /* sending */
  function send() {
    staged.forEach((entry) => { if (entry.state !== "sending") Object.assign(entry, { state: "waiting", error: "", share: 0 }); });
    show();
    next();
  }
  function next() {
    const busy = staged.filter((entry) => entry.state === "sending").length;
    staged.filter((entry) => entry.state === "waiting").slice(0, AT_ONCE - busy).forEach(transfer);
  }
  function form(entry) {
    const made = new FormData();
    Object.entries(FIELDS).forEach(([name, id]) => {
      const control = document.getElementById(id);
      if (control && control.value !== "" && control.value !== "auto") made.append(name, control.value);
    });
    made.append("file", entry.file, entry.file.name);
    return made;
  }
  function transfer(entry) {
    const request = new XMLHttpRequest();
    Object.assign(entry, { state: "sending", request });
    request.open("POST", "/api/logs/upload/");
    request.setRequestHeader("X-CSRFToken", csrf());
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      entry.share = event.lengthComputable ? event.loaded / event.total : 0;
      show();
    });
    request.addEventListener("load", () => arrived(entry, request));
    request.addEventListener("error", () => failed(entry, "The connection was lost. The file was not stored; send it again."));
    request.addEventListener("abort", () => next());
    request.send(form(entry));
    show();
  }
  function arrived(entry, request) {
    if (request.status === 401) { window.evSignIn(); return; }
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* a proxy's page: the status says enough */ }
    if (request.status !== 202) {
      failed(entry, answer.detail || `The server answered ${request.status}. Nothing was stored.`);
      return;
    }
    staged = staged.filter((each) => each !== entry);
    const last = !staged.length;
    if (chosen === entry.key) chosen = last ? null : staged[0].key;
    if (last && page()) setProps("upload-chosen", { data: answer.id });
    if (page()) setProps("upload-refresh", { data: refreshes++ });
    show();
    if (!last && chosen) choose(chosen);
    next();
  }
  function failed(entry, text) {
    Object.assign(entry, { state: "failed", error: text, request: null });
    show();
    next();
  }

  /* the list of files that are not sent yet */
  function show() {
    if (!page()) return;
    const panel = document.getElementById("upload-staged-panel");
    const entry = staged.find((each) => each.key === chosen);
    panel.hidden = !entry;
    const send = document.getElementById("upload-send");
    const ready = staged.filter((each) => each.state !== "sending").length;
    send.textContent = ready === 1 ? "Upload 1 file" : `Upload ${ready} files`;
    send.disabled = ready === 0;
    document.getElementById("upload-staged").replaceChildren(...staged.map(row));
  }
  function row(entry) {
    const made = element("div", "ev-row-holder");
    made.style.position = "relative";
    const button = element("button", "ev-file");
    button.type = "button";
    button.dataset.staged = entry.key;
    button.setAttribute("aria-current", String(entry.key === chosen));
    const top = element("div", "ev-row ev-g8");
    const name = element("span", "ev-b ev-el ev-sp ev-isolate", entry.file.name);
    name.style.paddingRight = "28px";
    const amount = element("span", "ev-xs ev-t2 ev-nw", size(entry.file.size));
    amount.style.marginRight = "26px";
    top.append(icon("file-earmark-text"), name, amount);
    const bar = element("div", "ev-bar");
    const fill = element("i");
    fill.style.width = `${Math.round(entry.share * 100)}%`;
    bar.append(fill);
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-valuenow", String(Math.round(entry.share * 100)));
    bar.setAttribute("aria-label", `Sending ${entry.file.name}`);
    const line = element("div", "ev-line");
    line.append(...words(entry));
    button.append(top, bar, line);
    const cross = element("button", "ev-btn ev-s ev-ic ev-gh ev-file-x");
    cross.type = "button";
    cross.dataset.stagedRemove = entry.key;
    cross.setAttribute("aria-label", `${entry.state === "sending" ? "Stop sending" : "Remove"} ${entry.file.name}`);
    cross.append(icon("x-lg"));
    made.append(button, cross);
    return made;
  }
  function words(entry) {
    const share = Math.round(entry.share * 100);
    const states = {
      ready: ["", "Not sent yet", "Look at the preview, then upload"],
      waiting: ["", "Waiting", "for the files before"],
      sending: ["", share < 100 ? `Sending ${share} %` : "Sent", share < 100 ? "" : "the server checks it"],
      failed: ["ev-bad", "Not stored", entry.error],
    };
    const [kind, state, rest] = states[entry.state];
    const bold = element("b", kind);
    if (kind) bold.append(icon("x-octagon-fill"));
    bold.append(document.createTextNode(state));
    const text = element("span", entry.state === "failed" ? "ev-wrap" : "ev-el", rest);
    return [bold, text];
  }

  /* events */
  function browse() {
    const input = element("input");
    input.type = "file";
    input.multiple = true;
    input.id = "upload-input";
    input.hidden = true;
    input.addEventListener("change", () => { add(input.files); input.remove(); });
    document.querySelectorAll("#upload-input").forEach((old) => old.remove());
    document.body.append(input);
    input.click();
  }
  const ACTS = {
    send,
    remove: () => remove(chosen),
    delete: () => setProps("upload-confirm", { is_open: true }),
  };
  document.addEventListener("click", (event) => {
    if (!page()) return;
    const hit = (selector) => event.target.closest(selector);
    if (hit("#upload-drop")) browse();
    else if (hit("[data-staged-remove]")) remove(Number(hit("[data-staged-remove]").dataset.stagedRemove));
    else if (hit("[data-staged]")) choose(Number(hit("[data-staged]").dataset.staged));
    else if (hit("[data-upload]")) {
      chosen = null;
      show();
      setProps("upload-chosen", { data: hit("[data-upload]").dataset.upload });
      if (window.innerWidth < 768) setTimeout(() => document.querySelector(".ev-detail").scrollIntoView(), 300);
    } else if (hit("[data-upload-act]")) ACTS[hit("[data-upload-act]").dataset.uploadAct]();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id === "upload-drop" && (event.key === "Enter" || event.key === " ")) { browse(); event.preventDefault(); }
  });
  let depth = 0;
  function over(on) {
    const drop = document.getElementById("upload-drop");
    if (drop) drop.classList.toggle("ev-over", on);
  }
  function carriesFiles(event) {
    return page() && event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  }
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; over(true); } });
  document.addEventListener("dragleave", (event) => { if (carriesFiles(event)) { depth -= 1; if (depth <= 0) over(false); } });
  document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    add(event.dataTransfer.files);
  });
  window.addEventListener("beforeunload", (event) => {
    if (staged.some((entry) => entry.state === "sending")) event.preventDefault();
  });
  /* The page was left and opened again: what is on its way is shown again. */
  new MutationObserver(() => {
    const place = document.getElementById("upload-staged");
    if (place && staged.length && !place.childElementCount) show();
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
