// The descriptor widget, through the page.

import { check } from "../../lib/report.mjs";
import { says, shows, tabTo } from "../../lib/keys.mjs";

export const descriptor = {
    "shows our GDT": async (page, widget) => {
        await tabTo(page, widget.getByRole("button", { name: "user code" }));
        await page.keyboard.press("Enter");
        await shows(widget.getByLabel("Descriptor"), "0x0020_fb00_0000_0000");
        await says(widget, "Code segment, 64-bit, ring 3.");
        await says(widget, "Entry 4 of the GDT, at offset 0x20; requested privilege level 3.");
    },
    "builds a descriptor by keyboard": async (page, widget) => {
        await widget.getByLabel("Descriptor").fill("0x0000_9300_0000_0000");
        await says(widget, "Data segment, writable, ring 0.");
        await tabTo(page, widget.getByLabel("privilege level", { exact: false }).first());
        await page.keyboard.press("End");
        await shows(widget.getByLabel("Descriptor"), "0x0000_f300_0000_0000");
    },
    "takes a TSS apart": async (page, widget) => {
        await widget.getByRole("button", { name: "TSS", exact: true }).press("Enter");
        await says(widget, "busy: LTR has loaded it");
        await widget.getByLabel("Base of the TSS").fill("0xffff_ffff_8123_4560");
        await shows(widget.getByRole("textbox", { name: "Second word" }), "0x0000_0000_ffff_ffff");
        await widget.getByRole("button", { name: "TSS without its second word" }).press("Enter");
        await says(widget.locator(".widget-problems"), "Is the second word missing?");
    },
    "greys what the CPU ignores": async (page, widget) => {
        await widget.getByRole("button", { name: "kernel code" }).press("Enter");
        const names = await widget.locator(".bit-cell.ignored .bit-name").allInnerTexts();
        check(names.includes("limit 15:0") && !names.includes("L"), `ignored: ${names.join(", ")}`);
    },
    "reads selectors": async (page, widget) => {
        await widget.getByLabel("Selector").fill("0b1111");
        await says(widget, "Entry 1 of the LDT, at offset 0x8; requested privilege level 3.");
    },
};
