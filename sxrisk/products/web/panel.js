// Left panel (layers and legend, overview, sites, documents), the inspector of what is selected, and the lists in a dialog.
"use strict";
(function () {
  const SX = window.SX;
  const { data, meta, el, text } = SX;
  const COLOURS = ["red", "orange", "yellow", "blue"];
  const panel = document.getElementById("panel");
  const inspector = document.getElementById("inspector");
  const CHANGES = ["new", "worse", "unchanged", "better", "gone"];
  const TABS = ["layers", "overview", "sites", "documents"];
  let tab = "layers";

  const heading = (words) => el("h3", {}, words);
  const number = (value) => SX.thousands(String(value));

  function swatch(layer) {
    return el("i", { class: `swatch swatch-${layer.shape}`, style: `--c:${layer.colour}` });
  }
  function toggle(key, mark, label, note) {
    if (!(key in SX.visible)) SX.visible[key] = true;
    const box = el("input", { type: "checkbox", onchange: (event) => SX.show(key, event.target.checked) });
    box.checked = SX.visible[key];
    return el("label", { class: "layer" }, box, mark, el("bdi", { class: "layer-name", title: label }, label), note === undefined ? null : el("span", { class: "layer-count" }, note));
  }
  const layerTitle = (layer) => (layer.title ? layer.title[SX.language] : "") || SX.text("kind", layer.kind);

  function layersTab() {
    const images = data.images || {};
    const analysis = [toggle("a-findings", el("i", { class: "swatch swatch-finding" }), text("analysis", "findings"), number(SX.count))];
    if (meta.sites.length) analysis.push(toggle("a-sites", el("i", { class: "swatch swatch-site" }, "3D"), text("analysis", "sites"), meta.sites.length));
    if (images.heatmap) analysis.push(toggle("a-heatmap", el("i", { class: "swatch swatch-heat" }), text("analysis", "heatmap")), heatLegend(images.heatmap));
    if (data.grid) analysis.push(toggle("a-grid", el("i", { class: "swatch swatch-grid" }), text("analysis", "grid"), number(data.grid.features.length)));
    const groups = ["hazard", "protected", "infrastructure", "base"].map((group) => {
      const members = data.layers.filter((layer) => layer.group === group);
      const extra = group === "base" && images.hillshade ? [toggle("a-hillshade", el("i", { class: "swatch swatch-shade" }), text("analysis", "hillshade"))] : [];
      if (!members.length && !extra.length) return null;
      return el("section", {}, heading(text("group", group)), members.map((layer) => toggle(`l-${layer.number}`, swatch(layer), layerTitle(layer), number(layer.count))), extra);
    });
    return [
      el("section", {}, heading(text("group", "analysis")), analysis),
      el("section", {}, heading(text("ui", "legend")), el("ul", { class: "legend" }, COLOURS.map((colour) => el("li", {}, el("i", { class: `dot dot-${colour}` }), el("span", {}, text("colour", colour)), el("b", {}, number(meta.counts[colour])))))),
      ...groups,
    ];
  }
  function heatLegend(image) {
    const top = image.legend[1];
    const mark = (share) => SX.thousands(String(Number((top * share).toPrecision(2))));
    return el("div", { class: "ramp" }, el("div", { class: "ramp-bar" }), el("div", { class: "ramp-marks" }, [0, 0.25, 1].map((share) => el("span", {}, share ? mark(share) : "0"))), el("small", {}, text("figure", "heatmap")));
  }

  function counts(column) {
    const { codes, words } = data.findings;
    const table = new Map();
    for (let i = 0; i < SX.count; i++) {
      const word = words[column][codes[column][i]];
      if (!table.has(word)) table.set(word, { total: 0, red: 0, orange: 0, yellow: 0, blue: 0 });
      const row = table.get(word);
      row.total++;
      row[words.colour[codes.colour[i]]]++;
    }
    return [...table].sort((a, b) => b[1].red - a[1].red || b[1].total - a[1].total);
  }
  function bars(rows, most, label, onclick) {
    return el(
      "div",
      { class: "bars" },
      rows.map(([word, row]) =>
        el(
          "button",
          { type: "button", class: "bar-row", onclick: () => onclick(word) },
          el("span", { class: "bar-name" }, el("bdi", {}, label(word)), el("b", {}, number(row.total))),
          el("span", { class: "bar", style: `width:${Math.max(3, (100 * row.total) / most)}%` }, COLOURS.filter((c) => row[c]).map((c) => el("i", { class: `fill-${c}`, style: `flex:${row[c]}`, title: `${text("colour_short", c)} ${row[c]}` }))),
        ),
      ),
    );
  }
  // Counts since the last run; what is gone stands in no list of this run.
  function changes(go) {
    if (!meta.changes) return null;
    const row = (name) => {
      const words = [el("span", {}, text("change", name)), el("b", {}, number(meta.changes[name] || 0))];
      const known = data.findings.words.change.includes(name);
      return el("li", {}, known ? el("button", { type: "button", class: "plain", onclick: () => go({ change: name }) }, words) : words);
    };
    return el("section", {}, heading(text("sheet", "changes")), el("ul", { class: "changes" }, CHANGES.map(row)));
  }
  function overviewTab() {
    const rules = counts("rule_id");
    const counties = counts("county");
    const most = (rows) => Math.max(1, ...rows.map(([, row]) => row.total));
    const go = (changes) => {
      SX.setFilter({ rule: "", county: "", change: "", ...changes });
      SX.emit("goto", "findings");
    };
    return [
      el("section", { class: "totals" }, COLOURS.map((colour) => el("button", { type: "button", class: `total total-${colour}`, onclick: () => { SX.filter.colours = new Set([colour]); go({}); } }, el("b", {}, number(meta.counts[colour])), el("span", {}, text("colour_short", colour))))),
      changes(go),
      el("section", {}, heading(text("ui", "by_rule")), rules.length ? bars(rules, most(rules), SX.ruleTitle, (word) => go({ rule: word })) : el("p", { class: "note" }, text("ui", "no_findings"))),
      counties.length ? el("section", {}, heading(text("ui", "by_county")), bars(counties, most(counties), (word) => word || text("ui", "county_unknown"), (word) => go({ county: word || "\u0000" }))) : null,
      el("section", {}, el("p", { class: "note" }, text("report", "method_distance")), el("p", { class: "note" }, text("report", "method_screening"))),
    ];
  }

  const factName = (fact) => (fact.body ? `${text("ui", "largest_body")} ${fact.object}` : text("metric", fact.metric));
  function factValue(fact) {
    // A loss is said in words, not by a sign.
    const value = SX.format(fact.body === "loss" ? Math.abs(fact.value) : fact.value, fact.unit);
    const bounds = fact.low === undefined || fact.high === undefined ? "" : `${SX.format(fact.low, "1")} – ${SX.format(fact.high, "1")}`;
    const brackets = (words) => (SX.language === "zh" ? `（${words}）` : ` (${words})`);
    return value + (bounds ? brackets(bounds) : fact.sigma ? ` ± ${SX.format(fact.sigma, fact.unit)}` : "") + (fact.body ? brackets(text("body", fact.body)) : "");
  }
  function siteCard(site) {
    return el(
      "div",
      { class: "site" },
      el("div", { class: "site-title" }, el("bdi", {}, site.name[SX.language]), el("span", {}, text("kind", site.kind))),
      el("dl", {}, site.facts.flatMap((fact) => [el("dt", {}, factName(fact)), el("dd", {}, factValue(fact))])),
      el("div", { class: "site-links" }, site.lon !== null ? el("button", { type: "button", class: "plain", onclick: () => { SX.emit("goto", "map"); SX.flyTo(site.lon, site.lat, 14.5); } }, text("ui", "map")) : null, site.href ? el("a", { class: "button", href: `${site.href}#${SX.language}` }, text("ui", "open_scene")) : null),
    );
  }
  const sitesTab = () => (meta.sites.length ? meta.sites.map(siteCard) : [el("p", { class: "note" }, text("ui", "empty_list"))]);

  function documentsTab() {
    const link = (entry) => el("a", { class: "doc", href: entry.href }, el("b", {}, text("ui", entry.key)), el("span", {}, entry.href));
    const list = (key, group) => (data[key] ? el("button", { type: "button", class: "doc", onclick: () => openList(key) }, el("b", {}, text("ui", group)), el("span", {}, number(data[key].total))) : null);
    return [el("section", {}, meta.documents.map(link), list("not_checked", "not_checked"), list("quality", "quality"), list("rejects", "rejects")), el("section", {}, el("p", { class: "note" }, text("ui", "local_only")), meta.synthetic ? el("p", { class: "note" }, text("ui", "synthetic_note")) : null), meta.sources.length ? el("section", {}, heading(text("ui", "sources")), meta.sources.map((line) => el("p", { class: "note" }, el("bdi", {}, line)))) : null].filter(Boolean);
  }

  function renderPanel() {
    const bodies = { layers: layersTab, overview: overviewTab, sites: sitesTab, documents: documentsTab };
    const tabs = TABS.filter((name) => (name !== "sites" || meta.sites.length) && (name !== "documents" || meta.documents.length || data.not_checked));
    SX.replace(
      panel,
      el("nav", { class: "tabs", role: "tablist" }, tabs.map((name) => el("button", { type: "button", role: "tab", "aria-selected": String(name === tab), onclick: () => { tab = name; renderPanel(); } }, text("ui", name)))),
      el("div", { class: "panel-body", role: "tabpanel" }, bodies[tab]()),
    );
  }
  // On paper the panel is the legend of the map.
  let before = tab;
  window.addEventListener("beforeprint", () => {
    before = tab;
    SX.openPanel("layers");
  });
  window.addEventListener("afterprint", () => SX.openPanel(before));
  SX.openPanel = (name) => {
    tab = name;
    renderPanel();
  };

  const named = (column) => text("column", column === "rule_id" ? "rule" : column.replace(/^sentence_(zh|en)$/, "sentence"));
  // The values of a rejected row: two lines, the rest on demand.
  function pairs(cells) {
    const parts = cells.flatMap(([name, value]) => [name ? el("span", { class: "pair-name" }, `${name}: `) : null, el("span", {}, value), "  "]);
    const body = el("div", { class: "clamp" }, parts);
    const more = el("button", { type: "button", class: "more", "aria-expanded": "false", onclick: () => {
      const open = body.classList.toggle("open");
      more.setAttribute("aria-expanded", String(open));
      more.textContent = text("ui", open ? "collapse" : "expand");
    } }, text("ui", "expand"));
    const long = cells.flat().join("").length > 70;
    return long ? [body, more] : [body];
  }
  function openList(key) {
    const table = data[key];
    const dialog = document.getElementById("dialog");
    const at = Object.fromEntries(table.columns.map((column, k) => [column, k]));
    // Where something stands in one cell: the file with its row, the reason with its detail.
    // A sentence in either language: the page's own is shown.
    const hidden = `sentence_${SX.language === "zh" ? "en" : "zh"}`;
    const joined = key === "rejects" ? ["source_row", "detail"] : key === "quality" ? ["kind"] : [];
    const columns = (key === "rejects" ? ["layer", "source_file", "reason", "original"].filter((column) => column in at) : []).concat(table.columns).filter((column, k, all) => all.indexOf(column) === k && !joined.includes(column) && column !== hidden);
    const words = (column, cell, row) => {
      if (column === "rules") return pairs([["", `${cell.length}${SX.language === "zh" ? " 条" : ""} — ${cell.map(SX.ruleTitle).join(SX.language === "zh" ? "；" : "; ")}`]]);
      if (column === "kinds") return cell.map((kind) => text("kind", kind)).join(SX.language === "zh" ? "、" : ", ");
      if (column === "count" && !cell) return "";
      if (column === "severity") return text("severity", cell);
      if (column === "ids") return cell ? pairs([["", String(cell)]]) : "";
      if (column === "rule_id") return SX.ruleTitle(cell);
      if (column.endsWith("_kind") || column === "kind") return cell ? text("kind", cell) : "";
      if (column === "layer") return layerTitle(data.layers.find((layer) => layer.id === cell) || { kind: cell });
      if (column === "original") return pairs(cell);
      if (key !== "rejects") return column === "reason" ? text("reason", cell) : String(cell);
      if (column === "source_file") return [String(cell), el("small", {}, text("ui", "row_number", { row: row[at.source_row] }))];
      return column === "reason" ? [text("reject_reason", cell), el("small", {}, row[at.detail])] : String(cell);
    };
    SX.replace(
      dialog,
      el("header", {}, el("h2", {}, text("ui", key)), el("button", { type: "button", class: "close", "aria-label": text("ui", "close"), onclick: () => dialog.close() }, "×")),
      key === "not_checked" ? el("p", { class: "note" }, text("report", "not_checked_note")) : null,
      table.total > table.rows.length ? el("p", { class: "note" }, text("ui", "rows_left_out", { shown: table.rows.length, total: table.total })) : null,
      table.rows.length
        ? el("div", { class: "list-scroll" }, el("table", { class: `list-${key}` }, el("thead", {}, el("tr", {}, columns.map((column) => el("th", { class: `t-${column}` }, named(column))))), el("tbody", {}, table.rows.map((row) => el("tr", {}, columns.map((column) => el("td", { class: row[at[column]] === "" || (column === "count" && !row[at[column]]) ? "blank" : null, "data-name": named(column) }, el("bdi", {}, words(column, row[at[column]], row)))))))))
        : el("p", { class: "note" }, text("ui", "empty_list")),
    );
    dialog.showModal();
  }

  const fact = (key, value) => (value === "" || value === null || value === undefined ? [] : [el("dt", {}, text("column", key)), el("dd", {}, el("bdi", {}, value))]);
  function showFinding(index) {
    const get = (column) => SX.get(index, column);
    const rule = SX.rule(index) || {};
    const lang = SX.language;
    const named = (end) => (SX.hasObject(index) || end === "subject" ? `${SX.name(index, end)}（${text("kind", get(`${end}_kind`))}）`.replace(/（(.*)）$/, lang === "en" ? " ($1)" : "（$1）") : "");
    const clauseText = rule[`text_${lang}`];
    const cited = rule[`cited_${lang}`] || `${get("standard")} ${get("clause")}`.trim();
    const change = get("change");
    const treatment = get("treatment");
    const reasons = get("reasons").split(" ").filter(Boolean).map((code) => text("reason", code));
    SX.replace(
      inspector,
      el(
        "header",
        { class: `band band-${get("colour")}` },
        el("div", { class: "band-top" }, SX.chip(get("colour")), el("span", { class: "state" }, text("status", get("status"))), get("hazard_grade") && get("hazard_grade") !== "none" ? el("span", { class: "state" }, text("hazard_grade", get("hazard_grade"))) : null, ["new", "worse", "better"].includes(change) ? el("span", { class: "state" }, text("change", change)) : null, el("button", { type: "button", class: "close", "aria-label": text("ui", "close"), onclick: () => SX.select(-1) }, "×")),
        el("h2", {}, SX.ruleTitle(get("rule_id"))),
      ),
      el(
        "div",
        { class: "inspector-body" },
        el("p", { class: "sentence" }, el("bdi", {}, SX.sentence(index))),
        gauges(index),
        el("dl", { class: "facts" }, fact("subject_name", named("subject")), fact("object_name", named("object")), fact("result", SX.result(index)), SX.details(index).flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, el("bdi", {}, value))]), fact("county", get("county")), fact("change", change ? text("change", change) : ""), fact("treatment", treatment ? text("treatment", treatment) : ""), fact("reasons", reasons.join(lang === "zh" ? "；" : "; "))),
        el("section", { class: "clause" }, el("h3", {}, cited), clauseText ? el("blockquote", {}, clauseText) : null, el("p", { class: "note" }, `${text("column", "effect")}${lang === "zh" ? "：" : ": "}${text("effect", get("effect"))}`), el("p", { class: "note" }, `${text("ui", "evidence")}${lang === "zh" ? "：" : ": "}${text("evidence", get("evidence"))}`)),
        el("p", { class: "note" }, text("status_note", get("status"))),
        el("p", { class: "screening" }, text("ui", "screening")),
      ),
      el("footer", {}, el("code", {}, get("finding_id")), el("span", {}, el("button", { type: "button", class: "plain", onclick: () => SX.step(-1) }, text("ui", "previous")), el("button", { type: "button", class: "plain", onclick: () => SX.step(1) }, text("ui", "next")))),
    );
    inspector.hidden = false;
  }
  // Measured, required and by how much; of a class the class, whose value is not a breach.
  function gauges(index) {
    const get = (column) => SX.get(index, column);
    const unit = get("unit");
    const sigma = get("uncertainty");
    const probability = get("probability");
    const result = SX.result(index);
    if (SX.isClass(index)) return null;
    const chance = Number.isFinite(probability) && (!result || probability < 1) ? `${text("column", "probability")} ${Math.round(probability * 100)}%` : "";
    return el(
      "div",
      { class: "gauge" },
      gauge("measured", SX.format(get("measured"), unit), Number.isFinite(sigma) && sigma > 0 ? `± ${SX.format(sigma, unit)} (1σ)` : ""),
      gauge("required", SX.format(get("required"), unit), ""),
      result ? gauge("result", result, chance) : gauge("deficit", SX.format(get("deficit"), unit), chance),
    );
  }
  const gauge = (key, value, below) => el("div", {}, el("span", {}, text("column", key)), el("b", {}, value), el("small", {}, below || "\u00a0"));

  function showFeature({ layer, properties }) {
    const attributes = typeof properties.attributes === "string" ? JSON.parse(properties.attributes) : properties.attributes || [];
    SX.replace(
      inspector,
      el("header", { class: "band", style: `--band:${layer.colour}` }, el("div", { class: "band-top" }, el("span", { class: "state" }, text("kind", properties.kind || layer.kind)), el("button", { type: "button", class: "close", "aria-label": text("ui", "close"), onclick: () => SX.emit("nothing") }, "×")), el("h2", {}, el("bdi", {}, properties.name || properties.id || layerTitle(layer)))),
      el("div", { class: "inspector-body" }, el("dl", { class: "facts" }, el("dt", {}, text("attribute", "id")), el("dd", {}, el("bdi", {}, properties.id || "")), attributes.flatMap(([key, value]) => [el("dt", {}, el("bdi", {}, text("attribute", key))), el("dd", {}, el("bdi", {}, SX.value(key, value)))]))),
    );
    inspector.hidden = false;
  }
  function showSite(site) {
    SX.replace(inspector, el("header", { class: "band" }, el("div", { class: "band-top" }, el("span", { class: "state" }, text("ui", "sites")), el("button", { type: "button", class: "close", "aria-label": text("ui", "close"), onclick: () => SX.emit("nothing") }, "×")), el("h2", {}, el("bdi", {}, site.name[SX.language]))), el("div", { class: "inspector-body" }, siteCard(site)));
    inspector.hidden = false;
  }

  let shownFeature = null;
  SX.on("select", ({ index }) => {
    shownFeature = null;
    if (index < 0) inspector.hidden = true;
    else showFinding(index);
  });
  const other = (show) => (detail) => {
    SX.select(-1);
    shownFeature = () => show(detail);
    show(detail);
  };
  SX.on("feature", other(showFeature));
  SX.on("site", other(showSite));
  SX.on("nothing", () => SX.select(-1));
  SX.on("language", () => {
    renderPanel();
    if (SX.selected >= 0) showFinding(SX.selected);
    else if (shownFeature) shownFeature();
  });
  SX.startPanel = () => {
    for (const layer of data.layers) SX.visible[`l-${layer.number}`] = layer.visible;
    for (const key of meta.hidden || []) SX.visible[key] = false;
    renderPanel();
  };
})();
