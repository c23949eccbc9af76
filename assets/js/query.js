/* The query box: colours under a plain input, and the clause that a click adds. */
(function () {
  "use strict";
  const { element } = window.evDom;
  const TOKEN = /"(?:[^"\\]|\\.)*"?|[()]|[^\s()":]+|:|\s+/g;

  function kindOf(token, next, before) {
    if (/^(AND|OR|NOT)$/.test(token)) return "ev-so";
    if (/^[():]$/.test(token)) return "ev-spn";
    if (next === ":" && before !== ":") return "ev-sf";
    if (before === ":") return /^[<>]?=?-?\d[\d.]*$/.test(token) ? "ev-sn" : "ev-ss";
    return token.startsWith('"') ? "ev-ss" : "";
  }

  /* Paint `text` into `paint`; `fault` is {position, length} in characters, or null. */
  window.evPaint = function (paint, text, fault) {
    const tokens = text.match(TOKEN) || [];
    let position = 0;
    paint.replaceChildren(...tokens.map((token, index) => {
      const spaced = /^\s+$/.test(token);
      const made = element("span", spaced ? "" : kindOf(token, tokens[index + 1], tokens[index - 1]), token);
      const end = position + token.length;
      if (fault && position < fault.position + Math.max(1, fault.length) && end > fault.position) made.classList.add("ev-serr");
      position = end;
      return made;
    }));
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
