// State and small tools that the parts of the page share. Data never become HTML: only text nodes and attributes.
"use strict";
(function () {
  const data = window.SXDATA;
  const meta = data.meta;
  const listeners = {};

  const SX = {
    data,
    meta,
    language: meta.language,
    filter: { text: "", colours: new Set(), status: "", rule: "", county: "" },
    sort: { column: "colour", down: false },
    shown: [],
    selected: -1,
  };
  window.SX = SX;

  SX.on = (event, listener) => (listeners[event] = listeners[event] || []).push(listener);
  SX.emit = (event, detail) => (listeners[event] || []).forEach((listener) => listener(detail));

  SX.text = (group, key, values) => {
    const entry = (data.text[group] || {})[key];
    return SX.fill(entry ? entry[SX.language] : String(key), values || {});
  };
  // One pass, so that a name that holds "{required}" is not filled in turn.
  SX.fill = (template, values) =>
    template.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? String(values[key]) : whole));

  SX.format = (value, unit) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    const places = size < 10 ? 2 : size < 1000 ? 1 : 0;
    return SX.withUnit(SX.thousands(value.toFixed(places)), unit);
  };
  // A coded value of an attribute in words; a value without an entry stays as it is.
  SX.value = (attribute, value) => {
    const entry = data.text.value[`${attribute}.${value}`] || (typeof value === "boolean" ? data.text.value[String(value)] : null);
    return entry ? entry[SX.language] : String(value);
  };
  SX.thousands = (text) => {
    const [whole, part] = text.split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part === undefined ? grouped : `${grouped}.${part}`;
  };
  SX.withUnit = (number, unit) => {
    const word = SX.text("unit", unit);
    return !word ? number : unit === "deg" ? `${number}°` : `${number} ${word}`;
  };

  // el("div", {class: "x", onclick: f}, "text", child...): strings become text nodes.
  SX.el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "style") node.style.cssText = value;
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  };
  SX.replace = (node, ...children) => node.replaceChildren(...children.flat().filter(Boolean));

  const findings = data.findings;
  SX.count = findings.n;
  SX.get = (index, column) => {
    if (findings.codes[column]) return findings.words[column][findings.codes[column][index]];
    if (findings.free[column]) return findings.free[column][index];
    return findings.numbers[column][index];
  };
  SX.rule = (index) => data.rules[SX.get(index, "rule_id")];
  SX.ruleTitle = (id) => (data.rules[id] && data.rules[id][`title_${SX.language}`]) || id;
  SX.name = (index, end) =>
    SX.get(index, `${end}_name`) || `${SX.text("kind", SX.get(index, `${end}_kind`))} ${SX.get(index, `${end}_id`)}`.trim();
  SX.hasObject = (index) => Boolean(SX.get(index, "object_name") || SX.get(index, "object_id"));

  const DISTANCES = new Set(["distance", "straight_distance", "flow_path_distance"]);
  const PAIRS = new Set([...DISTANCES, "influence_zone", "crossing"]);
  SX.sentence = (index) => {
    const get = (column) => SX.get(index, column);
    const hasObject = SX.hasObject(index);
    const measured = get("measured");
    const required = get("required");
    const known = Number.isFinite(measured);
    let phrase = hasObject ? "value_pair" : "value";
    if (!known) phrase = hasObject ? "place_pair" : "place";
    else if (PAIRS.has(get("metric")) && hasObject) phrase = measured === 0 && DISTANCES.has(get("metric")) ? "touching" : get("metric");
    let limit = "none";
    if (known && Number.isFinite(required) && get("metric") !== "crossing") {
      if (get("status") === "too_close_to_call") limit = "unclear";
      else if (get("metric") === "influence_zone") limit = "zone";
      else if (measured === 0 && DISTANCES.has(get("metric"))) limit = "apart";
      else if (get("status") === "classified") limit = "class";
      else if (get("deficit") > 0) limit = measured < required ? "below" : "above";
      else limit = "kept";
    }
    const raw = (group, key) => data.text[group][key][SX.language];
    return SX.fill(raw("phrase", phrase) + raw("limit", limit) + raw("limit", "end"), {
      subject: SX.name(index, "subject"),
      object: hasObject ? SX.name(index, "object") : "",
      metric: SX.text("metric", get("metric")),
      measured: SX.format(measured, get("unit")),
      required: SX.format(required, get("unit")),
    });
  };

  SX.select = (index, options) => {
    SX.selected = index;
    SX.emit("select", { index, ...(options || {}) });
  };

  SX.chip = (colour) =>
    SX.el("span", { class: `chip chip-${colour}`, title: SX.text("colour", colour) }, SX.text("colour_short", colour));

  SX.setLanguage = (language) => {
    SX.language = language;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = meta.title[language];
    SX.emit("language");
  };
})();
