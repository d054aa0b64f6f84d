// Makes the npm packages of a version: one for each platform with its program, and `securelambda`, which depends on all of
// them and starts the one that npm installed.
//
//   node npm/assemble.mjs VERSION OUT PLATFORM=PROGRAM…
//   node npm/assemble.mjs 0.1.0 dist/npm linux-x64=dist/linux-x64/securelambda
//
// A platform is `process.platform` and `process.arch` of Node.js.
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'];

const [version, out, ...programs] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version ?? '') || !out || programs.length === 0) {
  throw new Error('usage: node npm/assemble.mjs VERSION OUT PLATFORM=PROGRAM…');
}
const here = dirname(fileURLToPath(import.meta.url));
const about = JSON.parse(readFileSync(join(here, 'securelambda/package.json'), 'utf8'));
const { description, license } = about;

const write = (folder, manifest) =>
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

const optionalDependencies = {};
for (const [platform, program] of programs.map((text) => text.split('='))) {
  if (!PLATFORMS.includes(platform) || !program) throw new Error(`${platform}: write PLATFORM=PROGRAM, with one of ${PLATFORMS}`);
  const folder = join(out, platform);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  cpSync(program, join(folder, 'bin/securelambda'));
  chmodSync(join(folder, 'bin/securelambda'), 0o755);
  cpSync(join(here, '../LICENSE'), join(folder, 'LICENSE'));
  const [os, cpu] = platform.split('-');
  const name = `@securelambda/${platform}`;
  write(folder, { name, version, description: `${description} (${platform})`, license, os: [os], cpu: [cpu], files: ['bin', 'LICENSE'] });
  optionalDependencies[name] = version;
}

const folder = join(out, 'securelambda');
cpSync(join(here, 'securelambda'), folder, { recursive: true });
for (const file of ['README.md', 'LICENSE']) cpSync(join(here, '..', file), join(folder, file));
write(folder, { ...about, version, optionalDependencies });
