// The common core of the book's widgets: who they are, and how they come onto a page.
//
// A widget is a section that the builder writes: static text that answers the main
// question, and data as JSON. With JavaScript, the text makes room for controls; without
// it, on paper, and if a script fails, the text stays.
//
// Classic scripts without modules: the book is read from file://, where a browser loads
// no module. This file comes first; the others add to `Myria.kit` or define a widget.
"use strict";

globalThis.Myria = (() => {
    /** What widgets are made of; filled by the files widget-*.js. */
    const kit = {};
    /** The definitions, by name: `{ pure, mount }`. */
    const widgets = {};
    const factories = new Map();
    let ids = 0;

    /**
     * Defines a widget. `factory(kit)` runs once, when all scripts are loaded, and gives
     * `pure`, functions without a page (tests call them), and `mount(root, data, argument)`,
     * which fills `root`.
     */
    function widget(name, factory) {
        factories.set(name, factory);
    }

    /** An id that is new on this page. */
    function id(prefix = "widget") {
        ids += 1;
        return `${prefix}-${ids}`;
    }

    /**
     * An element. `attributes` are set as they are named, but: `on` holds listeners by
     * event, `text` is the text, true sets an empty attribute, and false, null and
     * undefined leave one out. Children are nodes, text, lists of these, or null.
     */
    function element(tag, attributes = {}, ...children) {
        const node = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name === "on") {
                for (const [event, listener] of Object.entries(value)) {
                    node.addEventListener(event, listener);
                }
            } else if (name === "text") {
                node.textContent = value;
            } else if (value !== false && value !== null && value !== undefined) {
                node.setAttribute(name, value === true ? "" : String(value));
            }
        }
        node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
        return node;
    }

    /** Replaces what `node` holds. */
    function fill(node, ...children) {
        node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
    }

    /** Puts a widget into its section; if it fails, the static text stays. */
    function mount(section) {
        const { widget: name, argument = "" } = section.dataset;
        const definition = widgets[name];
        if (!definition?.mount || section.classList.contains("widget-ready")) return;
        const source = section.querySelector(":scope > script.widget-data");
        const title = section.querySelector(":scope > :is(h3, h4, h5)");
        const parts = [...section.childNodes].filter((node) => node !== source && node !== title);
        const live = element("div", { class: "widget-live" });
        // Keys are the widget's: arrows shall not turn the book's page, nor `s` search it.
        live.addEventListener("keydown", (event) => event.stopPropagation());
        try {
            const data = source ? JSON.parse(source.textContent) : null;
            definition.mount(live, data, argument);
        } catch (error) {
            console.error(`widget ${name}:`, error);
            return;
        }
        section.append(element("div", { class: "widget-fallback" }, parts), live);
        section.classList.add("widget-ready");
    }

    function start() {
        for (const [name, factory] of factories) {
            widgets[name] = factory(kit);
        }
        document.querySelectorAll("section.widget[data-widget]").forEach(mount);
    }

    Object.assign(kit, { id, element, fill });
    if (document.readyState === "loading") {
        document.addEventListener("DOMContentLoaded", start);
    } else {
        // All scripts of this page shall have run.
        setTimeout(start);
    }
    return { kit, widgets, widget };
})();
