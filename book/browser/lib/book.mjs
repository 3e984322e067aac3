// The built book: which pages it has.

import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

/** Pages that are made of others: all chapters in one, and the contents for no JavaScript. */
const COMPOSED = new Set(["print.html", "toc.html"]);

export class Book {
    constructor(folder) {
        this.folder = folder;
        /** All pages, by path. */
        this.pages = readdirSync(folder, { recursive: true, encoding: "utf8" })
            .filter((path) => path.endsWith(".html")).sort();
    }

    /** Chapters: what a reader goes through. */
    chapters() {
        return this.pages.filter((page) => !page.includes("/") && !COMPOSED.has(page) && page !== "index.html");
    }

    /** Listings of source files: the longest, which stand for all, as they are made alike. */
    listings(count) {
        const size = (page) => statSync(join(this.folder, page)).size;
        return this.pages.filter((page) => page.includes("/")).sort((a, b) => size(b) - size(a)).slice(0, count);
    }

    /** Chapters whose page matches `form`. */
    chaptersWith(form) {
        return this.chapters().filter((page) => form.test(readFileSync(join(this.folder, page), "utf8")));
    }

    url(page) {
        return pathToFileURL(join(this.folder, page)).href;
    }

    /** The name of a page at a file: address, or the address if it is not of this book. */
    nameOf(url) {
        const base = `${pathToFileURL(this.folder).href}/`;
        return url.startsWith(base) ? url.slice(base.length) : relative(".", url);
    }
}
