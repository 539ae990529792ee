// Collects the licences of what is packed, into src/licences.txt: of the packages whose sources the maps of our dependencies
// name, and of those that we import.
import { readFileSync, readdirSync, writeFileSync, existsSync } from "node:fs";

const walker = "node_modules/@kanaries/graphic-walker/";
const names = new Set(["@kanaries/graphic-walker", "react", "react-dom", "scheduler", "styled-components"]);
const map = JSON.parse(readFileSync(walker + "dist/graphic-walker.es.js.map", "utf8"));
for (const source of map.sources) {
  const found = source.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/);
  if (found && !found[1].includes("leaflet")) names.add(found[1]); // maps are taken out (vite.config.mjs)
}

const texts = new Map(); // a text, and the packages that have it
const without = [];
for (const name of [...names].sort()) {
  const folder = "node_modules/" + name + "/";
  if (!existsSync(folder + "package.json")) { without.push(name + ": not installed by itself"); continue; }
  const about = JSON.parse(readFileSync(folder + "package.json", "utf8"));
  const title = `${name} ${about.version} (${typeof about.license === "string" ? about.license : "see its text"})`;
  const file = readdirSync(folder).find(entry => /^(licen[cs]e|copying)/i.test(entry));
  if (!file) { without.push(title); continue; }
  const text = readFileSync(folder + file, "utf8").replace(/\r/g, "").replace(/[ \t]+$/gm, "").trim();
  texts.set(text, [...(texts.get(text) || []), title]);
}
const apache = readFileSync("../../../LICENSE", "utf8").trim();
let out = "The explorer is packed from these packages. Those without a text of their own come first.\n\n" + without.join("\n") + "\n\n";
for (const [text, titles] of texts) out += "=".repeat(78) + "\n" + titles.join("\n") + "\n\n" + text + "\n\n";
out += "=".repeat(78) + "\nApache License 2.0, for the packages above that name it without a text:\n\n" + apache + "\n";
writeFileSync("src/licences.txt", out);
console.log(`licences: ${names.size} packages, ${texts.size} texts, ${without.length} without a text`);
