// Numbers as people write them, and bits of words. All words are BigInt: a JavaScript
// number holds only 53 bits.
"use strict";

(() => {
    const FORMS = [
        { prefix: "0x", digits: /^[0-9a-f]+$/, name: "hexadecimal", allowed: "0 to 9 and a to f" },
        { prefix: "0b", digits: /^[01]+$/, name: "binary", allowed: "0 and 1" },
        { prefix: "0o", digits: /^[0-7]+$/, name: "octal", allowed: "0 to 7" },
    ];

    /**
     * Reads a number: decimal, or with 0x, 0b or 0o in front; underscores anywhere, as in
     * Rust. Gives `{ value }`, or `{ error }` with a sentence that says what is wrong.
     */
    function parse(text, { bits = 64 } = {}) {
        const plain = text.trim().toLowerCase().replaceAll("_", "");
        if (plain === "") return { error: "Type a number, for example 0x1000." };
        const form = FORMS.find(({ prefix }) => plain.startsWith(prefix));
        if (form && !form.digits.test(plain.slice(2))) {
            return { error: `After ${form.prefix} come ${form.name} digits: ${form.allowed}.` };
        }
        if (!form && !/^[0-9]+$/.test(plain)) {
            if (plain.startsWith("-")) return { error: "A number here has no sign." };
            const hint = /^[0-9a-f]+h?$/.test(plain)
                ? "A hexadecimal number begins with 0x."
                : "Write it as 42, 0x2a or 0b101010.";
            return { error: `“${shorten(text.trim())}” is not a number. ${hint}` };
        }
        if (plain.length > 300) return { error: `This has more than ${bits} bits.` };
        const value = BigInt(plain);
        if (value >> BigInt(bits) !== 0n) {
            const room = bits === 1 ? "1 bit" : `${bits} bits`;
            return { error: `Too large: there is room for ${room}, up to ${hex(mask(bits))}.` };
        }
        return { value };
    }

    /**
     * Reads `count` words as debuggers show memory: as numbers, or as single bytes in the
     * order of their addresses; what stands before a colon (GDB's address) is left out.
     * Gives `{ words }` or `{ error }`.
     */
    function parseWords(text, count) {
        const parts = text.slice(text.lastIndexOf(":") + 1).trim().split(/[\s,]+/).filter(Boolean);
        if (parts.length === count * 8 && parts.every((part) => /^(0x)?[0-9a-f]{2}$/i.test(part))) {
            const digits = parts.map((part) => part.slice(-2));
            const word = (at) => BigInt(`0x${digits.slice(at * 8, at * 8 + 8).reverse().join("")}`);
            return { words: Array.from({ length: count }, (_, at) => word(at)) };
        }
        if (parts.length !== count) {
            const wanted = count === 1 ? "one word of 64 bits" : `${count} words of 64 bits`;
            return { error: `This has to be ${wanted}, or ${count * 8} bytes with two hexadecimal digits each; it has ${parts.length} numbers.` };
        }
        const read = parts.map((part) => parse(part));
        const wrong = read.find(({ error }) => error);
        return wrong ?? { words: read.map(({ value }) => value) };
    }

    function shorten(text) {
        return text.length > 24 ? `${text.slice(0, 24)}…` : text;
    }

    /** Hexadecimal with 0x, filled with zeros to `digits`. */
    function hex(value, digits = 1) {
        return `0x${value.toString(16).padStart(digits, "0")}`;
    }

    /** Hexadecimal of all `bits`, in groups of four digits: 0xffff_8000_0000_0000. */
    function grouped(value, bits = 64) {
        const digits = value.toString(16).padStart(Math.ceil(bits / 4), "0");
        return `0x${digits.replace(/\B(?=(.{4})+$)/g, "_")}`;
    }

    /** Binary of exactly `bits` digits, with 0b. */
    function binary(value, bits) {
        return `0b${value.toString(2).padStart(bits, "0")}`;
    }

    /** A word whose lowest `bits` bits are 1. */
    function mask(bits) {
        return (1n << BigInt(bits)) - 1n;
    }

    /** Bits `high` to `low` of `word`, both included. */
    function field(word, high, low = high) {
        return (word >> BigInt(low)) & mask(high - low + 1);
    }

    /** `word` with its bits `high` to `low` replaced by `value`. */
    function withField(word, high, low, value) {
        const room = mask(high - low + 1);
        return (word & ~(room << BigInt(low))) | ((BigInt(value) & room) << BigInt(low));
    }

    /** Whether bit `number` of `word` is 1. */
    function bit(word, number) {
        return ((word >> BigInt(number)) & 1n) === 1n;
    }

    /** Whether bits 63 to 47 of a virtual address are equal. */
    function isCanonical(address) {
        const top = address >> 47n;
        return top === 0n || top === mask(17);
    }

    /** The bytes of words as they lie in memory, lowest address first. */
    function bytes(...words) {
        const of = (word) => Array.from({ length: 8 }, (_, at) => field(word, at * 8 + 7, at * 8));
        return words.flatMap(of).map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    }

    /** A size as people say it: 4 KiB, 2 MiB, 100 bytes. */
    function size(count) {
        const units = ["TiB", "GiB", "MiB", "KiB"];
        const shifts = [40n, 30n, 20n, 10n];
        const at = shifts.findIndex((shift) => count >> shift > 0n && count % (1n << shift) === 0n);
        return at < 0 ? `${count} byte${count === 1n ? "" : "s"}` : `${count >> shifts[at]} ${units[at]}`;
    }

    Myria.kit.numbers =
        { parse, parseWords, hex, grouped, binary, mask, field, withField, bit, isCanonical, bytes, size };
})();
