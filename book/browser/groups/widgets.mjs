// Widgets: right answers, by function and by keyboard; with bad input, and without script.

import { readFileSync } from "node:fs";
import { PHONE, context, openPage } from "../lib/browser.mjs";
import { check, none } from "../lib/report.mjs";
import { differences } from "../lib/cases.mjs";
import { SCRIPTS } from "./widgets/scripts.mjs";

/** The page that has all widgets. */
const TOOLS = "ref-tools.html";

export async function run({ browser, book, cases, report }) {
    const tools = TOOLS;
    check(book.pages.includes(tools), `the book has no ${tools}`);
    const pages = await context(browser);
    await pages.grantPermissions(["clipboard-read", "clipboard-write"]);
    const { page, faults } = await openPage(pages, book.url(tools));
    await answers(page, JSON.parse(readFileSync(cases, "utf8")), report);
    const names = await page.locator("section.widget").evaluateAll((all) => [...new Set(all.map(({ dataset }) => dataset.widget))]);
    for (const name of names) {
        await report.test(`${name} takes any input`, () => anyInput(page, name, faults));
        for (const [what, script] of Object.entries(SCRIPTS[name] ?? {})) {
            await report.test(`${name} ${what}`, async () => {
                await page.reload();
                await script(page, page.locator(`section.widget[data-widget="${name}"]`).first());
                none(faults.splice(0), "on the way");
            });
        }
    }
    await pages.close();
    await withoutScript(browser, book.url(tools), report);
    await onPaper(browser, book.url(tools), report);
}

/** Every case, by the pure functions. */
async function answers(page, cases, report) {
    for (const [name, list] of Object.entries(cases)) {
        const calls = [...new Set(list.map(({ call }) => call))];
        for (const call of calls) {
            await report.test(`${name}.${call} answers as the kernel does`, async () => {
                const own = list.filter((one) => one.call === call);
                none(await page.evaluate(differences, { name, cases: own }), `of ${own.length}`);
            });
        }
    }
}

/** Nonsense in each input: a message where there is something wrong, and never an error. */
async function anyInput(page, name, faults) {
    const widget = page.locator(`section.widget[data-widget="${name}"]`).first();
    const inputs = await widget.locator('.widget-live :is(input[type="text"], textarea)').all();
    for (const input of inputs) {
        if (!(await input.isVisible())) continue;
        for (const text of ["", "0x", "zebra", "-1", "0xg", "1e9", "9".repeat(400), "<b>&", "💥 0b2", "0x1_0000_0000_0000_0000_0"]) {
            await input.fill(text);
            const told = await input.evaluate((node) => {
                const ids = (node.getAttribute("aria-describedby") ?? "").split(" ");
                return ids.map((id) => document.getElementById(id)).some((live) => live?.ariaLive && live.textContent.trim() !== "");
            });
            const invalid = (await input.getAttribute("aria-invalid")) === "true";
            const wrong = text !== "" && !/^(0x)?[0-9a-f_]+$/i.test(text);
            check(told || !(wrong || invalid), `“${text.slice(0, 12)}” in ${await input.getAttribute("id") ?? await input.getAttribute("aria-label")} is taken without a word`);
        }
    }
    none(faults.splice(0), "with bad input");
    await page.reload();
}

async function withoutScript(browser, url, report) {
    const pages = await context(browser, { javaScriptEnabled: false });
    const { page } = await openPage(pages, url);
    for (const widget of await page.locator("section.widget").all()) {
        const name = await widget.getAttribute("data-widget");
        await report.test(`${name} tells its matter without JavaScript`, async () => {
            check((await widget.innerText()).length > 150, "there is hardly any text");
            check((await widget.locator(":is(button, input, select):visible").count()) === 0, "there are controls that do nothing");
        });
    }
    await pages.close();
}

async function onPaper(browser, url, report) {
    const pages = await context(browser, { viewport: PHONE });
    const { page } = await openPage(pages, url);
    await page.emulateMedia({ media: "print" });
    await report.test("widgets are text on paper", async () => {
        check((await page.locator(".widget-live:visible").count()) === 0, "controls are printed");
        const hidden = await page.locator(".widget-fallback").evaluateAll((all) => all.filter((node) => node.getClientRects().length === 0).length);
        check(hidden === 0, "a static text is not printed");
    });
    await pages.close();
}
