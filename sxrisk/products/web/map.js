// The map: base picture, layers, heatmap, grid, findings; everything comes from memory.
"use strict";
(function () {
  const SX = window.SX;
  const { data, meta, text, el } = SX;
  const FONTS = '"Noto Sans CJK SC","Microsoft YaHei","PingFang SC","SXRisk Sans SC",sans-serif';
  const COLOUR = ["match", ["get", "colour"], ...Object.entries(meta.colours).flat(), "#777777"];
  // Zoom from which a finding is a ring.
  const RING = 14;
  const container = document.getElementById("map");
  const phone = window.matchMedia("(max-width: 760px)");
  SX.visible = {};

  const empty = () => ({ type: "FeatureCollection", features: [] });
  const point = (x, y, properties) => ({ type: "Feature", geometry: { type: "Point", coordinates: [x, y] }, properties });
  const bytes = (base64) => {
    const binary = atob(base64);
    const out = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
    return out;
  };

  // Pictures and tiles answer under schemes of our own, so that not even a data: request is made.
  function protocols() {
    const images = data.images || {};
    maplibregl.addProtocol("sxmem", async (request) => ({
      data: bytes(images[request.url.slice("sxmem://".length)].data_uri.split(",", 2)[1]).buffer,
    }));
    const protocol = new pmtiles.Protocol();
    for (const layer of data.layers) {
      if (!layer.pmtiles) continue;
      const buffer = bytes(layer.pmtiles).buffer;
      const source = {
        getKey: () => `layer-${layer.number}`,
        getBytes: async (offset, length) => ({ data: buffer.slice(offset, offset + length) }),
      };
      protocol.add(new pmtiles.PMTiles(source));
    }
    maplibregl.addProtocol("pmtiles", protocol.tile);
  }

  function style() {
    const sources = {};
    const layers = [{ id: "background", type: "background", paint: { "background-color": "#e6eaea" } }];
    const images = data.images || {};
    const picture = (name, opacity) => {
      if (!images[name]) return;
      sources[name] = { type: "image", url: `sxmem://${name}`, coordinates: images[name].corners };
      layers.push({ id: `a-${name}`, type: "raster", source: name, paint: { "raster-opacity": opacity, "raster-fade-duration": 0 } });
    };
    picture("hillshade", 1);
    if (data.grid) {
      sources.grid = { type: "geojson", data: data.grid };
      layers.push({ id: "a-grid", type: "fill", source: "grid", paint: { "fill-color": COLOUR, "fill-opacity": 0.34, "fill-outline-color": "rgba(255,255,255,0.35)" } });
    }
    // An overview that makes way for the ground when one comes near.
    picture("heatmap", ["interpolate", ["linear"], ["zoom"], 10.5, 0.78, 14, 0.22]);

    const order = { base: 0, infrastructure: 1, protected: 2, hazard: 3 };
    const byGroup = [...data.layers].sort((a, b) => order[a.group] - order[b.group]);
    for (const layer of byGroup) {
      const name = `layer-${layer.number}`;
      sources[name] = layer.pmtiles
        ? { type: "vector", url: `pmtiles://${name}`, attribution: "" }
        : { type: "geojson", data: layer.geojson };
      layers.push(...drawing(layer, name));
      if (layer.label_points) {
        sources[`${name}-names`] = {
          type: "geojson",
          data: { type: "FeatureCollection", features: layer.label_points.map(([x, y, label, level]) => point(x, y, { label, level })) },
        };
      }
    }
    for (const name of ["findings-shapes", "findings-points", "selected"]) sources[name] = { type: "geojson", data: empty() };
    const width = (base) => ["interpolate", ["linear"], ["zoom"], 7, base, 14, base * 2.2];
    layers.push(
      { id: "a-findings-fill", type: "fill", source: "findings-shapes", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": COLOUR, "fill-opacity": 0.12 } },
      { id: "a-findings-case", type: "line", source: "findings-shapes", layout: { "line-cap": "round" }, paint: { "line-color": "#ffffff", "line-width": width(3.2), "line-opacity": 0.85 } },
      { id: "a-findings-line", type: "line", source: "findings-shapes", layout: { "line-cap": "round" }, paint: { "line-color": COLOUR, "line-width": width(1.7) } },
      { id: "a-findings-ring", type: "circle", source: "findings-points", minzoom: RING, paint: { "circle-opacity": 0, "circle-radius": ["interpolate", ["linear"], ["zoom"], RING, 6.6, 18, 9.6], "circle-stroke-color": "#ffffff", "circle-stroke-width": 5.2, "circle-stroke-opacity": 0.9 } },
      {
        id: "a-findings-point",
        type: "circle",
        source: "findings-points",
        layout: { "circle-sort-key": ["match", ["get", "colour"], "red", 4, "orange", 3, "yellow", 2, 1] },
        paint: {
          "circle-color": COLOUR,
          "circle-radius": ["interpolate", ["linear"], ["zoom"], 6, 2.6, 10, 4.6, RING - 0.01, 6.5, RING, 8, 18, 11],
          // From here on a ring, so that the house that it is about can be seen.
          "circle-opacity": ["step", ["zoom"], 1, RING, 0],
          "circle-stroke-color": ["step", ["zoom"], "#ffffff", RING, COLOUR],
          "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 6, 0.6, 11, 1.4, RING - 0.01, 1.4, RING, 2.4],
        },
      },
      { id: "selected-line", type: "line", source: "selected", filter: ["!=", ["geometry-type"], "Point"], layout: { "line-cap": "round" }, paint: { "line-color": "#0b1623", "line-width": 2, "line-gap-width": 5 } },
      { id: "selected-ring", type: "circle", source: "selected", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 14, "circle-color": "rgba(255,255,255,0)", "circle-stroke-color": "#0b1623", "circle-stroke-width": 2.6 } },
    );
    if (meta.sites.length) {
      sources.sites = { type: "geojson", data: { type: "FeatureCollection", features: meta.sites.filter((s) => s.lon !== null).map((s, k) => point(s.lon, s.lat, { site: k, label: s.name })) } };
      layers.push(
        { id: "a-sites", type: "circle", source: "sites", paint: { "circle-radius": 9, "circle-color": "#14202e", "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 } },
        { id: "a-sites-mark", type: "symbol", source: "sites", layout: { "text-field": "3D", "text-size": 9, "text-allow-overlap": true, "text-font": ["sans"] }, paint: { "text-color": "#ffffff" } },
      );
    }
    for (const layer of data.layers) {
      if (!layer.label_points) continue;
      layers.push({
        id: `l-${layer.number}-names`,
        type: "symbol",
        source: `layer-${layer.number}-names`,
        layout: { "text-field": ["get", "label"], "text-size": ["interpolate", ["linear"], ["zoom"], 6, 11, 12, 14], "text-font": ["sans"], "text-max-width": 8, "text-padding": 6 },
        paint: { "text-color": "#33404d", "text-halo-color": "rgba(255,255,255,0.92)", "text-halo-width": 1.6 },
      });
    }
    return { version: 8, sources, layers };
  }

  function drawing(layer, source) {
    const base = { source, ...(layer.pmtiles ? { "source-layer": "layer" } : {}) };
    const id = `l-${layer.number}`;
    const line = (extra) => ({ id: `${id}-line`, type: "line", ...base, layout: { "line-join": "round", "line-cap": "round" }, ...extra });
    const width = (low, high) => ["interpolate", ["linear"], ["zoom"], 7, low, 14, high];
    const areas = ["==", ["geometry-type"], "Polygon"];
    const lines = ["==", ["geometry-type"], "LineString"];
    if (layer.group === "base") {
      return [line({ id: `${id}-case`, paint: { "line-color": "#ffffff", "line-width": width(2, 4), "line-opacity": 0.6 } }), line({ paint: { "line-color": layer.colour, "line-width": width(0.8, 1.8), "line-dasharray": [5, 2, 1.5, 2] } })];
    }
    if (layer.kind === "road") {
      return [line({ id: `${id}-case`, paint: { "line-color": layer.colour, "line-width": width(1, 5) } }), line({ paint: { "line-color": "#fffdf6", "line-width": width(0.4, 3.4) } })];
    }
    if (layer.kind === "railway") {
      return [line({ paint: { "line-color": layer.colour, "line-width": width(1, 3) } }), line({ id: `${id}-dash`, paint: { "line-color": "#ffffff", "line-width": width(0.5, 1.8), "line-dasharray": [4, 4] } })];
    }
    return [
      { id: `${id}-fill`, type: "fill", ...base, filter: areas, paint: { "fill-color": layer.colour, "fill-opacity": 0.24 } },
      line({ id: `${id}-edge`, filter: areas, paint: { "line-color": layer.colour, "line-width": width(0.8, 1.8) } }),
      line({ filter: lines, paint: { "line-color": layer.colour, "line-width": width(1.2, 3) } }),
      {
        id: `${id}-point`,
        type: "circle",
        ...base,
        filter: ["==", ["geometry-type"], "Point"],
        paint: {
          "circle-color": layer.colour,
          "circle-radius": ["interpolate", ["linear"], ["zoom"], 6, 1.6, 11, 3.4, 15, 5],
          "circle-stroke-color": "#ffffff",
          "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 8, 0.3, 12, 1],
        },
      },
    ];
  }

  const members = (key) => SX.map.getStyle().layers.filter(({ id }) => id === key || id.startsWith(`${key}-`)).map(({ id }) => id);
  SX.show = (key, shown) => {
    SX.visible[key] = shown;
    if (!isReady("findings-points")) return;
    for (const id of members(key)) SX.map.setLayoutProperty(id, "visibility", shown ? "visible" : "none");
  };

  let shapeOf = null;
  function shapes() {
    if (!shapeOf) shapeOf = new Map(data.findings.shapes.index.map((index, k) => [index, data.findings.shapes.geometry[k]]));
    return shapeOf;
  }
  // Sources are there once the style is read; the first drawing then takes what was filtered and selected so far.
  const isReady = (name) => Boolean(SX.map && SX.map.getSource(name));
  function drawFindings() {
    if (!isReady("findings-points")) return;
    const points = [];
    const drawn = [];
    for (const i of SX.shown) {
      const properties = { index: i, colour: SX.get(i, "colour") };
      const x = data.findings.x[i];
      if (x !== null) points.push(point(x, data.findings.y[i], properties));
      const geometry = shapes().get(i);
      if (geometry) drawn.push({ type: "Feature", geometry, properties });
    }
    SX.map.getSource("findings-points").setData({ type: "FeatureCollection", features: points });
    SX.map.getSource("findings-shapes").setData({ type: "FeatureCollection", features: drawn });
  }

  function bounds(geometry) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    (function walk(part) {
      if (typeof part[0] === "number") {
        box[0] = Math.min(box[0], part[0]);
        box[1] = Math.min(box[1], part[1]);
        box[2] = Math.max(box[2], part[0]);
        box[3] = Math.max(box[3], part[1]);
      } else part.forEach(walk);
    })(geometry.coordinates || geometry.geometries.map((g) => g.coordinates));
    return box;
  }
  function highlight({ index, fly }) {
    if (!isReady("selected")) return;
    const features = [];
    const x = index < 0 ? null : data.findings.x[index];
    const geometry = index < 0 ? null : shapes().get(index);
    if (geometry) features.push({ type: "Feature", geometry, properties: {} });
    if (x !== null) features.push(point(x, data.findings.y[index], {}));
    SX.map.getSource("selected").setData({ type: "FeatureCollection", features });
    if (!fly || x === null) return;
    const box = geometry ? bounds(geometry) : [x, data.findings.y[index], x, data.findings.y[index]];
    // Leave the room that the inspector covers.
    const right = phone.matches ? 40 : Math.min(400, container.clientWidth * 0.45);
    const bottom = phone.matches ? container.clientHeight * 0.64 : 60;
    const top = phone.matches ? 40 : 60;
    SX.map.fitBounds([[box[0], box[1]], [box[2], box[3]]], { maxZoom: 15.5, duration: SX.still ? 0 : 900, padding: { top, bottom, left: 60, right } });
  }

  SX.resetView = () => {
    if (SX.map && meta.bounds) SX.map.fitBounds([meta.bounds.slice(0, 2), meta.bounds.slice(2)], { padding: phone.matches ? 18 : 36, duration: SX.still ? 0 : 600 });
  };
  SX.flyTo = (lon, lat, zoom) => SX.map && SX.map.flyTo({ center: [lon, lat], zoom, duration: SX.still ? 0 : 900 });

  function clicks(map) {
    const reach = (event) => [[event.point.x - 6, event.point.y - 6], [event.point.x + 6, event.point.y + 6]];
    const FINDINGS = ["a-findings-point", "a-findings-line"];
    const own = () => data.layers.flatMap((layer) => (layer.group === "base" ? [] : members(`l-${layer.number}`))).filter((id) => !id.endsWith("-names"));
    const site = (event) => (meta.sites.length ? map.queryRenderedFeatures(reach(event), { layers: ["a-sites"] })[0] : undefined);
    map.on("click", (event) => {
      const hitSite = site(event);
      if (hitSite) return SX.emit("site", meta.sites[hitSite.properties.site]);
      const found = map.queryRenderedFeatures(reach(event), { layers: FINDINGS })[0] || map.queryRenderedFeatures(event.point, { layers: ["a-findings-fill"] })[0];
      if (found) return SX.select(found.properties.index, { fly: false });
      const feature = map.queryRenderedFeatures(reach(event), { layers: own() })[0];
      if (!feature) return SX.emit("nothing");
      const layer = data.layers.find((one) => `layer-${one.number}` === feature.source);
      SX.emit("feature", { layer, properties: feature.properties });
    });
    const tip = new maplibregl.Popup({ closeButton: false, closeOnClick: false, offset: 12, className: "tip", maxWidth: "320px" });
    let last = null;
    map.on("mousemove", (event) => {
      const found = map.queryRenderedFeatures(reach(event), { layers: FINDINGS })[0];
      const hitSite = found ? undefined : site(event);
      map.getCanvas().style.cursor = found || hitSite ? "pointer" : "";
      const now = found ? found.properties.index : hitSite ? `s${hitSite.properties.site}` : null;
      if (now !== last) {
        last = now;
        if (now === null) tip.remove();
        else {
          const words = found ? `${text("status", SX.get(now, "status"))} · ${SX.sentence(now)}` : hitSite.properties.label;
          tip.setText(words).addTo(map);
        }
      }
      if (now !== null) tip.setLngLat(event.lngLat);
    });
    map.on("mouseout", () => {
      tip.remove();
      last = null;
    });
  }

  SX.startMap = () => {
    SX.still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    try {
      protocols();
      SX.map = new maplibregl.Map({
        container,
        style: style(),
        bounds: meta.bounds ? [meta.bounds.slice(0, 2), meta.bounds.slice(2)] : [[110.2, 34.6], [114.6, 40.8]],
        fitBoundsOptions: { padding: phone.matches ? 18 : 36 },
        attributionControl: false,
        localIdeographFontFamily: FONTS,
        maxZoom: 19,
        maxPitch: 0,
        dragRotate: false,
        pitchWithRotate: false,
        // Printing reads the canvas after it was drawn.
        canvasContextAttributes: { preserveDrawingBuffer: true, antialias: true },
      });
    } catch (error) {
      SX.map = null;
      container.append(el("p", { class: "no-map" }, text("ui", "no_webgl")));
      return;
    }
    SX.map.touchZoomRotate.disableRotation();
    SX.map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-left");
    SX.map.addControl(new maplibregl.ScaleControl({ unit: "metric", maxWidth: 120 }), "bottom-left");
    new ResizeObserver(() => SX.map.resize()).observe(container);
    SX.map.once("load", () => {
      for (const [key, shown] of Object.entries(SX.visible)) if (!shown) SX.show(key, false);
      drawFindings();
      clicks(SX.map);
      if (SX.selected >= 0) highlight({ index: SX.selected, fly: true });
      SX.map.once("idle", () => document.documentElement.setAttribute("data-map", "ready"));
    });
    SX.on("filter", drawFindings);
    SX.on("select", highlight);
  };
})();
