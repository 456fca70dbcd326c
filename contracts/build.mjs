// Compiles the contracts with fixed settings and writes the artefacts that the product ships.
//
//     node build.mjs [FOLDER]        default: ../src/cashback/chain/artifacts
//
// The same sources and the same lock file give the same bytes on every machine: source names are relative, keys are
// in a fixed order, and no hash of metadata is part of the code. Building twice changes nothing.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const HERE = dirname(fileURLToPath(import.meta.url));
const CONTRACTS = ["CashbackMinter", "CashbackToken"];
const SETTINGS = JSON.parse(readFileSync(join(HERE, "settings.json"), "utf8"));

/** Returns the text of a source by its unit name: ours by path, the others' from node_modules. */
function read(name) {
  const path = [join(HERE, name), join(HERE, "node_modules", name)].find(existsSync);
  return path === undefined ? { error: `no source ${name}` } : { contents: readFileSync(path, "utf8") };
}

/** Returns the compiler's output; throws with its words on any error, and on a warning about a source of ours. */
function compile() {
  const sources = Object.fromEntries(CONTRACTS.map((name) => [`src/${name}.sol`, { content: read(`src/${name}.sol`).contents }]));
  const outputSelection = { "*": { "*": ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"] } };
  const input = { language: "Solidity", sources, settings: { ...SETTINGS, outputSelection } };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const problems = (output.errors ?? []).filter((e) => e.severity === "error" || e.sourceLocation?.file.startsWith("src/"));
  if (problems.length) throw new Error(problems.map((problem) => problem.formattedMessage).join("\n"));
  return output;
}

/** Returns one contract's artefact; `sources` are exactly the files that went into it. */
function artefact(name, compiled) {
  const used = Object.keys(JSON.parse(compiled.metadata).sources).sort();
  const sha256 = (unit) => createHash("sha256").update(read(unit).contents).digest("hex");
  return {
    contract: name,
    compiler: solc.version(),
    settings: SETTINGS,
    sources: Object.fromEntries(used.map((unit) => [unit, sha256(unit)])),
    abi: compiled.abi,
    bytecode: `0x${compiled.evm.bytecode.object}`,
    deployedBytecode: `0x${compiled.evm.deployedBytecode.object}`,
  };
}

const folder = resolve(process.argv[2] ?? join(HERE, "../src/cashback/chain/artifacts"));
const output = compile();
mkdirSync(folder, { recursive: true });
for (const name of CONTRACTS) {
  const text = JSON.stringify(artefact(name, output.contracts[`src/${name}.sol`][name]), null, 1);
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
}
