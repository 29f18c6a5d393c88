// A service that asks about tokens with oauth4webapi. Its arguments are the issuer, its client id and its secret; it
// reads "introspect" or "revoke", the way in which it authenticates, and a token in each line, and prints the answer.
import {webcrypto} from "node:crypto"
import {createInterface} from "node:readline"
import * as oauth from "oauth4webapi"

globalThis.crypto ??= webcrypto // in Node 18
const [issuer, client_id, secret] = process.argv.slice(2)
const client = {client_id}
const options = {[oauth.allowInsecureRequests]: true} // there is no https on 127.0.0.1
const ways = {client_secret_basic: oauth.ClientSecretBasic(secret), client_secret_post: oauth.ClientSecretPost(secret)}
const found = await oauth.discoveryRequest(new URL(issuer), {algorithm: "oauth2", ...options})
const server = await oauth.processDiscoveryResponse(new URL(issuer), found)

async function ask(operation, way, token) {
  if (operation === "introspect") {
    const answer = await oauth.introspectionRequest(server, client, ways[way], token, options)
    return oauth.processIntrospectionResponse(server, client, answer)
  }
  const answer = await oauth.revocationRequest(server, client, ways[way], token, options)
  await oauth.processRevocationResponse(answer)
  return "revoked"
}

for await (const line of createInterface({input: process.stdin})) {
  const answer = await ask(...line.split(" ")).catch((error) => error.code ?? error.name)
  console.log(JSON.stringify(answer))
}
