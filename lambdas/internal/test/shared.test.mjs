import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

// Each function is its own zip, so the two small files that both need are there twice.
for (const file of ["log.mjs", "name.mjs"]) {
  test(`${file} is the same in both functions`, async () => {
    const [ours, theirs] = await Promise.all(
      [`../${file}`, `../../external/${file}`].map((path) => readFile(new URL(path, import.meta.url), "utf8")),
    );
    assert.equal(ours, theirs);
  });
}
