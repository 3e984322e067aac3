// The frame allocator at work: a recording of M1's own code, one call a step.
"use strict";

Myria.widget("frames", (kit) => {
    const { element, svg } = kit;

    const PAGE_BYTES = 4096;
    /** How a chunk is drawn: a cell for each frame, a row for each 128 KiB. */
    const COLUMNS = 32;
    const CELL = 11;
    /** What a frame can be, as the data names it, and how it looks. */
    const LOOKS = {
        "free": { tone: "free", marks: "plain" },
        "reserved": { tone: "muted", marks: "grid" },
        "page tables": { tone: "kernel", marks: "plain" },
        "kernel stacks": { tone: "accent", marks: "rows" },
        "kernel heap": { tone: "memory", marks: "dots" },
        "user memory": { tone: "user", marks: "rising" },
        "device buffers": { tone: "hardware", marks: "columns" },
        "other": { tone: "muted", marks: "falling" },
        "not managed": { tone: "none", marks: "plain" },
    };
    const NOT_MANAGED = "not managed";

    const hex = (frame) => `0x${(frame * PAGE_BYTES).toString(16)}`;
    const kib = (frames) => (frames % 256 === 0 && frames > 0 ? `${frames / 256} MiB` : `${frames * 4} KiB`);

    /** What each of `count` frames is after a step: a number of a kind, or null. */
    function cells({ regions }, count) {
        const all = new Array(count).fill(null);
        for (const [first, length, kind] of regions) all.fill(kind, first, first + length);
        return all;
    }

    /** How many frames there are of each kind. */
    function counts({ regions }, kinds) {
        const all = new Array(kinds).fill(0);
        for (const [, length, kind] of regions) all[kind] += length;
        return all;
    }

    /** A chunk: its drawing, and `set(states, changed)` for its frames. */
    function drawChunk(number, first, count, names, fills, look) {
        const rects = Array.from({ length: count }, (_, slot) => svg("rect", {
            x: (slot % COLUMNS) * CELL + 1, y: Math.floor(slot / COLUMNS) * CELL + 1, width: CELL - 2, height: CELL - 2,
            "data-frame": first + slot,
        }));
        const rows = Math.ceil(count / COLUMNS);
        const picture = svg("svg", { viewBox: `0 0 ${COLUMNS * CELL} ${rows * CELL}`, role: "img" }, rects);
        const note = element("span", { class: "widget-hint" });
        const range = `${hex(first)} to ${hex(first + count)}`;
        const node = element("figure", { class: "frame-chunk" },
            element("figcaption", {}, element("strong", { text: `Chunk ${number}` }), ` ${range} `, note), picture);
        picture.addEventListener("pointermove", ({ target }) => target.dataset.frame && look(Number(target.dataset.frame)));
        const set = (states, changed) => {
            rects.forEach((rect, slot) => {
                const name = names[states[first + slot]] ?? NOT_MANAGED;
                rect.setAttribute("fill", fills.fill(name));
                rect.setAttribute("class", `cell tone-${LOOKS[name].tone}${changed.has(first + slot) ? " changed" : ""}`);
                rect.dataset.kind = name;
            });
            const own = states.slice(first, first + count);
            const free = own.filter((kind) => kind === 0).length;
            note.textContent = sentence(free, own.filter((kind) => kind !== null).length);
            picture.setAttribute("aria-label", `Chunk ${number}, ${range}: ${note.textContent}`);
        };
        return { node, set };
    }

    function sentence(free, managed) {
        if (managed === 0) return "not managed";
        if (free === 512) return "whole: all 512 frames are free";
        return `${free} of ${managed} frames are free`;
    }

    function mount(root, { chunk, kinds, map, steps }) {
        const [last, length] = map[map.length - 1];
        const end = last + length;
        const names = [...kinds];
        const fills = kit.fills(LOOKS);
        const probe = element("p", { class: "widget-hint frame-probe", text: "Point at a frame to see what it is." });
        let states = [];
        const look = (frame) => {
            const region = map.find(([first, count]) => frame >= first && frame < first + count);
            const kind = names[states[frame]] ?? `${NOT_MANAGED} (${region ? region[2] : "no RAM"})`;
            probe.textContent = `Frame ${hex(frame)}: ${kind}`;
        };
        const chunks = [];
        for (let first = 0; first < end; first += chunk) {
            chunks.push(drawChunk(first / chunk, first, Math.min(chunk, end - first), names, fills, look));
        }
        // Only what the recording shows is explained.
        const used = names.map((_, kind) => kind).filter((kind) => steps.some(({ regions }) => regions.some((region) => region[2] === kind)));
        const legend = kit.legend("Frames by use",
            [...used.map((kind) => [fills.swatch(names[kind]), names[kind]]), [fills.swatch(NOT_MANAGED), NOT_MANAGED]]);
        const figures = kit.figures("Statistics");
        const table = element("div");
        const trace = kit.trace({
            steps, label: "Calls of the allocator",
            draw: (step) => {
                states = cells(step, end);
                const changed = new Set(step.changed.flatMap(([first, count]) => Array.from({ length: count }, (_, at) => first + at)));
                chunks.forEach(({ set }) => set(states, changed));
                const count = counts(step, names.length);
                legend.set([...used.map((kind) => `${count[kind]}`), `${end - step.figures.total}`]);
                const { total, used: inUse, free, peak, longest } = step.figures;
                figures.set([["managed", `${total}`], ["in use", `${inUse}`], ["free", `${free}`], ["most in use", `${peak}`],
                    ["longest free run", longest ? `${longest} (${kib(longest)})` : "none"]]);
                kit.fill(table, regionTable(step, names));
            },
        });
        root.append(fills.node, trace.node, figures.node,
            element("div", { class: "frame-chunks" }, chunks.map(({ node }) => node)),
            legend.node, probe, kit.details("All regions as a table", table));
    }

    /** The picture as text. */
    function regionTable({ regions }, names) {
        const MOST = 24;
        const rows = regions.slice(0, MOST).map(([first, count, kind]) =>
            [`${hex(first)} to ${hex(first + count)}`, `${count}`, names[kind]]);
        const more = regions.length - rows.length;
        if (more > 0) rows.push([`and ${more} more`, "", ""]);
        return kit.table("Frames in a row that are alike", ["Range", "Frames", "What"], rows);
    }

    return { pure: { cells, counts }, mount };
});
