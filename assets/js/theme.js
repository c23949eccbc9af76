/* Loaded in the head, before anything is painted: the theme must not flash. */
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];

  function preference() {
    const found = /(?:^|; )ev_theme=(light|dark|system)/.exec(document.cookie);
    return found ? found[1] : "system";
  }
  function resolved() {
    const wanted = preference();
    return wanted === "system" ? (dark.matches ? "dark" : "light") : wanted;
  }
  function apply() {
    document.documentElement.dataset.bsTheme = resolved();
    listeners.forEach((tell) => tell(resolved(), preference()));
  }
  function set(wanted) {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `ev_theme=${wanted}; path=/; max-age=31536000; samesite=lax${secure}`;
    apply();
  }
  dark.addEventListener("change", apply);
  window.evTheme = { preference, resolved, set, onChange: (tell) => listeners.push(tell) };
  apply();
})();
