// A virtual address taken apart, and walked through real page tables step by step.
"use strict";

Myria.widget("address", (kit) => {
    const { element, numbers } = kit;
    const { grouped, hex } = numbers;
    const STRIP = [
        { high: 63, low: 48, name: "sign", title: "copies of bit 47" },
        { high: 47, low: 39, name: "PML4", title: "index into the PML4", decimal: true },
        { high: 38, low: 30, name: "PDPT", title: "index into the page-directory-pointer table", decimal: true },
        { high: 29, low: 21, name: "PD", title: "index into the page directory", decimal: true },
        { high: 20, low: 12, name: "PT", title: "index into the page table", decimal: true },
        { high: 11, low: 0, name: "offset", title: "offset in a page of 4 KiB" },
    ];
    const PART = { PML4: "47 to 39", PDPT: "38 to 30", PD: "29 to 21", PT: "20 to 12" };
    const BELOW = { PML4: "PDPT", PDPT: "PD", PD: "PT" };

    /** The region of a dump that holds `address`. */
    function regionOf({ regions }, address) {
        return regions.find(({ first, last }) => first <= address && address <= last);
    }

    /** One step in words. */
    function told({ level, index, table, slot, entry }) {
        const where = `Bits ${PART[level]} are ${index}: entry ${index} of the ${level} at ${hex(table)}, which is at ${hex(slot)}.`;
        if (!entry.present) return `${where} It is not present. The walk ends with a page fault.`;
        if (entry.kind === "page") return `${where} It maps a page of ${entry.size} at ${hex(entry.address)}. The walk ends.`;
        return `${where} It points to the ${BELOW[level]} at ${hex(entry.address)}.`;
    }

    /** What comes of an access, in words. */
    function concluded(dump, address, access, { kind, ...outcome }) {
        const { physical, page, offset, size, rights, code, why } = outcome;
        const region = regionOf(dump, address);
        const name = region ? ` It is in: ${region.name}.` : "";
        if (kind === "physical") return `Physical ${grouped(physical)}: page of ${size} at ${hex(page)}, plus offset ${hex(offset)}. Rights ${rights}.${name}`;
        if (kind === "fault") return `Page fault: ${Myria.widgets["error-code"].pure.page(code, address)}. ${why ?? ""}${name}`.trim();
        if (kind === "general-protection") return `${grouped(address)} is not canonical: bits 63 to 47 differ. The CPU raises #GP and looks at no table.`;
        return unknown(dump, address, region);
    }

    /** Where the dump does not have the entries. */
    function unknown({ regions }, address, region) {
        const ask = `For the walk, ask the console: walk ${hex(address)}`;
        if (region) return `The dump lacks the entries, but tells the region: ${region.name}, ${region.rights}. ${ask}`;
        if (regions.length > 0) return `The dump lacks the entries. No region holds the address, so it is not mapped: a page fault. ${ask}`;
        return `The dump lacks the entries. ${ask}`;
    }

    /** What was read from a text, in one sentence. */
    function summary({ root, entries, regions, walks }) {
        if (root === null && regions.length === 0) return "Nothing of this is a dump. Paste what “regions” and “walk ADDRESS” print in the console.";
        const count = (list, one, many) => `${list} ${list === 1 ? one : many}`;
        return `Read: ${count(regions.length, "region", "regions")}, ${count(walks.length, "walk", "walks")}, ${count(entries.size, "entry", "entries")}.`;
    }

    function mount(root, data, argument) {
        const dumps = data?.dumps ?? [];
        const state = { dump: kit.parseDump(dumps[0]?.text ?? ""), address: 0xffff_ffff_8000_1234n, use: "read", ring: 0 };
        let walked = { steps: [], outcome: { kind: "unknown" } };

        const address = kit.numberField({ label: "Virtual address", onChange: (value) => value !== null && show({ address: value }) });
        const use = kit.choice({ label: "Access", options: [["read", "read"], ["write", "write"], ["fetch", "instruction fetch"]], onChange: (value) => show({ use: value }) });
        const ring = kit.choice({ label: "From", options: [["0", "ring 0"], ["3", "ring 3"]], onChange: (value) => show({ ring: Number(value) }) });
        const strip = kit.bitStrip({ label: "Its parts", fields: STRIP, onChange: (value) => show({ address: value }) });
        const examples = element("div");
        const tables = element("div");
        const says = kit.verdict();
        const stepper = kit.stepper({ count: 0, show: showStep, name: "Step", label: "Page walk" });
        const source = kit.choice({
            label: "Page tables", options: [...dumps.map(({ name }, at) => [String(at), name]), ["own", "your own: paste a dump"]],
            onChange: choose,
        });
        const paste = kit.textArea({
            label: "Your dump", rows: 8, hint: "what “cargo xtask monitor m2” prints for “regions” and “walk ADDRESS”, or the regions that “cargo xtask run m1” prints",
            onChange: (text) => take(text, true),
        });
        const read = element("p", { role: "status", "aria-live": "polite" });
        const complaints = kit.problems("Not understood");

        function choose(value) {
            paste.node.hidden = value !== "own";
            take(value === "own" ? paste.area.value : dumps[Number(value)].text, value === "own");
        }

        function take(text, own) {
            const dump = kit.parseDump(text);
            const empty = text.trim() === "";
            read.textContent = own && !empty ? summary(dump) : "";
            read.hidden = read.textContent === "";
            complaints.show(own ? dump.complaints.slice(0, 8) : []);
            const buttons = places(dump).map(({ name, at }) => [name, () => show({ address: at })]);
            kit.fill(examples, buttons.length > 0 ? kit.presets("Go to", buttons) : null);
            const first = places(dump)[0];
            show({ dump, ...(first && { address: first.at }) });
        }

        function show(change) {
            Object.assign(state, change);
            address.set(state.address);
            use.set(state.use);
            ring.set(String(state.ring));
            strip.set(state.address, numbers.isCanonical(state.address) ? {} : { sign: "bad" });
            walked = kit.walkTables(state.dump, state.address, { use: state.use, ring: state.ring });
            const { kind } = walked.outcome;
            says.say(concluded(state.dump, state.address, state, walked.outcome), kind === "physical" ? "good" : kind === "unknown" ? "" : "bad");
            stepper.node.hidden = tables.hidden = walked.steps.length === 0;
            stepper.reset(walked.steps.length);
            stepper.go(walked.steps.length - 1);
        }

        /** Shows the walk up to a step. */
        function showStep(at) {
            const rows = walked.steps.slice(0, at + 1).map(({ level, index, slot, word, entry, allowed }) => [
                level, String(index), hex(slot), grouped(word), entry.present ? `${entry.kind === "page" ? "page" : BELOW[level]} at ${hex(entry.address)}` : "not present", entry.present ? allowed : "",
            ]);
            kit.fill(tables, kit.table("The walk so far", ["Table", "Entry", "At", "Value", "Leads to", "Rights"], rows,
                { mark: (_, row) => (row === at ? "now" : null), mono: [2, 3, 4, 5] }));
            return told(walked.steps[at]);
        }

        root.append(
            source.node, paste.node, read, complaints.node, examples,
            kit.row(address.node, use.node, ring.node), strip.node, says.node, stepper.node, tables,
        );
        const wanted = dumps.findIndex(({ id }) => id === argument);
        source.set(dumps.length === 0 ? "own" : String(Math.max(wanted, 0)));
        choose(dumps.length === 0 ? "own" : String(Math.max(wanted, 0)));
    }

    /** Where to go in a dump: the addresses that were walked, or where regions begin. */
    function places({ walks, regions, root }) {
        const list = walks.length > 0 && root !== null ? walks.map(placeOfWalk)
            : regions.map(({ first, name, rights }) => ({ at: first, name, more: rights }));
        const seen = new Set();
        return list.slice(0, 16).map(({ at, name, more }) => {
            const text = seen.has(name) ? `${name}, ${more}` : name;
            seen.add(name);
            return { at, name: text };
        });
    }

    /** A walk's name on a button; `more` tells it from another of that name. */
    function placeOfWalk({ address, name, rights, size }) {
        if (!name) return { at: address, name: `${hex(address)}, not mapped`, more: "" };
        return { at: address, name: size === "4 KiB" ? name : `${name}, ${size}`, more: rights };
    }

    return { pure: { split: kit.splitAddress, walk: kit.walkText, parse: kit.parseDump, summary, concluded }, mount };
});
