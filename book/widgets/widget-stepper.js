// Going through a sequence: buttons and a slider; arrow keys work on all of them.
"use strict";

(() => {
    const { element, id } = Myria.kit;

    /**
     * A bar to step through `count` states. `show(index)` is called for each, and at once
     * for the first; what it returns is read aloud. `go(index)` goes to one, `reset(count)`
     * begins anew. `name` is what a step is called: "Step 3 of 9".
     */
    function stepper({ count, show, name = "Step", label = "Steps" }) {
        let at = 0;
        let last = count - 1;
        const position = element("output", { class: "stepper-position" });
        const said = element("p", { class: "stepper-said", role: "status", "aria-live": "polite" });
        const slider = element("input", { type: "range", min: "0", step: "1", id: id("slider"), "aria-label": `${name}, position` });
        slider.addEventListener("input", () => go(Number(slider.value)));
        const button = (text, spoken, target) =>
            element("button", { type: "button", text, "aria-label": spoken, on: { click: () => go(target()) } });
        const first = button("|◀", "First", () => 0);
        const back = button("◀ Back", "Back", () => at - 1);
        const next = button("Next ▶", "Next", () => at + 1);
        const end = button("▶|", "Last", () => last);

        function go(index) {
            at = Math.min(Math.max(index, 0), Math.max(last, 0));
            slider.max = String(Math.max(last, 0));
            slider.value = String(at);
            position.textContent = last < 0 ? "nothing to show" : `${name} ${at + 1} of ${last + 1}`;
            slider.setAttribute("aria-valuetext", position.textContent);
            // Not `disabled`: a button that has the focus must not lose it.
            for (const [control, off] of [[first, at === 0], [back, at === 0], [next, at >= last], [end, at >= last]]) {
                control.setAttribute("aria-disabled", String(off));
            }
            if (last >= 0) said.textContent = show(at) ?? "";
        }

        const reset = (steps) => {
            last = steps - 1;
            go(0);
        };
        const node = element("div", { class: "stepper", role: "group", "aria-label": label },
            element("div", { class: "stepper-bar" }, first, back, next, end, slider, position), said);
        node.addEventListener("keydown", (event) => {
            const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (steps && event.target !== slider) go(at + steps);
        });
        go(0);
        return { node, go, reset, position: () => at };
    }

    Myria.kit.stepper = stepper;
})();
