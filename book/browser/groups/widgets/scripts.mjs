// What each widget is tried with through the page, by keyboard alone.

import { address } from "./address.mjs";
import { descriptor } from "./descriptor.mjs";
import { errorCode } from "./error-code.mjs";
import { frames } from "./frames.mjs";
import { gate } from "./gate.mjs";
import { heap } from "./heap.mjs";
import { pte } from "./pte.mjs";
import { syscall } from "./syscall.mjs";
import { timeline } from "./timeline.mjs";

/** By widget: name of the test, and the test itself, called with page and widget. */
export const SCRIPTS = {
    address, descriptor, "error-code": errorCode, frames, gate, heap, pte, syscall, timeline,
};
