// fast-jwt, with its cache of verified tokens ("cached") or without it. Cognito's two claims are compared here.
import { createVerifier } from "fast-jwt";

export function prepare(scenario, cached) {
  const verify = createVerifier({
    key: scenario.pem,
    algorithms: ["RS256"],
    allowedIss: scenario.issuer,
    requiredClaims: ["exp", "iat", "sub"],
    clockTolerance: 10_000,
    cache: cached === "cached",
  });
  return (raw) => {
    const claims = verify(raw);
    if (claims.token_use !== "access" || claims.client_id !== scenario.client_id) throw new Error("unexpected token_use or client_id");
    return claims;
  };
}
