/** The function as Lambda runs it. It calls no AWS service. */
import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";

export const handler = makeHandler({ write: writeLine });
