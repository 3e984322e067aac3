// Controls and results that all widgets share: labelled inputs with their messages,
// choices, rows of buttons, tables, text to copy.
"use strict";

(() => {
    const { kit } = Myria;
    const { element, fill, id } = kit;

    /** A label above a control, and below it a line for a message that is read aloud. */
    function labelled(label, control, { hint, wide } = {}) {
        const message = element("p", { class: "widget-message", id: id("message"), "aria-live": "polite" });
        const help = hint ? element("span", { class: "widget-hint", text: hint, id: id("hint") }) : null;
        control.id ||= id("control");
        control.setAttribute("aria-describedby", [help?.id, message.id].filter(Boolean).join(" "));
        const name = element("label", { for: control.id, text: label });
        const node = element("div", { class: wide ? "widget-field wide" : "widget-field" }, name, help, control, message);
        const complain = (error) => {
            message.textContent = error ?? "";
            if (error) control.setAttribute("aria-invalid", "true");
            else control.removeAttribute("aria-invalid");
        };
        return { node, control, complain };
    }

    /**
     * An input for a number of `bits` bits. `onChange(value)` is called with each number
     * that is typed, and with null while the text is none. `set(value)` shows one, unless
     * the reader is typing right there.
     */
    function numberField({ label, value = 0n, bits = 64, hint, wide, optional, format, onChange }) {
        const show = format ?? ((number) => (bits >= 16 ? kit.numbers.grouped(number, bits) : kit.numbers.hex(number)));
        const input = element("input", {
            type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
            value: value === null ? "" : show(value), class: "widget-number",
            size: Math.max(6, Math.ceil(bits / 4) + Math.ceil(bits / 16) + 2),
        });
        const { node, complain } = labelled(label, input, { hint, wide });
        const read = () => {
            if (optional && input.value.trim() === "") return { value: null };
            return kit.numbers.parse(input.value, { bits });
        };
        input.addEventListener("input", () => {
            const { value: typed, error } = read();
            complain(error);
            onChange(error ? null : typed, error);
        });
        const set = (number) => {
            if (document.activeElement === input && read().value === number) return;
            input.value = number === null ? "" : show(number);
            complain(null);
        };
        return { node, input, set, complain };
    }

    /**
     * An input for `count` words of memory, as a debugger shows them. `onChange(words)`
     * with null while it is none; `set(words)`.
     */
    function wordsField({ label, count, hint, onChange }) {
        const input = element("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", class: "widget-number" });
        const { node, complain } = labelled(label, input, { hint, wide: true });
        input.addEventListener("input", () => {
            const { words, error } = kit.numbers.parseWords(input.value, count);
            complain(error);
            onChange(error ? null : words);
        });
        const set = (words) => {
            if (document.activeElement === input) return;
            input.value = words.map((word) => kit.numbers.hex(word, 16)).join(" ");
            complain(null);
        };
        return { node, input, set };
    }

    /** A list to choose from: `options` are `[value, text]`, values are strings. */
    function choice({ label, options, value, hint, onChange }) {
        const select = element("select", {}, options.map(([own, text]) => element("option", { value: own, text })));
        if (value !== undefined) select.value = value;
        select.addEventListener("change", () => onChange(select.value));
        const { node } = labelled(label, select, { hint });
        return { node, select, set: (chosen) => { select.value = chosen; } };
    }

    /** A box for several lines, with a message. `onChange(text)` at each change. */
    function textArea({ label, rows = 6, hint, placeholder, onChange }) {
        const area = element("textarea", { rows, spellcheck: "false", placeholder, class: "widget-text" });
        const { node, complain } = labelled(label, area, { hint, wide: true });
        area.addEventListener("input", () => onChange(area.value));
        return { node, area, complain };
    }

    /** Examples to try: a group of buttons, `[name, action]` each. */
    function presets(label, entries) {
        const buttons = entries.map(([text, action]) => element("button", { type: "button", text, on: { click: action } }));
        const name = element("span", { text: label, class: "widget-legend", id: id("legend") });
        return element("div", { class: "widget-presets", role: "group", "aria-labelledby": name.id }, name, buttons);
    }

    /** A sentence that is read aloud when it changes: `say(text, kind)`, kind "good" or "bad". */
    function verdict() {
        const node = element("p", { class: "widget-verdict", role: "status", "aria-live": "polite" });
        const say = (text, kind = "") => {
            node.className = `widget-verdict ${kind}`.trim();
            if (node.textContent !== text) node.textContent = text;
        };
        return { node, say };
    }

    /** A list of what is wrong; nothing if all is well. `show([text, …])`. */
    function problems(heading = "What is wrong") {
        const list = element("ul");
        const node = element("div", { class: "widget-problems", "aria-live": "polite", hidden: true },
            element("strong", { text: heading }), list);
        const show = (texts) => {
            node.hidden = texts.length === 0;
            fill(list, texts.map((text) => element("li", { text })));
        };
        return { node, show };
    }

    /**
     * A table: `columns` are its headings, each row a list of texts or nodes, of which the
     * first is the row's heading. `mark(row)` may give a class.
     */
    function table(caption, columns, rows, { mark, mono = [] } = {}) {
        const cell = (content, at) => element(at === 0 ? "th" : "td",
            { scope: at === 0 ? "row" : null, class: mono.includes(at) ? "mono" : null }, content);
        return element("div", { class: "widget-table", tabindex: "0", role: "region", "aria-label": caption },
            element("table", {},
                element("caption", { text: caption }),
                element("thead", {}, element("tr", {}, columns.map((text) => element("th", { scope: "col", text })))),
                element("tbody", {}, rows.map((row, at) => element("tr", { class: mark?.(row, at) }, row.map(cell))))));
    }

    /** A result with a button that copies it. `set(text)`. */
    function copyable(label, text = "") {
        const output = element("code", { text });
        const button = element("button", { type: "button", class: "widget-copy", text: "Copy", "aria-label": `Copy ${label}` });
        const said = element("span", { class: "widget-hint", role: "status" });
        button.addEventListener("click", async () => {
            said.textContent = (await copy(output)) ? "copied" : "selected; press Ctrl+C";
            setTimeout(() => { said.textContent = ""; }, 2000);
        });
        const node = element("div", { class: "widget-copyable" },
            element("span", { class: "widget-legend", text: label }), output, button, said);
        return { node, output, set: (value) => { output.textContent = value; } };
    }

    /** Copies a node's text; where the browser does not allow it, selects it. */
    async function copy(node) {
        try {
            await navigator.clipboard.writeText(node.textContent);
            return true;
        } catch {
            getSelection().selectAllChildren(node);
            return false;
        }
    }

    /** Controls side by side, wrapping where there is no room. */
    function row(...children) {
        return element("div", { class: "widget-row" }, children);
    }

    Object.assign(kit,
        { labelled, numberField, wordsField, choice, textArea, presets, verdict, problems, table, copyable, row });
})();
