// jose with a local key set. Cognito's two claims are compared here. It has no synchronous function.
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from "jose";

export const isAsync = true;

export function prepare(scenario) {
  const keys = createLocalJWKSet(scenario.jwks);
  const options = { issuer: scenario.issuer, algorithms: ["RS256"], clockTolerance: 10, requiredClaims: ["exp", "iat", "sub"] };
  return async (raw) => {
    const { payload } = await jwtVerify(raw, keys, options);
    if (payload.token_use !== "access" || payload.client_id !== scenario.client_id) throw new Error("unexpected token_use or client_id");
    return payload;
  };
}

export function prepareKeyFetching(scenario, origin) {
  const keys = createRemoteJWKSet(new URL(`${origin}/jwks.json`));
  return (raw) => jwtVerify(raw, keys, { issuer: scenario.issuer, algorithms: ["RS256"] });
}
