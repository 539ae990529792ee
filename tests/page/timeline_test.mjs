// The page of `thrum trace view`: node timeline_test.mjs THRUM MODULES WORK PICTURES. Reports in TAP.
// WORK has contended.thrum and many_events.thrum, which page_test.sh records.
import { checkFaults, open, run, shoot, thrum, work } from "./browser.mjs";
import { execFileSync } from "node:child_process";
import assert from "node:assert/strict";

for (const name of ["contended", "many_events"]) execFileSync(thrum, ["trace", "view", `${work}/${name}.thrum`, "-o", `${work}/${name}.html`]);
const exported = name => JSON.parse(execFileSync(thrum, ["trace", "export", `${work}/${name}.thrum`], { maxBuffer: 1 << 28 })).traceEvents;

const details = page => page.locator("#details").textContent();
async function search(page, text) {
  await page.fill("#search", text);
  await page.press("#search", "Enter");
}

const tests = {
  async the_page_has_the_spans_of_the_trace() {
    for (const name of ["contended", "many_events"]) {
      const page = await open(name), events = exported(name);
      const spans = events.filter(event => event.ph === "X");
      const ends = events.filter(event => event.ph === "f");
      const [count, arrows, sum] = await page.evaluate(() => [thrumTimeline.spanCount, thrumTimeline.arrows.count, thrumTimeline.lanes.reduce((sum, lane) => sum + lane.sum[lane.count], 0)]);
      assert.equal(count, spans.length);
      assert.equal(arrows, ends.length);
      assert.equal(sum, spans.reduce((total, span) => total + Math.round(span.dur * 1000), 0));
      await page.close();
    }
  },
  async every_lane_is_sorted() {
    const page = await open("many_events");
    assert.ok(await page.evaluate(() => thrumTimeline.lanes.every(lane => lane.begin.every((begin, i) => begin <= lane.end[i] && (i === 0 || begin >= lane.end[i - 1])))));
    await page.close();
  },
  // Each pixel that shows something lies over a span, and each that shows nothing lies over none.
  async what_is_drawn_is_what_happened() {
    const page = await open("contended");
    for (const part of [[0, 1], [.2, .6], [.45, .4501]]) {
      const wrong = await page.evaluate(([from, to]) => {
        const { lanes, trace, view, show, draw } = thrumTimeline, canvas = document.getElementById("canvas");
        show(trace.length * from, trace.length * to);
        draw();
        const copy = document.createElement("canvas"); // a canvas that is read often would be drawn slowly
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const context = copy.getContext("2d", { willReadFrequently: true });
        context.drawImage(canvas, 0, 0);
        const gutter = 170, scale = canvas.width / canvas.clientWidth, width = canvas.width - gutter * scale, per = (view.end - view.begin) / width;
        let bad = 0;
        for (const lane of lanes) {
          if (laneHasArrows(lane)) continue;
          const pixels = context.getImageData(canvas.width - width, Math.round((lane.top + 3) * scale), width, 1).data;
          const empty = [...context.getImageData(canvas.width - width, Math.round((lane.top - 1) * scale), 1, 1).data].join();
          for (let x = 0; x < width; x++) {
            const begin = view.begin + x * per, end = begin + per;
            const covered = lane.begin.some((start, i) => start < end - per * .01 && lane.end[i] > begin + per * .01);
            const near = lane.end.some(stop => Math.abs(stop - begin) <= 2 * per) || lane.begin.some(start => Math.abs(start - begin) <= 2 * per);
            const shown = [...pixels.slice(x * 4, x * 4 + 4)].join() !== empty && [...pixels.slice(x * 4, x * 4 + 3)].some((value, i) => Math.abs(value - [255, 255, 255][i]) > 10);
            if (!near && covered !== shown) bad++;
          }
        }
        return bad;
        function laneHasArrows(lane) { return lane.kind === 0; }
      }, part);
      assert.equal(wrong, 0, part.join(" to "));
    }
    await page.close();
  },
  async the_keyboard_selects_and_follows_a_wake() {
    const page = await open("contended");
    await search(page, "waits for mutex accounts");
    assert.equal(await page.locator("#found").textContent(), "1 match");
    assert.match(await details(page), /waits for mutex accounts, [\d.]+ ms.*thread \d+ taker.*Held by thread \d+ main.*Ended by thread \d+ main/s);
    await page.locator("#details button", { hasText: "Held by" }).click();
    assert.match(await details(page), /holds mutex accounts.*thread \d+ main/s);
    await search(page, "waits for mutex accounts");
    await page.focus("#canvas");
    await page.keyboard.press("w");
    assert.match(await details(page), /holds mutex accounts.*thread \d+ main/s);
    await page.keyboard.press("Enter");
    await shoot(page, "timeline-selected");
    const before = await details(page);
    await page.keyboard.press("ArrowUp");
    assert.notEqual(await details(page), before);
    await page.keyboard.press("Escape");
    assert.equal(await details(page), "Nothing is selected.");
    await page.keyboard.press("ArrowRight");
    assert.match(await details(page), /, from .* to /);
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "search");
    await page.close();
  },
  async keys_and_wheel_zoom_and_move() {
    const page = await open("many_events");
    const view = () => page.evaluate(() => [thrumTimeline.view.begin, thrumTimeline.view.end]);
    const whole = await view();
    await page.focus("#canvas");
    await page.keyboard.press("+");
    const near = await view();
    assert.ok(near[1] - near[0] < (whole[1] - whole[0]) * .7);
    await page.keyboard.press("Shift+ArrowRight");
    const moved = await view();
    assert.ok(moved[0] > near[0] && Math.abs(moved[1] - moved[0] - (near[1] - near[0])) < 1);
    const box = await page.locator("#canvas").boundingBox();
    await page.mouse.move(box.x + 600, box.y + 40);
    await page.mouse.wheel(0, -400);
    await page.waitForFunction(([begin, end]) => thrumTimeline.view.end - thrumTimeline.view.begin < (end - begin) * .7, moved);
    await page.mouse.down();
    await page.mouse.move(box.x + 500, box.y + 40, { steps: 4 });
    await page.mouse.up();
    assert.ok((await view())[0] > moved[0]);
    await page.keyboard.press("0");
    assert.deepEqual(await view(), whole);
    await page.close();
  },
  async a_click_selects_what_is_there() {
    const page = await open("contended");
    const [x, y] = await page.evaluate(() => {
      const { lanes, view, trace } = thrumTimeline, canvas = document.getElementById("canvas");
      const lane = lanes.find(one => one.kind === 1 && trace.threads[one.thread].name.endsWith("main"));
      const middle = (lane.begin[0] + lane.end[0]) / 2;
      return [170 + (middle - view.begin) / (view.end - view.begin) * (canvas.clientWidth - 170), lane.top + 7];
    });
    await page.locator("#canvas").click({ position: { x, y } });
    assert.match(await details(page), /holds mutex accounts.*contended \(traced\.c:/s);
    await page.close();
  },
  async tables_say_the_same() {
    const page = await open("contended");
    assert.ok((await page.locator("#locks").textContent()).includes("mutex accounts"));
    assert.equal(await page.locator("#threads tbody tr").count(), 2);
    await page.locator("#locks button", { hasText: "mutex accounts" }).click();
    assert.match(await details(page), /mutex accounts/);
    await page.close();
  },
  async axe_finds_no_serious_fault() {
    const page = await open("contended");
    await search(page, "accounts");
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await checkFaults(page, colorScheme);
      await shoot(page, "timeline-" + colorScheme);
    }
    await page.close();
  },
  async a_narrow_page_does_not_scroll_sideways() {
    const page = await open("many_events", { viewport: { width: 360, height: 740 } });
    assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth));
    await shoot(page, "timeline-narrow");
    await page.close();
  },
};
await run(tests);
