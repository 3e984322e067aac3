// Pictures of pages, light and dark, at phone and desktop width.
//
//     node shots.mjs BOOK_DIR OUT_DIR PAGE…     PAGE: m0-interrupts, or m0-interrupts#widget-gate

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Book } from "./lib/book.mjs";
import { DESKTOP, PHONE, context, launch, openPage } from "./lib/browser.mjs";

const [folder, out, ...names] = process.argv.slice(2);
if (!out || names.length === 0) {
    console.error("usage: shots.mjs BOOK_DIR OUT_DIR PAGE…");
    process.exit(2);
}
mkdirSync(out, { recursive: true });
const book = new Book(resolve(folder));
const browser = await launch();
for (const [scheme, theme] of [["light", "light"], ["dark", "navy"]]) {
    for (const [width, viewport] of [["phone", PHONE], ["desktop", DESKTOP]]) {
        const pages = await context(browser, { viewport, colorScheme: scheme });
        for (const name of names) {
            const [slug, widget] = name.split("#widget-");
            const { page } = await openPage(pages, book.url(`${slug}.html`));
            await page.evaluate((id) => document.getElementById(`mdbook-theme-${id}`)?.click(), theme);
            const path = join(out, `${name.replaceAll(/[^a-z0-9]+/g, "-")}-${scheme}-${width}.png`);
            if (widget) {
                await page.locator(`section.widget[data-widget="${widget}"]`).first().screenshot({ path });
            } else {
                await page.screenshot({ path, fullPage: true });
            }
            console.log(path);
            await page.close();
        }
        await pages.close();
    }
}
await browser.close();
