// fast-jwt, with its cache of cached tokens ("cached") or without; Cognito's two claims checked by hand.
import { createVerifier } from "fast-jwt";

export function prepare(scene, cached) {
  const verify = createVerifier({
    key: scene.pem,
    algorithms: ["RS256"],
    allowedIss: scene.issuer,
    requiredClaims: ["exp", "iat", "sub"],
    clockTolerance: 10_000,
    cache: cached === "cached",
  });
  return (raw) => {
    const claims = verify(raw);
    if (claims.token_use !== "access" || claims.client_id !== scene.client_id) throw new Error("another token");
    return claims;
  };
}
