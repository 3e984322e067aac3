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
                const widget = page.locator(`section.widget[data-widget="${name}"]`).first();
                await startAt(widget);
                await script(page, widget);
                none(faults.splice(0), "on the way");
            });
        }
    }
    await pages.close();
    await withoutScript(browser, book.url(tools), report);
    await onPaper(browser, book.url(tools), report);
}

/** Puts the focus before a widget, so that Tab need not come from the top of the page. */
async function startAt(widget) {
    await widget.evaluate((node) => {
        node.tabIndex = -1;
        node.focus();
    });
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

const NONSENSE = ["", "0x", "zebra", "-1", "0xg", "1e9", "9".repeat(400), "<b>&", "💥 0b2", "0x1_0000_0000_0000_0000_0"];

/** Nonsense in each input: a message where there is something wrong, and never an error. */
async function anyInput(page, name, faults) {
    const silent = await page.evaluate(typeNonsense, { name, texts: NONSENSE });
    none(silent, "taken without a word");
    none(faults.splice(0), "with bad input");
    await page.reload();
}

/** Runs in the page; gives what was typed where no message came. */
async function typeNonsense({ name, texts }) {
    const silent = [];
    const messages = (input) => (input.getAttribute("aria-describedby") ?? "").split(" ")
        .map((id) => document.getElementById(id)).filter((node) => node?.ariaLive).map((node) => node.textContent.trim()).join("");
    const widget = document.querySelector(`section.widget[data-widget="${name}"]`);
    const shown = (node) => node.getClientRects().length > 0;
    for (const input of [...widget.querySelectorAll('.widget-live :is(input[type="text"], textarea)')].filter(shown)) {
        for (const text of texts) {
            input.value = text;
            input.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((resolve) => setTimeout(resolve));
            // A text for which nothing is said must be one that is a number, or none.
            const wrong = text !== "" && !/^[0-9]{1,5}$/.test(text);
            if (input.localName === "input" && wrong && (messages(input) === "" || input.ariaInvalid !== "true")) {
                silent.push(`“${text.slice(0, 12)}” in ${input.ariaLabel ?? input.labels[0]?.textContent}`);
            }
        }
    }
    return silent;
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
