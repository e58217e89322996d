// A contestant's own process: `node slices.mjs MODULE FOLDER [OPTION]`, the same lines in and out as slices.py.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [name, folder, ...options] = process.argv.slice(2);
const scene = JSON.parse(readFileSync(`${folder}/scene.json`, "utf8"));
const tokens = readFileSync(`${folder}/tokens.txt`, "utf8").split("\n");
const { prepare, isAsync = false } = await import(`./${name}.mjs`);
const verify = await prepare(scene, ...options);

// Whoever lets a bad token pass, or refuses a good one, does not take part.
async function prove() {
  await verify(tokens[0]);
  try {
    await verify(scene.refused.tampered);
  } catch {
    return;
  }
  throw new Error("a tampered token was accepted");
}

function sliceNs(raws, repeat) {
  const started = process.hrtime.bigint();
  for (let turn = 0; turn < repeat; turn++) for (const raw of raws) verify(raw);
  return Number(process.hrtime.bigint() - started) / (raws.length * repeat);
}

async function asyncSliceNs(raws, repeat) {
  const started = process.hrtime.bigint();
  for (let turn = 0; turn < repeat; turn++) for (const raw of raws) await verify(raw);
  return Number(process.hrtime.bigint() - started) / (raws.length * repeat);
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
await prove();
say({ facts: {} });
for await (const line of createInterface({ input: process.stdin })) {
  const { first, count, repeat = 1 } = JSON.parse(line);
  const raws = tokens.slice(first, first + count);
  say({ ns: await (isAsync ? asyncSliceNs : sliceNs)(raws, repeat) });
}
