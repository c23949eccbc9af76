/* The query box: colours under a plain input, and the clause that a click adds. */
(function () {
  "use strict";
  const { element } = window.evDom;
  const TOKEN = /"(?:[^"\\]|\\.)*"?|(?<=^|[\s(:])\/(?:[^/\\]|\\.)+\/(?=[\s)]|$)|&&|\|\||[<>]=?|(?:[^\s()":<>[\]{}\\]|\\.)+|\s+|[^]/g;
  const BINDS = /^(:|[<>]=?)$/;

  function kindOf(token, next, before, ranged) {
    if (/^(AND|OR|NOT|&&|\|\|)$/.test(token) || (ranged && token === "TO")) return "ev-so";
    if (/^[()[\]{}]$/.test(token) || BINDS.test(token)) return "ev-spn";
    const value = ranged || BINDS.test(before || "");
    if (BINDS.test(next || "") && !value) return "ev-sf";
    if (value) return /^-?\d[\d.]*$/.test(token) ? "ev-sn" : "ev-ss";
    return /^"|^\/.+\/$/.test(token) ? "ev-ss" : "";
  }

  /* [{text, kind}] of a query: a bracket begins a range behind a field only. */
  function parts(text) {
    const tokens = text.match(TOKEN) || [];
    let ranged = false;
    return tokens.map((token, index) => {
      if (/^[[{]$/.test(token)) ranged = BINDS.test(tokens[index - 1] || "");
      if (/^[\]}]$/.test(token)) ranged = false;
      return { text: token, kind: /^\s+$/.test(token) ? "" : kindOf(token, tokens[index + 1], tokens[index - 1], ranged) };
    });
  }

  /* Where {position, length} in characters lies in `text`, in UTF-16 units as JavaScript counts; at least one wide. */
  function placeOf(text, fault) {
    const characters = Array.from(text);
    const from = characters.slice(0, fault.position).join("").length;
    const to = from + characters.slice(fault.position, fault.position + Math.max(1, fault.length)).join("").length;
    return [from, Math.max(from + 1, to)];
  }

  /* Paint `text` into `paint`; `fault` is {position, length} in characters, or null. What is missing at the end is
     underlined there, behind the text. */
  window.evPaint = function (paint, text, fault) {
    const [from, to] = fault ? placeOf(text, fault) : [Infinity, Infinity];
    let position = 0;
    const spans = parts(text).flatMap((part) => {
      const end = position + part.text.length;
      const cuts = [position, from, to, end].map((each) => Math.min(end, Math.max(position, each)));
      position = end;
      return [[0, 1, ""], [1, 2, " ev-serr"], [2, 3, ""]].filter(([first, last]) => cuts[first] < cuts[last]).map(
        ([first, last, wrong]) => element("span", `${part.kind}${wrong}`.trim(), text.slice(cuts[first], cuts[last])));
    });
    if (fault && from >= text.length) spans.push(element("span", "ev-serr", "\u00a0"));
    paint.replaceChildren(...spans);
  };

  function quoted(value) {
    return `"${String(value).replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
  }

  /* `query` with one more condition; it stays as it is when it holds that condition already, and where it asks for
     the opposite, that is turned around. */
  window.evAddClause = function (query, field, value, exclude) {
    const wanted = `${field}:${/^[\w-]+$/.test(value) ? value : quoted(value)}`;
    const [clause, opposite] = exclude ? [`NOT ${wanted}`, wanted] : [wanted, `NOT ${wanted}`];
    const before = query.trim();
    if (!before) return clause;
    const parts = before.split(" AND ");
    if (parts.includes(clause)) return before;
    const plain = !/[()]|\bOR\b/.test(before);
    if (plain && parts.includes(opposite)) return parts.map((part) => (part === opposite ? clause : part)).join(" AND ");
    const grouped = /\bOR\b/.test(before) ? `(${before})` : before;
    return `${grouped} AND ${clause}`;
  };
})();
