// The heap, through the page: stepping, and whether it draws what the real heap did.

import { check } from "../../lib/report.mjs";
import { says, tabTo } from "../../lib/keys.mjs";

const data = (widget) => widget.evaluate((node) => JSON.parse(node.querySelector("script.widget-data").textContent));
const button = (widget, name) => widget.getByRole("button", { name, exact: true });
const state = (widget) => widget.locator(".widget-live").innerHTML();

/** What is drawn: letters of pages and of slabs, and the figures by name. */
const drawn = (widget) => widget.evaluate((node) => {
    const cells = (place) => [...place.querySelectorAll(".heap-cell")].map(({ textContent, classList }) => ({ letter: textContent, kind: classList[1] }));
    return {
        pages: cells(node.querySelector(".heap-pages")),
        slabs: [...node.querySelectorAll(".heap-slab")].map(cells),
        figures: Object.fromEntries([...node.querySelectorAll(".heap-figures div")].map((one) => [one.firstChild.textContent, one.lastChild.textContent])),
        said: node.querySelector(".stepper-said").textContent,
    };
});

/** Goes through all steps with Enter on Next; calls `visit` at each. */
async function through(page, widget, steps, visit) {
    await tabTo(page, button(widget, "Next"));
    for (const [at, step] of steps.entries()) {
        await says(widget.locator(".stepper-position"), `Step ${at + 1} of ${steps.length}`);
        await visit(step, at);
        await page.keyboard.press("Enter");
    }
}

export const heap = {
    "draws each step's pages and blocks": async (page, widget) => {
        const { steps, pages } = await data(widget);
        await through(page, widget, steps, async (step, at) => {
            const now = await drawn(widget);
            const where = `step ${at + 1}`;
            check(now.pages.length === pages, `${where} draws ${now.pages.length} pages`);
            for (const { first, pages: length, kind } of step.runs) {
                const own = now.pages.slice(first, first + length);
                check(own.every((cell) => cell.kind === kind), `${where} draws the run on page ${first} otherwise than ${kind}`);
            }
            const mapped = now.pages.filter(({ kind }) => kind !== "never" && kind !== "unmapped").length;
            check(mapped === [...step.mapped].filter((on) => on === "1").length, `${where} draws ${mapped} mapped pages`);
            check(now.figures.mapped === (mapped === 0 ? "0 bytes" : `${mapped * 4} KiB`), `${where} says ${now.figures.mapped} for ${mapped} pages`);
            const slabs = step.runs.filter(({ kind }) => kind === "slab");
            const letters = now.slabs.map((cells) => cells.map(({ letter }) => letter || "-").join(""));
            check(letters.join() === slabs.map(({ blocks }) => blocks).join(), `${where} draws the slabs ${letters}`);
        });
    },
    "says the figures that it draws": async (page, widget) => {
        const { steps } = await data(widget);
        await through(page, widget, steps, async (step, at) => {
            const { slabs, figures, said } = await drawn(widget);
            const cached = slabs.flat().filter(({ kind }) => kind === "cached").length;
            check(figures["cached blocks"] === String(cached), `step ${at + 1} says ${figures["cached blocks"]} and draws ${cached}`);
            check(figures.failures === String(step.figures.failures), `step ${at + 1} says ${figures.failures} failures`);
            check(said === `${step.done} ${step.text}` && step.text.length > 20, `step ${at + 1} says “${said}”`);
        });
    },
    "comes back to the same state": async (page, widget) => {
        const { steps } = await data(widget);
        const before = await state(widget);
        await through(page, widget, steps, () => {});
        check(await state(widget) !== before, "nothing has changed on the way");
        await tabTo(page, button(widget, "Back"));
        for (let at = 1; at < steps.length; at += 1) await page.keyboard.press("Enter");
        check(await state(widget) === before, "there and back shows another state");
    },
    "goes by arrow keys and by slider": async (page, widget) => {
        const { steps } = await data(widget);
        await tabTo(page, button(widget, "First"));
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("ArrowRight");
        await says(widget, `Step 3 of ${steps.length}`);
        await page.keyboard.press("ArrowLeft");
        await says(widget, `Step 2 of ${steps.length}`);
        await tabTo(page, widget.getByRole("slider"));
        await page.keyboard.press("End");
        await says(widget, "All is freed");
    },
    "marks what has changed": async (page, widget) => {
        await widget.getByRole("slider").fill("8");
        await says(widget, "Free B.");
        const marked = await widget.locator(".heap-cell.changed").allInnerTexts();
        check(marked.join() === "c", `marked: ${marked}`);
    },
};
