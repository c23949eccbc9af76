/* The Explorer. One state object holds what the address bar shows; every change goes through `change`. */
(function () {
  "use strict";
  const { element, setProps, csrf } = window.evDom;
  const LISTS = ["level", "service", "environment", "host", "source"];
  const WORDS = ["q", "range", "from", "to", "upload", "order"];
  const TAB = Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2);
  const FRESH = { tab: TAB, q: "", range: "24h", from: "", to: "", upload: "", order: "desc", id: "",
    level: [], service: [], environment: [], host: [], source: [], cursor: null, trail: [], run: 0 };
  const SLOW_MS = 700;
  let state = null;
  let shown = null;      // the page of rows on the screen
  let pending = null;    // {run, started, timer} of the search that runs
  let fault = null;      // where the query text is wrong

  const root = () => document.getElementById("explorer-page");
  const list = () => document.getElementById("explorer-rows");
  const rowElements = () => [...list().querySelectorAll(".ev-lr")];

  /* state and address */
  function fromAddress() {
    const given = new URLSearchParams(location.search);
    const read = Object.assign({}, FRESH, { run: Date.now(), trail: [] });
    WORDS.concat("id").forEach((name) => { if (given.has(name)) read[name] = given.get(name); });
    LISTS.forEach((name) => { read[name] = given.getAll(name); });
    if (read.from || read.to) read.range = "";
    return read;
  }
  function address() {
    const out = new URLSearchParams();
    WORDS.forEach((name) => { if (state[name] && state[name] !== FRESH[name]) out.set(name, state[name]); });
    LISTS.forEach((name) => state[name].forEach((value) => out.append(name, value)));
    if (state.id) out.set("id", state.id);
    const text = out.toString();
    return text ? `/explorer?${text}` : "/explorer";
  }
  function remember(replace) {
    const now = address();
    if (now === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"]({}, "", now);
  }
  /* Apply `patch` and search again; a new search begins at the first page. */
  function change(patch, options) {
    const turns = options && options.turns;
    const opened = state.id;
    state = Object.assign({}, state, turns ? {} : { cursor: null, trail: [] }, patch, { run: Date.now() });
    remember(options && options.replace);
    publish();
    if (state.id !== opened) setProps("explorer-record-id", { data: state.id });
  }
  function publish() {
    showControls();
    begin();
    setProps("explorer-state", { data: state });
  }
  function open(id, replace) {
    state = Object.assign({}, state, { id: id || "" });
    remember(replace);
    markSelected();
    setProps("explorer-record-id", { data: state.id });
  }

  /* the running search */
  function begin() {
    clearInterval(pending && pending.timer);
    const mine = { run: state.run, started: performance.now(), timer: 0 };
    pending = mine;
    document.getElementById("explorer-tip").hidden = true;
    document.getElementById("explorer-run-button").classList.add("ev-busy");
    mine.timer = setInterval(() => progress(mine), 100);
  }
  function progress(mine) {
    const elapsed = performance.now() - mine.started;
    if (pending !== mine || !root()) { clearInterval(mine.timer); return; }
    if (elapsed < SLOW_MS) return;
    list().classList.add("ev-stale");
    let bar = list().querySelector(".ev-load");
    if (!bar) {
      bar = element("div", "ev-load");
      bar.setAttribute("role", "status");
      const cancel = element("button", "ev-btn ev-s", "Cancel ");
      cancel.dataset.act = "cancel";
      cancel.append(element("kbd", "", "Esc"));
      bar.append(element("span", "ev-spin"), element("span", "ev-elapsed ev-sp"), cancel);
      list().prepend(bar);
      if (!shown) list().append(skeleton());
    }
    bar.querySelector(".ev-elapsed").textContent = `Searching, ${(elapsed / 1000).toFixed(1)} s`;
  }
  function skeleton() {
    const made = element("div", "ev-skel");
    [62, 48, 71, 55, 66, 40, 58, 69, 45, 60].forEach((share) => { made.append(element("i")); made.lastChild.style.width = `${share}%`; });
    return made;
  }
  function finish() {
    clearInterval(pending && pending.timer);
    pending = null;
    if (!root()) return;
    document.getElementById("explorer-run-button").classList.remove("ev-busy");
    list().classList.remove("ev-stale");
    list().querySelectorAll(".ev-load, .ev-skel").forEach((bar) => bar.remove());
  }
  function cancel() {
    if (!pending) return false;
    finish();
    ["rows", "overview"].forEach((part) =>
      fetch(`/api/queries/${TAB}-${part}/`, { method: "DELETE", headers: { "X-CSRFToken": csrf() } }));
    window.evToast({ id: "cancelled", text: "Search cancelled. The rows below are from the search before." });
    return true;
  }

  /* the screen */
  function showControls() {
    const query = document.getElementById("explorer-query-input");
    if (query.value !== state.q) setProps("explorer-query-input", { value: state.q });
    fault = null;
    paint(state.q);
    setProps("explorer-from-input", { value: state.from });
    setProps("explorer-to-input", { value: state.to });
    const preset = [...root().querySelectorAll("[data-range]")].find((each) => each.dataset.range === state.range);
    setProps("explorer-when-label", { children: preset && !state.from && !state.to ? preset.textContent : customLabel() });
    root().querySelectorAll("[data-range]").forEach((each) =>
      each.setAttribute("aria-current", String(each.dataset.range === state.range)));
    const chosen = LISTS.reduce((sum, name) => sum + state[name].length, state.upload ? 1 : 0);
    setProps("explorer-filters-count", { children: String(chosen), style: { display: chosen ? "" : "none" } });
  }
  function customLabel() {
    const short = (text) => text.replace("T", " ").replace(/:00(\.0+)?$/, "").replace(/\.\d+$/, "");
    const from = short(state.from), to = short(state.to);
    const day = /^\d{4}-\d{2}-\d{2} /;
    if (from && to) return `${from} – ${day.test(to) && from.slice(0, 11) === to.slice(0, 11) ? to.slice(11) : to}`;
    return state.from ? `From ${short(state.from)}` : `Until ${short(state.to)}`;
  }
  function paint(text) {
    const target = document.getElementById("explorer-paint");
    const query = document.getElementById("explorer-query-input");
    if (!target || !query) return;
    window.evPaint(target, text, fault);
    target.style.transform = `translateX(${-query.scrollLeft}px)`;
    document.getElementById("explorer-query-box").classList.toggle("ev-err", Boolean(fault));
    const clear = root().querySelector('[data-act="clear"]');
    if (clear) clear.hidden = !text;
  }
  function showPage(page) {
    finish();
    if (page.error) {
      if (!shown) root().dataset.mode = "error";
      fault = page.error.query ? page.error : null;
      paint(document.getElementById("explorer-query-input").value);
      return;
    }
    shown = page;
    root().dataset.mode = page.mode;
    window.evRows(list(), page);
    list().scrollTop = 0;
    markSelected();
    showPager();
  }
  function showPager() {
    const pager = document.getElementById("explorer-pager");
    const from = shown.offset + 1, to = shown.offset + shown.rows.length;
    const looksOn = shown.at_least && (shown.next_cursor || state.trail.length);
    pager.hidden = shown.total <= shown.rows.length && !looksOn;
    document.getElementById("explorer-span").textContent = !shown.rows.length ? "No records on this page" :
      `${from.toLocaleString("en")} to ${to.toLocaleString("en")} of ${shown.at_least ? "at least " : ""}${shown.total.toLocaleString("en")}`;
    pager.querySelector('[data-act="newer"]').disabled = state.trail.length === 0;
    pager.querySelector('[data-act="older"]').disabled = !shown.next_cursor;
  }
  function markSelected() {
    if (!list()) return;
    rowElements().forEach((row) => {
      const on = row.dataset.id === state.id;
      row.setAttribute("aria-selected", String(on));
      if (on) { focusable(row); row.scrollIntoView({ block: "nearest" }); }
    });
  }
  function focusable(row) {
    rowElements().forEach((each) => { each.tabIndex = each === row ? 0 : -1; });
  }

  /* moving through the rows */
  function current() {
    const rows = rowElements();
    const focused = rows.indexOf(document.activeElement);
    return focused >= 0 ? focused : rows.findIndex((row) => row.dataset.id === state.id);
  }
  function move(step) {
    const rows = rowElements();
    if (!rows.length) return;
    const next = rows[Math.min(rows.length - 1, Math.max(0, current() + step))];
    focusable(next);
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    if (state.id) open(next.dataset.id, true);
  }
  function turn(act) {
    if (act === "older" && shown && shown.next_cursor) {
      change({ trail: [...state.trail, state.cursor], cursor: shown.next_cursor, id: "" }, { turns: true, replace: true });
    }
    if (act === "newer" && state.trail.length) {
      const trail = state.trail.slice();
      const cursor = trail.pop();
      change({ trail, cursor, id: "" }, { turns: true, replace: true });
    }
  }
  function toggled(values, value) {
    return values.includes(value) ? values.filter((each) => each !== value) : [...values, value];
  }

  /* clicks: data-act says what */
  const ACTS = {
    run: () => change({ q: document.getElementById("explorer-query-input").value.trim(), id: "" }),
    clear: () => { change({ q: "", id: "" }); document.getElementById("explorer-query-input").focus(); },
    facet: ({ field, value }) => change({ [field]: toggled(state[field], value), id: "" }),
    include: ({ field, value }) => change({ q: window.evAddClause(state.q, field, value, false) }),
    exclude: ({ field, value }) => change({ q: window.evAddClause(state.q, field, value, true), id: "" }),
    range: ({ range }) => change({ range, from: "", to: "", id: "" }),
    custom: () => custom(),
    patch: ({ patch }) => change(Object.assign({ id: "" }, JSON.parse(patch))),
    older: () => turn("older"),
    newer: () => turn("newer"),
    order: () => change({ order: state.order === "desc" ? "asc" : "desc", id: "" }),
    next: () => move(1),
    previous: () => move(-1),
    close: () => { const row = rowElements()[current()]; open(""); if (row) row.focus(); },
    cancel: () => cancel(),
    share: () => window.evCopy(location.href),
    filters: () => document.getElementById("explorer-facets").classList.toggle("ev-open"),
  };
  function custom() {
    const read = (id) => document.getElementById(id).value.trim();
    const from = read("explorer-from-input"), to = read("explorer-to-input");
    window.evCloseMenus();
    if (from || to) change({ range: "", from, to, id: "" });
    else change({ range: "all", from: "", to: "", id: "" });
  }
  document.addEventListener("click", (event) => {
    if (!root() || !state) return;
    const button = event.target.closest("[data-act]");
    if (button && root().contains(button)) {
      const act = ACTS[button.dataset.act];
      if (act) act(button.dataset);
      return;
    }
    const row = event.target.closest(".ev-lr[data-id]");
    if (row && list().contains(row) && String(getSelection()) === "") {
      focusable(row);
      open(row.dataset.id === state.id ? "" : row.dataset.id);
    }
  });

  /* keys */
  function typing(target) {
    return target.closest && target.closest("input, textarea, select, [contenteditable]");
  }
  function escape() {
    if (cancel()) return true;
    const wrong = document.querySelector("#explorer-fault .ev-fix");
    if (wrong) { setProps("explorer-fault", { children: null }); return true; }
    const sheet = document.querySelector(".ev-facets.ev-open");
    if (sheet) { sheet.classList.remove("ev-open"); return true; }
    if (state.id) { ACTS.close(); return true; }
    return false;
  }
  function key(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Escape") return escape();
    if (event.key === "Enter" && event.target.id === "explorer-query-input") { ACTS.run(); return true; }
    if (event.key === "Enter" && ["explorer-from-input", "explorer-to-input"].includes(event.target.id)) { custom(); return true; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { ACTS.run(); return true; }
    if (typing(event.target) || !plain) return false;
    const row = event.target.closest && event.target.closest(".ev-lr");
    const keys = {
      "/": () => { const box = document.getElementById("explorer-query-input"); box.focus(); box.select(); },
      t: () => { const menu = root().querySelector(".ev-when"); menu.open = true; menu.querySelector(".ev-pi").focus(); },
      j: () => move(1),
      k: () => move(-1),
    };
    if (row) Object.assign(keys, { ArrowDown: keys.j, ArrowUp: keys.k, Enter: () => open(row.dataset.id) });
    if (!keys[event.key]) return false;
    keys[event.key]();
    return true;
  }
  document.addEventListener("keydown", (event) => {
    if (root() && state && key(event)) event.preventDefault();
  });
  document.addEventListener("input", (event) => {
    if (event.target.id !== "explorer-query-input") return;
    fault = null;
    paint(event.target.value);
  });
  ["scroll", "keyup", "click", "select"].forEach((kind) => document.addEventListener(kind, (event) => {
    if (event.target.id === "explorer-query-input") {
      document.getElementById("explorer-paint").style.transform = `translateX(${-event.target.scrollLeft}px)`;
    }
  }, true));

  /* Back, Forward and links inside the Explorer: the page stays, only its state changes. */
  function arrived(event) {
    if (!root() || !state || location.pathname !== "/explorer") return;
    event.stopImmediatePropagation();
    const before = Object.assign({}, state, { run: 0, id: "", cursor: null, trail: [] });
    const wanted = fromAddress();
    const same = JSON.stringify(Object.assign({}, wanted, { run: 0, id: "" })) === JSON.stringify(before);
    state = same ? Object.assign({}, state, { id: wanted.id }) : wanted;
    if (!same) publish();
    markSelected();
    setProps("explorer-record-id", { data: state.id });
  }
  window.addEventListener("popstate", arrived);
  window.addEventListener("_dashprivate_pushstate", arrived);

  const none = () => window.dash_clientside.no_update;
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: {
      boot() {
        state = fromAddress();
        shown = null;
        showControls();
        begin();
        return [state, state.id];
      },
      /* A page that is not the one waited for (another search was begun, or this one cancelled) changes nothing. */
      page(page) {
        if (!page || !root() || !pending || page.run !== pending.run) return Array(5).fill(none());
        showPage(page);
        const notice = page.notice || (page.fault ? none() : null);  // a mistake leaves what was there, also "no hits"
        return [page.summary || none(), notice, page.fault || null, page.mode !== "first", page.order];
      },
      zoom(selected, clicked, figure) {
        const range = selected && selected.range && selected.range.x;
        const meta = (figure && figure.layout && figure.layout.meta) || {};
        const tidy = (text) => String(text).replace(" ", "T").replace(/(\.\d{3})\d+$/, "$1");
        const triggered = window.dash_clientside.callback_context.triggered[0];
        if (triggered && triggered.prop_id.endsWith("selectedData") && range) {
          change({ range: "", from: tidy(range[0]), to: tidy(range[1]), id: "" });
        } else if (clicked && clicked.points && triggered && triggered.prop_id.endsWith("clickData")) {
          const bucket = (meta.buckets || [])[clicked.points[0].pointNumber];
          if (bucket) change({ range: "", from: bucket[0], to: bucket[1], id: "" });
        }
        return none();
      },
      /* Plotly's own label would be cut off at the edge of so low a chart. */
      hover(over, figure) {
        const tip = document.getElementById("explorer-tip");
        if (!tip) return none();
        const points = ((over && over.points) || []).filter((point) => point.y);
        tip.hidden = !points.length;
        if (!points.length) return none();
        const bucket = figure.layout.meta.buckets[points[0].pointNumber];
        const clock = (text) => String(text).replace("T", " ").replace(/\.0+$/, "");
        const from = clock(bucket[0]), to = clock(bucket[1]);
        tip.replaceChildren(element("div", "ev-b", `${from} – ${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to}`));
        points.slice().sort((one, other) => other.curveNumber - one.curveNumber).forEach((point) => {
          const name = figure.data[point.curveNumber].name;
          const line = element("div", `ev-lv-${name === "warn" ? "warning" : name}`);
          line.append(element("i", "ev-sw-dot"), element("span", "ev-sp", name), element("b", "", point.y.toLocaleString("en")));
          tip.append(line);
        });
        const wide = tip.parentElement.clientWidth, at = points[0].bbox.x1 + 14;
        const left = at + tip.offsetWidth > wide ? points[0].bbox.x0 - tip.offsetWidth - 2 : at;
        tip.style.left = `${Math.max(4, left)}px`;
        return none();
      },
      again(arrivedNow) {
        if (arrivedNow && state) change({}, { replace: true });
        return none();
      },
      recorded(children) {
        const drawer = document.getElementById("explorer-drawer");
        if (!drawer || !root()) return none();
        drawer.hidden = !state || !state.id || !children;
        root().dataset.drawer = drawer.hidden ? "" : "open";
        window.dispatchEvent(new Event("resize"));  // the chart takes the width that is left
        return none();
      },
    },
  });
})();
