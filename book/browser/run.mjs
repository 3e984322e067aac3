// Tests of the built book in a real browser.
//
//     node run.mjs GROUP BOOK_DIR CASES_FILE
//
// One line per test: `ok NAME`, or `not ok NAME: message`. Exit status 1 if one failed, 2
// if nothing could be tested.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { launch } from "./lib/browser.mjs";
import { Book } from "./lib/book.mjs";
import { Report } from "./lib/report.mjs";
import * as accessibility from "./groups/accessibility.mjs";
import * as pages from "./groups/pages.mjs";
import * as reading from "./groups/reading.mjs";
import * as widgets from "./groups/widgets.mjs";

const GROUPS = { accessibility, pages, reading, widgets };

async function main([group, folder, cases, ...rest]) {
    if (!(group in GROUPS) || !folder || !cases || rest.length > 0) {
        return refuse(`usage: run.mjs ${Object.keys(GROUPS).join("|")} BOOK_DIR CASES_FILE`);
    }
    if (!existsSync(join(folder, "index.html"))) return refuse(`${folder} holds no index.html`);
    if (!existsSync(cases)) return refuse(`there is no ${cases}`);
    const report = new Report();
    const browser = await launch();
    try {
        await GROUPS[group].run({ browser, book: new Book(resolve(folder)), cases: resolve(cases), report });
    } finally {
        await browser.close();
    }
    return report.status();
}

function refuse(why) {
    console.error(why);
    return 2;
}

process.exitCode = await main(process.argv.slice(2)).catch((error) => refuse(error.stack));
