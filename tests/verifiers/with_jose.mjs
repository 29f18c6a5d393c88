// A service that verifies with jose, and reads a token in each line. Its arguments are the issuer, the address of
// the server, and for how many seconds it keeps a set of keys. It never asks for a key that it does not know in
// between.
import {webcrypto} from "node:crypto"
import {createInterface} from "node:readline"
import {createRemoteJWKSet, jwtVerify} from "jose"

globalThis.crypto ??= webcrypto // in Node 18
const [issuer, address, kept] = process.argv.slice(2)
const limits = {cacheMaxAge: 1000 * kept, cooldownDuration: 3_600_000}
const keys = createRemoteJWKSet(new URL(`${address}/.well-known/jwks.json`), limits)
for await (const token of createInterface({input: process.stdin})) {
  try {
    console.log((await jwtVerify(token, keys, {issuer})).payload.sub)
  } catch (error) {
    console.log(error.code ?? error.name)
  }
}
