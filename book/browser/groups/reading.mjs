// What a reader does with a page: answers, copies, prints, changes the theme.

import { context, openPage } from "../lib/browser.mjs";
import { check } from "../lib/report.mjs";

export async function run({ browser, book, report }) {
    const pages = await context(browser);
    const on = (form, body) => async () => {
        const [name] = book.chaptersWith(form);
        check(name, `no page has ${form}`);
        const { page } = await openPage(pages, book.url(name));
        await body(page);
        await page.close();
    };
    await report.test("a quiz hides its answer, and reveals it by keyboard", on(/class="quiz"/, reveal));
    await report.test("a choice is judged", on(/type="radio"/, judge));
    await report.test("a command is copied without what it printed", on(/class="recorded">\s*<pre><code class="language-sh"/, copy));
    await report.test("on paper there is text, and nothing to click", on(/<main>/, print));
    await report.test("a figure can be read in each theme", on(/<figure/, figure));
    await pages.close();
}

async function reveal(page) {
    const quiz = page.locator("main .quiz").filter({ has: page.locator("details") }).first();
    const answer = quiz.locator("details");
    check((await answer.getAttribute("open")) === null, "the answer is open from the start");
    await answer.locator("summary").focus();
    await page.keyboard.press("Enter");
    check((await answer.getAttribute("open")) !== null, "Enter does not open the answer");
}

async function judge(page) {
    const quiz = page.locator("main .quiz").filter({ has: page.locator("input[type=radio]") }).first();
    const verdict = quiz.locator(".quiz-verdict");
    for (const [value, word] of [["wrong", "No"], ["right", "Yes"]]) {
        await quiz.locator(`input[type=radio]${value === "right" ? '[value="right"]' : ':not([value="right"])'}`).first().check();
        check((await verdict.textContent()).startsWith(word), `a ${value} choice is told “${await verdict.textContent()}”`);
    }
    check((await quiz.locator("details").getAttribute("open")) !== null, "the answer stays hidden after a choice");
}

async function copy(page) {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const recorded = page.locator("main .recorded").filter({ has: page.locator("code.language-sh") }).first();
    const command = (await recorded.locator("code.language-sh").textContent()).trim();
    const block = recorded.locator("pre").filter({ has: page.locator("code.language-sh") });
    await block.hover();
    await block.locator(".clip-button").first().click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    check(copied.trim() === command, `copied “${copied}”, not “${command}”`);
    check(!command.startsWith("$"), "the command has a prompt");
}

async function print(page) {
    await page.emulateMedia({ media: "print" });
    const shown = (selector) => page.locator(selector).evaluateAll((nodes) => nodes.some((node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true })));
    for (const selector of ["#mdbook-sidebar", "#mdbook-menu-bar", ".nav-chapters", ".mobile-nav-chapters", ".clip-button", ".widget-live"]) {
        check(!(await shown(selector)), `${selector} is printed`);
    }
    check(await shown("main h1"), "the chapter is not printed");
}

/** Text and its background in a figure differ enough in every theme of the menu. */
async function figure(page) {
    for (const theme of ["light", "rust", "coal", "navy", "ayu"]) {
        await page.evaluate((name) => document.getElementById(`mdbook-theme-${name}`).click(), theme);
        const worst = await page.evaluate(contrast);
        check(worst >= 4.5, `text of the first figure has a contrast of ${worst.toFixed(1)} in ${theme}`);
    }
}

/** The contrast of the first figure's text with what its boxes are filled with (WCAG 2). */
function contrast() {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const light = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255)
            .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const drawing = document.querySelector("main figure svg");
    const texts = [...drawing.querySelectorAll("text")].map((text) => light(getComputedStyle(text).fill));
    const boxes = [...drawing.querySelectorAll("rect")].map((box) => getComputedStyle(box).fill).filter((fill) => fill !== "none");
    const grounds = boxes.map(light);
    const ratios = texts.flatMap((text) => grounds.map((ground) => (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05)));
    return Math.min(21, ...ratios);
}
