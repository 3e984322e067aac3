// The frame allocator's recording, through the page.

import { arrows, data, eachStep, thereAndBack } from "./recording.mjs";
import { check } from "../../lib/report.mjs";
import { tabTo } from "../../lib/keys.mjs";

/** Runs in the page: the kind of each frame that is drawn, and the figures. */
function drawn(live) {
    const kinds = {};
    for (const { dataset } of live.querySelectorAll("svg [data-frame]")) kinds[dataset.frame] = dataset.kind;
    const figures = Object.fromEntries([...live.querySelectorAll(".figures > div")]
        .map((pair) => [pair.querySelector("dt").textContent, pair.querySelector("dd").textContent]));
    return { kinds, figures, changed: live.querySelectorAll("svg .changed").length };
}

export const frames = {
    "goes to the end and back": async (page, widget) => {
        const { steps } = await data(widget);
        await thereAndBack(page, widget, steps.length);
    },
    "goes by arrow keys": async (page, widget) => {
        const { steps } = await data(widget);
        await arrows(page, widget, steps.length);
    },
    "draws each frame as it was recorded": async (page, widget) => {
        const { steps, kinds } = await data(widget);
        const live = widget.locator(".widget-live");
        await eachStep(widget, steps, async (step) => {
            const shown = await live.evaluate(drawn);
            const wanted = {};
            for (const [first, count, kind] of step.regions) {
                for (let frame = first; frame < first + count; frame += 1) wanted[frame] = kinds[kind];
            }
            const differs = Object.keys(shown.kinds).find((frame) => shown.kinds[frame] !== (wanted[frame] ?? "not managed"));
            if (differs) return `frame ${differs} is drawn as ${shown.kinds[differs]}`;
            const outside = Object.keys(wanted).find((frame) => !(frame in shown.kinds));
            if (outside) return `frame ${outside} is not drawn`;
            const { figures: { total, used, free, peak } } = step;
            const given = ["managed", "in use", "free", "most in use"].map((name) => Number(shown.figures[name]));
            if (given.join() !== [total, used, free, peak].join()) return `the figures say ${given}`;
            const changed = step.changed.reduce((sum, [, count]) => sum + count, 0);
            return shown.changed === changed ? null : `${shown.changed} frames are marked, not ${changed}`;
        });
    },
    "has the picture as a table": async (page, widget) => {
        const summary = widget.locator("summary");
        await tabTo(page, summary);
        await page.keyboard.press("Enter");
        const { steps, kinds } = await data(widget);
        await widget.getByRole("slider").press("ArrowRight");
        const rows = await widget.locator(".widget-live details tbody tr").allInnerTexts();
        const [first, count, kind] = steps[1].regions[0];
        const wanted = `0x${(first * 4096).toString(16)} to 0x${((first + count) * 4096).toString(16)}\t${count}\t${kinds[kind]}`;
        check(rows[0] === wanted, `the first row is “${rows[0]}”, not “${wanted}”`);
    },
};
