// Compiles the contracts with fixed settings and writes the artefacts that the product ships, the one that its gas is
// measured against, and the wallet that tests have on a chain.
//
//     node build.mjs [FOLDER [REFERENCE_FOLDER [WALLET_FOLDER]]]
//         default: ../src/cashback/chain/artifacts ../tests/benchmarks/artifacts ../tests/support/artifacts
//
// The same sources and the same lock file give the same bytes on every machine: source names are relative, keys are
// in a fixed order, and no hash of metadata is part of the code. Building twice changes nothing.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const HERE = dirname(fileURLToPath(import.meta.url));
const CONTRACTS = { "src/CashbackMinter.sol": "CashbackMinter", "src/CashbackToken.sol": "CashbackToken" };
const REFERENCES = { "bench/BareMint.sol": "BareMint" };
const WALLETS = { "test/SmartWallet.sol": "SmartWallet" };
const SETTINGS = JSON.parse(readFileSync(join(HERE, "settings.json"), "utf8"));

/** Returns the text of a source by its unit name: ours by path, the others' from node_modules. */
function read(name) {
  const path = [join(HERE, name), join(HERE, "node_modules", name)].find(existsSync);
  return path === undefined ? { error: `no source ${name}` } : { contents: readFileSync(path, "utf8") };
}

/** Returns the compiler's output for units; throws with its words on any error, and on a warning about a source of ours. */
function compile(units) {
  const sources = Object.fromEntries(units.map((unit) => [unit, { content: read(unit).contents }]));
  const outputSelection = { "*": { "*": ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"] } };
  const input = { language: "Solidity", sources, settings: { ...SETTINGS, outputSelection } };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const isOurs = (problem) => /^(src|bench|test)\//.test(problem.sourceLocation?.file ?? "");
  const problems = (output.errors ?? []).filter((e) => e.severity === "error" || isOurs(e));
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

/** Writes the artefact of each contract to a folder; compiled apart from the others, whose code it must not touch. */
function build(contracts, folder) {
  const output = compile(Object.keys(contracts));
  mkdirSync(folder, { recursive: true });
  for (const [unit, name] of Object.entries(contracts)) {
    const text = JSON.stringify(artefact(name, output.contracts[unit][name]), null, 1);
    writeFileSync(join(folder, `${name}.json`), `${text}\n`);
  }
}

build(CONTRACTS, resolve(process.argv[2] ?? join(HERE, "../src/cashback/chain/artifacts")));
build(REFERENCES, resolve(process.argv[3] ?? join(HERE, "../tests/benchmarks/artifacts")));
build(WALLETS, resolve(process.argv[4] ?? join(HERE, "../tests/support/artifacts")));
