/* Keys, times and saving without a new page. Everything works without it, as plain forms. */
(function () {
  "use strict";

  /* Calls `answer(fields)` once, when a picture of the form is chosen, by key or by click. */
  const watch = (form, answer) => {
    const loaded = [...form.querySelectorAll("img")].map((image) => image.decode().catch(() => null));
    let shown = null;
    let isChosen = false;
    Promise.all(loaded).then(() => { shown = performance.now(); });
    const choose = (button) => {
      if (isChosen || !button) return;
      isChosen = true;
      button.classList.add("chosen");
      const took = shown === null ? "" : Math.round(performance.now() - shown);
      answer({ question: form.elements.question.value, choice: button.value, milliseconds: String(took) });
    };
    const press = (event) => {
      if (!form.isConnected) return document.removeEventListener("keydown", press);
      if (form.closest("[hidden]") || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !/^[0-9]$/.test(event.key)) return;
      choose(form.querySelector(`button[value="${event.key}"]`));
    };
    document.addEventListener("keydown", press);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      choose(event.submitter);
    });
  };

  const pause = (seconds) => new Promise((done) => { setTimeout(done, 1000 * seconds); });

  /* The page that follows an answer; tries until the answer is saved. */
  const send = async (fields, say) => {
    for (let tries = 0; ; tries += 1) {
      try {
        const response = await fetch("/answer", { method: "POST", body: new URLSearchParams(fields) });
        if (response.status < 500) return response;
      } catch { /* the server is away */ }
      say("Not saved yet. Trying again; please keep this page open.");
      await pause(Math.min(1 + tries, 10));
    }
  };

  const begin = () => {
    const form = document.querySelector("form.ask[data-ahead]");
    if (!form) return;
    const status = form.querySelector(".status");
    watch(form, async (fields) => {
      const response = await send(fields, (text) => { status.textContent = text; });
      const next = new DOMParser().parseFromString(await response.text(), "text/html");
      if (!response.ok || !next.querySelector("main")) return location.reload();
      document.querySelector("main").replaceWith(next.querySelector("main"));
      document.title = next.title;
      history.replaceState(null, "", response.url);
      document.querySelector("h1").focus({ preventScroll: true });
      scrollTo(0, 0);
      return begin();
    });
    for (const address of form.dataset.ahead.split(" ").filter(Boolean)) new Image().src = address;
  };

  window.gazebenchStudy = { watch };
  begin();
})();
