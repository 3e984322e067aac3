// What came of the tests.

/** Prints each test's outcome and counts. */
export class Report {
    #passed = 0;
    #failed = 0;

    /** Runs a test; it fails by throwing. */
    async test(name, body) {
        try {
            await body();
            this.#passed += 1;
            console.log(`ok ${name}`);
        } catch (error) {
            this.#failed += 1;
            console.log(`not ok ${name}: ${oneLine(error)}`);
        }
    }

    /** The process's exit status: a run without tests is no success. */
    status() {
        if (this.#passed + this.#failed === 0) {
            console.error("there was nothing to test");
            return 2;
        }
        return this.#failed > 0 ? 1 : 0;
    }
}

function oneLine(error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.replace(/\u001b\[[0-9;]*m/g, "").split("\n").map((line) => line.trim()).filter(Boolean).join("; ");
}

/** Throws with `message` unless `condition` holds. */
export function check(condition, message) {
    if (!condition) throw new Error(message);
}

/** Throws if there is something in `list`. */
export function none(list, what) {
    check(list.length === 0, `${what}: ${list.slice(0, 5).join("; ")}${list.length > 5 ? `; and ${list.length - 5} more` : ""}`);
}
