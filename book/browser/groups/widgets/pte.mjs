// The page-table entry widget, through the page.

import { says, shows, tabTo } from "../../lib/keys.mjs";

export const pte = {
    "decodes by keyboard": async (page, widget) => {
        await tabTo(page, widget.getByLabel("Entry of a"));
        await page.keyboard.press("End");
        await tabTo(page, widget.getByLabel("Entry", { exact: true }));
        await page.keyboard.press("Control+A");
        await page.keyboard.type("0x13c121");
        await says(widget.locator(".widget-verdict"), "Maps 4 KiB at physical 0x0000_0000_0013_c000: r-x-g");
    },
    "encodes by keyboard": async (page, widget) => {
        await widget.getByRole("button", { name: "not present" }).press("Enter");
        for (const name of ["present, bit 0", "writes are allowed, bit 1", "no execute, bit 63"]) {
            await tabTo(page, widget.getByRole("button", { name }));
            await page.keyboard.press("Space");
        }
        await widget.getByLabel("Physical address", { exact: true }).fill("0x17_9000");
        await shows(widget.getByLabel("Entry", { exact: true }), "0x8000_0000_0017_9003");
    },
    "refuses an unaligned address": async (page, widget) => {
        await widget.getByRole("button", { name: "2 MiB of the direct map" }).press("Enter");
        await widget.getByLabel("Physical address", { exact: true }).fill("0x401000");
        await says(widget, "Not a multiple of 2 MiB");
        await shows(widget.getByLabel("Entry", { exact: true }), "0x8000_0000_0040_0183");
    },
    "finds mistakes": async (page, widget) => {
        for (const [name, text] of [["W+X", "Writable and executable"], ["large, unaligned", "RSVD = 1"], ["PS in the PML4", "no pages of 512 GiB"]]) {
            await widget.getByRole("button", { name, exact: true }).press("Enter");
            await says(widget.locator(".widget-problems"), text);
        }
    },
};
