/* What every page shares: menus, tabs, copy buttons, toasts, theme. Text is set as text, never as HTML. */
(function () {
  "use strict";
  const TOAST_MS = 5000;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function icon(name) {
    const made = element("i", `bi bi-${name}`);
    made.setAttribute("aria-hidden", "true");
    return made;
  }
  function setProps(id, props) {
    window.dash_clientside.set_props(id, props);
  }
  function csrf() {
    const found = /(?:^|; )_csrf_token=([^;]*)/.exec(document.cookie);
    return found ? decodeURIComponent(found[1]) : "";
  }
  window.evDom = { element, icon, setProps, csrf };

  /* toasts */
  function toastArea() {
    let area = document.querySelector(".ev-toasts");
    if (!area) {
      area = element("div", "ev-toasts");
      area.setAttribute("role", "status");
      area.setAttribute("aria-live", "polite");
      document.body.append(area);
    }
    return area;
  }
  window.evToast = function ({ id, text, bad, remove }) {
    const area = remove ? document.querySelector(".ev-toasts") : toastArea();
    if (!area) return;
    if (id) area.querySelectorAll(`[data-toast="${id}"]`).forEach((old) => old.remove());
    if (remove) return;
    const toast = element("div", bad ? "ev-toast ev-bad" : "ev-toast");
    if (id) toast.dataset.toast = id;
    const close = element("button", "ev-btn ev-s ev-ic ev-gh");
    close.setAttribute("aria-label", "Close message");
    close.append(icon("x-lg"));
    close.addEventListener("click", () => toast.remove());
    toast.append(icon(bad ? "exclamation-octagon-fill" : "check-circle-fill"), element("div", "", text), close);
    area.append(toast);
    if (!bad) setTimeout(() => toast.remove(), TOAST_MS);
  };

  /* menus are <details>: one open at a time, closed by Escape or a click elsewhere */
  function closeMenus(except) {
    let closed = false;
    document.querySelectorAll("details.ev-menu[open]").forEach((menu) => {
      if (menu === except) return;
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.removeAttribute("open");
      closed = true;
    });
    return closed;
  }
  window.evCloseMenus = closeMenus;
  document.addEventListener("pointerdown", (event) => closeMenus(event.target.closest("details.ev-menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && closeMenus()) event.stopImmediatePropagation();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") moveInMenu(event);
  });
  function moveInMenu(event) {
    const menu = document.activeElement && document.activeElement.closest("details.ev-menu[open]");
    if (!menu || document.activeElement.tagName === "INPUT") return;
    const items = [...menu.querySelectorAll(".ev-pi")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = items[items.indexOf(document.activeElement) + step];
    if (next) { next.focus(); event.preventDefault(); }
  }
  document.addEventListener("click", (event) => {
    const item = event.target.closest("details.ev-menu .ev-pi");
    if (item) setTimeout(() => closeMenus(), 0);
  });

  /* tabs: role="tab" with aria-controls */
  function choose(tab) {
    const list = tab.closest('[role="tablist"]');
    list.querySelectorAll('[role="tab"]').forEach((each) => {
      const on = each === tab;
      each.setAttribute("aria-selected", String(on));
      each.tabIndex = on ? 0 : -1;
      const panel = document.getElementById(each.getAttribute("aria-controls"));
      if (panel) panel.hidden = !on;
    });
  }
  document.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"][aria-controls]');
    if (tab) choose(tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest && event.target.closest('[role="tab"][aria-controls]');
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const tabs = [...tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]')];
    const next = tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : -1) + tabs.length) % tabs.length];
    choose(next);
    next.focus();
    event.preventDefault();
  });

  /* copy */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = element("textarea");  // plain http on another host has no clipboard API
      area.value = text;
      area.style.position = "fixed";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    window.evToast({ id: "copied", text: "Copied." });
  }
  window.evCopy = copy;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    copy(source ? source.dataset.full || source.textContent : button.dataset.copy);
  });

  /* theme */
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (button) window.evTheme.set(button.dataset.themeChoice);
  });
  function markTheme() {
    document.querySelectorAll("[data-theme-choice]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === window.evTheme.preference()));
    });
  }
  window.evTheme.onChange((theme, preference) => {
    markTheme();
    setProps("shell-theme", { data: { theme, preference } });
  });

  /* The choice stands in the menu and in Settings: whichever appears is marked. */
  let marking = false;
  new MutationObserver(() => {
    if (marking || !document.querySelector('[data-theme-choice][data-fresh]')) return;
    marking = true;
    requestAnimationFrame(() => {
      marking = false;
      document.querySelectorAll("[data-theme-choice][data-fresh]").forEach((button) => button.removeAttribute("data-fresh"));
      markTheme();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  function markNavigation(pathname) {
    document.querySelectorAll(".ev-rail a[data-path]").forEach((link) => {
      const on = link.dataset.path === pathname;
      link.classList.toggle("ev-on", on);
      if (on) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    shell: {
      /* The saved preference wins over this browser's cookie once, at start. */
      start(preference) {
        const known = document.cookie.includes("ev_theme=");
        if (preference && !known) window.evTheme.set(preference);
        markTheme();
        return { theme: window.evTheme.resolved(), preference: window.evTheme.preference() };
      },
      navigated(pathname) {
        markNavigation(pathname);
        markTheme();
        window.evCloseMenus && closeMenus();
        return window.dash_clientside.no_update;
      },
      toast(message) {
        if (message) window.evToast(message);
        return window.dash_clientside.no_update;
      },
      themed(figure, theme, templates) {
        if (!figure || !theme) return window.dash_clientside.no_update;
        const name = theme.theme === "dark" ? "elk_dark" : "elk_light";
        return Object.assign({}, figure, { layout: Object.assign({}, figure.layout, { template: templates[name] }) });
      },
    },
  });
})();

/* Links inside the product change the page without loading it anew. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-nav]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState({}, "", link.href);
  window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  window.evCloseMenus();
});
