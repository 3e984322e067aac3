// The gate widget, through the page.

import { check } from "../../lib/report.mjs";
import { says, shows, tabTo } from "../../lib/keys.mjs";

export const gate = {
    "encodes by keyboard": async (page, widget) => {
        await tabTo(page, widget.getByLabel("Handler", { exact: true }));
        await page.keyboard.press("Control+A");
        await page.keyboard.type("0xffff_ffff_8123_4567");
        await tabTo(page, widget.getByLabel("outermost ring", { exact: false }));
        await page.keyboard.press("End");
        await tabTo(page, widget.getByLabel("interrupt stack", { exact: false }));
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        // The words of the test in m0-boot/src/idt.rs.
        await shows(widget.getByLabel("The gate in memory"), "0x8123ee0300084567 0x00000000ffffffff");
    },
    "decodes what GDB shows": async (page, widget) => {
        await widget.getByLabel("The gate in memory").fill("0xffffffff80085038 <IDT>:\t0x80028e000008ac70\t0x00000000ffffffff");
        await shows(widget.getByLabel("Handler", { exact: true }), "0xffff_ffff_8002_ac70");
        await widget.getByLabel("The gate in memory").fill("30 12 08 00 00 8e 00 80 ff ff ff ff 00 00 00 00");
        await shows(widget.getByLabel("Handler", { exact: true }), "0xffff_ffff_8000_1230");
    },
    "says what the CPU refuses": async (page, widget) => {
        const present = widget.getByRole("button", { name: "present, bit 47" });
        check((await present.getAttribute("aria-pressed")) === "true", "P is not pressed");
        await tabTo(page, present);
        await page.keyboard.press("Space");
        await says(widget.locator(".widget-problems"), "#NP");
        await says(widget.locator(".widget-verdict"), "does not enter");
    },
    "copies the bytes": async (page, widget) => {
        await tabTo(page, widget.getByRole("button", { name: "Copy 16 bytes" }));
        await page.keyboard.press("Enter");
        await says(widget.locator(".widget-copyable"), "copied");
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        check(/^([0-9a-f]{2} ){15}[0-9a-f]{2}$/.test(copied), `copied “${copied}”`);
    },
    "arrow keys do not leave the page": async (page, widget) => {
        const before = page.url();
        await widget.locator("button").first().focus();
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("ArrowLeft");
        await page.waitForTimeout(100);
        check(page.url() === before, "an arrow key in the widget turned the page");
    },
};
