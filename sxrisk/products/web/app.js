// Header, language, the division of the window, and the start.
"use strict";
(function () {
  const SX = window.SX;
  const { meta, el, text } = SX;
  const header = document.getElementById("header");
  const views = document.getElementById("views");
  const app = document.getElementById("app");

  function renderHeader() {
    const { language } = SX;
    const other = language === "zh" ? "en" : "zh";
    SX.replace(
      header,
      el("div", { class: "title" }, el("h1", {}, el("bdi", {}, meta.title[language])), el("p", {}, meta.as_of ? el("span", {}, `${text("ui", "as_of")} ${meta.as_of}`) : null, el("span", { class: "screen-note" }, text("ui", "screening")))),
      meta.synthetic ? el("strong", { class: "synthetic", title: text("ui", "synthetic_note") }, "合成数据 / synthetic") : null,
      el("div", { class: "counts" }, ["red", "orange", "yellow", "blue"].map((colour) => el("button", { type: "button", class: "count", title: text("colour", colour), onclick: () => { SX.setFilter({ colours: new Set([colour]) }); SX.emit("goto", "findings"); } }, el("i", { class: `dot dot-${colour}` }), el("b", {}, SX.thousands(String(meta.counts[colour]))), el("span", {}, text("colour_short", colour))))),
      el(
        "div",
        { class: "actions" },
        el("button", { type: "button", onclick: () => { SX.clearFilter(); SX.select(-1); SX.resetView(); } }, text("ui", "reset_view")),
        el("button", { type: "button", class: "wide-only", onclick: () => window.print() }, text("ui", "print")),
        el("button", { type: "button", lang: other === "zh" ? "zh-CN" : "en", id: "language", onclick: () => SX.setLanguage(other) }, text("ui", "switch_language")),
      ),
    );
  }

  const VIEWS = ["map", "findings", "layers", "overview", ...(meta.sites.length ? ["sites"] : []), ...(meta.documents.length ? ["documents"] : [])];
  function setView(view) {
    app.dataset.view = ["map", "findings"].includes(view) ? view : "panel";
    if (app.dataset.view === "panel") SX.openPanel(view);
    views.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === view)));
  }
  function renderViews() {
    SX.replace(views, VIEWS.map((view) => el("button", { type: "button", "data-view": view, onclick: () => setView(view) }, text("ui", view))));
  }

  // The border between map and list can be dragged, or moved with the arrow keys.
  const splitter = document.getElementById("splitter");
  const setListHeight = (height) => app.style.setProperty("--list", `${Math.max(120, Math.min(window.innerHeight - 220, height))}px`);
  splitter.addEventListener("pointerdown", (event) => {
    splitter.setPointerCapture(event.pointerId);
    const move = (now) => setListHeight(window.innerHeight - now.clientY);
    splitter.addEventListener("pointermove", move);
    splitter.addEventListener("pointerup", () => splitter.removeEventListener("pointermove", move), { once: true });
  });
  splitter.addEventListener("keydown", (event) => {
    const step = { ArrowUp: 40, ArrowDown: -40 }[event.key];
    if (step) setListHeight(document.getElementById("findings").clientHeight + step);
  });

  const phone = window.matchMedia("(max-width: 760px)");
  SX.on("goto", (view) => phone.matches && setView(view));
  SX.on("select", ({ index }) => index >= 0 && phone.matches && setView("map"));
  SX.on("language", () => {
    renderHeader();
    const now = views.querySelector('[aria-pressed="true"]');
    renderViews();
    if (now) views.querySelector(`[data-view="${now.dataset.view}"]`).setAttribute("aria-pressed", "true");
    splitter.setAttribute("aria-label", text("ui", "resize"));
  });
  window.addEventListener("keydown", (event) => event.key === "Escape" && SX.selected >= 0 && SX.select(-1));

  // "#en" or "#F-0123456789ab" opens the page in a language or on a finding.
  const wanted = decodeURIComponent(location.hash.slice(1)).split("&");
  function start() {
    SX.startPanel();
    SX.startTable();
    renderViews();
    setView("map");
    SX.openPanel("layers");
    SX.setLanguage(wanted.find((word) => word === "zh" || word === "en") || meta.language);
    // The list is painted before the map takes its time.
    requestAnimationFrame(() => setTimeout(() => {
      SX.startMap();
      const index = SX.data.findings.free.finding_id.findIndex((id) => wanted.includes(id));
      if (index >= 0) SX.select(index, { fly: true });
    }));
  }
  // A machine without a Chinese font draws with the one that the page brings; labels on the map need it from the start.
  document.fonts.load('16px "SXRisk Sans SC"', "县").then(start, start);
})();
