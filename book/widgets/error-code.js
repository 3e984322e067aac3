// Error codes that the CPU pushes: of a page fault (Intel SDM Vol. 3A, 5.7 "Page-Fault
// Exceptions"), and of a fault about a selector (7.13 "Error Code"). The sentences are
// those of m0-boot/src/fault.rs.
"use strict";

Myria.widget("error-code", (kit) => {
    const { element, numbers } = kit;
    const { bit, field, hex, grouped } = numbers;

    const PAGE = [
        { bit: 0, name: "P", text: "the page was present: the access broke a permission" },
        { bit: 1, name: "W/R", text: "the access was a write" },
        { bit: 2, name: "U/S", text: "the access was made in ring 3" },
        { bit: 3, name: "RSVD", text: "a reserved bit is set in a paging entry" },
        { bit: 4, name: "I/D", text: "the access was an instruction fetch" },
        { bit: 5, name: "PK", text: "a protection key forbids it" },
        { bit: 6, name: "SS", text: "a shadow-stack access" },
        { bit: 15, name: "SGX", text: "an SGX rule forbids it" },
    ];
    const SELECTOR = [
        { bit: 0, name: "EXT", text: "while an earlier event was delivered" },
        { bit: 1, name: "IDT", text: "the index is that of a gate of the IDT" },
        { bit: 2, name: "TI", text: "the index is in the LDT, not the GDT (if IDT is 0)" },
    ];
    const known = PAGE.reduce((bits, { bit: at }) => bits | 1n << BigInt(at), 0n);

    /** The page-fault code in the kernel's words, with CR2 if it is given. */
    function page(code, address = null) {
        const ring = bit(code, 2) ? "ring 3" : "ring 0";
        const access = bit(code, 4) ? "instruction fetch from" : bit(code, 1) ? "write to" : "read from";
        const [, what] = [
            [3, "a page whose entries have a reserved bit set"], [5, "a page that a protection key forbids"],
            [6, "a shadow-stack page"], [0, "a page that does not permit it"],
        ].find(([at]) => bit(code, at)) ?? [null, "a page that is not present"];
        const sentence = `${access} ${what}, by ${ring}, error code ${hex(code)},`;
        return address === null ? sentence : `${sentence} at ${hex(address)}`;
    }

    /** A selector error code in the kernel's words. */
    function selector(code) {
        if (code === 0n) return "not about a particular selector (error code 0x0)";
        const index = field(code, 15, 3);
        const where = bit(code, 1) ? `IDT gate of vector ${index}`
            : bit(code, 2) ? `LDT entry ${index}` : `GDT entry ${index} (selector ${hex(index << 3n)})`;
        const external = bit(code, 0) ? ", while an earlier event was delivered" : "";
        return `${where}${external} (error code ${hex(code)})`;
    }

    /** The part of our address space that holds `address`: `ranges` from the builder. */
    function place(address, ranges) {
        if (!numbers.isCanonical(address)) return `${hex(address)} is not canonical`;
        const found = ranges.find(({ first, last }) => BigInt(first) <= address && address <= BigInt(last));
        return found?.place ?? "";
    }

    /** What cannot be, or deserves a second look, in a page-fault code. */
    function doubts(code, address) {
        const found = [];
        if (code & ~known & 0xffff_ffffn) found.push(`Bits that no manual defines are set: ${hex(code & ~known)}.`);
        if (bit(code, 4) && bit(code, 1)) found.push("A fetch is no write: I/D and W/R are never both 1.");
        if (bit(code, 3) && !bit(code, 0)) found.push("With RSVD, P is 1 too: a reserved bit is looked at only in a present entry.");
        if (bit(code, 5) && !bit(code, 0)) found.push("With PK, P is 1 too.");
        if (address !== null && !numbers.isCanonical(address)) found.push("CR2 is not canonical. Such an access is a #GP (by way of RSP or RBP a #SS), not a page fault.");
        return found;
    }

    function mount(root, data) {
        const says = kit.verdict();
        const where = element("p", { "aria-live": "polite" });
        const wrong = kit.problems("This cannot be");
        const state = { kind: "page", code: 3n, address: 0xffff_ffff_8000_0000n };

        const number = kit.numberField({
            label: "Error code", bits: 32, format: (value) => hex(value),
            onChange: (value) => value !== null && show({ code: value }),
        });
        const cr2 = kit.numberField({
            label: "CR2 (optional)", value: null, optional: true,
            onChange: (value, error) => !error && show({ address: value }),
        });
        const index = kit.numberField({
            label: "Index or vector", bits: 13, format: String,
            onChange: (value) => value !== null && show({ code: numbers.withField(state.code, 15, 3, value) }),
        });
        const pageBits = checks(PAGE, "Bits of a page fault’s error code");
        const selectorBits = checks(SELECTOR, "Bits of a selector error code");
        const kinds = kit.choice({
            label: "Exception", value: "page", options: [["page", "#PF, page fault"], ["selector", "#TS, #NP, #SS, #GP"]],
            onChange: (kind) => show({ kind }),
        });

        /** Checkboxes for single bits. */
        function checks(bits, label) {
            const boxes = bits.map(({ bit: at, name, text }) => {
                const box = element("input", { type: "checkbox", id: kit.id("bit") });
                box.addEventListener("change", () => show({ code: numbers.withField(state.code, at, at, box.checked ? 1n : 0n) }));
                const node = element("div", { class: "widget-check" }, box,
                    element("label", { for: box.id }, element("code", { text: name }), ` (bit ${at}) ${text}`));
                return { node, set: (code) => { box.checked = bit(code, at); } };
            });
            const node = element("div", { role: "group", "aria-label": label }, boxes.map((box) => box.node));
            return { node, set: (code) => boxes.forEach((box) => box.set(code)) };
        }

        function show(change) {
            Object.assign(state, change);
            const { kind, code, address } = state;
            const isPage = kind === "page";
            kinds.set(kind);
            number.set(code);
            for (const part of [pageBits.node, cr2.node]) part.hidden = !isPage;
            for (const part of [selectorBits.node, index.node]) part.hidden = isPage;
            pageBits.set(code);
            selectorBits.set(code);
            index.set(field(code, 15, 3));
            cr2.set(address);
            says.say(isPage ? page(code, address).replace(/,$/, "") : selector(code));
            where.textContent = isPage && address !== null ? place(address, data?.ranges ?? []) : "";
            where.hidden = where.textContent === "";
            wrong.show(isPage ? doubts(code, address) : []);
        }

        const example = (kind, code, address = null) => () => show({ kind, code, address });
        root.append(
            kit.presets("Try", [
                ["null pointer", example("page", 0n, 8n)],
                ["write to kernel text", example("page", 3n, 0xffff_ffff_8000_0000n)],
                ["user reads the kernel", example("page", 5n, 0xffff_ffff_8000_0000n)],
                ["jump into data", example("page", 0x11n, 0xffff_ffff_a000_8000n)],
                ["gate not present", example("selector", 0x1a2n)],
                ["wrong selector", example("selector", 0x18n)],
            ]),
            kit.row(kinds.node, number.node, cr2.node, index.node),
            pageBits.node, selectorBits.node, says.node, where, wrong.node,
        );
        show({});
    }

    return { pure: { page, selector, place, doubts, grouped }, mount };
});
