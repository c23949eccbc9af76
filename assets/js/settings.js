/* Settings: the time zone that this browser runs in. */
(function () {
  "use strict";
  const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    settings: {
      browser_zone: () => `Use this browser's: ${zone()}`,
      use_browser_zone: (clicks) => (clicks ? zone() : window.dash_clientside.no_update),
    },
  });
})();
