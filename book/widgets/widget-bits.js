// A word as a row of labelled fields, from the highest bit on the left to the lowest, as
// the manuals draw it. Every field is a real control.
"use strict";

(() => {
    const { kit } = Myria;
    const { element, id } = kit;

    /**
     * A strip for one word. Each field of `fields`, highest first, has `high`, `low` (if
     * more than one bit), a short `name`, a `title` that explains it, and may have
     * `choices` (`[number, text]`: a list), or be `decimal`. One bit becomes a button that is
     * pressed or not, several become an input, or a list.
     *
     * `onChange(word)` is called when the reader changes a field. `set(word, marks)` shows
     * a word; `marks` gives fields, by name, the class "ignored" or "bad".
     */
    function bitStrip({ label, fields, onChange }) {
        let word = 0n;
        const change = ({ high, low = high }, value) => {
            word = kit.numbers.withField(word, high, low, value);
            onChange(word);
        };
        const cells = fields.map((field) => cell(field, (value) => change(field, value)));
        const note = element("p", { class: "widget-hint", text: "Dashed: the CPU ignores it here.", hidden: true });
        const legend = element("p", { class: "widget-legend", text: label, id: id("legend") });
        const node = element("div", { role: "group", "aria-labelledby": legend.id }, legend,
            element("div", { class: "bit-strip" }, cells.map(({ node: own }) => own)), note);
        const set = (value, marks = {}) => {
            word = value;
            fields.forEach(({ high, low = high, name }, at) => {
                cells[at].show(kit.numbers.field(word, high, low));
                cells[at].mark(marks[name] ?? "");
            });
            note.hidden = !Object.values(marks).includes("ignored");
        };
        return { node, set };
    }

    function cell(field, change) {
        const { high, low = high, name, title } = field;
        const range = high === low ? `${high}` : `${high}:${low}`;
        const spoken = `${title ?? name}, ${high === low ? "bit" : "bits"} ${range.replace(":", " to ")}`;
        const control = makeControl(field, spoken, change);
        const node = element("div", { class: "bit-cell", title: spoken },
            element("span", { class: "bit-range", text: range, "aria-hidden": "true" }),
            element("span", { class: "bit-name", text: name, "aria-hidden": "true" }),
            control.nodes);
        const mark = (kind) => {
            node.className = `bit-cell ${kind}`.trim();
            const own = [].concat(control.nodes)[0];
            own.setAttribute("aria-label", kind === "ignored" ? `${spoken}, ignored` : spoken);
        };
        return { node, show: control.show, mark };
    }

    function makeControl(field, spoken, change) {
        const { high, low = high, choices } = field;
        if (choices) return list(choices, spoken, change);
        return high === low ? toggle(spoken, change) : number(field, spoken, change);
    }

    function toggle(spoken, change) {
        const button = element("button", { type: "button", class: "bit-toggle", "aria-label": spoken, "aria-pressed": "false", text: "0" });
        button.addEventListener("click", () => change(button.textContent === "0" ? 1n : 0n));
        const show = (value) => {
            button.textContent = String(value);
            button.setAttribute("aria-pressed", String(value === 1n));
        };
        return { nodes: button, show };
    }

    function list(choices, spoken, change) {
        const select = element("select", { "aria-label": spoken },
            choices.map(([value, text]) => element("option", { value: String(value), text })));
        select.addEventListener("change", () => change(BigInt(select.value)));
        return { nodes: select, show: (value) => { select.value = String(value); } };
    }

    function number({ high, low, decimal }, spoken, change) {
        const bits = high - low + 1;
        const digits = Math.ceil(bits / 4);
        const written = (value) => (decimal ? String(value) : kit.numbers.hex(value, digits));
        const message = element("span", { class: "bit-message", id: id("message"), "aria-live": "polite" });
        const input = element("input", {
            type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
            "aria-label": spoken, "aria-describedby": message.id, size: digits + 2,
            style: `width: ${digits + 3.2}ch`,
        });
        const complain = (error) => {
            message.textContent = error ?? "";
            if (error) input.setAttribute("aria-invalid", "true");
            else input.removeAttribute("aria-invalid");
        };
        input.addEventListener("input", () => {
            const { value, error } = kit.numbers.parse(input.value, { bits });
            complain(error);
            if (!error) change(value);
        });
        const show = (value) => {
            if (document.activeElement === input && kit.numbers.parse(input.value, { bits }).value === value) return;
            input.value = written(value);
            complain(null);
        };
        return { nodes: [input, message], show };
    }

    kit.bitStrip = bitStrip;
})();
