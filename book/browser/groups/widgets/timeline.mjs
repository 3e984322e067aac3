// The timeline of a boot, through the page: stepping, zooming, and whether it shows what it
// was given.

import { check } from "../../lib/report.mjs";
import { says, tabTo } from "../../lib/keys.mjs";

const data = (widget) => widget.evaluate((node) => JSON.parse(node.querySelector("script.widget-data").textContent));
const button = (widget, name) => widget.getByRole("button", { name, exact: true });

/** All that can be seen of the state. */
const state = (widget) => widget.locator(".widget-live").evaluate((node) => ({
    text: node.innerText,
    bars: [...node.querySelectorAll(".time-bar")].map(({ className, style }) => `${className} ${style.cssText}`).join("\n"),
}));

/** The event that is shown: its sentence and its lines. */
async function shown(widget) {
    return { said: await widget.locator(".stepper-said").innerText(), log: await widget.locator(".time-log").textContent() };
}

export const timeline = {
    "tells every event as recorded": async (page, widget) => {
        const { events } = await data(widget);
        await tabTo(page, button(widget, "Next"));
        for (const [at, { time, module, lines }] of events.entries()) {
            const { said, log } = await shown(widget);
            check(log === lines.join("\n"), `event ${at + 1} shows “${log}”`);
            if (at > 0) {
                const [, seconds, fraction] = /^\[ *(\d+)\.(\d{6})\]/.exec(log);
                check(Number(seconds) * 1e6 + Number(fraction) === time, `${log} is not at ${time}`);
                check(said.startsWith(`${module} at `), `event ${at + 1} says “${said}”`);
            }
            const next = events[at + 1];
            const until = next ? `time for ${((next.time - time) * 1000).toLocaleString("en")} instructions` : "the last line";
            check(said.includes(until), `event ${at + 1} does not say “${until}” but “${said}”`);
            await page.keyboard.press("Enter");
        }
    },
    "comes back to the same state": async (page, widget) => {
        const { events } = await data(widget);
        const before = await state(widget);
        await tabTo(page, button(widget, "Next"));
        for (let at = 1; at < events.length; at += 1) await page.keyboard.press("Enter");
        await says(widget, `Event ${events.length} of ${events.length}`);
        await tabTo(page, button(widget, "Back"));
        for (let at = 1; at < events.length; at += 1) await page.keyboard.press("Enter");
        const after = await state(widget);
        check(before.text === after.text && before.bars === after.bars, "there and back shows another state");
    },
    "goes by arrow keys and by slider": async (page, widget) => {
        const { events } = await data(widget);
        await tabTo(page, button(widget, "First"));
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("ArrowRight");
        await says(widget, `Event 3 of ${events.length}`);
        await page.keyboard.press("ArrowLeft");
        await says(widget, `Event 2 of ${events.length}`);
        await tabTo(page, widget.getByRole("slider"));
        await page.keyboard.press("End");
        await says(widget, "It is the last line with a time.");
    },
    "draws a bar for each event, of its length": async (page, widget) => {
        const { events } = await data(widget);
        const bars = await widget.locator(".time-bar").evaluateAll((all) => all
            .map(({ dataset, style }) => ({ time: Number(dataset.time), width: parseFloat(style.width) })).sort((a, b) => a.time - b.time));
        check(bars.length === events.length, `${bars.length} bars for ${events.length} events`);
        const widths = bars.map(({ width }) => width).sort((a, b) => a - b);
        const wanted = events.map(({ time }, at) => 100 * (at > 0 ? time - events[at - 1].time : 0) / events.at(-1).time).sort((a, b) => a - b);
        check(wanted.every((width, at) => Math.abs(width - widths[at]) < 0.01), "lengths are not the times between the lines");
    },
    "zooms to the event": async (page, widget) => {
        const { events } = await data(widget);
        for (const times of ["1/4", "1/16", "1/64", "1/256"]) {
            await tabTo(page, button(widget, "Zoom in"));
            await page.keyboard.press("Enter");
            await says(widget.locator(".time-shown"), `shows ${times}:`);
            for (const at of [0, 5, events.length - 1]) {
                await widget.getByRole("slider").fill(String(at));
                const [bar, track] = [widget.locator(".time-bar.now"), widget.locator(".time-row:has(.time-bar.now) .time-track")];
                const [inner, outer] = [await bar.boundingBox(), await track.boundingBox()];
                const end = inner.x + inner.width;
                check(end > outer.x && end <= outer.x + outer.width + 1, `at ${times}, event ${at + 1} is not in the window`);
                check(await widget.locator(".time-mark").count() > 0, `at ${times}, event ${at + 1} has no axis`);
            }
        }
        await button(widget, "Whole boot").press("Enter");
        await says(widget.locator(".time-shown"), "shows all");
    },
    "a click on a bar selects its event": async (page, widget) => {
        const { events } = await data(widget);
        const longest = events.reduce((best, { time }, at) => (at > 0 && time - events[at - 1].time > best.gap ? { at, gap: time - events[at - 1].time } : best), { gap: 0 });
        await widget.locator(`.time-bar[data-time="${events[longest.at].time}"]`).first().click();
        await says(widget, `Event ${longest.at + 1} of ${events.length}`);
    },
};
