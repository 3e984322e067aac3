// A system call, instruction by instruction: registers, ring, and the kernel's stack.
"use strict";

Myria.widget("syscall", (kit) => {
    const { element, fill } = kit;

    /** Words as people read them: `0x8000_0000_0000`, names as they are. */
    function shown(word) {
        return /^0x[0-9a-f]+$/.test(word) ? word.replace(/(?<=[0-9a-f])(?=([0-9a-f]{4})+$)/g, "_") : word;
    }

    /** Where RSP leads: to the kernel's stack or the program's. */
    function stackOf({ registers }, top) {
        const rsp = BigInt(registers.rsp);
        const end = BigInt(top);
        const STACK_BYTES = 0x1_0000n;
        return rsp <= end && rsp > end - STACK_BYTES ? "kernel" : "program";
    }

    const GS = { "0x0": "the program’s", "&PER_CPU": "the kernel’s" };

    /** One line on who is in charge. */
    function situation(step, top) {
        const interrupts = BigInt(step.registers.rflags) & 0x200n ? "on" : "off";
        const gs = GS[step.registers["gs base"]];
        return [["ring", `${step.ring}`], ["stack", `the ${stackOf(step, top)}’s`], ["GS base", gs], ["interrupts", interrupts]];
    }

    function registerTable(step, names) {
        const rows = names.map((name) => {
            const changed = step.changed.includes(name);
            return element("tr", { class: changed ? "now" : null, "data-register": name },
                element("th", { scope: "row", text: name.toUpperCase() }),
                element("td", { class: "mono", text: shown(step.registers[name]) }),
                element("td", { class: "widget-hint", text: changed ? "new" : "" }));
        });
        return element("table", {}, element("caption", { text: "Registers behind the instruction" }),
            element("thead", { class: "visually-hidden" }, element("tr", {}, ["Register", "Value", "Change"].map((text) => element("th", { scope: "col", text })))),
            element("tbody", {}, rows));
    }

    function stackTable(step, top) {
        const rows = step.stack.map(({ address, name, value, live }) => {
            const here = live && BigInt(address) === BigInt(step.registers.rsp);
            return element("tr", { class: here ? "now" : live ? null : "quiet", "data-address": address },
                element("th", { scope: "row", text: name === "return address" ? name : name.toUpperCase() }),
                element("td", { class: "mono", text: shown(value) }),
                element("td", { class: "widget-hint", text: here ? "← RSP" : live ? "" : "popped" }));
        });
        if (rows.length === 0) rows.push(element("tr", {}, element("td", { colspan: 3, text: "empty" })));
        return element("table", {}, element("caption", { text: `Kernel stack, down from ${shown(top)}` }),
            element("thead", { class: "visually-hidden" }, element("tr", {}, ["Field", "Value", "State"].map((text) => element("th", { scope: "col", text })))),
            element("tbody", {}, rows));
    }

    /** The source, with the line that was executed. */
    function listing(groups, file) {
        const lines = groups.flatMap((group, at) => [
            at > 0 ? element("li", { text: "…" }) : null,
            ...group.map(({ line, text }) => element("li", { "data-line": line },
                element("span", { class: "line-number", text: `${line}` }), element("code", { text }))),
        ]);
        const list = element("div", { class: "syscall-listing", tabindex: "0", role: "region", "aria-label": file },
            element("ol", {}, lines));
        const mark = (line) => {
            for (const item of list.querySelectorAll("[data-line]")) {
                const now = Number(item.dataset.line) === line;
                item.classList.toggle("now", now);
                if (now) item.setAttribute("aria-current", "step");
                else item.removeAttribute("aria-current");
                // Only the list scrolls; `scrollIntoView` would move the page too.
                if (now) list.scrollTop = item.offsetTop - list.offsetTop - list.clientHeight / 2;
            }
        };
        return { node: list, mark };
    }

    function mount(root, { file, listing: groups, registers: names, runs }) {
        let run = runs[0];
        const code = listing(groups, file);
        const instruction = element("code");
        const without = element("p", { class: "syscall-without", "aria-live": "polite" });
        const figures = kit.figures("Who is in charge");
        const left = element("div", { class: "widget-table", tabindex: "0", role: "region", "aria-label": "Registers" });
        const right = element("div", { class: "widget-table", tabindex: "0", role: "region", "aria-label": "Kernel stack" });
        const parked = element("p", { class: "widget-hint" });

        function show(index) {
            const step = run.steps[index];
            instruction.textContent = index === 0 ? "before the call" : step.text;
            without.textContent = step.without ? `Without it: ${prose(step.without)}` : "";
            const last = index === run.steps.length - 1;
            figures.set(situation(step, run.top));
            fill(left, registerTable(step, names));
            fill(right, stackTable(step, run.top));
            parked.textContent = `Per-CPU words: ${Object.entries(step.perCpu).map(([name, word]) => `${name} ${shown(word)}`).join(", ")}`;
            code.mark(step.line);
            return [prose(step.why), last ? run.end : ""].filter(Boolean).join(" ");
        }

        const bar = kit.stepper({ count: run.steps.length, show, label: "Instructions" });
        bar.node.querySelector(".stepper-said").before(element("p", { class: "trace-call", "aria-live": "polite" }, instruction));
        const which = kit.choice({
            label: "Call", options: runs.map(({ name, title }) => [name, prose(title)]),
            onChange: (name) => {
                run = runs.find((one) => one.name === name);
                bar.reset(run.steps.length);
            },
        });
        bar.node.append(without);
        root.append(which.node, bar.node, figures.node,
            element("div", { class: "syscall-state" }, left, element("div", {}, right, parked)),
            element("p", { class: "widget-legend", text: file }), code.node);
        bar.go(0);
    }

    /** Notes set code in backquotes. */
    function prose(text) {
        return text.replaceAll("`", "");
    }

    return { pure: { shown, stackOf }, mount };
});
