// A client of the contract challenge: AUTH=... USERNAME=... PASSWORD=... node challenge.mjs

/** A refusal in the words of the service; its status 401 says that the user has to log in. */
const refusal = (status, text) => Object.assign(new Error(`${status} ${text}`), { status });

/** The session of one user. Calls may run at the same time. */
export class ChallengeClient {
  #api;
  #tokens = null;
  #refreshing = null; // a promise, for which all calls wait that are refused meanwhile
  constructor(auth) {
    this.#api = `${auth}/c/challenge/v1`;
  }

  async logIn(username, password, new_password) {
    let tokens = await send("POST", `${this.#api}/login`, {}, { username, password });
    if (tokens.challenge_name === "NEW_PASSWORD_REQUIRED") {
      const body = { session: tokens.session, username, new_password };
      tokens = await send("POST", `${this.#api}/new-password-required`, {}, body);
    }
    this.#tokens = { username, ...tokens };
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
    const { refresh_token } = this.#tokens ?? {};
    this.#tokens = null;
    return send("POST", `${this.#api}/token-revoke`, {}, { refresh_token });
  }

  async #refresh(tokens) {
    const body = { username: tokens.username, refresh_token: tokens.refresh_token };
    try {
      const answer = await send("POST", `${this.#api}/token-refresh`, {}, body);
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
  const fields = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  const wait = Number.parseInt(answer.headers.get("Retry-After"));
  if ([429, 503].includes(answer.status) && wait <= 30 && tries > 1) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    return send(method, url, tokens, body, tries - 1);
  }
  if (!answer.ok) throw refusal(answer.status, fields.message ?? answer.statusText);
  return fields;
}

if (globalThis.process?.argv[1]?.endsWith("challenge.mjs")) {
  const { AUTH, USERNAME, PASSWORD, NEW_PASSWORD } = process.env;
  const client = new ChallengeClient(AUTH);
  await client.logIn(USERNAME, PASSWORD, NEW_PASSWORD);
  await client.call("GET", `${AUTH}/auth/forward`); // or a URL of your program
  console.log("Logged in as", USERNAME, "-", (await client.logOut()).message);
}
