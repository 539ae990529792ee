// What the tests of pages share: a browser without a network, what axe finds, TAP.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

export const [thrum, modules, work, pictures] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
export const LONG = 600000; // a machine may be busy

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"], timeout: LONG });
const said = []; // what the browser complains of, and what it asks for, of the pages of a test

export async function open(name, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.setDefaultTimeout(LONG);
  page.on("console", message => { if (["error", "warning"].includes(message.type())) said.push(message.text()); });
  page.on("pageerror", error => said.push(String(error)));
  page.on("request", request => { if (!/^(file|blob|data):/.test(request.url()) && !options.served) said.push("asks for " + request.url()); });
  await page.goto(name.includes(":") ? name : `file://${work}/${name}.html`);
  return page;
}
export const shoot = (page, name) => pictures ? page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true }) : null;

// What axe finds that is serious, as text. In a shadow root it takes the colour behind some elements for that of the page, so what it
// says of contrast is measured again where the element itself has a colour behind its text.
async function faults(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const luminance = colour => {
      const [r, g, b] = colour.map(value => value / 255).map(value => value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
      return .2126 * r + .7152 * g + .0722 * b;
    };
    const contrast = target => {
      let root = document, one = null;
      for (const step of target.flat()) { one = root.querySelector(step); root = one?.shadowRoot || root; }
      const style = getComputedStyle(one), numbers = text => text.match(/[\d.]+/g).map(Number);
      const front = numbers(style.color), back = numbers(style.backgroundColor);
      if (back.length > 3 || front.length > 3) return 0; // one can be seen through: axe is right
      const [low, high] = [luminance(front), luminance(back)].sort((x, y) => x - y);
      return (high + .05) / (low + .05);
    };
    const { violations } = await axe.run();
    return violations.filter(one => ["serious", "critical"].includes(one.impact)).flatMap(one => one.nodes
      .filter(node => one.id !== "color-contrast" || contrast(node.target) < 4.5)
      .map(node => `${one.id}: ${node.target.flat().join(" ")} ${node.html.slice(0, 100)} ${node.failureSummary.slice(0, 300)}`));
  });
  return found;
}

// A page may still be changing, so axe is asked again while it finds something.
export async function checkFaults(page, what) {
  let found = await faults(page);
  for (let i = 0; found.length && i < 1000; i++) {
    await page.waitForTimeout(250);
    found = await faults(page);
  }
  assert.deepEqual(found, [], what);
}

export async function run(tests) {
  let number = 0, failed = 0;
  console.log("1.." + Object.keys(tests).length);
  for (const [name, test] of Object.entries(tests)) {
    said.length = 0;
    number++;
    const began = Date.now();
    try {
      await test();
      assert.deepEqual(said, [], "the browser complains of nothing, and asks for nothing");
      console.log(`ok ${number} - ${name} # ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed++;
      console.log(`not ok ${number} - ${name}\n# ` + String(error.stack || error).slice(0, 3000).replaceAll("\n", "\n# "));
    }
  }
  await browser.close();
  process.exit(failed > 0 ? 1 : 0);
}
