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
    filter: { text: "", colours: new Set(), status: "", rule: "", county: "", change: "" },
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

  // Units of numbers so small that they are written with a power of ten.
  const POWERS = new Set(["1/a"]);
  const power = (value) => (value === 0 ? "0" : value.toExponential(1).replace("e", "×10^").replace("+", ""));
  SX.format = (value, unit) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (POWERS.has(unit)) return `${power(value)} ${SX.text("unit", unit)}`;
    const size = Math.abs(value);
    const places = unit === "1" && Number.isInteger(value) ? 0 : size < 10 ? 2 : size < 1000 ? 1 : 0;
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
  const ZONES = new Set(["influence_zone", "collapse_zone"]);
  const PAIRS = new Set([...DISTANCES, ...ZONES, "crossing"]);
  // Metrics whose value is the class itself.
  const CLASSES = new Set(["tailings_class"]);
  const phraseOf = (metric, measured, hasObject) => {
    if (!Number.isFinite(measured) || CLASSES.has(metric)) return hasObject ? "place_pair" : "place";
    if (hasObject && PAIRS.has(metric)) return measured === 0 && DISTANCES.has(metric) ? "touching" : metric;
    if (DISTANCES.has(metric)) return "nearest";
    return hasObject ? "value_pair" : "value";
  };
  const limitOf = (get, metric, measured, required) => {
    // A grade that only advises is a grade still.
    const isClass = get("status") === "classified" || (get("result") && get("effect") === "classification");
    const hasResult = Boolean(get("result"));
    if (CLASSES.has(metric) || !Number.isFinite(measured) || !Number.isFinite(required)) return isClass && hasResult ? "only_result" : "none";
    if (metric === "crossing") return "none";
    if (get("status") === "too_close_to_call") return hasResult ? "unclear_result" : "unclear";
    if (ZONES.has(metric)) return "zone";
    if (isClass) return hasResult ? "result" : "class";
    if (measured === 0 && DISTANCES.has(metric)) return "apart";
    if (get("deficit") > 0) return measured < required ? "below" : "above";
    return "kept";
  };
  SX.sentence = (index) => {
    const get = (column) => SX.get(index, column);
    const hasObject = SX.hasObject(index);
    const measured = get("measured");
    const required = get("required");
    const metric = get("metric");
    const raw = (group, key) => data.text[group][key][SX.language];
    return SX.fill(raw("phrase", phraseOf(metric, measured, hasObject)) + raw("limit", limitOf(get, metric, measured, required)) + raw("limit", "end"), {
      subject: `${SX.name(index, "subject")} ${figures(index).stake || ""}`.trim(),
      object: hasObject ? SX.name(index, "object") : "",
      metric: SX.text("metric", metric),
      measured: SX.format(measured, get("unit")),
      required: SX.format(required, get("unit")),
      result: SX.result(index),
    });
  };
  SX.isClass = (index) => CLASSES.has(SX.get(index, "metric"));
  // Class or grade in words: by metric and result, by the result, by the metric; of two that are possible, both.
  SX.result = (index) => {
    const metric = SX.get(index, "metric");
    const group = data.text.result;
    const words = (part) => {
      const key = [`${metric}.${part}`, part, metric].find((name) => Object.hasOwn(group, name));
      return part && key ? SX.text("result", key, { result: part }) : part;
    };
    return SX.get(index, "result").split(/[/–]/).map(words).join(SX.text("result", "or"));
  };

  // A finding's further figures by name; text that is no JSON gives none.
  function figures(index) {
    const told = SX.get(index, "details");
    try {
      const values = told ? JSON.parse(told) : {};
      return values && typeof values === "object" && !Array.isArray(values) ? values : {};
    } catch {
      return {};
    }
  }
  const plainNumber = (value) => {
    if (value !== 0 && Math.abs(value) < 0.001) return power(value);
    return SX.thousands(value.toFixed(4).replace(/\.?0+$/, ""));
  };
  function figure(key, value) {
    if (Array.isArray(value)) return value.map((item) => figure(key, item)).join(SX.language === "zh" ? "、" : ", ");
    if (typeof value === "number") return plainNumber(value);
    const [kind, ...rest] = String(value).split("/");
    if (rest.length && data.text.kind[kind]) return `${SX.text("kind", kind)} ${rest.join("/")}`;
    return SX.value(key, value);
  }
  SX.details = (index) => {
    const word = (key) => (data.text.detail[key] ? SX.text("detail", key) : SX.text("attribute", key));
    return Object.entries(figures(index))
      .filter(([, value]) => value !== null && value !== "" && String(value) !== "")
      .map(([key, value]) => [word(key), figure(key, value)]);
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
