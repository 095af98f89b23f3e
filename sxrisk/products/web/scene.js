// A site in three dimensions: mesh coloured by what was measured, with legend, scale, north and readings.
"use strict";
(function () {
  const data = window.SXDATA;
  const meta = data.meta;
  let language = meta.language;

  const { RAMPS, decode, el, linear, nice, ramp, rgb, thousands } = SXStage;
  const text = SXStage.words(data.text, () => language);
  // With a sigma, as many decimals as give it two digits; else by the value's size.
  const format = (value, unit, sigma) => {
    if (!Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    const places = sigma > 0 ? Math.min(3, Math.max(0, 1 - Math.floor(Math.log10(sigma)))) : size < 10 ? 2 : size < 1000 ? 1 : 0;
    const number = thousands(value.toFixed(places));
    const word = text("unit", unit);
    return !word ? number : unit === "deg" ? `${number}°` : `${number} ${word}`;
  };
  // Grey is kept for "nothing can be said here".
  const BELOW = "#c3c8cc";
  // Hatched, so that "nothing is known" is not taken for "nothing has moved".
  const UNKNOWN = "#59626b";
  const HATCH = "#a3abb2";
  const SEEN = ["#c98b3d", "#4d7fa6"];
  function buildMesh(source) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(decode(source.positions, Float32Array), 3));
    geometry.setIndex(new THREE.BufferAttribute(decode(source.indices, Uint32Array), 1));
    geometry.computeVertexNormals();
    const fields = {};
    for (const [name, values] of Object.entries(source.fields)) fields[name] = decode(values, Float32Array);
    const normal = geometry.attributes.normal.array;
    fields.slope_deg = new Float32Array(source.n).map((_, i) => (Math.acos(Math.min(1, Math.abs(normal[3 * i + 2]))) * 180) / Math.PI);
    if (!fields.elevation_m) {
      const position = geometry.attributes.position.array;
      fields.elevation_m = new Float32Array(source.n).map((_, i) => position[3 * i + 2] + meta.origin[2]);
    }
    return { geometry, fields };
  }

  const main = buildMesh(data.meshes[0]);
  function significantChange() {
    const { change_m: change, significant } = main.fields;
    return Array.from(change).filter((value, i) => Number.isFinite(value) && (!significant || significant[i] > 0.5)).map(Math.abs);
  }
  const fieldNames = ["change_m", "elevation_m", "slope_deg", "seen"].filter((name) => main.fields[name]);
  const ranges = {};
  for (const name of fieldNames) {
    const values = Array.from(main.fields[name]).filter(Number.isFinite).sort((a, b) => a - b);
    const at = (share) => values[Math.min(values.length - 1, Math.floor(share * values.length))];
    if (name === "change_m") {
      // What most of the moving ground does sets the range; a rockfall may lie beyond it.
      const moving = significantChange().sort((a, b) => a - b);
      const size = nice(Math.max(moving.length ? 1.25 * moving[Math.floor(0.75 * moving.length)] : 0, 0.005));
      ranges[name] = [-size, size];
    } else ranges[name] = name === "slope_deg" ? [0, Math.min(90, nice(at(0.995) || 1))] : [at(0.001), at(0.999)];
  }

  let field = fieldNames.includes("seen") ? "seen" : fieldNames[0];
  const colours = new Float32Array(data.meshes[0].n * 3);
  main.geometry.setAttribute("color", new THREE.BufferAttribute(colours, 3));
  const hatched = new Float32Array(data.meshes[0].n);
  main.geometry.setAttribute("hatched", new THREE.BufferAttribute(hatched, 1));
  function paint() {
    const values = main.fields[field];
    const { significant } = main.fields;
    const set = (i, colour) => colours.set(colour, 3 * i);
    hatched.fill(0);
    const below = rgb(BELOW).map(linear);
    const unknown = rgb(UNKNOWN).map(linear);
    if (field === "seen") {
      const seen = SEEN.map((hex) => rgb(hex).map(linear));
      for (let i = 0; i < values.length; i++) set(i, seen[values[i] > 0.5 ? 1 : 0]);
    } else {
      const table = ramp(RAMPS[field]);
      const [low, high] = ranges[field];
      for (let i = 0; i < values.length; i++) {
        if (!Number.isFinite(values[i])) {
          set(i, unknown);
          hatched[i] = 1;
        }
        else if (field === "change_m" && significant && significant[i] < 0.5) set(i, below);
        else {
          const k = Math.max(0, Math.min(255, Math.round((255 * (values[i] - low)) / (high - low || 1))));
          set(i, table.subarray(3 * k, 3 * k + 3));
        }
      }
    }
    main.geometry.attributes.color.needsUpdate = true;
    main.geometry.attributes.hatched.needsUpdate = true;
    draw();
  }

  const stage = SXStage.view(SXStage.spread(main.geometry.attributes.position.array), meta.convergence_deg, 1.15);
  const { group, draw, resetView } = stage;
  const closed = meta.kind === "goaf";
  const material = new THREE.MeshLambertMaterial({ vertexColors: true, side: THREE.DoubleSide, transparent: true, opacity: closed ? 0.72 : 1 });
  // Stripes on the screen over what could not be computed.
  material.onBeforeCompile = (shader) => {
    shader.uniforms.hatch = { value: new THREE.Vector3(...rgb(HATCH).map(linear)) };
    shader.uniforms.stripe = { value: 7 * Math.min(2, window.devicePixelRatio) };
    shader.vertexShader = `attribute float hatched;\nvarying float vHatched;\n${shader.vertexShader}`.replace("#include <color_vertex>", "#include <color_vertex>\nvHatched = hatched;");
    shader.fragmentShader = `uniform vec3 hatch;\nuniform float stripe;\nvarying float vHatched;\n${shader.fragmentShader}`.replace("#include <color_fragment>", "#include <color_fragment>\nif (vHatched > 0.5 && mod(gl_FragCoord.x + gl_FragCoord.y, stripe) < 0.3 * stripe) diffuseColor.rgb = hatch;");
  };
  const body = new THREE.Mesh(main.geometry, material);
  group.add(body);
  const net = new THREE.Mesh(main.geometry, new THREE.MeshBasicMaterial({ color: 0x15212e, wireframe: true, transparent: true, opacity: 0.22 }));
  net.visible = false;
  group.add(net);
  const overlays = data.meshes.slice(1).map((source) => {
    const mesh = new THREE.Mesh(buildMesh(source).geometry, new THREE.MeshLambertMaterial({ color: 0x8d9a86, side: THREE.DoubleSide, transparent: true, opacity: 0.34, depthWrite: false }));
    // Terrain above a cavity gives the place; an earlier surface would only flicker through the later one.
    mesh.visible = closed;
    group.add(mesh);
    return { name: source.name, mesh };
  });

  const reading = document.getElementById("reading");
  let picked = null;
  stage.onPick(
    (ray) => ray.intersectObject(body)[0],
    (hit) => {
      picked = hit ? { index: [hit.face.a, hit.face.b, hit.face.c], point: group.worldToLocal(hit.point.clone()) } : null;
      showReading();
    },
  );
  function showReading() {
    reading.hidden = !picked;
    if (!picked) return;
    const { point, index } = picked;
    const position = main.geometry.attributes.position.array;
    // The nearest corner of the triangle: a value that was measured, not one between.
    const nearest = index.reduce((best, i) => {
      const d = Math.hypot(position[3 * i] - point.x, position[3 * i + 1] - point.y, position[3 * i + 2] - point.z);
      return d < best.d ? { d, i } : best;
    }, { d: Infinity, i: 0 }).i;
    const value = (name) => main.fields[name][nearest];
    const rows = [
      [text("scene", "easting"), (point.x + meta.origin[0]).toFixed(2)],
      [text("scene", "northing"), (point.y + meta.origin[1]).toFixed(2)],
      [text("scene", "elevation"), `${(point.z + meta.origin[2]).toFixed(2)} m`],
      [text("scene", "slope_deg"), `${value("slope_deg").toFixed(0)}°`],
    ];
    if (main.fields.change_m) {
      const change = value("change_m");
      rows.push([text("scene", "change_m"), Number.isFinite(change) ? `${(change * 1000).toFixed(1)} mm` : text("scene", "not_computed")]);
      if (main.fields.lod95_m) rows.push([text("scene", "lod"), `${(value("lod95_m") * 1000).toFixed(1)} mm`]);
    }
    if (main.fields.seen) rows.push([text("scene", "seen"), text("scene", value("seen") > 0.5 ? "seen_measured" : "seen_bridged")]);
    reading.replaceChildren(el("dl", {}, rows.flatMap(([key, words]) => [el("dt", {}, key), el("dd", {}, words)])));
  }

  function legend() {
    const node = document.getElementById("legend");
    if (field === "seen") {
      node.replaceChildren(el("b", {}, text("scene", "seen")), el("div", { class: "keys" }, el("span", {}, el("i", { style: `background:${SEEN[1]}` }), text("scene", "seen_measured")), el("span", {}, el("i", { style: `background:${SEEN[0]}` }), text("scene", "seen_bridged"))));
      return;
    }
    const [low, high] = ranges[field];
    const large = high >= 1;
    const scale = field === "change_m" && !large ? 1000 : 1;
    const unit = { change_m: large ? "m" : "mm", elevation_m: "m", slope_deg: "°" }[field];
    const places = (high - low) * scale > 20 ? 0 : (high - low) * scale > 2 ? 1 : 2;
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const value = (low + share * (high - low)) * scale;
      const sign = field === "change_m" && value > 0 ? "+" : "";
      const number = `${sign}${value.toFixed(places)}`.replace(/^-(?=0(\.0*)?$)/, "");
      const edge = field === "change_m" ? { 0: "≤ ", 1: "≥ " }[share] || "" : "";
      return el("span", { style: `left:${share * 100}%` }, edge + number);
    });
    node.replaceChildren(
      el("b", {}, `${text("scene", field)} (${unit})`, field === "change_m" ? el("span", {}, `− ${text("scene", "inward")} / + ${text("scene", "outward")}`) : null),
      el("div", { class: "ramp", style: `background:linear-gradient(90deg,${RAMPS[field].join(",")})` }),
      el("div", { class: "ticks" }, ticks),
      field === "change_m" ? el("div", { class: "keys" }, el("span", {}, el("i", { style: `background:${BELOW}` }), text("scene", "below_lod")), el("span", {}, el("i", { style: `background:repeating-linear-gradient(-45deg,${UNKNOWN} 0 3px,${HATCH} 3px 5px)` }), text("scene", "not_computed"))) : "",
    );
  }

  function setField(name) {
    field = name;
    paint();
    render();
  }
  const check = (label, value, onchange) => {
    const input = el("input", { type: "checkbox", onchange: (event) => { onchange(event.target.checked); draw(); } });
    input.checked = value;
    return el("div", { class: "set" }, el("label", {}, input, el("bdi", {}, label)));
  };
  function controlsBar() {
    const heights = el("select", { onchange: (event) => stage.stretch(Number(event.target.value)) }, [1, 1.5, 2, 3].map((factor) => el("option", { value: factor }, `×${factor}`)));
    heights.value = String(group.scale.z);
    const limits = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];
    const now = ranges.change_m ? Math.round(ranges.change_m[1] * 1000 * 100) / 100 : 0;
    const spans = el("select", { onchange: (event) => { const limit = Number(event.target.value) / 1000; ranges.change_m = [-limit, limit]; paint(); legend(); } }, [...new Set([...limits, now])].sort((a, b) => a - b).map((limit) => el("option", { value: limit }, limit < 1000 ? `±${limit} mm` : `±${limit / 1000} m`)));
    spans.value = String(now);
    document.getElementById("controls").replaceChildren(
      el("div", { class: "set", role: "group" }, fieldNames.map((name) => el("button", { type: "button", "data-field": name, "aria-pressed": String(name === field), onclick: () => setField(name) }, text("scene", name)))),
      ...(field === "change_m" ? [el("div", { class: "set" }, el("label", {}, text("scene", "range"), spans))] : []),
      check(text("scene", "transparent"), material.opacity < 1, (on) => { material.opacity = on ? 0.6 : 1; material.depthWrite = !on; }),
      check(text("scene", "wireframe"), net.visible, (on) => { net.visible = on; }),
      ...overlays.map(({ name, mesh }) => check(text("mesh", name), mesh.visible, (on) => { mesh.visible = on; })),
      el("div", { class: "set" }, el("label", {}, text("scene", "exaggeration"), heights)),
      el("div", { class: "set" }, el("button", { type: "button", onclick: resetView }, text("scene", "reset"))),
    );
  }

  // A value of the summary: a number, a moment to the minute, a coded word, or text as it is.
  function said(key, value) {
    if (typeof value === "number") return thousands(String(value));
    if (typeof value === "boolean") return text("scene", value ? "yes" : "no");
    const coded = data.text.summary_value[`${key.split(".").pop()}.${value}`];
    if (coded) return coded[language];
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? value.slice(0, 16).replace("T", " ") : value;
  }
  function side() {
    const rows = [];
    let group = "";
    for (const row of data.measurements) {
      const about = row.body ? text("body", "name", { id: row.object, kind: text("body", row.body) }) : row.object;
      const heading = [row.epoch.slice(0, 10), about].filter(Boolean).join(" · ");
      if (heading !== group) rows.push(el("tr", { class: "group" }, el("th", { colspan: 2, scope: "colgroup" }, el("bdi", {}, heading))));
      group = heading;
      rows.push(el("tr", {}, el("td", {}, text("metric", row.metric)), el("td", { class: "number" }, format(row.value, row.unit, row.sigma), row.sigma ? el("small", {}, `± ${format(row.sigma, row.unit, row.sigma)}`) : null)));
    }
    const change = meta.change;
    document.getElementById("side").replaceChildren(
      el("h2", {}, text("scene", "measurements")),
      rows.length ? el("table", {}, el("tbody", {}, rows)) : el("p", {}, text("ui", "empty_list")),
      data.summary.length ? el("h2", {}, text("scene", "summary")) : "",
      data.summary.length ? el("dl", {}, data.summary.flatMap(([key, value]) => [el("dt", {}, key.split(".").map((part) => text("summary", part)).join(" · ")), el("dd", {}, el("bdi", {}, said(key, value)))])) : "",
      el("h2", {}, text("scene", "method")),
      change ? el("p", {}, text("scene", "method_change")) : "",
      change ? el("p", {}, change.registration_unknown ? text("scene", "method_registration_unknown") : text("scene", "method_registration", { value: (change.registration_sigma_m * 1000).toFixed(1) })) : "",
      closed ? el("p", {}, text("scene", "method_cavity")) : "",
      el("p", {}, meta.triangles === meta.triangles_total ? text("scene", "full_mesh", { total: thousands(String(meta.triangles_total)) }) : text("scene", "simplified", { shown: thousands(String(meta.triangles)), total: thousands(String(meta.triangles_total)) })),
      meta.crs ? el("p", {}, `${text("scene", "crs")}: ${meta.crs}`) : "",
      el("p", {}, text("scene", "pick_hint")),
      el("p", { class: "screening" }, text("ui", "screening")),
    );
  }
  function head() {
    const other = language === "zh" ? "en" : "zh";
    document.getElementById("header").replaceChildren(
      el("div", { class: "title" }, el("h1", {}, el("bdi", {}, meta.name[language])), el("p", {}, `${text("kind", meta.kind)} · ${text("ui", "as_of")} ${meta.as_of}`)),
      ...(meta.synthetic ? [el("strong", { class: "synthetic", title: text("ui", "synthetic_note") }, "合成数据 / synthetic")] : []),
      el("a", { href: `../../index.html#${language}` }, text("ui", "back_to_map")),
      el("button", { type: "button", id: "language", onclick: () => setLanguage(other) }, text("ui", "switch_language")),
    );
  }
  function render() {
    head();
    controlsBar();
    legend();
    side();
    showReading();
    stage.label(text);
  }
  function setLanguage(next) {
    language = next;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = `${meta.name[language]} - ${text("scene", "title")}`;
    render();
  }

  const wanted = location.hash.slice(1);
  function start() {
    setLanguage(wanted === "zh" || wanted === "en" ? wanted : meta.language);
    material.depthWrite = material.opacity === 1;
    resetView();
    paint();
    SXStage.ready();
  }
  SXStage.begin(start);
})();
