// What axe finds on every page, light and dark, and what a keyboard reaches.

import AxeBuilder from "@axe-core/playwright";
import { context, each, openPage } from "../lib/browser.mjs";
import { check, none } from "../lib/report.mjs";

/** Listings are made alike; a few stand for all. */
const LISTINGS = 4;
/** By theme: all rules, and those that depend on the colours. */
const THEMES = { light: {}, navy: { runOnly: ["color-contrast", "link-in-text-block"] } };

export async function run({ browser, book, report }) {
    const names = [...book.chapters(), ...book.listings(LISTINGS)];
    for (const [theme, rules] of Object.entries(THEMES)) {
        const pages = await context(browser);
        await pages.addInitScript(wear, theme);
        await each(names, (name) => axe(pages, book, name, { theme, rules, report }));
        await pages.close();
    }
    const pages = await context(browser);
    await report.test("keyboard reaches what a page offers", () => keyboard(pages, book));
    await report.test("keyboard opens and closes the sidebar", () => sidebar(pages, book));
    await pages.close();
}

async function axe(pages, book, name, { theme, rules, report }) {
    await report.test(`axe ${name} ${theme}`, async () => {
        const { page } = await openPage(pages, book.url(name));
        const { violations } = await new AxeBuilder({ page }).setLegacyMode(true)
            .options({ resultTypes: ["violations"], ...rules }).analyze();
        await page.close();
        const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
        none(grave.map(({ id, nodes }) => `${id} at ${nodes.slice(0, 3).map(told).join(", ")} (${nodes.length} in all)`), theme);
    });
}

/** A finding's place, and for contrast its figures. */
function told({ target, any }) {
    const data = any?.[0]?.data;
    const contrast = data?.contrastRatio ? ` ${data.fgColor} on ${data.bgColor} is ${data.contrastRatio}` : "";
    return `${target.join(" ")}${contrast}`;
}

/** Chooses a theme before the page is loaded, as if it had been chosen on an earlier one. */
function wear(theme) {
    localStorage.setItem("mdbook-theme", theme);
}

/** Where the focus is: a description, whether it can be seen, and a mark to tell it by. */
function focused() {
    const node = document.activeElement;
    if (!node || node === document.body) return null;
    const style = getComputedStyle(node);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const box = node.getBoundingClientRect();
    return {
        id: node.id,
        inContent: Boolean(node.closest("main")) && node.matches("a[href]"),
        name: `${node.tagName.toLowerCase()}#${node.id}.${node.className}`,
        visible: (ring || style.boxShadow !== "none") && box.width > 0 && box.height > 0,
    };
}

async function keyboard(pages, book) {
    const { page } = await openPage(pages, book.url(book.chaptersWith(/<main>[^]*<p>[^]*<a href=/).at(0)));
    const wanted = new Set(["mdbook-sidebar-toggle", "mdbook-search-toggle", "first link of the content"]);
    const unseen = [];
    for (let presses = 0; presses < 200 && wanted.size > 0; presses += 1) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(focused);
        if (!at) continue;
        wanted.delete(at.id);
        if (at.inContent) wanted.delete("first link of the content");
        if (!at.visible) unseen.push(at.name);
    }
    none([...wanted], "Tab does not reach");
    none(unseen, "focus cannot be seen on");
    await page.close();
}

async function sidebar(pages, book) {
    const { page } = await openPage(pages, book.url(book.chapters()[0]));
    const toggle = page.locator("#mdbook-sidebar-toggle");
    const before = await toggle.getAttribute("aria-expanded");
    await toggle.focus();
    await page.keyboard.press("Enter");
    const after = await toggle.getAttribute("aria-expanded");
    check(before !== after, `aria-expanded stays ${before}`);
    await page.close();
}
