import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

// Each function is its own zip, so a small file that several functions need is in the folder of each.
const shared = {
  "log.mjs": ["age", "day", "external", "groups"],
  "name.mjs": ["external"],
};

const contents = (folder, file) => readFile(new URL(`../../${folder}/${file}`, import.meta.url), "utf8");

for (const [file, folders] of Object.entries(shared)) {
  for (const folder of folders) {
    test(`${file} of ${folder} is the same as that of internal`, async () => {
      assert.equal(await contents(folder, file), await contents("internal", file));
    });
  }
}
