// What each widget is tried with through the page, by keyboard alone.

import { errorCode } from "./error-code.mjs";
import { gate } from "./gate.mjs";

/** By widget: name of the test, and the test itself, called with page and widget. */
export const SCRIPTS = { gate, "error-code": errorCode };
