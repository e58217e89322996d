// A contestant that fetches its keys: `node key_fetching.mjs MODULE FOLDER ORIGIN unknown|cold`, as key_fetching.py.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const [name, folder, origin, mode] = process.argv.slice(2);
const scenario = JSON.parse(readFileSync(`${folder}/scenario.json`, "utf8"));
const tokens = readFileSync(`${folder}/tokens.txt`, "utf8").split("\n");
const { prepareKeyFetching } = await import(`./${name}.mjs`);
const verify = prepareKeyFetching(scenario, origin);

function replaceKid(raw) {
  const header = Buffer.from(JSON.stringify({ kid: randomUUID(), alg: "RS256" })).toString("base64url");
  return header + raw.slice(raw.indexOf("."));
}

async function isAccepted(raw) {
  try {
    await verify(raw);
    return true;
  } catch {
    return false;
  }
}

const verdicts = [];
if (mode === "cold") {
  verdicts.push(...(await Promise.all(tokens.slice(0, 16).map(isAccepted))));
} else {
  verdicts.push(await isAccepted(tokens[0]));
  for (let number = 0; number < 1000; number++) verdicts.push(await isAccepted(replaceKid(tokens[0])));
}
const accepted = verdicts.filter(Boolean).length;
console.log(JSON.stringify({ accepted, rejected: verdicts.length - accepted }));
