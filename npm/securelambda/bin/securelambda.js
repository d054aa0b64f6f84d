#!/usr/bin/env node
// Starts the program of the package for this platform. npm installs only that package, by its `os` and `cpu`.
'use strict';

const { spawn } = require('node:child_process');
const os = require('node:os');

const name = `@securelambda/${process.platform}-${process.arch}`;

let program;
try {
  program = require.resolve(`${name}/bin/securelambda`);
} catch {
  console.error(
    `securelambda: the package ${name} is not installed. It is an optional dependency: install without --omit=optional. ` +
      'There are packages for Linux and macOS on x64 and arm64; elsewhere, build the program with cargo.',
  );
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });

// The terminal sends Ctrl-C to both processes, and the program decides when it ends. Other signals reach only this one.
const passed = ['SIGTERM', 'SIGHUP'];
for (const signal of passed) process.on(signal, () => child.kill(signal));
process.on('SIGINT', () => {});

child.on('error', (error) => {
  console.error(`securelambda: ${program} cannot be started: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  process.exit(signal === null ? code : 128 + os.constants.signals[signal]);
});
