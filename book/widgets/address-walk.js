// The CPU's way from a virtual address to a physical one, over the entries of a dump (Intel
// SDM Vol. 3A, 5.5.4 "Linear-Address Translation with 4-Level Paging and 5-Level Paging",
// 5.6 "Access Rights").
"use strict";

(() => {
    const { kit } = Myria;
    const ENTRY_BYTES = 8n;

    /** The parts of a virtual address with four levels. */
    function split(address) {
        const { field } = kit.numbers;
        return {
            canonical: kit.numbers.isCanonical(address), sign: field(address, 63, 48),
            PML4: field(address, 47, 39), PDPT: field(address, 38, 30), PD: field(address, 29, 21), PT: field(address, 20, 12),
            offset: field(address, 11, 0),
        };
    }

    /**
     * Walks `dump` for an access: `{ use: "read"|"write"|"fetch", ring: 0|3 }`. Gives the
     * `steps`, one for each entry, and the `outcome`: `physical`, `fault` with its error
     * code, `general-protection`, or `unknown` where the dump ends.
     */
    function walk(dump, address, access) {
        const parts = split(address);
        if (!parts.canonical) return { steps: [], outcome: { kind: "general-protection" } };
        if (dump.root === null) return { steps: [], outcome: { kind: "unknown" } };
        const pte = Myria.widgets.pte.pure;
        const steps = [];
        let table = dump.root;
        let allowed = "rwxu-";
        for (let level = "PML4"; level !== null; level = pte.LEVELS[level].below) {
            const slot = table + parts[level] * ENTRY_BYTES;
            const known = dump.entries.get(slot);
            if (!known) return { steps, outcome: { kind: "unknown", level, slot } };
            const entry = pte.decode(known.word, level);
            if (entry.present) allowed = narrow(allowed, entry.rights);
            steps.push({ level, index: parts[level], table, slot, word: known.word, entry, allowed });
            if (!entry.present) return { steps, outcome: fault(access, { present: false }) };
            if (entry.problems.some(({ code }) => code === "ps-in-pml4" || code === "unaligned")) {
                return { steps, outcome: fault(access, { present: true, reserved: true }) };
            }
            if (entry.kind === "page") return { steps, outcome: arrive(address, level, entry, allowed, access) };
            table = entry.address;
        }
        return { steps, outcome: { kind: "unknown" } };
    }

    /** The rights that remain below one more entry; G is the last one's. */
    function narrow(above, own) {
        return [...own].map((letter, at) => (at === 4 || above[at] === letter ? letter : "-")).join("");
    }

    function arrive(address, level, { address: page, size }, rights, access) {
        const why = forbidden(rights, access);
        if (why) return { ...fault(access, { present: true }), rights, why };
        const offset = address & ((1n << Myria.widgets.pte.pure.LEVELS[level].shift) - 1n);
        return { kind: "physical", physical: page | offset, page, offset, size, rights };
    }

    /** Why an access is refused, or null; with WP, NX, SMEP and SMAP on, as our kernel has them. */
    function forbidden([, write, execute, user], { use, ring }) {
        if (ring === 3 && user !== "u") return "U/S is 0 on the way: the page is the kernel’s.";
        if (ring === 0 && user === "u" && use === "fetch") return "It is a user page, and SMEP keeps ring 0 from executing it.";
        if (ring === 0 && user === "u") return "It is a user page, and SMAP keeps ring 0 from it, except where the kernel copies on purpose (STAC).";
        if (use === "write" && write !== "w") return ring === 0 ? "R/W is 0 on the way, and WP makes that count in ring 0 too." : "R/W is 0 on the way.";
        if (use === "fetch" && execute !== "x") return "NX is 1 on the way.";
        return null;
    }

    /** A page fault, with the error code that the CPU pushes. */
    function fault({ use, ring }, { present, reserved = false }) {
        const bits = [[present, 0], [use === "write", 1], [ring === 3, 2], [reserved, 3], [use === "fetch", 4]];
        const code = bits.reduce((word, [on, at]) => (on ? word | 1n << BigInt(at) : word), 0n);
        return { kind: "fault", code };
    }

    /** The same for cases: the dump as text. */
    function walkText(text, address, access) {
        return walk(kit.parseDump(text), address, access);
    }

    Object.assign(kit, { splitAddress: split, walkTables: walk, walkText });
})();
