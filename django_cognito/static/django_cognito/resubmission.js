// On the page that holds a form: send it once its user has signed in in another tab. In that tab: announce the sign-in.
(() => {
  "use strict";
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("django_cognito.signed_in") : null;
  const page = document.getElementById("resubmission");
  if (!page) {
    channel?.postMessage("");
    return;
  }
  // The fields have names that the user's browser sent: they hide properties of the form, such as `form.submit`. They
  // have no ids.
  const form = document.getElementById("resubmission-form");
  const button = document.getElementById("resubmission-send");
  const hasFiles = document.querySelector("#resubmission-form input[type=file]") !== null;
  let isSent = false;
  let shownName = null;

  function show(state) {
    for (const line of page.querySelectorAll("[data-state]")) line.hidden = line.dataset.state !== state;
  }

  async function readState() {
    try {
      const response = await fetch(page.dataset.check, { cache: "no-store", credentials: "same-origin" });
      return response.ok ? await response.json() : { state: "failed" };
    } catch {
      return { state: "failed" };
    }
  }

  // The token is that of the checked user: if another user signs in meanwhile, Django rejects it.
  async function check(isClick) {
    if (isSent) return;
    const nameAtClick = isClick ? shownName : null;
    const answer = await readState();
    if (isSent) return;
    const isConfirmed = answer.state === "confirm" && answer.name === nameAtClick;
    if (isConfirmed || (answer.state === "same" && (isClick || !hasFiles))) {
      isSent = button.disabled = true;
      show("sent");
      document.getElementById("resubmission-token").value = answer.token;
      HTMLFormElement.prototype.submit.call(form);
      return;
    }
    shownName = answer.state === "confirm" ? answer.name : null;
    document.getElementById("resubmission-name").textContent = shownName;
    if (isClick || answer.state !== "sign_in") show(answer.state);
  }

  show("");
  button.hidden = false;
  button.addEventListener("click", () => check(true));
  channel?.addEventListener("message", () => check(false));
  window.addEventListener("focus", () => check(false));
})();
