// A client of the contract envelope: AUTH=... USERNAME=... PASSWORD=... node envelope.mjs

/** A refusal in the words of the service; its status 401 says that the user has to log in. */
const refusal = (status, text) => Object.assign(new Error(`${status} ${text}`), { status });

/** The session of one user. Calls may run at the same time. For a new token it logs in again. */
export class EnvelopeClient {
  #api;
  #credentials;
  #token = null;
  #renewing = null; // a promise, for which all calls wait that are refused meanwhile

  constructor(auth) {
    this.#api = `${auth}/c/envelope/api/auth`;
  }

  async logIn(username, password) {
    this.#credentials = { username, password };
    await this.#renew();
  }

  /** Send a request with the token; after a 401, log in again and send once more. */
  async call(method, url, body) {
    const token = this.#token;
    try {
      return await send(method, url, token, body);
    } catch (error) {
      if (error.status !== 401 || !token) throw error;
    }
    if (this.#token === token) {
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
      await this.#renewing;
    }
    return send(method, url, this.#token, body);
  }

  async logOut() {
    const token = this.#token;
    this.#token = this.#credentials = null;
    return send("POST", `${this.#api}/logout`, token);
  }

  async #renew() {
    const credentials = this.#credentials;
    try {
      const { token } = await send("POST", `${this.#api}/login`, "", credentials);
      if (this.#credentials === credentials) this.#token = token;
    } catch (error) {
      if (error.status < 500) this.#token = null;
      throw error;
    }
  }
}

/** Return the JSON of an answer. Wait if the service asks for up to 30 seconds, twice. */
async function send(method, url, token, body, tries = 3) {
  if (token === null) throw refusal(401, "Log in first");
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body), signal });
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  const fields = isJson ? await answer.json() : {};
  const wait = Number.parseInt(answer.headers.get("Retry-After"));
  if ([429, 503].includes(answer.status) && wait <= 30 && tries > 1) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    return send(method, url, token, body, tries - 1);
  }
  if (!answer.ok) throw refusal(answer.status, fields.message ?? answer.statusText);
  return fields;
}

if (globalThis.process?.argv[1]?.endsWith("envelope.mjs")) {
  const { AUTH, USERNAME, PASSWORD } = process.env;
  const client = new EnvelopeClient(AUTH);
  await client.logIn(USERNAME, PASSWORD);
  const { user } = await client.call("GET", `${AUTH}/c/envelope/api/auth/validate`);
  console.log("Logged in as", user.username, "-", (await client.logOut()).message);
}
