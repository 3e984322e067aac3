// A recording of calls to go through: what was asked, what came of it, and what it means.
"use strict";

(() => {
    const { kit } = Myria;
    const { element } = kit;

    /**
     * A stepper over `steps`, each with `call`, `ok`, `answer` and `said`. `draw(step,
     * index)` shows the state behind the step.
     */
    function trace({ steps, label, draw }) {
        const call = element("code");
        const answer = element("span", { class: "trace-answer" });
        const head = element("p", { class: "trace-call", "aria-live": "polite" }, call, " ", answer);
        const bar = kit.stepper({
            count: steps.length, label,
            show: (index) => {
                const step = steps[index];
                call.textContent = step.call;
                answer.textContent = step.ok ? `→ ${step.answer}` : `✗ refused: ${step.answer}`;
                answer.classList.toggle("refused", !step.ok);
                draw(step, index);
                return step.said;
            },
        });
        const node = element("div", { class: "trace" }, bar.node);
        bar.node.querySelector(".stepper-said").before(head);
        return { ...bar, node };
    }

    /** Figures with their names: `set([[name, value], …])`. */
    function figures(label) {
        const node = element("dl", { class: "figures", "aria-label": label });
        const set = (pairs) => kit.fill(node, pairs.map(([name, value]) =>
            element("div", {}, element("dt", { text: name }), element("dd", { text: value }))));
        return { node, set };
    }

    /** A legend: `[swatch, name]` each; `set(texts)` puts a text behind each name. */
    function legend(label, entries) {
        const notes = entries.map(() => element("span", { class: "legend-note" }));
        const node = element("ul", { class: "legend", "aria-label": label },
            entries.map(([swatch, name], at) => element("li", {}, swatch, element("span", { text: name }), notes[at])));
        const set = (texts) => texts.forEach((text, at) => { notes[at].textContent = text; });
        return { node, set };
    }

    /** What is shown only when asked for. */
    function details(summary, ...children) {
        return element("details", {}, element("summary", { text: summary }), children);
    }

    Object.assign(kit, { trace, figures, legend, details });
})();
