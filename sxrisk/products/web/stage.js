// What every three-dimensional page shares: small helpers, the camera and its light, compass, scale and picking.
"use strict";
(function () {
  const fill = (template, values) => template.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? String(values[key]) : whole));
  const el = (tag, attributes, ...children) => {
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
  const thousands = (digits) => {
    const [whole, part] = digits.split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part === undefined ? grouped : `${grouped}.${part}`;
  };
  const decode = (base64, type) => {
    const binary = atob(base64);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return new type(bytes.buffer);
  };
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  function ramp(stops) {
    const table = new Float32Array(256 * 3);
    const colours = stops.map(rgb);
    for (let i = 0; i < 256; i++) {
      const at = (i / 255) * (colours.length - 1);
      const k = Math.min(colours.length - 2, Math.floor(at));
      for (let c = 0; c < 3; c++) table[3 * i + c] = linear(colours[k][c] * (1 - at + k) + colours[k + 1][c] * (at - k));
    }
    return table;
  }
  const nice = (value) => {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= value * 0.999);
  };
  // Deformation diverges from white; the others run from dark to light.
  const RAMPS = {
    change_m: ["#8f1226", "#cf4b3f", "#f2a582", "#f7f6f4", "#8fc0dd", "#3a83bb", "#123f73"],
    elevation_m: ["#2d4a5e", "#3f7367", "#7c9c5c", "#c7b667", "#d8a36a", "#c9a699", "#f3ece8"],
    slope_deg: ["#f5f2ea", "#ead9a6", "#dda85f", "#c2703f", "#8f3f37", "#4f2140"],
  };

  // The middle 98 %: a few far islands of a scan do not push the rest to the back.
  const spread = (position) => [0, 1, 2].map((axis) => {
    const along = position.filter((_, i) => i % 3 === axis).sort();
    const at = (share) => along[Math.min(along.length - 1, Math.floor(share * along.length))] || 0;
    return [at(0.01), at(0.99)];
  });

  // Camera, light and instruments on the page's canvas; `around` is what `spread` gives, `back` how far the camera
  // stands off in parts of its size.
  function view(around, convergence_deg, back) {
    const stage = document.getElementById("stage");
    const canvas = document.getElementById("view");
    const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true, preserveDrawingBuffer: true });
    const scene = new THREE.Scene();
    const group = new THREE.Group();
    scene.add(group, new THREE.HemisphereLight(0xffffff, 0x9aa4ac, 2.1));
    const sun = new THREE.DirectionalLight(0xffffff, 1.9);
    scene.add(sun, sun.target);
    const centre = new THREE.Vector3(...around.map(([low, high]) => (low + high) / 2));
    const size = Math.hypot(...around.map(([low, high]) => high - low)) || 1;
    const camera = new THREE.PerspectiveCamera(38, 1, size / 500, size * 20);
    camera.up.set(0, 0, 1);
    const controls = new THREE.OrbitControls(camera, canvas);
    controls.maxDistance = size * 6;
    controls.zoomToCursor = true;
    function resetView() {
      const wide = stage.clientWidth / Math.max(1, stage.clientHeight);
      const distance = size * back * (wide < 1 ? 1.5 : 1);
      camera.position.set(centre.x - distance * 0.42, centre.y - distance * 0.74, centre.z + distance * 0.62);
      controls.target.copy(centre);
      controls.update();
      draw();
    }
    let queued = false;
    function draw() {
      if (queued) return;
      queued = true;
      requestAnimationFrame(() => {
        queued = false;
        // The light comes from the upper left of the view, as on a shaded map.
        sun.position.copy(camera.position).sub(controls.target).applyAxisAngle(camera.up, -0.8).setLength(size).add(centre);
        sun.position.z = Math.max(sun.position.z, centre.z + size * 0.5);
        sun.target.position.copy(centre);
        renderer.render(scene, camera);
        instruments();
      });
    }
    function instruments() {
      const offset = camera.position.clone().sub(controls.target);
      const azimuth = (Math.atan2(-offset.x, -offset.y) * 180) / Math.PI;
      needle.setAttribute("transform", `rotate(${-azimuth - convergence_deg} 26 26)`);
      const metres = (2 * offset.length() * Math.tan((camera.fov * Math.PI) / 360)) / stage.clientHeight;
      const length = nice((metres * 70) || 1);
      bar.style.width = `${length / metres}px`;
      barText.style.width = `${Math.max(40, length / metres)}px`;
      barText.textContent = length >= 1000 ? `${length / 1000} km` : `${Number(length.toPrecision(2))} m`;
    }
    const svg = (tag, attributes) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      return node;
    };
    const compass = svg("svg", { viewBox: "0 0 52 52" });
    const needle = svg("g", {});
    needle.append(svg("path", { d: "M26 14 L31 30 L26 27 Z", fill: "#15212e" }), svg("path", { d: "M26 14 L21 30 L26 27 Z", fill: "#8b97a3" }), svg("path", { d: "M26 27 L31 30 L26 45 L21 30 Z", fill: "none", stroke: "#8b97a3" }));
    const letter = svg("text", { x: 26, y: 12, "text-anchor": "middle", "font-size": 11, "font-weight": 700, fill: "#15212e" });
    needle.append(letter);
    compass.append(needle);
    document.getElementById("north").append(compass);
    const bar = el("i");
    const barText = el("b");
    const barNote = el("small");
    document.getElementById("scale").append(barText, bar, barNote);

    new ResizeObserver(() => {
      const { clientWidth, clientHeight } = stage;
      renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
      renderer.setSize(clientWidth, clientHeight, false);
      camera.aspect = clientWidth / clientHeight;
      camera.updateProjectionMatrix();
      draw();
    }).observe(stage);
    controls.addEventListener("change", draw);

    // Reading a value: double-click or double-tap. `hit` gets a ray and gives what it meets, or nothing.
    const marker = new THREE.Mesh(new THREE.SphereGeometry(size * 0.006, 16, 12), new THREE.MeshBasicMaterial({ color: 0x15212e }));
    marker.visible = false;
    scene.add(marker);
    function onPick(hit, show) {
      let last = { time: 0, x: 0, y: 0 };
      canvas.addEventListener("pointerup", (event) => {
        const again = event.timeStamp - last.time < 350 && Math.hypot(event.clientX - last.x, event.clientY - last.y) < 12;
        last = { time: again ? 0 : event.timeStamp, x: event.clientX, y: event.clientY };
        if (!again) return;
        const frame = canvas.getBoundingClientRect();
        const pointer = new THREE.Vector2(((event.clientX - frame.left) / frame.width) * 2 - 1, 1 - ((event.clientY - frame.top) / frame.height) * 2);
        const ray = new THREE.Raycaster();
        ray.setFromCamera(pointer, camera);
        const met = hit(ray);
        marker.visible = Boolean(met);
        if (met) marker.position.copy(met.point);
        show(met);
        draw();
      });
    }
    function stretch(factor) {
      group.scale.z = factor;
      group.position.z = centre.z - centre.z * factor;
      marker.visible = false;
      draw();
    }
    function label(text) {
      letter.textContent = text("scene", "north");
      barNote.textContent = text("scene", "scale_note");
    }
    return { group, camera, controls, centre, size, draw, resetView, onPick, stretch, label };
  }

  // Words in the language of the page, by group and key.
  const words = (catalogue, language) => (group, key, values) => {
    const entry = (catalogue[group] || {})[key];
    return fill(entry ? entry[language()] : String(key), values || {});
  };
  // A machine without a Chinese font draws with the one that the page brings.
  const begin = (start) => document.fonts.load('16px "SXRisk Sans SC"', "县").then(start, start);
  const ready = () => requestAnimationFrame(() => requestAnimationFrame(() => document.documentElement.setAttribute("data-scene", "ready")));

  window.SXStage = { RAMPS, begin, decode, el, linear, nice, ramp, ready, rgb, spread, thousands, view, words };
})();
