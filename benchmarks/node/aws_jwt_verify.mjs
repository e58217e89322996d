// aws-jwt-verify with verifySync, its fastest function, and cached keys.
import { CognitoJwtVerifier } from "aws-jwt-verify";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";

const getProperties = (scenario) => ({
  userPoolId: scenario.user_pool_id,
  tokenUse: "access",
  clientId: scenario.client_id,
  graceSeconds: 10,
});

export function prepare(scenario) {
  const verifier = CognitoJwtVerifier.create(getProperties(scenario));
  verifier.cacheJwks(scenario.jwks);
  return (raw) => verifier.verifySync(raw);
}

// It fetches only over https and from the pool's own URL. This fetcher requests the loopback server instead.
export function prepareKeyFetching(scenario, origin) {
  const fetcher = { fetch: async () => Buffer.from(await (await fetch(`${origin}/jwks.json`)).arrayBuffer()) };
  const verifier = CognitoJwtVerifier.create(getProperties(scenario), { jwksCache: new SimpleJwksCache({ fetcher }) });
  return (raw) => verifier.verify(raw);
}
