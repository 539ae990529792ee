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

let root = null;

window.thrumExplorer = (element, rows, preset) => {
  root = root || createRoot(element);
  const fields = fieldsOf(rows), chart = [chartOf(fields, preset)];
  const show = data => root.render(
    <GraphicWalker key={preset[0]} data={data} fields={fields} chart={chart} appearance="media" i18nLang="en-US"
      hideDataSourceConfig toolbar={{ exclude: ["kanaries", "coord_system"] }} defaultConfig={{ layout: { stack: "none" } }} />);
  show(rows);
  return { update: show };
};
