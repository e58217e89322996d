// aws-jwt-verify, in its fastest form: verifySync with the keys at hand.
import { CognitoJwtVerifier } from "aws-jwt-verify";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";

const propertiesOf = (scene) => ({
  userPoolId: scene.user_pool_id,
  tokenUse: "access",
  clientId: scene.client_id,
  graceSeconds: 10,
});

export function prepare(scene) {
  const verifier = CognitoJwtVerifier.create(propertiesOf(scene));
  verifier.cacheJwks(scene.jwks);
  return (raw) => verifier.verifySync(raw);
}

// It fetches over https alone, from the pool's own address: a fetcher of ours goes to the loopback server.
export function prepareFetching(scene, origin) {
  const fetcher = { fetch: async () => Buffer.from(await (await fetch(`${origin}/jwks.json`)).arrayBuffer()) };
  const verifier = CognitoJwtVerifier.create(propertiesOf(scene), { jwksCache: new SimpleJwksCache({ fetcher }) });
  return (raw) => verifier.verify(raw);
}
