// The SYSCALL stepper, through the page.

import { arrows, data, eachStep, thereAndBack } from "./recording.mjs";
import { check } from "../../lib/report.mjs";
import { says, tabTo } from "../../lib/keys.mjs";

/** Runs in the page: registers, the kernel's stack, and the line that is marked. */
function drawn(live) {
    const plain = (node) => node.querySelector("td").textContent.replaceAll("_", "");
    const rows = (name) => [...live.querySelectorAll(`tr[data-${name}]`)];
    return {
        registers: Object.fromEntries(rows("register").map((row) => [row.dataset.register, plain(row)])),
        changed: rows("register").filter((row) => row.classList.contains("now")).map((row) => row.dataset.register),
        stack: rows("address").map((row) => [row.dataset.address, plain(row), !row.classList.contains("quiet")]),
        lines: [...live.querySelectorAll("[aria-current]")].map((item) => Number(item.dataset.line)),
        ring: live.querySelector(".figures dd").textContent,
        without: live.querySelector(".syscall-without").textContent,
    };
}

function difference(shown, step) {
    const bare = (text) => text.replaceAll("_", "");
    const wanted = {
        registers: Object.fromEntries(Object.entries(step.registers).map(([name, word]) => [name, bare(word)])),
        changed: step.changed,
        stack: step.stack.map(({ address, value, live }) => [address, bare(value), live]),
        lines: step.line === null ? [] : [step.line],
        ring: `${step.ring}`,
        without: step.without ? `Without it: ${step.without.replaceAll("`", "")}` : "",
    };
    const sorted = (value) => JSON.stringify(value, (_, own) =>
        (own && typeof own === "object" && !Array.isArray(own) ? Object.fromEntries(Object.entries(own).sort()) : own));
    const wrong = Object.keys(wanted).find((part) => sorted(shown[part]) !== sorted(wanted[part]));
    return wrong ? `${wrong} is ${sorted(shown[wrong])}, not ${sorted(wanted[wrong])}` : null;
}

async function asRecorded(widget, steps) {
    const live = widget.locator(".widget-live");
    await eachStep(widget, steps, async (step) => difference(await live.evaluate(drawn), step));
}

export const syscall = {
    "goes to the end and back": async (page, widget) => {
        const { runs } = await data(widget);
        await thereAndBack(page, widget, runs[0].steps.length);
    },
    "goes by arrow keys": async (page, widget) => {
        const { runs } = await data(widget);
        await arrows(page, widget, runs[0].steps.length);
    },
    "shows registers and stack as they were computed": async (page, widget) => {
        const { runs } = await data(widget);
        await asRecorded(widget, runs[0].steps);
    },
    "shows the call at the hole, chosen by keyboard": async (page, widget) => {
        const { runs: [, hole] } = await data(widget);
        await tabTo(page, widget.getByLabel("Call", { exact: true }));
        await page.keyboard.press("ArrowDown");
        await says(widget.locator(".stepper-position"), `1 of ${hole.steps.length}`);
        await asRecorded(widget, hole.steps);
        await says(widget.locator(".stepper-said"), "was killed: its system call came from 0x800000000000");
        const rings = hole.steps.slice(1).map(({ ring }) => ring);
        check(rings.every((ring) => ring === 0), "the program comes back");
    },
};
