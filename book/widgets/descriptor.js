// Segment descriptors as 64-bit mode sees them, the TSS descriptor of 16 bytes, and
// selectors (Intel SDM Vol. 3A, 3.4.5 "Segment Descriptors", 9.2.3 "TSS Descriptor in
// 64-bit mode", 3.4.2 "Segment Selectors").
"use strict";

Myria.widget("descriptor", (kit) => {
    const { element, numbers } = kit;
    const { bit, field, withField, hex, grouped } = numbers;

    const RINGS = [0, 1, 2, 3].map((ring) => [ring, `ring ${ring}`]);
    const STRIP = [
        { high: 63, low: 56, name: "base 31:24", title: "base, bits 31 to 24" },
        { high: 55, name: "G", title: "granularity: limit in pages" },
        { high: 54, name: "D/B", title: "default operand size" },
        { high: 53, name: "L", title: "64-bit code" },
        { high: 52, name: "AVL", title: "available to software" },
        { high: 51, low: 48, name: "limit 19:16", title: "limit, bits 19 to 16" },
        { high: 47, name: "P", title: "present" },
        { high: 46, low: 45, name: "DPL", title: "privilege level", choices: RINGS },
        { high: 44, name: "S", title: "code or data; 0 is a system segment" },
        { high: 43, name: "E", title: "executable: code, not data" },
        { high: 42, name: "C/ED", title: "code: conforming; data: expand-down" },
        { high: 41, name: "R/W", title: "code: readable; data: writable; system: busy" },
        { high: 40, name: "A", title: "accessed" },
        { high: 39, low: 16, name: "base 23:0", title: "base, bits 23 to 0" },
        { high: 15, low: 0, name: "limit 15:0", title: "limit, bits 15 to 0" },
    ];
    const UPPER = [
        { high: 63, low: 32, name: "reserved", title: "reserved, zero" },
        { high: 31, low: 0, name: "base 63:32", title: "base, bits 63 to 32" },
    ];
    const AVAILABLE_TSS = 9n;
    const BUSY_TSS = 11n;
    /** Bytes of a 64-bit TSS without an I/O permission bitmap, less 1. */
    const TSS_LIMIT = 103n;

    /** The word of a code or data segment. */
    function encode({ code, ring = 0n, present = true, long = code, readWrite = true, accessed = true, conforming = false }) {
        const flags = [[47, present], [44, true], [43, code], [42, conforming], [41, readWrite], [40, accessed], [53, long]];
        return flags.reduce((word, [at, on]) => withField(word, at, at, on ? 1n : 0n), BigInt(ring) << 45n);
    }

    /** The two words of a TSS descriptor. */
    function encodeTss({ base, limit = TSS_LIMIT, busy = false, present = true }) {
        const parts = [[63, 56, field(base, 31, 24)], [51, 48, field(limit, 19, 16)], [47, 47, present ? 1n : 0n],
            [43, 40, busy ? BUSY_TSS : AVAILABLE_TSS], [39, 16, field(base, 23, 0)], [15, 0, field(limit, 15, 0)]];
        return { low: parts.reduce((word, [high, low, value]) => withField(word, high, low, value), 0n), high: base >> 32n };
    }

    /** What the CPU makes of a descriptor in 64-bit mode; `high` counts for a TSS only. */
    function decode(low, high = 0n) {
        const common = { present: bit(low, 47), ring: field(low, 46, 45), limit: field(low, 15, 0) | field(low, 51, 48) << 16n };
        if (low === 0n) return { ...common, kind: "null", ignored: [], problems: [], sentence: "The null descriptor. Entry 0 of the GDT is never used; a null selector in DS, ES, FS or GS is allowed." };
        const found = !bit(low, 44) ? system(low, high, common) : bit(low, 43) ? code(low, common) : data(low, common);
        if (!common.present) found.problems.push({ code: "absent", where: "P", text: "P is 0: loading it raises #NP (for SS: #SS) with the selector as error code." });
        return found;
    }

    function code(low, common) {
        const long = bit(low, 53);
        const found = { ...common, kind: "code", long, conforming: bit(low, 42), readable: bit(low, 41), accessed: bit(low, 40), problems: [] };
        found.ignored = long ? ["base 31:24", "base 23:0", "limit 19:16", "limit 15:0", "G", "R/W"] : [];
        if (long && bit(low, 54)) found.problems.push({ code: "l-and-d", where: "D/B", text: "L and D are both 1, which is reserved: #GP when it is loaded into CS." });
        if (!long) found.problems.push({ code: "not-long", where: "L", text: "L is 0: the CPU runs this code in compatibility mode (16 or 32 bits), where our kernel’s code means something else." });
        if (found.conforming) found.problems.push({ code: "conforming", where: "C/ED", text: "Conforming: outer rings may jump to it and stay in their ring. Our kernel has none." });
        found.sentence = `Code segment, ${long ? "64-bit" : "not 64-bit"}, ring ${common.ring}.`;
        return found;
    }

    function data(low, common) {
        const found = { ...common, kind: "data", writable: bit(low, 41), accessed: bit(low, 40), problems: [] };
        found.ignored = ["base 31:24", "base 23:0", "limit 19:16", "limit 15:0", "G", "D/B", "L", "C/ED"];
        if (!found.writable) found.problems.push({ code: "read-only", where: "R/W", text: "Not writable: it cannot be the stack’s segment. Loading it into SS is a #GP." });
        found.sentence = `Data segment, ${found.writable ? "writable" : "read-only"}, ring ${common.ring}. 64-bit mode ignores its base and limit, except the base of FS and GS.`;
        return found;
    }

    function system(low, high, common) {
        const type = field(low, 43, 40);
        const problems = [];
        if (type !== AVAILABLE_TSS && type !== BUSY_TSS) {
            const name = { 2n: "an LDT", 12n: "a call gate", 14n: "an interrupt gate, which belongs into the IDT", 15n: "a trap gate, which belongs into the IDT" }[type] ?? "reserved in 64-bit mode";
            problems.push({ code: "type", where: "S", text: `System type ${hex(type)} is ${name}. LTR takes type 0x9 only.` });
            return { ...common, kind: "system", type, ignored: [], problems, sentence: `System descriptor of type ${hex(type)}.` };
        }
        const base = field(low, 39, 16) | field(low, 63, 56) << 24n | field(high, 31, 0) << 32n;
        const busy = type === BUSY_TSS;
        if (!numbers.isCanonical(base)) problems.push({ code: "canonical", where: "base 63:32", text: `The base ${grouped(base)} is not canonical: LTR raises #GP.` });
        else if (!bit(base, 63)) problems.push({ code: "user-half", where: "base 63:32", text: "The base is in the user half. Is the second word missing?" });
        if (common.limit < TSS_LIMIT) problems.push({ code: "limit", where: "limit 15:0", text: `The limit ${hex(common.limit)} is below ${hex(TSS_LIMIT)}: a 64-bit TSS has 104 bytes.` });
        if (field(high, 63, 32) !== 0n) problems.push({ code: "reserved", where: "reserved", text: "The upper half of the second word is reserved; bits 12 to 8 of it must be 0, or LTR raises #GP." });
        return {
            ...common, kind: "tss", base, busy, problems, ignored: ["AVL", "D/B", "L"],
            sentence: `64-bit TSS at ${grouped(base)}, ${common.limit + 1n} bytes, ${busy ? "busy: LTR has loaded it" : "available: LTR can load it"}.`,
        };
    }

    /** The parts of a selector. */
    function selector(value) {
        return { index: value >> 3n, ldt: bit(value, 2), rpl: field(value, 1, 0) };
    }

    function selectorSentence(value) {
        const { index, ldt, rpl } = selector(value);
        if (index === 0n && !ldt) return `The null selector, RPL ${rpl}.`;
        return `Entry ${index} of the ${ldt ? "LDT" : "GDT"}, at offset ${hex(index << 3n)}; requested privilege level ${rpl}.`;
    }

    function mount(root, given) {
        let words = { low: encode({ code: true }), high: 0n };
        const memory = kit.numberField({ label: "Descriptor", hint: "first word", onChange: (value) => value !== null && show({ ...words, low: value }) });
        const second = kit.numberField({ label: "Second word", hint: "of a system descriptor", onChange: (value) => value !== null && show({ ...words, high: value }) });
        const base = kit.numberField({ label: "Base of the TSS", onChange: (value) => value !== null && show(rebased(value)) });
        const strip = kit.bitStrip({ label: "First word", fields: STRIP, onChange: (low) => show({ ...words, low }) });
        const upper = kit.bitStrip({ label: "Second word", fields: UPPER, onChange: (high) => show({ ...words, high }) });
        const says = kit.verdict();
        const wrong = kit.problems("Take care");
        const picked = element("p", { class: "widget-verdict", role: "status", "aria-live": "polite" });
        const selectors = kit.numberField({
            label: "Selector", bits: 16, value: 8n, onChange: (value) => { if (value !== null) picked.textContent = selectorSentence(value); },
        });
        picked.textContent = selectorSentence(8n);

        function rebased(value) {
            const low = withField(withField(words.low, 39, 16, field(value, 23, 0)), 63, 56, field(value, 31, 24));
            return { low, high: withField(words.high, 31, 0, value >> 32n) };
        }

        function show(next) {
            words = next;
            const found = decode(words.low, words.high);
            const isSystem = found.kind === "tss" || found.kind === "system";
            for (const part of [second.node, upper.node]) part.hidden = !isSystem;
            base.node.hidden = found.kind !== "tss";
            memory.set(words.low);
            second.set(words.high);
            if (found.kind === "tss") base.set(found.base);
            const marks = Object.fromEntries(found.ignored.map((name) => [name, "ignored"]));
            for (const { where } of found.problems) marks[where] = "bad";
            strip.set(words.low, marks);
            upper.set(words.high, marks);
            says.say(found.sentence, found.problems.length > 0 ? "" : "good");
            wrong.show(found.problems.map(({ text }) => text));
        }

        const ours = (given?.gdt ?? []).map(({ name, low, high, selector: own }) => [name, () => {
            show({ low: BigInt(low), high: BigInt(high) });
            selectors.set(BigInt(own));
            picked.textContent = selectorSentence(BigInt(own));
        }]);
        const made = [
            ["32-bit code", () => show({ low: 0x00cf_9b00_0000_ffffn, high: 0n })],
            ["TSS without its second word", () => show({ low: encodeTss({ base: 0xffff_ffff_8004_9430n }).low, high: 0n })],
        ];
        root.append(
            kit.presets("Our GDT", ours), kit.presets("Others", made),
            kit.row(memory.node, second.node, base.node), strip.node, upper.node, says.node, wrong.node,
            kit.row(selectors.node), picked,
        );
        show(words);
    }

    return { pure: { encode, encodeTss, decode, selector, selectorSentence }, mount };
});
