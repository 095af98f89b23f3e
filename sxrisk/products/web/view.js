// Clouds and meshes on one stage, coloured by any of their values.
"use strict";
(function () {
  const data = window.SXDATA;
  const meta = data.meta;
  let language = meta.language;
  const { RAMPS, decode, el, linear, nice, ramp, rgb, thousands } = SXStage;
  const text = SXStage.words(data.text, () => language);
  const count = (value) => thousands(String(value));
  const TYPES = { u1: Uint8Array, u2: Uint16Array, f4: Float32Array, f8: Float64Array };
  const UNKNOWN = "#8f979e";
  const INTENSITY = ["#10151a", "#5d6770", "#b9c1c7", "#ffffff"];
  const VALUES = ["#2b1d5c", "#31558f", "#218f8b", "#6cc25a", "#f5e53c"];
  const CLASS_COLOURS = ["#4d7fa6", "#c98b3d", "#5a9a5a", "#b0544f", "#7d68a8", "#8a6a4d", "#c877a4", "#6f7780", "#a8a23c", "#3ca0a8"];
  // The colours of ground, vegetation, buildings, noise and water that programs for LAS agree on.
  const POINT_CLASSES = { 0: "#b5bcc2", 1: "#8d969e", 2: "#a5713f", 3: "#a9cf6a", 4: "#5fa845", 5: "#2a7032", 6: "#d0593d", 7: "#d81fa8", 8: "#e0c23a", 9: "#2f78c4", 10: "#6b4fa0", 11: "#4c5258", 13: "#e5a54b", 14: "#f0d24f", 15: "#7a5ac2", 17: "#9c8fc6", 18: "#f24fc4" };

  const items = data.items.map((source) => {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(decode(source.positions, Float32Array), 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(source.n * 3), 3));
    const fields = {};
    for (const [name, { type, data: values }] of Object.entries(source.fields)) fields[name] = decode(values, TYPES[type]);
    const position = geometry.attributes.position.array;
    const heights = new Float64Array(source.n);
    for (let i = 0; i < source.n; i++) heights[i] = position[3 * i + 2] + meta.origin[2];
    fields.elevation_m = heights;
    let body;
    if (source.indices) {
      geometry.setIndex(new THREE.BufferAttribute(decode(source.indices, Uint32Array), 1));
      geometry.computeVertexNormals();
      body = new THREE.Mesh(geometry, new THREE.MeshLambertMaterial({ vertexColors: true, side: THREE.DoubleSide }));
    } else {
      body = new THREE.Points(geometry, new THREE.PointsMaterial({ vertexColors: true, size: 2, sizeAttenuation: false }));
    }
    return { source, geometry, fields, body, rgb: source.rgb ? decode(source.rgb, Uint8Array) : null };
  });
  const clouds = items.filter((item) => !item.source.indices);

  const [low, high, least, greatest] = meta.elevation;
  const facts = { ...data.fields, elevation_m: { unit: "m", range: [low, high], least, greatest } };
  const coloured = items.some((item) => item.rgb);
  // What people look for first; the rest by the alphabet.
  const FIRST = ["rgb", "distance_m", "change_m", "elevation_m", "intensity", "classification"];
  const names = [...(coloured ? ["rgb"] : []), ...Object.keys(facts)];
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  let field = names[0];

  const label = (name) => text("view", name);
  const classColour = (name, value, order) => (name === "classification" && POINT_CLASSES[value]) || CLASS_COLOURS[order % CLASS_COLOURS.length];
  const stops = (name) => (facts[name].signed ? RAMPS.change_m : name === "elevation_m" ? RAMPS.elevation_m : name === "slope_deg" ? RAMPS.slope_deg : name === "intensity" ? INTENSITY : VALUES);

  const linearByte = Float32Array.from({ length: 256 }, (_, i) => linear(i / 255));
  function paint() {
    const unknown = rgb(UNKNOWN).map(linear);
    const fact = facts[field];
    const byClass = fact && fact.classes && new Map(fact.classes.map(([value], order) => [value, rgb(classColour(field, value, order)).map(linear)]));
    const table = fact && !fact.classes ? ramp(stops(field)) : null;
    for (const item of items) {
      const target = item.geometry.attributes.color;
      const colours = target.array;
      const values = item.fields[field];
      for (let i = 0; i < item.source.n; i++) {
        if (field === "rgb" && item.rgb) {
          for (let c = 0; c < 3; c++) colours[3 * i + c] = linearByte[item.rgb[3 * i + c]];
        } else if (!values || !Number.isFinite(values[i])) colours.set(unknown, 3 * i);
        else if (byClass) colours.set(byClass.get(values[i]) || unknown, 3 * i);
        else {
          const [from, to] = fact.range;
          const k = Math.max(0, Math.min(255, Math.round((255 * (values[i] - from)) / (to - from || 1))));
          for (let c = 0; c < 3; c++) colours[3 * i + c] = table[3 * k + c];
        }
      }
      target.needsUpdate = true;
    }
    stage.draw();
  }

  const every = new Float32Array(items.reduce((sum, item) => sum + 3 * item.source.n, 0));
  items.reduce((at, item) => (every.set(item.geometry.attributes.position.array, at), at + 3 * item.source.n), 0);
  const stage = SXStage.view(SXStage.spread(every), meta.convergence_deg, 1.4);
  for (const item of items) stage.group.add(item.body);

  // Decimals that tell the values of a range apart.
  const places = (range) => Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(range) || 1))));
  const scaled = (name) => {
    const fact = facts[name];
    const small = fact.unit === "m" && fact.signed && fact.range[1] < 1;
    return { factor: small ? 1000 : 1, unit: small ? "mm" : text("unit", fact.unit) };
  };
  function said(name, value) {
    if (!Number.isFinite(value)) return text("view", "no_value");
    if (facts[name].classes) return className(name, value);
    const { factor, unit } = scaled(name);
    const fact = facts[name];
    const whole = Number.isInteger(fact.least) && Number.isInteger(fact.greatest) && Number.isInteger(value) && !fact.unit;
    const number = thousands((value * factor).toFixed(whole ? 0 : places((fact.range[1] - fact.range[0]) * factor)));
    return unit ? `${number}${unit === "°" ? "" : " "}${unit}` : number;
  }
  function className(name, value) {
    const known = name === "classification" && data.text.point_class[value];
    return known ? `${value} ${known[language]}` : String(value);
  }

  const reading = document.getElementById("reading");
  let picked = null;
  stage.onPick(
    (ray) => {
      // Some fourteen pixels around the cursor, whatever the distance.
      ray.params.Points.threshold = stage.camera.position.distanceTo(stage.controls.target) / 90;
      const hits = ray.intersectObjects(items.filter((item) => item.body.visible).map((item) => item.body));
      if (!hits.length) return null;
      // Of the points near the ray and about as near as the first one: the one closest to the ray.
      const front = hits[0].distance + 2 * ray.params.Points.threshold;
      const near = hits.filter((hit) => hit.distance <= front && hit.distanceToRay !== undefined);
      const hit = hits[0].face || !near.length ? hits[0] : near.reduce((a, b) => (b.distanceToRay < a.distanceToRay ? b : a));
      const item = items.find((candidate) => candidate.body === hit.object);
      const position = item.geometry.attributes.position;
      const rows = hit.face ? [hit.face.a, hit.face.b, hit.face.c] : [hit.index];
      const inside = stage.group.worldToLocal(hit.point.clone());
      const away = (i) => Math.hypot(position.getX(i) - inside.x, position.getY(i) - inside.y, position.getZ(i) - inside.z);
      const row = rows.reduce((best, i) => (away(i) < away(best) ? i : best));
      const point = new THREE.Vector3().fromBufferAttribute(position, row);
      return { item, row, point: stage.group.localToWorld(point) };
    },
    (met) => {
      picked = met;
      showReading();
    },
  );
  function showReading() {
    reading.hidden = !picked;
    if (!picked) return;
    const { item, row } = picked;
    const position = item.geometry.attributes.position.array;
    const at = (axis) => thousands((position[3 * row + axis] + meta.origin[axis]).toFixed(3)).replace(/,/g, "");
    const rows = [
      [text("view", item.source.indices ? "mesh" : "cloud"), item.source.name],
      [text("scene", "easting"), at(0)],
      [text("scene", "northing"), at(1)],
      [text("scene", "elevation"), `${at(2)} m`],
      ...names.filter((name) => name !== "elevation_m" && item.fields[name]).slice(0, 14).map((name) => [label(name), said(name, item.fields[name][row])]),
    ];
    if (item.rgb) rows.push([text("view", "rgb"), Array.from(item.rgb.subarray(3 * row, 3 * row + 3)).join(" ")]);
    reading.replaceChildren(el("dl", {}, rows.flatMap(([key, words]) => [el("dt", {}, el("bdi", {}, key)), el("dd", {}, el("bdi", {}, words))])));
  }

  function legend() {
    const node = document.getElementById("legend");
    const missing = items.some((item) => (field === "rgb" ? !item.rgb : !item.fields[field] || item.fields[field].some((value) => !Number.isFinite(value))));
    const grey = missing ? el("span", {}, el("i", { style: `background:${UNKNOWN}` }), text("view", "no_value")) : null;
    if (field === "rgb") {
      node.replaceChildren(el("b", {}, label(field)), el("div", { class: "keys" }, grey));
      return;
    }
    const fact = facts[field];
    if (fact.classes) {
      const keys = fact.classes.map(([value, number], order) => el("span", {}, el("i", { style: `background:${classColour(field, value, order)}` }), `${className(field, value)} (${count(number)})`));
      node.replaceChildren(el("b", {}, el("bdi", {}, label(field))), el("div", { class: "keys" }, keys, grey));
      return;
    }
    const [from, to] = fact.range;
    const { factor, unit } = scaled(field);
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const number = ((from + share * (to - from)) * factor).toFixed(Math.max(0, places((to - from) * factor) - 1)).replace(/^-(?=0(\.0*)?$)/, "");
      const edge = share === 0 && fact.least < from ? "≤ " : share === 1 && fact.greatest > to ? "≥ " : "";
      return el("span", { style: `left:${share * 100}%` }, edge + (fact.signed && Number(number) > 0 ? "+" : "") + number);
    });
    node.replaceChildren(
      el("b", {}, el("bdi", {}, unit ? `${label(field)} (${unit})` : label(field)), fact.signed ? el("span", {}, `− ${text("scene", "inward")} / + ${text("scene", "outward")}`) : null),
      el("div", { class: "ramp", style: `background:linear-gradient(90deg,${stops(field).join(",")})` }),
      el("div", { class: "ticks" }, ticks),
      grey ? el("div", { class: "keys" }, grey) : "",
    );
  }

  function controlsBar() {
    const choice = el("select", { id: "field", onchange: (event) => { field = event.target.value; paint(); legend(); } }, names.map((name) => el("option", { value: name }, label(name))));
    choice.value = field;
    const heights = el("select", { onchange: (event) => stage.stretch(Number(event.target.value)) }, [1, 1.5, 2, 3, 5].map((factor) => el("option", { value: factor }, `×${factor}`)));
    heights.value = String(stage.group.scale.z);
    const size = clouds.length && el("input", { type: "range", min: 1, max: 8, step: 0.5, id: "size", oninput: (event) => { for (const item of clouds) item.body.material.size = Number(event.target.value); stage.draw(); } });
    if (size) size.value = String(clouds[0].body.material.size);
    document.getElementById("controls").replaceChildren(
      el("div", { class: "set" }, el("label", {}, text("view", "colour_by"), choice)),
      ...(size ? [el("div", { class: "set" }, el("label", {}, text("view", "point_size"), size))] : []),
      el("div", { class: "set" }, el("label", {}, text("scene", "exaggeration"), heights)),
      el("div", { class: "set" }, el("button", { type: "button", onclick: stage.resetView }, text("scene", "reset"))),
    );
  }

  function side() {
    const told = ({ source }) => {
      const kind = source.indices ? "triangles" : "points";
      const whole = source.count === source.total;
      return text("view", `${kind}_${whole ? "all" : "thinned"}`, { shown: count(source.count), total: count(source.total) });
    };
    const rows = items.map((item) => {
      const box = el("input", { type: "checkbox", onchange: (event) => { item.body.visible = event.target.checked; stage.draw(); } });
      box.checked = item.body.visible;
      const more = [item.source.epoch && `${text("view", "epoch")} ${item.source.epoch}`, item.source.stations && `${text("view", "stations")} ${item.source.stations}`].filter(Boolean);
      return el("div", {}, el("label", {}, box, " ", el("b", {}, el("bdi", {}, item.source.name))), el("p", { class: "told" }, told(item)), more.length ? el("p", {}, more.join(" · ")) : null);
    });
    const extent = [0, 1, 2].map((axis) => `${meta.low[axis].toFixed(2)} – ${meta.high[axis].toFixed(2)}`);
    const ranges = names.filter((name) => facts[name] && !facts[name].classes);
    document.getElementById("side").replaceChildren(
      el("h2", {}, text("view", "data")),
      ...rows,
      el("h2", {}, text("view", "values")),
      el("table", {}, el("tbody", {}, el("tr", {}, el("th", {}), el("th", { style: "text-align:right" }, text("view", "least")), el("th", { style: "text-align:right" }, text("view", "greatest"))), ranges.map((name) => el("tr", {}, el("td", {}, el("bdi", {}, label(name))), el("td", { class: "number" }, said(name, facts[name].least)), el("td", { class: "number" }, said(name, facts[name].greatest)))))),
      el("p", {}, text("view", "values_note")),
      el("h2", {}, text("view", "bounds")),
      el("dl", { style: "grid-template-columns:auto 1fr" }, ["easting", "northing", "elevation"].flatMap((name, axis) => [el("dt", {}, text("scene", name)), el("dd", {}, extent[axis])])),
      el("p", {}, `${text("scene", "crs")}: ${meta.crs || text("view", "unknown_crs")}`),
      el("p", {}, text("scene", "pick_hint")),
    );
  }
  function head() {
    const shown = items.filter((item) => !item.source.indices).reduce((sum, item) => sum + item.source.count, 0);
    const total = items.filter((item) => !item.source.indices).reduce((sum, item) => sum + item.source.total, 0);
    const line = total ? text("view", shown === total ? "points_all" : "points_thinned", { shown: count(shown), total: count(total) }) : text("view", "title");
    document.getElementById("header").replaceChildren(
      el("div", { class: "title" }, el("h1", {}, el("bdi", {}, meta.title)), el("p", {}, line)),
      el("button", { type: "button", id: "language", onclick: () => setLanguage(language === "zh" ? "en" : "zh") }, text("ui", "switch_language")),
    );
  }
  function setLanguage(next) {
    language = next;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    head();
    controlsBar();
    legend();
    side();
    showReading();
    stage.label(text);
  }
  function start() {
    const wanted = location.hash.slice(1);
    setLanguage(wanted === "zh" || wanted === "en" ? wanted : meta.language);
    stage.resetView();
    paint();
    SXStage.ready();
  }
  SXStage.begin(start);
})();
