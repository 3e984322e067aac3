// Every page of the book loads, by itself, at every width; and search finds.

import { PHONE, context, each, openPage } from "../lib/browser.mjs";
import { check, none } from "../lib/report.mjs";

export async function run({ browser, book, report }) {
    const pages = await context(browser, { viewport: PHONE });
    await each(book.pages, (name) => report.test(`page ${name}`, () => load(pages, book, name)));
    await report.test("search finds a word", () => search(pages, book));
    await report.test("search says when there is nothing", () => searchInVain(pages, book));
    await pages.close();
}

async function load(pages, book, name) {
    const { page, faults } = await openPage(pages, book.url(name));
    try {
        const wide = await page.evaluate(overflow);
        none(faults, "while loading");
        // Pages that are made of all others are read on paper or in a frame.
        if (name !== "print.html" && name !== "toc.html") none(wide, `wider than ${PHONE.width} px`);
    } finally {
        await page.close();
    }
}

/** What stands out of the window sideways, and cannot be scrolled by itself. */
function overflow() {
    const room = document.documentElement.clientWidth;
    const scrolls = (node) => node && node !== document.body
        && (/(auto|scroll|hidden|clip)/.test(getComputedStyle(node).overflowX) && !node.matches(".content, main, body, html")
            ? true : scrolls(node.parentElement));
    const found = [];
    for (const node of document.querySelectorAll("main *")) {
        const box = node.getBoundingClientRect();
        if (box.width > 0 && box.right > room + 1 && !scrolls(node.parentElement) && !node.closest(".hidden")) {
            found.push(`${node.tagName.toLowerCase()}.${node.getAttribute("class") ?? ""} “${node.textContent.trim().slice(0, 30)}” ends at ${Math.round(box.right)}`);
        }
    }
    const content = document.querySelector(".content");
    if (content && content.scrollWidth > content.clientWidth + 1) found.push(`the content is ${content.scrollWidth} px wide`);
    return found;
}

/** Types `word` into the search and gives the links that come. */
async function results(page, word) {
    await page.keyboard.press("/");
    await page.locator("#mdbook-searchbar").fill(word);
    await page.locator("#mdbook-searchbar").press("Shift");
    await page.locator("#mdbook-searchresults-header").filter({ hasText: /\S/ }).waitFor();
    return page.locator("#mdbook-searchresults a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
}

async function search(pages, book) {
    const { page, faults } = await openPage(pages, book.url(book.chapters()[0]));
    const links = await results(page, "frame");
    check(links.length > 0, "no result for “frame”");
    await page.goto(new URL(links[0], page.url()).href);
    check((await page.locator("main h1").count()) > 0, "the first result leads to no chapter");
    check((await page.locator("main mark").count()) > 0, "the word is not marked on the page that search leads to");
    none(faults, "while searching");
    await page.close();
}

async function searchInVain(pages, book) {
    const { page } = await openPage(pages, book.url(book.chapters()[0]));
    const links = await results(page, "xyzzyplugh");
    check(links.length === 0, "a word that is nowhere was found");
    await page.close();
}
