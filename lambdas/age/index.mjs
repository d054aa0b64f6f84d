/** The function as Lambda runs it. It needs nothing of AWS. */
import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";

export const handler = makeHandler({ write: writeLine });
