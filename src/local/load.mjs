// Loads the handler of a function, as Lambda does before the first event. The handler is not called.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, handler] = process.argv.slice(1);
const slash = handler.lastIndexOf("/") + 1;
const [file, ...names] = handler.slice(slash).split(".");
const base = join(folder, handler.slice(0, slash), file);
const path = [".js", ".mjs", ".cjs"].map((end) => base + end).find(existsSync);
const module = await import(pathToFileURL(path ?? base));
const find = (from) => names.reduce((value, name) => value?.[name], from);
if (typeof (find(module) ?? find(module.default)) !== "function") throw new Error(`${handler} is not a function`);
process.exit(0);
