// The error-code widget, through the page.

import { says, shows, tabTo } from "../../lib/keys.mjs";

export const errorCode = {
    "reads checkboxes by keyboard": async (page, widget) => {
        const code = widget.getByLabel("Error code", { exact: true });
        await code.fill("0");
        await says(widget.locator(".widget-verdict"), "read from a page that is not present, by ring 0");
        for (const name of [/^P /, /^U\/S/, /^I\/D/]) {
            await tabTo(page, widget.getByRole("checkbox", { name }));
            await page.keyboard.press("Space");
        }
        await shows(code, "0x15");
        await says(widget.locator(".widget-verdict"), "instruction fetch from a page that does not permit it, by ring 3, error code 0x15");
    },
    "says where an address is": async (page, widget) => {
        await widget.getByLabel("CR2").fill("0xffff_ffff_c000_0000");
        await says(widget, "the address is in the kernel stacks");
        await widget.getByLabel("CR2").fill("0x8000000000000000");
        await says(widget, "is not canonical");
    },
    "reads selector codes": async (page, widget) => {
        await tabTo(page, widget.getByLabel("Exception"));
        await page.keyboard.press("End");
        await widget.getByLabel("Error code", { exact: true }).fill("0b1_1010_0010");
        await says(widget.locator(".widget-verdict"), "IDT gate of vector 52 (error code 0x1a2)");
        await shows(widget.getByLabel("Index or vector"), "52");
    },
    "says what cannot be": async (page, widget) => {
        await widget.getByLabel("Error code", { exact: true }).fill("0x12");
        await says(widget.locator(".widget-problems"), "never both 1");
    },
};
