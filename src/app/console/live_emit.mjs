/*
 * The form that broadcasts, and what came of it.
 */
import { get, post } from "./live_api.mjs";
import { isSilent, nodeNames, ownName } from "./live_cluster.mjs";
import { byId, element, log, plural, setText, shortened } from "./live_page.mjs";

const fields = ["event", "namespace", "args", "rooms", "except", "flags", "timeout"];
const LOWEST_MS = 100;
const HIGHEST_MS = 60000;
/* Beyond the timeout: for the way there and back. */
const MARGIN_MS = 15000;
/* How much longer than the answers the count of clients may take. */
const COUNT_MS = 500;
const RESPONSE_LIMIT = 200;
const TEXT_CEILING = 500;
/* More names would not fit into the URL that asks how many clients are meant. */
const COUNTED_ROOMS = 20;

let busy = false;
let session = 0; /* what is answered after the key was forgotten is for nobody */

/* --- what was typed ------------------------------------------------------------------------------- */

function mark(name, text) {
  setText(`${name}-error`, text);
  byId(name)?.setAttribute("aria-invalid", String(text !== ""));
}

function wrong(name, text) {
  mark(name, text);
  setText("result", `Not sent: ${name}: ${text}`);
  byId("answers").hidden = true;
  byId(name)?.focus();
}

/* Names may begin or end with blanks: lines are taken as they are. */
function lines(id) {
  return [...new Set(byId(id).value.split("\n").filter((line) => line !== ""))];
}

function argsProblem(text) {
  try {
    return Array.isArray(JSON.parse(text)) ? "" : "must be an array, such as [1, \"two\"]";
  } catch (error) {
    return `is not JSON: ${error.message}`;
  }
}

/* { order, body }, or null after showing what is wrong. */
function read() {
  const order = { namespace: byId("namespace").value.trim() || "/", event: byId("event").value };
  const args = byId("args").value.trim() || "[]";
  const problem = argsProblem(args);
  const timeout = byId("timeout").valueAsNumber;
  const [rooms, except] = [lines("rooms"), lines("except")];

  fields.forEach((name) => mark(name, ""));
  if (order.event === "") return wrong("event", "an event needs a name");
  if (problem) return wrong("args", problem);
  if (byId("ask").checked) {
    if (!Number.isInteger(timeout) || timeout < LOWEST_MS || timeout > HIGHEST_MS)
      return wrong("timeout", `must be a whole number of ${LOWEST_MS} to ${HIGHEST_MS} ms`);
    order.timeout = timeout;
  }
  if (rooms.length) order.rooms = rooms;
  if (except.length) order.except = except;
  order.flags = { local: byId("local").checked, volatile: byId("volatile").checked };
  /* The arguments go as they were typed: a number that JavaScript cannot hold stays what it is. */
  return { order, body: `${JSON.stringify(order).slice(0, -1)},"args":${args}}` };
}

/* --- what came of it ------------------------------------------------------------------------------- */

/* How many clients each node has that are meant: Map, or null when it cannot be told. */
async function countClients({ namespace, rooms = [], except = [] }) {
  if (rooms.length + except.length > COUNTED_ROOMS) return null;
  try {
    const { nodes } = await get("/api/count", { namespace, room: rooms, except });
    return new Map(nodes.map(({ node, count }) => [node, count]));
  } catch {
    return null;
  }
}

function nodeRow(name, count, result) {
  const row = element("tr");
  const head = element("th", name);

  head.scope = "row";
  row.append(head, element("td", count === undefined ? "–" : String(count)));
  row.append(element("td", result, result === "answered" ? "good" : "bad"));
  return row;
}

function showAnswers({ error, responses, clients, servers }, counts, order) {
  const missing = new Set(servers.missing);
  const names = order.flags.local ? [ownName()] : [...new Set([...nodeNames(), ...missing])];
  const rows = names.map((name) =>
    nodeRow(name, counts ? (counts.get(name) ?? 0) : undefined,
      missing.has(name) ? "no answer" : isSilent(name) ? "silent" : "answered"));
  const summary = `${clients.answered} of ${plural(clients.expected, "client")} answered, ` +
    `${servers.answered} of ${plural(servers.expected, "node")}${error ? `: ${error}` : ""}.`;
  const listed = responses.slice(0, RESPONSE_LIMIT).map((one) =>
    element("li", shortened(JSON.stringify(one), TEXT_CEILING)));

  if (servers.unnamed_missing)
    rows.push(nodeRow(`${plural(servers.unnamed_missing, "server")} without a name`, undefined, "no answer"));
  if (responses.length > RESPONSE_LIMIT) listed.push(element("li", `and ${responses.length - RESPONSE_LIMIT} more`));
  if (!responses.length) listed.push(element("li", "none"));
  byId("result-nodes").replaceChildren(...rows);
  byId("responses").replaceChildren(...listed);
  byId("answers").hidden = false;
  setText("result", summary);
  log(error ? "bad" : "note", "answers", summary);
}

function showRefusal(error) {
  /* The node says of which key it speaks. */
  const name = fields.find((field) => new RegExp(`^${field}\\b`).test(error.message));

  if (name) wrong(name, error.message.replace(/^\w+: /, ""));
  else setText("result", `Not sent: ${error.message}`);
  log("bad", "error", error.message);
}

/* An answer that did not come says nothing about whether it was sent. */
function showFailure(error) {
  const text = `It is not known whether it was sent: ${error.message}`;

  setText("result", text);
  log("bad", "error", text);
}

function whom({ rooms, except, flags, namespace }) {
  return `to ${rooms ? rooms.join(", ") : "everyone"} in ${namespace}${except ? ` except ${except.join(", ")}` : ""}` +
    `${flags.local ? " on this node" : ""}`;
}

export async function send() {
  const made = busy ? null : read();

  if (!made) return;
  const { order, body } = made;
  const current = session;
  busy = true;
  byId("answers").hidden = true;
  setText("result", order.timeout ? "Waiting for answers…" : "Sending…");
  try {
    const counting = order.timeout ? countClients(order) : null;
    const answer = await post("/api/emit", body, (order.timeout ?? 0) + MARGIN_MS);
    const counts = await Promise.race([counting, new Promise((resolve) => setTimeout(resolve, COUNT_MS, null))]);
    if (current !== session) return;
    log("note", "sent", shortened(`${order.event} ${whom(order)}`, TEXT_CEILING));
    if (order.timeout) showAnswers(answer, counts, order);
    else setText("result", `Handed over. The cluster is ${answer.cluster}.`);
  } catch (error) {
    if (current !== session) return;
    if (error.status === 401) throw error;
    if (error.status >= 400 && error.code !== "interrupted") showRefusal(error);
    else showFailure(error);
  } finally {
    if (current === session) busy = false;
  }
}

export function resetEmit() {
  session++;
  busy = false;
  byId("answers").hidden = true;
  setText("result", "Nothing was sent yet.");
  fields.forEach((name) => mark(name, ""));
}
