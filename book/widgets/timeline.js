// A recorded boot in time: a row for each module, a bar for the time that leads to each of
// its lines. In the recording an instruction takes a nanosecond.
"use strict";

Myria.widget("timeline", (kit) => {
    const { element, fill } = kit;

    /** How many times longer than the window the whole boot is; each step of the zoom. */
    const ZOOMS = [1, 4, 16, 64, 256];
    /** As many marks on the axis as fit a phone. */
    const MARKS = 4;
    /** Colours of rows, in turn; the names beside them say which they are. */
    const COLOURS = ["kernel", "user", "hardware", "memory", "accent", "danger"];
    const INSTRUCTIONS = 1000;

    /** 2387 → "2.387 ms", 262 → "262 µs". */
    function duration(microseconds) {
        if (microseconds < 1000) return `${microseconds} µs`;
        return `${(microseconds / 1000).toFixed(3)} ms`;
    }

    /** The time from the line before to this one, and from this one to the next; null where there is none. */
    function gaps(events, at) {
        const before = at > 0 ? events[at].time - events[at - 1].time : null;
        const after = at + 1 < events.length ? events[at + 1].time - events[at].time : null;
        return { before, after };
    }

    /** The part of the boot that is drawn: the selected event in it, and if there is room the one before. */
    function extent(events, at, zoom) {
        const whole = events.at(-1).time || 1;
        const span = whole / zoom;
        const { before } = gaps(events, at);
        const middle = events[at].time - Math.min((before ?? 0) / 2, span * 0.4);
        const from = Math.min(Math.max(middle - span / 2, 0), whole - span);
        return { from, to: from + span };
    }

    /** Round times for an axis: at most `MARKS` steps of 1, 2 or 5 times a power of ten. */
    function marks({ from, to }) {
        const least = (to - from) / MARKS;
        const power = 10 ** Math.floor(Math.log10(least));
        const step = Math.max(1, [1, 2, 5, 10].map((times) => times * power).find((size) => size >= least));
        const first = Math.ceil(from / step - 1e-9);
        const last = Math.floor(to / step + 1e-9);
        return Array.from({ length: last - first + 1 }, (_, at) => Math.round((first + at) * step));
    }

    /** What is said of an event. */
    function sentence(events, at) {
        const { time, module } = events[at];
        const { before, after } = gaps(events, at);
        const here = at === 0 ? "The kernel starts its clock and measures its rate; the line has no time." : `${module} at ${duration(time)}, ${duration(before)} after the line before.`;
        if (after === null) return `${here} It is the last line with a time.`;
        return `${here} The next comes ${duration(after)} later: time for ${(after * INSTRUCTIONS).toLocaleString("en")} instructions.`;
    }

    function mount(root, { events, milestone }) {
        const whole = events.at(-1).time || 1;
        const modules = [...new Set(events.map(({ module }) => module))];
        const state = { at: 0, zoom: 0 };
        const bars = events.map(({ time, module, lines }, at) => {
            const colour = COLOURS[modules.indexOf(module) % COLOURS.length];
            const title = at === 0 ? "start" : `${lines[0].trim()}: ${duration(gaps(events, at).before)}`;
            return element("span", { class: `time-bar ${colour}`, "data-time": time, title, on: { click: () => steps.go(at) } });
        });
        const rows = modules.map((name) => element("div", { class: "time-row" },
            element("span", { class: "time-name", text: name, title: name }),
            element("div", { class: "time-track" }, bars.filter((_, at) => events[at].module === name))));
        const axis = element("div", { class: "time-track time-axis" });
        const slot = element("span", { class: "time-slot" });
        const overview = element("div", { class: "time-track time-overview" }, slot,
            events.map(({ time }) => element("span", { class: "time-dot", style: `left: ${100 * time / whole}%` })));
        const chart = element("div", { class: "time-chart", role: "img", "aria-label": `The boot of ${milestone}, a row for each of: ${modules.join(", ")}. The steps below tell each event.` },
            element("div", { class: "time-row" }, element("span", { class: "time-name", text: "whole boot" }), overview),
            rows, element("div", { class: "time-row" }, element("span", { class: "time-name" }), axis));
        const log = element("pre", { class: "time-log", tabindex: "0", "aria-label": "Lines of this event" });
        const shown = element("output", { class: "time-shown" });
        const zoomTo = (to) => {
            state.zoom = Math.min(Math.max(to(), 0), ZOOMS.length - 1);
            draw();
        };
        const button = (text, to) => element("button", { type: "button", text, on: { click: () => zoomTo(to) } });
        const out = button("Zoom out", () => state.zoom - 1);
        const into = button("Zoom in", () => state.zoom + 1);
        const all = button("Whole boot", () => 0);

        /** Puts everything where the zoom and the selected event want it. */
        function draw() {
            const part = extent(events, state.at, ZOOMS[state.zoom]);
            const place = (time) => 100 * (time - part.from) / (part.to - part.from);
            const within = (time) => Math.min(Math.max(place(time), 0), 100);
            bars.forEach((bar, at) => {
                const [left, right] = [within(events[Math.max(at - 1, 0)].time), within(events[at].time)];
                // By its end, which is the event; a mark at the start must not be outside.
                bar.style.right = `min(${100 - right}%, 100% - 4px)`;
                bar.style.width = `${right - left}%`;
                bar.classList.toggle("now", at === state.at);
                bar.classList.toggle("away", place(events[at].time) < 0 || left >= 100);
                bar.classList.toggle("cut", place(events[at].time) > 100);
            });
            slot.style.left = `${100 * part.from / whole}%`;
            slot.style.width = `${100 * (part.to - part.from) / whole}%`;
            [...overview.querySelectorAll(".time-dot")].forEach((dot, at) => dot.classList.toggle("now", at === state.at));
            fill(axis, marks(part).map((time) => element("span", { class: "time-mark", style: `left: ${place(time)}%` },
                element("span", { text: time === 0 ? "0" : duration(time).replace(/\.?0+ ms$/, " ms") }))));
            shown.textContent = state.zoom === 0 ? "shows all" : `shows 1/${ZOOMS[state.zoom]}: ${duration(Math.round(part.from))} to ${duration(Math.round(part.to))}`;
            for (const [control, off] of [[all, state.zoom === 0], [out, state.zoom === 0], [into, state.zoom === ZOOMS.length - 1]]) {
                control.setAttribute("aria-disabled", String(off));
            }
        }

        const steps = kit.stepper({
            count: events.length, name: "Event", label: "Events of the boot",
            show: (at) => {
                state.at = at;
                draw();
                log.textContent = events[at].lines.join("\n");
                return sentence(events, at);
            },
        });
        const zoom = element("div", { class: "time-zoom", role: "group", "aria-label": "Zoom" }, into, out, all, shown);
        const hint = element("p", { class: "widget-hint", text: "A bar is the time that leads to a line. In the recording an instruction takes a nanosecond; while the CPU is halted, time goes on without any." });
        root.append(steps.node, chart, zoom, log, hint);
    }

    return { pure: { duration, gaps, extent, marks, sentence }, mount };
});
