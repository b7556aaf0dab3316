// An identity provider for tests: node-oidc-provider over TLS, where everybody is who they say they are.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [library, port, certificate, key, secret, back] = process.argv.slice(2);
const found = createRequire(pathToFileURL(`${library}/`)).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(found));
const provider = new Provider(`https://localhost:${port}`, {
  clients: [{ client_id: "console", client_secret: secret, redirect_uris: [back] }],
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
createServer(tls, provider.callback()).listen(Number(port), "127.0.0.1", () => console.log("listens"));
