// The findings list: filter, sort, and a table that only holds the rows in view.
"use strict";
(function () {
  const SX = window.SX;
  const { el, text } = SX;
  const COLOURS = ["red", "orange", "yellow", "blue"];
  const COLUMNS = [
    { key: "colour", css: "c-colour" },
    { key: "status", css: "c-status" },
    { key: "rule", css: "c-rule" },
    { key: "subject_name", css: "c-subject" },
    { key: "object_name", css: "c-object" },
    { key: "measured", css: "c-measured", number: true },
    { key: "required", css: "c-required", number: true },
    { key: "deficit", css: "c-deficit", number: true },
    { key: "probability", css: "c-probability", number: true },
    { key: "county", css: "c-county" },
  ];
  const phone = window.matchMedia("(max-width: 760px)");
  const rowHeight = () => (phone.matches ? 86 : 34);

  const root = document.getElementById("findings");
  const bar = el("div", { class: "filters" });
  const head = el("div", { class: "row head", role: "row" });
  const spacer = el("div", { class: "spacer", role: "rowgroup" });
  const scroller = el("div", { class: "rows", tabindex: "0", role: "table" }, spacer);
  const empty = el("p", { class: "empty", hidden: true });
  root.append(bar, head, scroller, empty);

  const counted = el("span", { class: "counted", "aria-live": "polite" });
  const search = el("input", { type: "search", class: "search" });
  const chips = COLOURS.map((colour) =>
    el("button", { type: "button", class: `filter-chip is-${colour}`, "aria-pressed": "false", onclick: () => toggleColour(colour) }),
  );
  const selects = { status: el("select"), rule: el("select"), county: el("select"), change: el("select") };
  const clear = el("button", { type: "button", class: "plain", onclick: () => SX.clearFilter() });
  bar.append(search, el("div", { class: "chips" }, chips), selects.status, selects.rule, selects.county, selects.change, clear, counted);

  // What the text filter looks through, in both languages, made when it is first needed.
  let haystack = null;
  function searchable() {
    if (haystack) return haystack;
    haystack = new Array(SX.count);
    for (let i = 0; i < SX.count; i++) {
      const rule = SX.rule(i) || {};
      haystack[i] = [
        ...["finding_id", "rule_id", "subject_id", "subject_name", "object_id", "object_name", "standard", "clause", "county"].map((c) => SX.get(i, c)),
        rule.title_zh, rule.title_en, rule.clause_zh, rule.standard_zh, rule.standard_en,
      ].join("\u0001").toLowerCase();
    }
    return haystack;
  }

  function toggleColour(colour) {
    const set = SX.filter.colours;
    if (set.has(colour)) set.delete(colour);
    else set.add(colour);
    SX.applyFilter();
  }
  SX.clearFilter = () => {
    SX.filter = { text: "", colours: new Set(), status: "", rule: "", county: "", change: "" };
    search.value = "";
    SX.applyFilter();
  };
  SX.setFilter = (changes) => {
    Object.assign(SX.filter, changes);
    SX.applyFilter();
  };

  const wanted = (column) => {
    const word = SX.filter[column === "rule_id" ? "rule" : column];
    return word === "" ? -1 : SX.data.findings.words[column].indexOf(word === "\u0000" ? "" : word);
  };
  SX.applyFilter = () => {
    const { codes, words } = SX.data.findings;
    const status = wanted("status");
    const rule = wanted("rule_id");
    const county = wanted("county");
    const change = wanted("change");
    const colours = new Set([...SX.filter.colours].map((c) => words.colour.indexOf(c)));
    const words_ = SX.filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    const hay = words_.length ? searchable() : null;
    const shown = [];
    for (let i = 0; i < SX.count; i++) {
      if (status >= 0 && codes.status[i] !== status) continue;
      if (rule >= 0 && codes.rule_id[i] !== rule) continue;
      if (county >= 0 && codes.county[i] !== county) continue;
      if (change >= 0 && codes.change[i] !== change) continue;
      if (colours.size && !colours.has(codes.colour[i])) continue;
      if (hay && !words_.every((word) => hay[i].includes(word))) continue;
      shown.push(i);
    }
    SX.shown = shown;
    sortShown();
    syncControls();
    // What was scrolled to may be gone: a shorter list starts at its top.
    scroller.scrollTop = 0;
    render(true);
    SX.emit("filter");
    // What is filtered out is not spoken of any more.
    if (SX.selected >= 0 && !shown.includes(SX.selected)) SX.select(-1);
  };

  const collators = { zh: new Intl.Collator("zh"), en: new Intl.Collator("en") };
  function sortKeys(column) {
    const rank = { colour: COLOURS, status: ["confirmed", "violation", "suspected", "too_close_to_call", "permit_to_be_shown", "classified", "advisory"] };
    if (rank[column]) {
      const order = SX.data.findings.words[column].map((word) => rank[column].indexOf(word));
      return (i) => order[SX.data.findings.codes[column][i]];
    }
    if (column === "rule") return (i) => SX.ruleTitle(SX.get(i, "rule_id"));
    if (column.endsWith("_name")) return (i) => SX.get(i, column) || SX.get(i, column.replace("_name", "_id"));
    return (i) => SX.get(i, column);
  }
  function sortShown() {
    const key = sortKeys(SX.sort.column);
    const sign = SX.sort.down ? -1 : 1;
    const keys = new Map(SX.shown.map((i) => [i, key(i)]));
    const compare = collators[SX.language].compare;
    SX.shown.sort((a, b) => {
      const x = keys.get(a);
      const y = keys.get(b);
      if (x === y) return a - b;
      if (x === null) return 1;
      if (y === null) return -1;
      return sign * (typeof x === "string" ? compare(x, y) : x - y) || a - b;
    });
  }

  function option(value, label) {
    return el("option", { value }, label);
  }
  function syncControls() {
    const { words } = SX.data.findings;
    search.placeholder = text("ui", "search");
    search.setAttribute("aria-label", text("ui", "search_label"));
    const counts = {};
    SX.data.findings.codes.colour.forEach((code) => (counts[words.colour[code]] = (counts[words.colour[code]] || 0) + 1));
    chips.forEach((button, k) => {
      button.setAttribute("aria-pressed", SX.filter.colours.has(COLOURS[k]));
      SX.replace(button, el("i", { class: `dot dot-${COLOURS[k]}` }), text("colour_short", COLOURS[k]));
      button.disabled = !counts[COLOURS[k]];
    });
    fill(selects.status, "all_statuses", words.status.map((word) => [word, text("status", word)]), SX.filter.status);
    fill(selects.rule, "all_rules", words.rule_id.map((word) => [word, SX.ruleTitle(word)]), SX.filter.rule);
    fill(selects.county, "all_counties", words.county.map((word) => [word || "\u0000", word || text("ui", "county_unknown")]), SX.filter.county);
    fill(selects.change, "all_changes", words.change.filter(Boolean).map((word) => [word, text("change", word)]), SX.filter.change);
    // Without an earlier run nothing changed.
    selects.change.hidden = !words.change.some(Boolean);
    clear.textContent = text("ui", "clear");
    const { filter } = SX;
    clear.disabled = !(filter.text || filter.colours.size || filter.status || filter.rule || filter.county || filter.change);
    counted.textContent = text("ui", "shown_of", { shown: SX.thousands(String(SX.shown.length)), total: SX.thousands(String(SX.count)) });
  }
  function fill(select, all, options, value) {
    SX.replace(select, option("", text("ui", all)), options.map(([key, label]) => option(key, label)));
    select.value = value;
    select.setAttribute("aria-label", text("ui", all));
  }

  let pending = 0;
  search.addEventListener("input", () => {
    clearTimeout(pending);
    pending = setTimeout(() => SX.setFilter({ text: search.value.trim() }), 120);
  });
  for (const [name, select] of Object.entries(selects)) {
    select.addEventListener("change", () => SX.setFilter({ [name]: select.value }));
  }

  function renderHead() {
    SX.replace(
      head,
      COLUMNS.map((column) => {
        const active = SX.sort.column === column.key;
        return el(
          "button",
          {
            type: "button",
            class: `cell ${column.css}${column.number ? " number" : ""}${active ? " active" : ""}`,
            role: "columnheader",
            "aria-sort": active ? (SX.sort.down ? "descending" : "ascending") : "none",
            onclick: () => {
              SX.sort = { column: column.key, down: active ? !SX.sort.down : Boolean(column.number) };
              renderHead();
              sortShown();
              render(true);
            },
          },
          el("span", { class: column.key === "colour" ? "unseen" : "" }, text("column", column.key)),
          el("span", { class: "arrow", "aria-hidden": "true" }, active ? (SX.sort.down ? "▼" : "▲") : ""),
        );
      }),
    );
  }

  function row(position) {
    const i = SX.shown[position];
    const get = (column) => SX.get(i, column);
    const unit = get("unit");
    const deficit = get("deficit");
    const probability = get("probability");
    const cells = {
      colour: el("i", { class: `dot dot-${get("colour")}`, title: text("colour", get("colour")) }),
      status: [text("status", get("status")), ...(["new", "worse", "better"].includes(get("change")) ? [el("small", { class: `change change-${get("change")}` }, text("change", get("change")))] : [])],
      rule: SX.ruleTitle(get("rule_id")),
      subject_name: SX.name(i, "subject"),
      object_name: SX.hasObject(i) ? SX.name(i, "object") : "—",
      measured: SX.format(get("measured"), unit),
      required: SX.format(get("required"), unit),
      deficit: Number.isFinite(deficit) ? SX.format(deficit, unit) : "–",
      probability: Number.isFinite(probability) ? `${Math.round(probability * 100)}%` : "–",
      county: get("county"),
    };
    return el(
      "div",
      {
        class: `row${i === SX.selected ? " selected" : ""}`,
        role: "row",
        "aria-rowindex": position + 1,
        "data-index": i,
        style: `transform:translateY(${position * rowHeight()}px)`,
        onclick: () => SX.select(i, { fly: true }),
      },
      COLUMNS.map((column) => {
        const value = cells[column.key];
        return el(
          "div",
          { class: `cell ${column.css}${column.number ? " number" : ""}${value === "—" ? " none" : ""}`, role: "cell", "data-limit": column.key === "measured" ? cells.required : null, title: typeof value === "string" ? value : null },
          el("bdi", {}, value),
        );
      }),
    );
  }

  let drawn = "";
  function render(force) {
    const height = rowHeight();
    spacer.style.height = `${SX.shown.length * height}px`;
    const first = Math.max(0, Math.floor(scroller.scrollTop / height) - 6);
    const last = Math.min(SX.shown.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + 6);
    const key = `${first}:${last}`;
    if (!force && key === drawn) return;
    drawn = key;
    scroller.setAttribute("aria-rowcount", SX.shown.length);
    const rows = [];
    for (let position = first; position < last; position++) rows.push(row(position));
    spacer.replaceChildren(...rows);
    empty.hidden = SX.shown.length > 0;
    empty.textContent = SX.count ? text("ui", "no_rows") : text("ui", "no_findings");
  }

  scroller.addEventListener("scroll", () => render(false), { passive: true });
  new ResizeObserver(() => render(true)).observe(scroller);
  scroller.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    SX.step(step);
  });
  SX.step = (step) => {
    if (!SX.shown.length) return;
    const at = SX.shown.indexOf(SX.selected);
    const next = Math.min(SX.shown.length - 1, Math.max(0, at < 0 ? 0 : at + step));
    SX.select(SX.shown[next], { fly: true });
  };

  SX.on("select", ({ index }) => {
    const position = SX.shown.indexOf(index);
    if (position >= 0) {
      const top = position * rowHeight();
      if (top < scroller.scrollTop || top + rowHeight() > scroller.scrollTop + scroller.clientHeight) {
        scroller.scrollTop = top - scroller.clientHeight / 2 + rowHeight() / 2;
      }
    }
    render(true);
  });
  SX.on("language", () => {
    renderHead();
    sortShown();
    syncControls();
    render(true);
  });
  SX.startTable = () => {
    renderHead();
    SX.applyFilter();
  };
})();
