// Working a page by keyboard, and waiting for what it then shows.

import { check } from "./report.mjs";

/** Long enough for a page that only computes. */
const PATIENCE = 20_000;

/** Goes to a control with Tab alone, from where the focus is, and around the page once. */
export async function tabTo(page, target) {
    await target.waitFor({ timeout: PATIENCE });
    const reached = () => target.evaluate((node) => node === document.activeElement);
    for (let presses = 0; presses < 1500; presses += 1) {
        if (await reached()) return;
        await page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${target}`);
}

/** Waits until an input holds `value`. */
export async function shows(input, value) {
    await until(async () => (await input.inputValue({ timeout: PATIENCE })) === value,
        async () => `the input holds “${await input.inputValue()}”, not “${value}”`);
}

/** Waits until a place holds `text`. */
export async function says(place, text) {
    await until(async () => (await place.innerText({ timeout: PATIENCE })).includes(text),
        async () => `“${text}” is not said; it says “${(await place.innerText()).slice(0, 300)}”`);
}

async function until(holds, why) {
    const end = Date.now() + PATIENCE;
    while (!(await holds())) {
        if (Date.now() > end) check(false, await why());
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
}
