// Rebuilds every file of this folder that MANIFEST.toml names from the packages pinned in package.json.
//
//     npm install --ignore-scripts && npm run build
//
// The font step needs Python with fonttools (set PYTHON when it is not `python3`). The result is what is committed:
// a test compares each file's sha256 with MANIFEST.toml.
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const pinned = JSON.parse(readFileSync(join(here, "package.json"), "utf8")).dependencies;
const entries = [];

const text = (path) => readFileSync(join(modules, path), "utf8");
const withoutSourceMap = (source) => source.replace(/\n?\/[/*][#@] sourceMappingURL=[^\n]*\n?/g, "\n");

function emit(file, content, pkg, licence, licenceFile) {
  writeFileSync(join(here, file), content);
  mkdirSync(join(here, "licences"), { recursive: true });
  const licenceName = `licences/${pkg.replace(/^@/, "").replace("/", "-")}.txt`;
  writeFileSync(join(here, licenceName), typeof licenceFile === "string" ? text(licenceFile) : licenceFile.text);
  entries.push({ file, package: pkg, version: pinned[pkg], licence, licence_file: licenceName });
}

const dataUri = (path) => `data:image/png;base64,${readFileSync(join(modules, path)).toString("base64")}`;
const inlineImages = (css, folder) =>
  css.replace(/url\((['"]?)(images\/[^)'"]+\.png)\1\)/g, (_, _quote, path) => `url(${dataUri(`${folder}/${path}`)})`);

emit("maplibre-gl.js", withoutSourceMap(text("maplibre-gl/dist/maplibre-gl.js")), "maplibre-gl", "BSD-3-Clause", "maplibre-gl/LICENSE.txt");
emit("maplibre-gl.css", text("maplibre-gl/dist/maplibre-gl.css"), "maplibre-gl", "BSD-3-Clause", "maplibre-gl/LICENSE.txt");
emit("pmtiles.js", withoutSourceMap(text("pmtiles/dist/pmtiles.js")), "pmtiles", "BSD-3-Clause", { text: PMTILES_LICENCE() });

const three = buildSync({
  entryPoints: [join(here, "three.entry.js")],
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "THREE",
  target: ["chrome100", "firefox115"],
  legalComments: "inline",
  write: false,
});
emit("three.bundle.js", three.outputFiles[0].text, "three", "MIT", "three/LICENSE");

// Leaflet looks for its marker images beside its style sheet; inlined, it is told them here.
const icons = "leaflet/dist/images";
const leafletIcons = `L.Icon.Default.imagePath="";L.Icon.Default.mergeOptions({iconUrl:"${dataUri(`${icons}/marker-icon.png`)}",iconRetinaUrl:"${dataUri(`${icons}/marker-icon-2x.png`)}",shadowUrl:"${dataUri(`${icons}/marker-shadow.png`)}"});`;
emit("leaflet.js", `${withoutSourceMap(text("leaflet/dist/leaflet.js"))}\n${leafletIcons}\n`, "leaflet", "BSD-2-Clause", "leaflet/LICENSE");
emit("leaflet.css", inlineImages(text("leaflet/dist/leaflet.css"), "leaflet/dist"), "leaflet", "BSD-2-Clause", "leaflet/LICENSE");
emit("jquery.js", text("jquery/dist/jquery.min.js"), "jquery", "MIT", "jquery/LICENSE.txt");
emit("bootstrap.js", withoutSourceMap(text("bootstrap/dist/js/bootstrap.bundle.min.js")), "bootstrap", "MIT", "bootstrap/LICENSE");
emit("bootstrap.css", withoutSourceMap(text("bootstrap/dist/css/bootstrap.min.css")), "bootstrap", "MIT", "bootstrap/LICENSE");
const markers = "leaflet.awesome-markers";
emit("awesome-markers.js", text(`${markers}/dist/leaflet.awesome-markers.min.js`), markers, "MIT", `${markers}/LICENSE`);
emit("awesome-markers.css", inlineImages(text(`${markers}/dist/leaflet.awesome-markers.css`), `${markers}/dist`), markers, "MIT", `${markers}/LICENSE`);

const fontPackage = "@expo-google-fonts/noto-sans-sc";
execFileSync(process.env.PYTHON ?? "python3", [
  join(here, "build_font.py"),
  join(modules, fontPackage, "400Regular", "NotoSansSC_400Regular.ttf"),
  join(here, "sxrisk-sans-sc.ttf"),
]);
emit("sxrisk-sans-sc.ttf", readFileSync(join(here, "sxrisk-sans-sc.ttf")), fontPackage, "OFL-1.1", `${fontPackage}/LICENSE_FONT`);

const sha256 = (file) => createHash("sha256").update(readFileSync(join(here, file))).digest("hex");
const manifest = entries
  .map((entry) =>
    ["[[file]]", ...Object.entries({ ...entry, sha256: sha256(entry.file) }).map(([key, value]) => `${key} = "${value}"`)].join("\n"),
  )
  .join("\n\n");
writeFileSync(join(here, "MANIFEST.toml"), `# Written by build.mjs: third-party files that the review pack carries.\n\n${manifest}\n`);

function PMTILES_LICENCE() {
  // The npm package names its licence (BSD-3-Clause) in package.json and carries no text of it.
  return `BSD 3-Clause License

Copyright 2021-2024, Protomaps LLC

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products
   derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES;
LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN
CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS
SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
`;
}
