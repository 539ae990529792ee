// The search of the site: what a reader asks is found, on pages that are opened as files, in two folders.
import { LONG, open, run, work as site } from "./browser.mjs";

// Waits until the query finds that page first, or nothing if none is named.
async function finds(page, query, wanted) {
  await page.fill(".md-search__input", query);
  await page.press(".md-search__input", "End"); // the theme looks when a key is released
  await page.waitForFunction(wanted => {
    const first = document.querySelector(".md-search-result__item a");
    const nothing = /^\s*No matching/.test(document.querySelector(".md-search-result__meta").textContent);
    return wanted ? first && first.href.split("?")[0].endsWith(wanted) && !nothing : nothing;
  }, wanted, { timeout: LONG });
}

await run({
  async "a page at the top finds pages of the guide and of the manual"() {
    const page = await open(`file://${site}/index.html`);
    await page.click(".md-search__input");
    await finds(page, "how many threads", "/docs/guide/tuning.html");
    await finds(page, "zzyzx");
    await finds(page, "thrum_future_result", "/man/thrum_future.3.html");
    await page.close();
  },
  async "a page in a folder does"() {
    const page = await open(`file://${site}/docs/guide/faq.html`);
    await page.click(".md-search__input");
    await finds(page, "lost wake-up", "/docs/guide/pitfalls.html");
    await finds(page, "install", "/index.html");
    await page.close();
  },
});
