/* A request that the server answers with 401 means that the session is over: sign in, then come back here. */
(function () {
  "use strict";
  const plainFetch = window.fetch.bind(window);
  let leaving = false;

  function signIn() {
    if (leaving) return;
    leaving = true;
    window.location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
  }
  function words(status) {
    if (status === 403) return "This page is out of date. Reload it and try again.";
    if (status === 429) return "The server is busy with other requests. Try again in a moment.";
    return `The server could not answer (${status}). Try again; its log says more.`;
  }
  window.evSignIn = signIn;
  window.addEventListener("beforeunload", () => { leaving = true; });

  window.fetch = async function (resource, options) {
    const address = String(resource && resource.url ? resource.url : resource);
    if (!address.includes("/_dash-")) return plainFetch(resource, options);
    let answer;
    try {
      answer = await plainFetch(resource, options);
    } catch (error) {
      if (!leaving && error.name !== "AbortError" && window.evToast) {
        window.evToast({ id: "offline", bad: true, text: "The server does not answer. Check that it runs, then try again." });
      }
      throw error;
    }
    if (window.evToast) window.evToast({ id: "offline", remove: true });
    if (answer.status === 401) {
      signIn();
      return new Promise(() => {});  // the page is being left: nobody waits for this answer any more
    }
    if (answer.status < 400 || !address.includes("update-component")) return answer;
    if (window.evToast) window.evToast({ id: "refused", bad: true, text: words(answer.status) });
    return new Response(null, { status: 204 });  // for Dash: nothing changes
  };
})();
