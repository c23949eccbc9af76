/* The log rows. The server sends text cut into segments [kind, text]; here each becomes a text node, never HTML. */
(function () {
  "use strict";
  const { element } = window.evDom;
  const KIND = { k: ["span", "ev-k"], m: ["mark", ""] };

  function cell(className, text) {
    const made = element("span", className, text);
    made.setAttribute("role", "gridcell");
    return made;
  }
  function message(record) {
    const made = cell("ev-ms ev-el", undefined);
    if (record.problem) {
      const mark = element("i", "bi bi-exclamation-triangle-fill ev-prob");
      mark.title = record.problem;
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", "Line with a problem");
      made.append(mark);
    }
    record.segments.forEach(([kind, text]) => {
      const [tag, className] = KIND[kind] || [null, ""];
      made.append(tag ? element(tag, className, text) : document.createTextNode(text));
    });
    return made;
  }
  function time(record) {
    const made = cell("ev-tm", record.time);
    made.append(element("em", "", record.fraction));
    return made;
  }
  function level(record) {
    const made = cell("ev-lvc", undefined);
    made.append(element("span", "ev-lp", record.tag));
    return made;
  }
  function row(record, columns, position) {
    const made = element("div", `ev-lr ev-lv-${record.level}`);
    made.setAttribute("role", "row");
    made.setAttribute("aria-rowindex", String(position + 2));
    made.tabIndex = -1;
    made.dataset.id = record.id;
    made.append(time(record), level(record));
    columns.forEach((name) => {
      const kind = { service: "ev-sv", host: "ev-host", source: "ev-src" }[name];
      const made2 = cell(`${kind} ev-el`, record[name] || "");
      if (record[name]) made2.title = record[name];
      made.append(made2);
    });
    made.append(message(record));
    return made;
  }
  const WIDTH = { service: "112px", host: "150px", source: "150px" };
  const NAME = { service: "Service", host: "Host", source: "Source" };

  function head(columns, newestFirst) {
    const kinds = ["", "", ...columns.map((name) => ({ host: "ev-host", service: "ev-sv", source: "ev-src" })[name]), ""];
    const made = element("div", "ev-lth");
    made.setAttribute("role", "row");
    const names = ["Time " + (newestFirst ? "↓" : "↑"), "Level", ...columns.map((name) => NAME[name]), "Message"];
    names.forEach((name, place) => {
      const title = element("span", kinds[place], name);
      title.setAttribute("role", "columnheader");
      made.append(title);
    });
    return made;
  }

  /* Fill `target` with one page of records; `page` is {rows, columns, time_width, newest_first, offset}. */
  window.evRows = function (target, page) {
    const columns = page.columns;
    const widths = [page.time_width, "66px", ...columns.map((name) => WIDTH[name]), "minmax(0, 1fr)"];
    target.style.setProperty("--cols", widths.join(" "));
    target.style.setProperty("--cols-narrow", widths.filter((_, place) => columns[place - 2] !== "host").join(" "));
    target.style.setProperty("--cols-slim", [page.time_width, "66px", "minmax(0, 1fr)"].join(" "));
    target.replaceChildren(
      head(columns, page.newest_first),
      ...page.rows.map((record, index) => row(record, columns, page.offset + index)),
    );
    target.setAttribute("aria-rowcount", String(page.total + 1));
    const first = target.querySelector(".ev-lr");
    if (first) first.tabIndex = 0;
  };
})();
