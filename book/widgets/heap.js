// The life of a heap: what is asked of it, and after each request its pages and the blocks
// in its slabs. The builder makes the requests to M1's heap and gives what it finds.
"use strict";

Myria.widget("heap", (kit) => {
    const { element, fill } = kit;

    /** By kind of page and state of block: its letter, and what it means. */
    const PAGES = {
        records: ["R", "records: what each page is"],
        slab: ["s", "slab: pages cut into blocks"],
        large: ["A", "large block: its name"],
        free: ["f", "free run"],
        unmapped: ["u", "unmapped: the memory was given back"],
        never: ["", "never used so far"],
    };
    const BLOCKS = {
        used: ["A", "used: its name"],
        cached: ["c", "free, in the cache"],
        free: ["f", "free, in its slab’s list"],
        untouched: ["", "never used so far"],
    };

    /** What each page of the range is: `{ kind, letter, run }`. */
    function pagesOf({ runs, mapped }) {
        const cells = Array.from(mapped, (on) => (on === "1" ? { kind: "records", letter: "R" } : { kind: "never", letter: "" }));
        for (const run of runs) {
            for (let page = run.first; page < run.first + run.pages; page += 1) {
                cells[page] = { kind: run.kind, letter: run.kind === "large" ? run.blocks : PAGES[run.kind][0], run: run.first };
            }
        }
        return cells;
    }

    /** The state of a slab's block, by its character. */
    function blockOf(character) {
        if (character === "c") return { kind: "cached", letter: "c" };
        if (character === "f") return { kind: "free", letter: "f" };
        if (character === "-") return { kind: "untouched", letter: "" };
        return { kind: "used", letter: character };
    }

    const slabsOf = ({ runs }) => runs.filter(({ kind }) => kind === "slab");

    /** Whether a cell shows something else than one step earlier. */
    const differs = (now, before) => before !== undefined && (now.kind !== before.kind || now.letter !== before.letter);

    /** 3072 → "3 KiB", 500 → "500 bytes". */
    function bytes(count) {
        const kib = count / 1024;
        if (count < 1024) return `${count} bytes`;
        return `${Number.isInteger(kib) ? kib : kib.toFixed(1)} KiB`;
    }

    /** The figures of a step, as names and texts. */
    function figures({ askedBytes, usedBytes, mappedBytes, peakBytes, freeBytes, cached, allocations, failures }) {
        return [
            ["asked for", bytes(askedBytes)], ["in use", bytes(usedBytes)], ["most in use", bytes(peakBytes)],
            ["mapped", bytes(mappedBytes)], ["in free runs", bytes(freeBytes)], ["cached blocks", String(cached)],
            ["allocations", String(allocations)], ["failures", String(failures)],
        ];
    }

    const cell = ({ kind, letter }, changed, title) =>
        element("span", { class: `heap-cell ${kind}${changed ? " changed" : ""}`, text: letter, title });

    /** The pages, rows of which begin with the number of their first page. */
    function drawPages(step, before, perRow) {
        const cells = pagesOf(step);
        const old = before ? pagesOf(before) : [];
        return cells.flatMap((one, page) => [
            page % perRow === 0 ? element("span", { class: "heap-number", text: String(page) }) : null,
            cell(one, differs(one, old[page]), `page ${page}: ${PAGES[one.kind][1]}`),
        ]);
    }

    /** A slab: a heading, and its blocks by address. */
    function drawSlab(slab, before) {
        const old = before && slabsOf(before).find(({ first }) => first === slab.first);
        const blocks = Array.from(slab.blocks, blockOf);
        const used = blocks.filter(({ kind }) => kind === "used").length;
        const place = slab.pages === 1 ? `page ${slab.first}` : `pages ${slab.first} to ${slab.first + slab.pages - 1}`;
        const was = (at) => (before ? blockOf(old?.blocks[at] ?? "-") : undefined);
        return element("div", { class: "heap-slab" },
            element("p", {}, element("strong", { text: `Slab, ${place}` }), `: ${used} of ${blocks.length} blocks of ${slab.blockBytes} bytes used`),
            element("div", { class: blocks.length > 16 ? "heap-blocks many" : "heap-blocks" },
                blocks.map((one, at) => cell(one, differs(one, was(at)), `block ${at}: ${BLOCKS[one.kind][1]}`))));
    }

    /** What letters and colours mean. */
    function legend(name, entries) {
        return element("div", { class: "heap-legend" }, element("strong", { text: name }), Object.entries(entries).map(([kind, [letter, text]]) =>
            element("span", {}, cell({ kind, letter }, false), ` ${text}`)));
    }

    function mount(root, { steps, pages, pageBytes }) {
        const PER_ROW = 16;
        const map = element("div", { class: "heap-pages", role: "img", "data-pages": pages });
        const slabs = element("div", { class: "heap-slabs", role: "img" });
        const table = element("dl", { class: "heap-figures" });
        const stepper = kit.stepper({
            count: steps.length, label: "Requests to the heap",
            show: (at) => {
                const [step, before] = [steps[at], steps[at - 1]];
                fill(map, drawPages(step, before, PER_ROW));
                map.setAttribute("aria-label", `Pages: ${step.runs.map(told).join("; ") || "none has memory"}`);
                fill(slabs, slabsOf(step).map((slab) => drawSlab(slab, before)));
                slabs.setAttribute("aria-label", `Slabs: ${slabsOf(step).map(({ first, blocks }) => `page ${first}, blocks ${blocks}`).join("; ") || "none"}`);
                fill(table, figures(step.figures).map(([name, value]) => element("div", {}, element("dt", { text: name }), element("dd", { text: value }))));
                return `${step.done} ${step.text}`;
            },
        });
        root.append(stepper.node,
            element("p", {}, element("strong", { text: `The heap’s range: ${pages} pages of ${pageBytes} bytes` })), map, legend("Pages", PAGES), slabs, legend("Blocks", BLOCKS), table);
    }

    /** A run in words. */
    function told({ first, pages, kind, blocks }) {
        return `${first} to ${first + pages - 1} ${kind}${kind === "large" ? ` ${blocks}` : ""}`;
    }

    return { pure: { pagesOf, blockOf, figures, bytes }, mount };
});
