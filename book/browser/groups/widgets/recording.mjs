// What all widgets that step through a recording have in common.

import { check, none } from "../../lib/report.mjs";
import { says, tabTo } from "../../lib/keys.mjs";

/** The data in the page. */
export function data(widget) {
    return widget.locator("script.widget-data").evaluate((node) => JSON.parse(node.textContent));
}

/** Goes to a step by the slider, without waiting for keys. */
export function goTo(widget, index) {
    return widget.getByRole("slider").evaluate((slider, value) => {
        slider.value = String(value);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
    }, index);
}

/** All that is shown: texts, and each drawn part with what it stands for. */
function state(widget) {
    return widget.locator(".widget-live").evaluate((live) => JSON.stringify([
        live.innerText,
        [...live.querySelectorAll("svg [data-kind]")].map((node) => [node.getAttribute("class"), { ...node.dataset }]),
    ]));
}

/** To the end by Next and back by Back, with Enter alone, reading each step. */
export async function thereAndBack(page, widget, count) {
    const start = await state(widget);
    const said = widget.locator(".stepper-said");
    await tabTo(page, widget.getByRole("button", { name: "Next" }));
    const mute = [];
    for (let step = 1; step <= count; step += 1) {
        await says(widget.locator(".stepper-position"), `${step} of ${count}`);
        if ((await said.innerText()).trim().length < 20) mute.push(step);
        if (step < count) await page.keyboard.press("Enter");
    }
    none(mute, "steps without a text");
    check(await state(widget) !== start, "the end looks like the start");
    await page.keyboard.press("Enter");
    await says(widget.locator(".stepper-position"), `${count} of ${count}`);
    await tabTo(page, widget.getByRole("button", { name: "Back" }));
    for (let step = 1; step < count; step += 1) await page.keyboard.press("Enter");
    check(await state(widget) === start, "the start is not as it was");
}

/** Arrow keys on a button and on the slider, and the first step again at once. */
export async function arrows(page, widget, count) {
    const position = widget.locator(".stepper-position");
    await tabTo(page, widget.getByRole("button", { name: "Next" }));
    await page.keyboard.press("ArrowRight");
    await says(position, `2 of ${count}`);
    await page.keyboard.press("ArrowLeft");
    await says(position, `1 of ${count}`);
    await tabTo(page, widget.getByRole("slider"));
    await page.keyboard.press("End");
    await says(position, `${count} of ${count}`);
    await tabTo(page, widget.getByRole("button", { name: "First" }));
    await page.keyboard.press("Space");
    await says(position, `1 of ${count}`);
}

/** Calls `look(step, index)` at each step; what it returns is what is wrong there. */
export async function eachStep(widget, steps, look) {
    const wrong = [];
    for (const [index, step] of steps.entries()) {
        await goTo(widget, index);
        const found = await look(step, index);
        if (found) wrong.push(`step ${index + 1}: ${found}`);
    }
    none(wrong, "not as recorded");
}
