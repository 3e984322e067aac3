// Drawing: SVG elements, and fills that differ by pattern as well as by colour.
"use strict";

(() => {
    const { kit } = Myria;
    const NAMESPACE = "http://www.w3.org/2000/svg";

    /** An SVG element; attributes as they are named, children as for `kit.element`. */
    function svg(tag, attributes = {}, ...children) {
        const node = document.createElementNS(NAMESPACE, tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name === "text") node.textContent = value;
            else if (value !== null && value !== undefined) node.setAttribute(name, String(value));
        }
        node.append(...children.flat(Infinity).filter(Boolean));
        return node;
    }

    /** What a pattern of 8 × 8 has besides its ground. */
    const MARKS = {
        plain: "",
        rows: "M0 2H8M0 6H8",
        columns: "M2 0V8M6 0V8",
        rising: "M-2 2L2 -2M0 8L8 0M6 10L10 6",
        falling: "M-2 6L2 10M0 0L8 8M6 -2L10 2",
        grid: "M0 4H8M4 0V8",
        dots: "M2 2h1.5M6 6h1.5",
    };

    /**
     * Fills by name: `{ heap: { tone: "memory", marks: "dots" } }`, tones as in the
     * figures. `node` has to be in the page; `fill(name)` is what an SVG element's fill
     * is then, and `swatch(name)` a sample for a legend.
     */
    function fills(kinds) {
        const ids = new Map(Object.keys(kinds).map((name) => [name, kit.id("fill")]));
        const patterns = Object.entries(kinds).map(([name, { tone, marks }]) =>
            svg("pattern", { id: ids.get(name), width: 8, height: 8, patternUnits: "userSpaceOnUse", class: `tone-${tone}` },
                svg("rect", { width: 8, height: 8, class: "tone-ground" }),
                MARKS[marks] ? svg("path", { d: MARKS[marks], class: "tone-marks" }) : null));
        const node = svg("svg", { width: 0, height: 0, class: "fills", "aria-hidden": "true" }, svg("defs", {}, patterns));
        const fill = (name) => `url(#${ids.get(name)})`;
        const swatch = (name) => svg("svg", { class: "swatch", viewBox: "0 0 16 16", "aria-hidden": "true" },
            svg("rect", { x: 0.5, y: 0.5, width: 15, height: 15, fill: fill(name), class: `cell tone-${kinds[name].tone}` }));
        return { node, fill, swatch };
    }

    Object.assign(kit, { svg, fills });
})();
