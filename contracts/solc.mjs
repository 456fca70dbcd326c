#!/usr/bin/env node
// Lets forge use the compiler of node_modules without a download: speaks the two things forge asks of `solc`,
// `--version` and `--standard-json` on standard input. The package's own `solcjs` prints a line before its JSON.
import { readFileSync } from "node:fs";
import solc from "solc";

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
}
