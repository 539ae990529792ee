// The views of the page, one after another: node page_test.mjs THRUM MODULES WORK PICTURES. Reports in TAP.
import { checkFaults, open, run, shoot, thrum, work } from "./browser.mjs";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";

const demo = JSON.parse(readFileSync(work + "/demo.json", "utf8"));
const machine = demo.machine;
const bench = {
  kind: "bench", machine, confidence: .99, rounds: 5,
  commands: [["</script><b>first", .5], ["second", .25]].map(([name, usual], i) => ({ name, command: name, shell: false,
    seconds: { middle: usual, low: usual * .98, high: usual * 1.02 }, cpu_seconds: .01, memory: 1 << 20,
    ratio: { middle: i ? .5 : 1, low: i ? .49 : 1, high: i ? .51 : 1 }, verdict: i ? "faster" : "no difference shown",
    runs: [0, 1, 2, 3, 4].map(run => ({ seconds: usual * (1 + (run - 2) / 100), user: .01, system: 0, memory: 1 << 20, status: 0, others_share: 0 })) })),
};
const tune = {
  kind: "tune", machine, command: "x",
  sweep: { points: [1, 2, 4, 8].map(workers => ({ workers, seconds: Math.max(1 / workers, .25), cpu_seconds: .01,
      runs: [0, 1, 2].map(() => ({ seconds: Math.max(1 / workers, .25) + .1, lost_seconds: .1, user: .01, system: 0, others_share: 0 })) })),
    law: { kind: "limit", single_seconds: 1, limit_seconds: .25, contention: 0, coherence: 0, error: 0 },
    clear: true, best: 4, low: 4, high: 5, cause: "cores", goetz: 4 },
};
for (const [name, results] of Object.entries({ demo, bench, tune })) {
  writeFileSync(`${work}/${name}.json`, JSON.stringify(results));
  execFileSync(thrum, ["report", `${work}/${name}.json`, "-o", `${work}/${name}.html`]);
}

async function openExplorer(page) {
  await page.focus("#open");
  await page.keyboard.press("Enter");
  await page.locator("#presets:not([hidden])").waitFor();
  await page.locator("#explorer canvas, #explorer svg.marks").first().waitFor();
}

function time(seconds) {
  let unit = 0;
  while (unit < 2 && seconds < 1) { seconds *= 1000; unit++; }
  return seconds.toFixed(seconds < 9.9995 ? 3 : seconds < 99.995 ? 2 : 1) + " " + ["s", "ms", "µs"][unit];
}

const tests = {
  async a_page_has_at_most_two_megabytes() {
    for (const name of ["demo", "bench", "tune"]) assert.ok(statSync(`${work}/${name}.html`).size <= 2000000, name);
  },
  async figures_are_those_of_the_results() {
    const page = await open("demo");
    const cells = await page.locator("td").allTextContents();
    for (const cell of demo.rows[0].cells) assert.ok(cells.includes(time(cell.seconds)), cell.column + " " + cell.seconds);
    assert.equal(await page.locator('[aria-label^="timeline: db, "]').count(), 6);
    assert.equal(await page.locator("svg title").count(), 300);
    await page.close();
  },
  async text_of_results_is_text() {
    const page = await open("bench");
    assert.ok((await page.locator("th").allTextContents()).includes("</script><b>first"));
    assert.ok((await page.locator("td").allTextContents()).includes("faster"));
    await shoot(page, "bench");
    await page.close();
  },
  async the_best_stands_where_the_results_say() {
    const page = await open("tune");
    assert.equal(await page.locator("#verdict").textContent(), "Best: 4 workers (4 to 5). Limited by: cores.");
    const best = page.locator("#best");
    assert.equal(await best.getAttribute("data-workers"), "4");
    // The axis is logarithmic, from 80 to 700: 4 of 1 to 8 is at two thirds.
    assert.match(await best.getAttribute("d"), /^M493\.33\d* 24/);
    assert.ok((await page.locator("td").allTextContents()).includes("250.0 ms"), "time without what others took");
    await shoot(page, "tune");
    await page.close();
  },
  async a_drag_makes_a_chart() {
    const page = await open("demo");
    await openExplorer(page);
    assert.match(await page.locator("#explorer").evaluate(element => {
      const texts = [];
      const walk = root => { for (const one of root.querySelectorAll("*")) { if (one.matches("[data-rbd-droppable-id=rows]")) texts.push(one.textContent); if (one.shadowRoot) walk(one.shadowRoot); } };
      walk(element);
      return texts.join();
    }), /seconds.*median/, "the first chart has a median");
    const drawing = () => page.locator("#explorer canvas, #explorer svg.marks").first().evaluate(one => one.toDataURL ? one.toDataURL() : one.outerHTML);
    const before = await drawing();
    const shelf = page.locator('#explorer [data-rbd-droppable-id="columns"]').first();
    const from = page.locator('#explorer [data-rbd-draggable-id="dimension_run"]').first();
    await from.scrollIntoViewIfNeeded();
    await shelf.scrollIntoViewIfNeeded();
    const a = await from.boundingBox(), b = await shelf.boundingBox();
    await page.mouse.move(a.x + 60, a.y + a.height / 2);
    await page.mouse.down();
    await page.mouse.move(a.x + 68, a.y + a.height / 2 - 8, { steps: 4 });
    await page.mouse.move(b.x + 20, b.y + b.height / 2, { steps: 12 });
    await page.locator("#explorer [data-rbd-drag-handle-draggable-id=dimension_run]").first().waitFor();
    await page.mouse.up();
    await shelf.filter({ hasText: "run" }).waitFor();
    const changed = async before => {
      for (let i = 0; await drawing() === before; i++) {
        assert.ok(i < 10000, "the drawing stays as it was");
        await page.waitForTimeout(50);
      }
    };
    await changed(before);
    await shoot(page, "explorer-light");
    await checkFaults(page);
    const light = await drawing();
    await page.emulateMedia({ colorScheme: "dark" });
    await changed(light);
    await checkFaults(page);
    await shoot(page, "explorer-dark");
    await page.close();
  },
  async each_first_chart_is_drawn() {
    for (const name of ["bench", "tune"]) {
      const page = await open(name);
      await openExplorer(page);
      for (const choice of await page.locator("#presets button").all()) {
        await choice.click();
        await page.locator("#explorer canvas, #explorer svg.marks").first().waitFor();
      }
      await shoot(page, "explorer-" + name);
      await page.close();
    }
  },
  async axe_finds_no_serious_fault() {
    for (const name of ["demo", "bench", "tune"]) {
      const page = await open(name);
      for (const summary of await page.locator("summary").all()) await summary.click();
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await checkFaults(page, `${name}, ${colorScheme}`);
        await shoot(page, `${name}-${colorScheme}`);
      }
      await page.close();
    }
  },
  async the_keyboard_reaches_everything() {
    const page = await open("demo");
    const reached = new Set();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => { const one = document.activeElement; return one.id || one.tagName + ":" + (one.getAttribute("aria-label") || one.textContent).slice(0, 30); });
      if (at.startsWith("BODY")) break;
      reached.add(at);
      if (at.startsWith("SUMMARY:All samples")) {
        await page.keyboard.press("Enter");
        assert.ok(await page.evaluate(() => document.activeElement.parentElement.open), "Enter opens what a summary hides");
      }
    }
    assert.ok(reached.has("open"), [...reached].join("; "));
    assert.ok([...reached].some(one => one.startsWith("SUMMARY:All samples")), [...reached].join("; "));
    assert.ok([...reached].some(one => one.startsWith("DIV:picture: ")), [...reached].join("; "));
    await page.close();
  },
  async narrow_pages_do_not_scroll_sideways() {
    for (const name of ["demo", "bench", "tune"]) {
      const page = await open(name, { viewport: { width: 360, height: 740 } });
      assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), name);
      await shoot(page, name + "-narrow");
      await page.close();
    }
  },
  async print_has_the_figures_alone() {
    const page = await open("demo", { colorScheme: "dark" });
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("#explore").isVisible(), false);
    assert.equal(await page.locator("details").first().isVisible(), false);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
    assert.ok((await page.pdf()).length > 10000);
    await shoot(page, "print");
    await page.close();
  },
  async a_served_page_follows_its_file() {
    const file = work + "/growing.json";
    writeFileSync(file, JSON.stringify({ ...bench, commands: bench.commands.slice(0, 1) }));
    const server = spawn(thrum, ["report", "--serve", file]);
    const ended = new Promise(resolve => server.on("exit", resolve));
    let printed = "";
    const address = await new Promise(resolve => server.stdout.on("data", text => {
      const found = (printed += text).match(/(http:\S+) shows/);
      if (found) resolve(found[1]);
    }));
    const page = await open(address, { served: true });
    await page.locator("td").first().waitFor();
    assert.equal(await page.locator("tbody tr").count(), 2, "one command, once in each table");
    writeFileSync(file, JSON.stringify(bench));
    await page.locator("th", { hasText: "second" }).first().waitFor();
    await page.close();
    server.kill("SIGINT");
    assert.equal(await ended, 130);
  },
};

await run(tests);
