// thrumExplorer(element, rows, preset): shows rows of samples in element, with a first chart.
// A preset is [name, {columns, rows, color}, mark]: names of columns. Returns { update(rows) }.
import { createRoot } from "react-dom/client";
import { GraphicWalker } from "@kanaries/graphic-walker";
import licences from "./licences.txt?raw";

// Numbers that count something are for axes and colours; only what was measured is a measure.
const counts = new Set(["workers", "run"]);

function fieldsOf(rows) {
  return Object.keys(rows[0] || {}).map(name => {
    const number = rows.some(row => typeof row[name] === "number") && !counts.has(name);
    return { fid: name, name, semanticType: number ? "quantitative" : counts.has(name) ? "ordinal" : "nominal",
      analyticType: number ? "measure" : "dimension" };
  });
}

function chartOf(fields, [name, places, mark]) {
  const shelves = fields.map((field, i) => ({ ...field, basename: field.name, dragId: "field_" + i,
    ...(field.analyticType === "measure" ? { aggName: "median" } : {}) }));
  const at = key => (places[key] || []).map(fid => shelves.find(field => field.fid === fid)).filter(Boolean)
    .map((field, i) => ({ ...field, dragId: key + "_" + i }));
  const none = Object.fromEntries(["opacity", "size", "shape", "radius", "theta", "longitude", "latitude", "geoId", "details",
    "filters", "text"].map(key => [key, []]));
  return {
    visId: name, name,
    encodings: { dimensions: shelves.filter(field => field.analyticType === "dimension"),
      measures: shelves.filter(field => field.analyticType === "measure"),
      columns: at("columns"), rows: at("rows"), color: at("color"), ...none },
    config: { defaultAggregated: mark !== "point", geoms: [mark || "bar"], coordSystem: "generic", limit: -1, folds: [] },
    layout: { showTableSummary: false, format: {}, resolve: {}, size: { mode: "auto", width: 480, height: 320 },
      interactiveScale: false, stack: "none", showActions: false, zeroScale: mark !== "point" },
  };
}

window.thrumExplorerLicences = licences;

// Graphic Walker draws into a shadow root. What it lacks for those who do not see it, or use no mouse, is added there, each time
// that it has drawn: names of menus, the right roles, contrast.
function repair(shadow) {
  for (const wrapper of shadow.querySelectorAll("div[type=button][aria-haspopup], div[type=button][aria-expanded]"))
    for (const name of ["aria-haspopup", "aria-expanded", "aria-controls"]) wrapper.removeAttribute(name);
  for (const hidden of shadow.querySelectorAll("button[aria-hidden=true]:not([tabindex='-1'])")) hidden.tabIndex = -1;
  for (const pill of shadow.querySelectorAll("[data-rbd-draggable-id][role=button], span[role=tab]:has([aria-haspopup])")) {
    pill.setAttribute("aria-label", pill.textContent.trim());
    pill.setAttribute("role", "group");
  }
  for (const button of shadow.querySelectorAll("button:not([aria-label]), [role=button]:not([aria-label]), [role=combobox]:not([aria-label])"))
    if (!button.textContent.trim() || button.getAttribute("role") === "combobox") {
      const near = button.closest("[data-rbd-draggable-id]") || button.parentElement;
      button.setAttribute("aria-label", ("menu " + near.textContent.trim()).trim());
    }
  if (!shadow.getElementById("thrum-contrast")) {
    const style = document.createElement("style");
    style.id = "thrum-contrast";
    style.textContent = ".text-muted-foreground, .text-muted-foreground\\/70 { color: inherit !important; opacity: 1 !important; }";
    shadow.append(style);
  }
}

function watch(element) {
  const found = [...element.querySelectorAll("*")].find(child => child.shadowRoot);
  if (!found) { setTimeout(watch, 50, element); return; }
  repair(found.shadowRoot);
  new MutationObserver(() => repair(found.shadowRoot)).observe(found.shadowRoot,
    { childList: true, subtree: true, attributes: true, attributeFilter: ["role", "aria-haspopup", "aria-expanded", "aria-hidden"] });
}

let root = null;

window.thrumExplorer = (element, rows, preset) => {
  if (!root) { root = createRoot(element); watch(element); }
  const fields = fieldsOf(rows), chart = [chartOf(fields, preset)];
  const show = data => root.render(
    <GraphicWalker key={preset[0]} data={data} fields={fields} chart={chart} appearance="media" i18nLang="en-US"
      hideDataSourceConfig toolbar={{ exclude: ["kanaries", "coord_system"] }} defaultConfig={{ layout: { stack: "none" } }} />);
  show(rows);
  return { update: show };
};
