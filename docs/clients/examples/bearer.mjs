// A client of the contract bearer: AUTH=... USERNAME=... PASSWORD=... node bearer.mjs

/** A refusal in the words of the service; its status 401 says that the user has to log in. */
const refusal = (status, text) => Object.assign(new Error(`${status} ${text}`), { status });

/** The session of one user. Calls may run at the same time. */
export class BearerClient {
  #api;
  #tokens = null;
  #refreshing = null; // a promise, for which all calls wait that are refused meanwhile

  constructor(auth) {
    this.#api = `${auth}/c/bearer/api/v1/auth`;
  }

  async logIn(username, password) {
    this.#tokens = await send("POST", `${this.#api}/login`, {}, { username, password });
  }

  /** Send a request with the access token; after a 401, refresh it and send once more. */
  async call(method, url, body) {
    const tokens = this.#tokens;
    try {
      return await send(method, url, tokens, body);
    } catch (error) {
      if (error.status !== 401 || !tokens) throw error;
    }
    if (this.#tokens === tokens) {
      this.#refreshing ??= this.#refresh(tokens).finally(() => (this.#refreshing = null));
      await this.#refreshing;
    }
    return send(method, url, this.#tokens, body);
  }

  async logOut() {
    return send("POST", `${this.#api}/logout`, this.#tokens).finally(() => (this.#tokens = null));
  }

  async #refresh(tokens) {
    const { refresh_token } = tokens;
    try {
      const answer = await send("POST", `${this.#api}/refresh`, {}, { refresh_token });
      if (this.#tokens === tokens) this.#tokens = { ...tokens, ...answer };
    } catch (error) {
      if (error.status === 401 && this.#tokens === tokens) this.#tokens = null;
      throw error;
    }
  }
}

/** Return the JSON of an answer. Wait if the service asks for up to 30 seconds, twice. */
async function send(method, url, tokens, body, tries = 3) {
  if (!tokens) throw refusal(401, "Log in first");
  const headers = { "Content-Type": "application/json" };
  if (tokens.access_token) headers.Authorization = `Bearer ${tokens.access_token}`;
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body), signal });
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  const fields = isJson ? await answer.json() : {};
  const wait = Number.parseInt(answer.headers.get("Retry-After"));
  if ([429, 503].includes(answer.status) && wait <= 30 && tries > 1) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    return send(method, url, tokens, body, tries - 1);
  }
  if (!answer.ok) throw refusal(answer.status, fields.detail ?? answer.statusText);
  return fields;
}

if (globalThis.process?.argv[1]?.endsWith("bearer.mjs")) {
  const { AUTH, USERNAME, PASSWORD } = process.env;
  const client = new BearerClient(AUTH);
  await client.logIn(USERNAME, PASSWORD);
  await client.call("GET", `${AUTH}/auth/forward`); // or a URL of your program
  console.log("Logged in as", USERNAME, "-", (await client.logOut()).message);
}
