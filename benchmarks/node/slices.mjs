// The process of a contestant: `node slices.mjs MODULE FOLDER [OPTION]`, with the same input and output as slices.py.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [name, folder, ...options] = process.argv.slice(2);
const scenario = JSON.parse(readFileSync(`${folder}/scenario.json`, "utf8"));
const tokens = readFileSync(`${folder}/tokens.txt`, "utf8").split("\n");
const { prepare, isAsync = false } = await import(`./${name}.mjs`);
const verify = await prepare(scenario, ...options);

// A contestant that rejects a valid token or accepts a tampered one is not measured.
async function checkContestant() {
  await verify(tokens[0]);
  try {
    await verify(scenario.rejected_tokens.tampered);
  } catch {
    return;
  }
  throw new Error("the contestant accepted a tampered token");
}

function timeSlice(raws, repeat) {
  const started = process.hrtime.bigint();
  for (let turn = 0; turn < repeat; turn++) for (const raw of raws) verify(raw);
  return Number(process.hrtime.bigint() - started) / (raws.length * repeat);
}

async function timeAsyncSlice(raws, repeat) {
  const started = process.hrtime.bigint();
  for (let turn = 0; turn < repeat; turn++) for (const raw of raws) await verify(raw);
  return Number(process.hrtime.bigint() - started) / (raws.length * repeat);
}

const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
await checkContestant();
send({ facts: {} });
for await (const line of createInterface({ input: process.stdin })) {
  const { first, count, repeat = 1 } = JSON.parse(line);
  const raws = tokens.slice(first, first + count);
  send({ ns: await (isAsync ? timeAsyncSlice : timeSlice)(raws, repeat) });
}
