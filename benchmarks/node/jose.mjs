// jose, with a local key set and Cognito's two claims checked by hand. It has no synchronous form.
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from "jose";

export const isAsync = true;

export function prepare(scene) {
  const keys = createLocalJWKSet(scene.jwks);
  const options = { issuer: scene.issuer, algorithms: ["RS256"], clockTolerance: 10, requiredClaims: ["exp", "iat", "sub"] };
  return async (raw) => {
    const { payload } = await jwtVerify(raw, keys, options);
    if (payload.token_use !== "access" || payload.client_id !== scene.client_id) throw new Error("another token");
    return payload;
  };
}

export function prepareFetching(scene, origin) {
  const keys = createRemoteJWKSet(new URL(`${origin}/jwks.json`));
  return (raw) => jwtVerify(raw, keys, { issuer: scene.issuer, algorithms: ["RS256"] });
}
