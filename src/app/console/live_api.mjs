/*
 * The live view asks its node: the HTTP API with the key, /metrics without.
 *
 * The key is in sessionStorage, so that it ends with the tab, and goes nowhere but into the header of
 * requests to the API of the node that served the page.
 */
const ITEM = "peal-api-key";
const PATIENCE_MS = 15000;

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const keyOf = () => sessionStorage.getItem(ITEM);
export const keep = (key) => sessionStorage.setItem(ITEM, key);
export const forget = () => sessionStorage.removeItem(ITEM);

/* What the node takes as a key; anything else need not be tried. */
export const isKey = (text) => /^[\x21-\x7e]{1,1000}$/.test(text);

function query(parameters) {
  const text = new URLSearchParams();

  for (const [name, value] of Object.entries(parameters))
    for (const item of [value].flat()) text.append(name, item);
  return String(text) && `?${text}`;
}

async function ask(path, options, patience) {
  const answer = await fetch(path, {
    cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(patience), ...options,
  });
  return { status: answer.status, text: await answer.text() };
}

async function call(path, options = {}, patience = PATIENCE_MS) {
  const key = keyOf();
  const { status, text } = await ask(path, { ...options, headers: { Authorization: `Bearer ${key}` } }, patience);
  let body = null;

  try {
    body = JSON.parse(text);
  } catch {
    /* A balancer, or a node without the API, answers with something else. */
  }
  if (status >= 400 || body === null)
    throw new Refused(status, body?.error?.code ?? "", body?.error?.message ?? `the node answered with status ${status}`);
  return body;
}

export const get = (path, parameters = {}) => call(path + query(parameters));
export const post = (path, body, patience) => call(path, { method: "POST", body }, patience);

/* The wanted metrics, each summed over its labels. */
export async function metrics(wanted) {
  const { status, text } = await ask("/metrics", {}, PATIENCE_MS);
  const sums = new Map();

  if (status !== 200) throw new Refused(status, "", `/metrics answered with status ${status}`);
  for (const line of text.split("\n")) {
    const name = /^[a-z_]+/.exec(line)?.[0];
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (wanted.includes(name) && Number.isFinite(value)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}
