// Whether a Node.js function can be loaded. It is parsed, never run.
//
// Reads a JSON object from standard input: the function's own sources by path, all paths of the package, the handler,
// whether layers may have modules, the beginnings of the names of packages that the runtime provides, and the major version
// of Node.js on Lambda. Writes an object
// with a `flaw`; with what makes it `unsure`; or an empty one.
const fs = require("node:fs");
const vm = require("node:vm");
const { builtinModules } = require("node:module");
const { posix } = require("node:path");

const { sources, paths, handler, layers, provided, version } = JSON.parse(fs.readFileSync(0, "utf8"));
const there = new Set(paths);
const seen = new Set();

class Flaw extends Error {}
class Unsure extends Error {}

// The syntax may be newer than this Node.js.
const isOlder = Number(process.versions.node.split(".")[0]) < version;

/** The folder of a file and those above it. */
function* folders(path) {
  for (let folder = posix.dirname(path); ; folder = posix.dirname(folder)) {
    yield folder === "." ? "" : `${folder}/`;
    if (folder === ".") return;
  }
}

function manifest(path) {
  for (const folder of folders(path)) {
    const text = sources[`${folder}package.json`];
    if (text === undefined) continue;
    try {
      return JSON.parse(text.replace(/^\uFEFF/, ""));
    } catch {
      return {};
    }
  }
  return {};
}

/** The place of a syntax error, whose stack begins with `name:line` for scripts and not for modules. */
function placed(path, error) {
  const line = /^\S+:(\d+)\n/.exec(error.stack ?? "")?.[1];
  return line ? `${path}, line ${line}` : path;
}

/** An ES module, or nothing for CommonJS. */
function parsed(path) {
  const text = sources[path];
  const asModule = () => new vm.SourceTextModule(text, { identifier: path });
  const asScript = () => void vm.compileFunction(text.replace(/^#!.*/, ""), [], { filename: path });
  const flawed = (error) =>
    isOlder ? new Unsure(`Node.js ${process.versions.node} cannot parse ${path}`) : new Flaw(`${placed(path, error)}: ${error.message}`);
  const attempt = (parse) => {
    try {
      return parse();
    } catch (error) {
      throw flawed(error);
    }
  };
  if (path.endsWith(".mjs")) return attempt(asModule);
  if (path.endsWith(".cjs")) return attempt(asScript);
  if (manifest(path).type === "module") return attempt(asModule);
  // Node.js tries CommonJS, then an ES module.
  try {
    return asScript();
  } catch (error) {
    try {
      return asModule();
    } catch {
      throw flawed(error);
    }
  }
}

/** Whether `export` may make this name. Words in comments count, so that a doubt is no flaw. */
function mayExport(text, name) {
  return new RegExp(`(^|[^\\w$])${name.replace(/\$/g, "\\$")}([^\\w$]|$)`).test(text) || /export\s*\*/.test(text);
}

function load(path) {
  if (seen.has(path) || sources[path] === undefined) return undefined;
  seen.add(path);
  const module = parsed(path);
  for (const name of module?.dependencySpecifiers ?? []) imported(path, name);
  return module;
}

function imported(path, name) {
  const flaw = (why) => new Flaw(`${path} imports ${name}, ${why}`);
  if (/^\.\.?\//.test(name)) {
    const target = posix.join(posix.dirname(path), decodeURI(name.replace(/[?#].*/, "")));
    if (target.startsWith("..")) return;
    if (!there.has(target)) throw flaw("which is not in the package");
    if (/\.[cm]?js$/.test(target)) load(target);
    return;
  }
  if (/^[/#]/.test(name) || name.includes(":") || layers) return;
  const module = name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/");
  if (builtinModules.includes(name) || builtinModules.includes(module)) return;
  if (provided.some((start) => module.startsWith(start)) || manifest(path).name === module) return;
  const has = (folder) => paths.some((known) => known.startsWith(`${folder}node_modules/${module}/`));
  if (![...folders(path)].some(has)) throw flaw("which neither the package nor the runtime has");
}

function check() {
  const folder = posix.dirname(handler);
  const [stem, name] = posix.basename(handler).split(".");
  const first = [".mjs", ".js", ".cjs"].map((end) => posix.join(folder, stem + end)).find((path) => there.has(path));
  const module = first && load(first);
  if (module && name && !mayExport(sources[first], name)) {
    throw new Flaw(`${first} exports no ${name}, which the handler ${handler} needs`);
  }
}

try {
  check();
  console.log("{}");
} catch (error) {
  if (error instanceof Flaw) console.log(JSON.stringify({ flaw: error.message }));
  else if (error instanceof Unsure) console.log(JSON.stringify({ unsure: error.message }));
  else throw error;
}
