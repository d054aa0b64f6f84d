/** The function as Lambda runs it. The logic is in `handler.mjs`. */
import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";

export const handler = makeHandler({ env: process.env, write: writeLine });
