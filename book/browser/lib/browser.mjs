// The browser, and pages that note what goes wrong.

import { chromium } from "playwright-core";

const FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** How long a page may take for something: it only computes, but machines are busy. */
const PATIENCE = 90_000;
export const PHONE = { width: 360, height: 740 };
export const DESKTOP = { width: 1280, height: 900 };

/** Starts Chromium: `$CHROMIUM`, or Debian's. */
export function launch() {
    return chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
}

/** A context for many pages; motion is off so that nothing is measured half-way. */
export async function context(browser, options = {}) {
    const pages = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
    pages.setDefaultTimeout(PATIENCE);
    return pages;
}

/** A page that writes down errors, failed requests, and requests that leave the machine. */
export async function openPage(pages, url) {
    const page = await pages.newPage();
    const faults = [];
    page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("requestfailed", (request) => {
        // A page that is left takes its requests along.
        const why = request.failure()?.errorText;
        if (why !== "net::ERR_ABORTED") faults.push(`failed request: ${request.url()}: ${why}`);
    });
    page.on("request", (request) => {
        if (!/^(file|data|blob|about):/.test(request.url())) faults.push(`left the machine: ${request.url()}`);
    });
    await page.goto(url);
    return { page, faults };
}

/** Calls `work` for each of `items`, a few at a time. */
export async function each(items, work, lanes = 3) {
    const left = [...items];
    const lane = async () => {
        while (left.length > 0) await work(left.shift());
    };
    await Promise.all(Array.from({ length: lanes }, lane));
}
