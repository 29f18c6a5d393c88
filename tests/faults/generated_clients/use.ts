// A program with the generated TypeScript clients: each logs in, refreshes, calls and logs out.
//
//     node use.js <URL> <user name> <password>
//
// The folders bearer and so on, with the clients, are beside it.
import { BearerApi, Configuration as BearerConfiguration } from "./bearer/index.js";
import { CamelApi, Configuration as CamelConfiguration } from "./camel/index.js";
import { ChallengeApi, Configuration as ChallengeConfiguration } from "./challenge/index.js";
import { EnvelopeApi, Configuration as EnvelopeConfiguration } from "./envelope/index.js";
import { FormApi, Configuration as FormConfiguration } from "./form/index.js";

declare const process: { argv: string[] };
const [url, username, password] = process.argv.slice(2) as [string, string, string];

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

async function assertRefused(operation: () => Promise<unknown>): Promise<void> {
  const status = await operation().then(() => 200, (error) => error.response?.status);
  assert(status === 401, `answered ${status}`);
}

async function bearer(): Promise<void> {
  let accessToken = "";
  const api = new BearerApi(
    new BearerConfiguration({ basePath: `${url}/c/bearer`, accessToken: async () => accessToken }),
  );
  const login = await api.login({ loginRequest: { username, password } });
  assert(login.user.username === username, "another user");
  const refreshRequest = { refreshToken: login.refreshToken };
  accessToken = (await api.refresh({ refreshRequest })).accessToken;
  await api.logout();
  await assertRefused(() => api.logout());
}

async function camel(): Promise<void> {
  let accessToken = "";
  const api = new CamelApi(
    new CamelConfiguration({ basePath: `${url}/c/camel`, accessToken: async () => accessToken }),
  );
  const { refreshToken } = await api.login({ loginRequest: { username, password } });
  accessToken = (await api.refresh({ refreshRequest: { refreshToken } })).token;
  const made = await api.createKey({ keyRequest: { name: "Generated" } });
  const keys = await api.listKeys();
  assert(keys.some((key) => key.keyId === made.keyId), "the key is not listed");
  await api.deleteKey({ keyId: made.keyId });
  await api.logout();
  await assertRefused(() => api.listKeys());
}

async function form(): Promise<void> {
  let accessToken = "";
  const api = new FormApi(
    new FormConfiguration({ basePath: `${url}/c/form`, accessToken: async () => accessToken }),
  );
  const login = await api.login({ username, password });
  accessToken = login.accessToken.token;
  const refreshRequest = { token: login.refreshToken.token };
  accessToken = (await api.refresh({ refreshRequest })).accessToken.token;
  assert((await api.me()).username === username, "another user");
  await api.logout();
  await assertRefused(() => api.me());
}

async function challenge(): Promise<void> {
  const api = new ChallengeApi(new ChallengeConfiguration({ basePath: `${url}/c/challenge` }));
  const { refreshToken } = await api.login({ loginRequest: { username, password } });
  const refreshRequest = { username, refreshToken };
  assert((await api.tokenRefresh({ refreshRequest })).accessToken !== "", "no token");
  await api.tokenRevoke({ revokeRequest: { refreshToken } });
  await assertRefused(() => api.tokenRefresh({ refreshRequest }));
}

async function envelope(): Promise<void> {
  let accessToken = "";
  const api = new EnvelopeApi(
    new EnvelopeConfiguration({
      basePath: `${url}/c/envelope`,
      accessToken: async () => accessToken,
    }),
  );
  accessToken = (await api.login({ loginRequest: { username, password } })).token;
  assert((await api.validate()).user.username === username, "another user");
  await api.logout();
  await assertRefused(() => api.validate());
}

for (const use of [bearer, camel, form, challenge, envelope]) {
  await use();
  console.log(use.name);
}
