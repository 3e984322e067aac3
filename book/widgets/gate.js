// A gate of the interrupt descriptor table: fields to words, and words to fields (Intel
// SDM Vol. 3A, Figure 7-8 "64-Bit IDT Gate Descriptors").
"use strict";

Myria.widget("gate", (kit) => {
    const { numbers } = kit;
    const { field, withField, bit, hex, grouped } = numbers;

    /** System descriptor types in 64-bit mode (Intel SDM Vol. 3A, Table 3-2). */
    const TYPES = new Map([
        [2n, "LDT"], [9n, "TSS"], [11n, "TSS busy"], [12n, "call gate"],
        [14n, "interrupt"], [15n, "trap"],
    ]);
    const INTERRUPT = 14n;
    const TRAP = 15n;

    const LOW = [
        { high: 63, low: 48, name: "offset 31:16", title: "handler, bits 31 to 16" },
        { high: 47, name: "P", title: "present" },
        { high: 46, low: 45, name: "DPL", title: "outermost ring that may use it with int n", choices: [0, 1, 2, 3].map((ring) => [ring, `ring ${ring}`]) },
        { high: 44, name: "0", title: "zero: a system descriptor" },
        { high: 43, low: 40, name: "type", title: "type", choices: Array.from({ length: 16 }, (_, type) => [type, `${hex(BigInt(type))} ${TYPES.get(BigInt(type)) ?? "reserved"}`]) },
        { high: 39, low: 35, name: "reserved", title: "reserved, zero" },
        { high: 34, low: 32, name: "IST", title: "interrupt stack", choices: [[0, "none"], ...[1, 2, 3, 4, 5, 6, 7].map((index) => [index, `IST${index}`])] },
        { high: 31, low: 16, name: "selector", title: "code segment selector" },
        { high: 15, low: 0, name: "offset 15:0", title: "handler, bits 15 to 0" },
    ];
    const HIGH = [
        { high: 63, low: 32, name: "reserved", title: "reserved, zero" },
        { high: 31, low: 0, name: "offset 63:32", title: "handler, bits 63 to 32" },
    ];

    /** The two words of a gate with these fields; reserved bits are 0. */
    function encode({ handler, selector, ist = 0n, type = INTERRUPT, dpl = 0n, present = true }) {
        const parts = [[63, 48, field(handler, 31, 16)], [47, 47, present ? 1n : 0n], [46, 45, dpl],
            [43, 40, type], [34, 32, ist], [31, 16, selector], [15, 0, field(handler, 15, 0)]];
        const low = parts.reduce((word, [high, from, value]) => withField(word, high, from, value), 0n);
        return { low, high: handler >> 32n };
    }

    /** The two words with another handler, all else as it is. */
    function withHandler({ low, high }, handler) {
        const first = withField(low, 15, 0, field(handler, 15, 0));
        return { low: withField(first, 63, 48, field(handler, 31, 16)), high: withField(high, 31, 0, handler >> 32n) };
    }

    /** What the CPU finds in the two words of a gate. */
    function decode(low, high) {
        const handler = field(low, 15, 0) | field(low, 63, 48) << 16n | field(high, 31, 0) << 32n;
        const gate = {
            handler, selector: field(low, 31, 16), ist: field(low, 34, 32),
            type: field(low, 43, 40), dpl: field(low, 46, 45), present: bit(low, 47),
        };
        return { ...gate, problems: problems(low, high, gate) };
    }

    /** What is wrong, in the order in which the CPU looks; each with the field it is in. */
    function problems(low, high, { handler, selector, type, present }) {
        const found = [];
        const add = (code, where, text) => found.push({ code, where, text });
        if (bit(low, 44) || (type !== INTERRUPT && type !== TRAP)) {
            const what = bit(low, 44) ? "Bit 44 is 1, which makes it a code or data segment" : `Type ${hex(type)} is ${TYPES.get(type) ?? "reserved"}`;
            add("type", bit(low, 44) ? "0" : "type", `${what}. In 64-bit mode an IDT holds interrupt gates (0xe) and trap gates (0xf) only: #GP, error code vector × 8 + 2.`);
        }
        if (!present) add("absent", "P", "P is 0, not present: the vector raises #NP, error code vector × 8 + 2.");
        if (selector >> 2n === 0n) add("selector", "selector", "The selector is null: #GP.");
        else if (bit(selector, 2)) add("selector", "selector", "The selector points into the LDT (TI is 1); our kernel has no LDT: #GP.");
        if (!numbers.isCanonical(handler)) {
            add("canonical", "offset 63:32", `${grouped(handler)} is not canonical (bits 63 to 47 differ): #GP.`);
        } else if (!bit(handler, 63)) {
            add("user-half", "offset 63:32", "The handler is in the user half. Is the upper half of the address missing?");
        }
        if (field(low, 39, 35) !== 0n) add("reserved", "reserved", "Bits 39 to 35 are reserved and must be 0.");
        if (field(high, 63, 32) !== 0n) add("reserved", "reserved", "The upper half of the second word is reserved and must be 0.");
        return found;
    }

    /** One sentence about a gate that works. */
    function sentence({ handler, selector, ist, type, dpl }) {
        const flag = type === INTERRUPT ? "with interrupts off" : "with interrupts as they were";
        const stack = ist === 0n ? "on the current stack (from ring 3: on RSP0)" : `always on stack IST${ist}`;
        const who = dpl === 3n ? "A program in ring 3 may raise it with int n." : `A program in ring 3 may not: int n is a #GP there.`;
        return `${kind(type)} to ${grouped(handler)}, code segment ${hex(selector)}, ${flag}, ${stack}. ${who}`;
    }

    function kind(type) {
        return type === INTERRUPT ? "Interrupt gate" : "Trap gate";
    }

    const EXAMPLE = { handler: 0xffff_ffff_8000_1230n, selector: 8n };

    function mount(root, data) {
        let words = encode(EXAMPLE);
        const handler = kit.numberField({
            label: "Handler", onChange: (value) => value !== null && show(withHandler(words, value)),
        });
        const memory = kit.wordsField({
            label: "The gate in memory", count: 2, hint: "two words, or 16 bytes; paste what GDB’s x/2gx shows",
            onChange: (typed) => typed && show({ low: typed[0], high: typed[1] }),
        });
        const low = kit.bitStrip({ label: "First word", fields: LOW, onChange: (word) => show({ ...words, low: word }) });
        const high = kit.bitStrip({ label: "Second word", fields: HIGH, onChange: (word) => show({ ...words, high: word }) });
        const says = kit.verdict();
        const wrong = kit.problems();
        const bytes = kit.copyable("16 bytes, lowest address first");

        function show(next) {
            words = next;
            const gate = decode(words.low, words.high);
            handler.set(gate.handler);
            memory.set([words.low, words.high]);
            const bad = Object.fromEntries(gate.problems.map(({ where }) => [where, "bad"]));
            const spare = { reserved: field(words.low, 39, 35) ? "bad" : "", "offset 63:32": "" };
            low.set(words.low, { ...bad, ...spare });
            high.set(words.high, { ...bad, reserved: field(words.high, 63, 32) ? "bad" : "" });
            bytes.set(numbers.bytes(words.low, words.high));
            wrong.show(gate.problems.map(({ text }) => text));
            const fatal = gate.problems.some(({ code }) => code !== "user-half" && code !== "reserved");
            says.say(fatal ? "The CPU does not enter a handler through this gate." : sentence(gate), fatal ? "bad" : "good");
        }

        const real = (data?.gates ?? []).map(({ name, low: first, high: second }) =>
            [name, () => show({ low: BigInt(first), high: BigInt(second) })]);
        const made = [
            ["trap gate", () => show(encode({ ...EXAMPLE, type: TRAP }))],
            ["not present", () => show(encode({ ...EXAMPLE, present: false }))],
            ["upper half missing", () => show(encode({ ...EXAMPLE, handler: 0x8000_1230n }))],
        ];
        root.append(
            kit.presets("Try", [...real, ...made]), kit.row(handler.node, memory.node),
            low.node, high.node, says.node, wrong.node, bytes.node,
        );
        show(words);
    }

    return { pure: { encode, decode, sentence, withHandler }, mount };
});
