// The address widget, through the page: splitting, walking, and a dump of one's own.

import { check } from "../../lib/report.mjs";
import { says, shows, tabTo } from "../../lib/keys.mjs";

/** As `cargo xtask monitor m2` prints it, with what stands around it. */
const DUMP = `m2: running
[   0.031338] paging: on page tables of our own, root 0xfe00000
    0xffffffff80000000-0xffffffff80032fff r-x-g kernel text
    0xffff800000001000-0xffff80000009efff rw--g direct map
m2> walk 0xffffffff80000010
CR3   0x00000fe00000
PML4  entry 511 at 0x00000fe00ff8: 0x00000fe03000 P W A
PDPT  entry 510 at 0x00000fe03ff0: 0x00000fe02000 P W A
PD    entry   0 at 0x00000fe02000: 0x00000fe01000 P W A
PT    entry   0 at 0x00000fe01000: 0x00000013c000 P A G
0xffffffff80000010 is physical 0x13c010, in a page of 4 KiB
r-x-g kernel text
`;

async function paste(widget, text) {
    await widget.getByLabel("Page tables").selectOption("own");
    await widget.getByLabel("Your dump").fill(text);
}

const verdict = (widget) => widget.locator(".widget-verdict");

export const address = {
    "splits by keyboard": async (page, widget) => {
        await tabTo(page, widget.getByLabel("Virtual address"));
        await page.keyboard.press("Control+A");
        await page.keyboard.type("0xffff_ffff_8020_1000");
        for (const [part, index] of [["the PML4", "511"], ["page-directory-pointer", "510"], ["the page directory", "1"], ["the page table", "1"]]) {
            await shows(widget.getByLabel(`index into the ${part.replace("the ", "")}`, { exact: false }).first(), index);
        }
    },
    "says what is not canonical": async (page, widget) => {
        await widget.getByLabel("Virtual address").fill("0x8000_0000_0000_0000");
        await says(verdict(widget), "#GP");
    },
    "walks the recorded boot": async (page, widget) => {
        await widget.getByRole("button", { name: "kernel text" }).press("Enter");
        await says(verdict(widget), "Rights r-x-g");
        await widget.getByLabel("Access").selectOption("write");
        await says(verdict(widget), "write to a page that does not permit it, by ring 0, error code 0x3");
        await widget.getByLabel("From").selectOption("3");
        await says(verdict(widget), "U/S is 0 on the way");
        check((await widget.locator(".widget-live tbody tr").count()) === 4, "not four entries");
    },
    "goes through the walk by keyboard": async (page, widget) => {
        await widget.getByRole("button", { name: "kernel text" }).press("Enter");
        await tabTo(page, widget.getByRole("button", { name: "First" }));
        await page.keyboard.press("Enter");
        await says(widget, "Step 1 of 4");
        await page.keyboard.press("ArrowRight");
        await says(widget, "Step 2 of 4");
        await tabTo(page, widget.getByRole("slider"));
        await page.keyboard.press("End");
        await says(widget, "The walk ends.");
    },
    "knows every page size": async (page, widget) => {
        for (const size of ["2 MiB", "1 GiB"]) {
            await widget.getByRole("button", { name: size }).press("Enter");
            await says(verdict(widget), `page of ${size}`);
        }
    },
    "walks a program's pages from ring 3": async (page, widget) => {
        await widget.getByLabel("Page tables").selectOption("1");
        await widget.getByLabel("From").selectOption("3");
        await widget.getByRole("button", { name: "its stack" }).press("Enter");
        await says(verdict(widget), "Rights rw-u-");
        await widget.getByLabel("From").selectOption("0");
        await says(verdict(widget), "SMAP");
    },
    "reads a dump that is pasted": async (page, widget) => {
        await paste(widget, DUMP);
        await says(widget, "Read: 2 regions, 1 walk, 4 entries.");
        await says(verdict(widget), "Physical 0x0000_0000_0013_c010");
        await widget.getByLabel("Virtual address").fill("0xffff800000002000");
        await says(verdict(widget), "ask the console: walk 0xffff800000002000");
        await widget.getByLabel("Virtual address").fill("0x4000");
        await says(verdict(widget), "No region holds the address");
    },
    "says which line of a dump it does not understand": async (page, widget) => {
        await paste(widget, DUMP.replace("0x00000fe02000 P W A", "0x00000fe02"));
        await says(widget.locator(".widget-problems"), "Line 8");
        await paste(widget, "hello");
        await says(widget, "Nothing of this is a dump.");
        await paste(widget, "PML4  entry 510 at 0x00000fe00ff8: not present");
        await says(widget.locator(".widget-problems"), "entry 510 of a table cannot be at 0x00000fe00ff8");
    },
};
