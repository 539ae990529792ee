// One file, for a page that loads nothing.
import { defineConfig } from "vite";

// Addresses that are names of something and never asked.
const names = /^https?:\/\/(www\.w3\.org\/|vega\.github\.io\/schema\/)/;

// What would ask other servers, or lead to them, leads nowhere: sample data, an assistant, links to manuals.
const withoutAddresses = {
  name: "without-addresses",
  transform: (code, id) => id.includes("licences.txt") ? null : {
    code: code.replace(/https?:\/\/[\w.{}-]+/g, (address, at) => names.test(code.slice(at, at + 80)) ? address : "about:invalid#"),
    map: null,
  },
};

// Maps need pictures from a server, and what draws them (react-leaflet) has no free licence: they are taken out. In the packed
// Graphic Walker they are the lines from `begin` up to `end`, which others use by the names that these lines declare.
function withoutMaps(code) {
  const begin = code.indexOf("function Cxe(e, t) {\n"), end = code.indexOf("function br(e, t) {\n", begin);
  const maps = code.slice(begin, end);
  if (begin < 0 || end < 0 || !maps.includes("Leaflet") || maps.length > 400000) throw new Error("the maps of Graphic Walker are elsewhere");
  const declared = new Set();
  for (const line of maps.split("\n")) {
    if (!/^(function|const|let|var|\})/.test(line)) continue;
    for (const found of line.matchAll(/(?:^function |^const |^var |^let |, )([\w$]+)(?= =|\(e|\(t|\(\)|\(\{)/g)) if (found[1] !== "function") declared.add(found[1]);
  }
  return code.slice(0, begin) + [...declared].map(name => `const ${name} = () => null;\n`).join("") + code.slice(end);
}

// What is loaded even if nobody asks for it: a style sheet, and a logo. And the buttons of the toolbar, which have a
// name only while the pointer is over them, get one for those who do not see their pictures.
const walker = {
  name: "walker",
  transform(code, id) {
    if (!id.includes("graphic-walker.es.js")) return null;
    for (const [from, to] of [
      [/\w+\.createElement\("link", \{ rel: "stylesheet", href: "https:[^}]*\}\)/, "null"],
      [/src: "https:\/\/imagedelivery[^"]*", fallbackSrc: (\w+)/, "src: $1, fallbackSrc: $1"],
      ['{ variant: "none", size: "toolbar", onClick: o, disabled: a }', '{ variant: "none", size: "toolbar", onClick: o, disabled: a, "aria-label": n.label }'],
      ['size: "toolbar", pressed: a, onPressedChange: o }', 'size: "toolbar", pressed: a, onPressedChange: o, "aria-label": n.label }'],
      ['{ className: "relative", disabled: s, variant: "none", size: "toolbar" }', '{ className: "relative", disabled: s, variant: "none", size: "toolbar", "aria-label": n.label }'],
      ['{ variant: "none", size: "none", className: "cursor-pointer group flex items-center h-8 mr-1" }',
        '{ variant: "none", size: "none", className: "cursor-pointer group flex items-center h-8 mr-1", "aria-label": l + ", settings" }'],
    ]) {
      if (typeof from === "string" ? !code.includes(from) : !from.test(code)) throw new Error("not found in Graphic Walker: " + from);
      code = code.replace(from, to);
    }
    return { code: withoutMaps(code), map: null };
  },
};

export default defineConfig({
  define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
  esbuild: { jsx: "automatic", legalComments: "none" },
  plugins: [walker, withoutAddresses],
  build: {
    outDir: "dist",
    target: "es2022",
    minify: "esbuild",
    cssCodeSplit: false,
    assetsInlineLimit: 100000000,
    modulePreload: false,
    reportCompressedSize: false,
    lib: { entry: "src/main.jsx", formats: ["iife"], name: "thrumExplorerPacked", fileName: () => "explorer.js" },
  },
});
