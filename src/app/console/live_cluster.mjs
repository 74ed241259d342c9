/*
 * The nodes of the cluster, and the clients and rooms of one namespace.
 */
import { get } from "./live_api.mjs";
import { byId, element, log, plural, setText, shortened } from "./live_page.mjs";

const LIST_LIMIT = 50;
const TEXT_CEILING = 200;
/* To list clients the whole cluster is asked for all of them: with more it is done on demand only. */
const BY_ITSELF = 1000;

let known = null;
let looking = false;
let session = 0; /* what is answered after the key was forgotten is for nobody */
let many = false;

export const nodeNames = () => (known ? [...known.nodes.keys()] : []);
export const isSilent = (name) => Boolean(known?.nodes.get(name)?.silent);
export const ownName = () => (known ? known.own : "");

/* --- nodes --------------------------------------------------------------------------------------- */

function logChanges(now) {
  for (const [name, { silent }] of now.nodes) {
    const before = known.nodes.get(name);
    if (!before) log("note", "node", `${name} is there`);
    else if (silent !== before.silent)
      log(silent ? "bad" : "note", "node", silent ? `${name} is silent` : `${name} is back`);
  }
  for (const name of known.nodes.keys()) if (!now.nodes.has(name)) log("bad", "node", `${name} is gone`);
  if (now.state !== known.state) log(now.state === "up" ? "note" : "bad", "Redis", now.state);
}

function nodeItem({ name, silent, self, clients, seen_ms: seen }) {
  const item = element("li", undefined, silent ? "silent" : self ? "self" : "");
  const load = plural(clients, "client");

  item.append(element("strong", name));
  item.append(element("span", silent ? `silent for ${Math.round(seen / 1000)} s` : self ? `${load}, this node` : load));
  return item;
}

export function showNodes({ adapter, state, detail, nodes, unnamed, gap, echo_ms: echo }) {
  const alone = adapter === "memory";
  const others = unnamed ? `, and ${plural(unnamed, "server")} without a name` : "";
  const silent = nodes.filter((node) => node.silent).length;
  const now = {
    state: alone ? "alone" : state,
    nodes: new Map(nodes.map((node) => [node.name, node])),
    own: nodes.find((node) => node.self)?.name ?? "",
  };
  const details = [];

  setText("nodes-summary", alone ? "This node is alone." : `${plural(nodes.length, "node")}${others}` +
    `${silent ? `, ${silent} silent` : ""}. Redis: ${state}.`);
  if (!alone && state !== "up" && detail) details.push(detail);
  if (gap) details.push("This node may have missed messages while it was not subscribed.");
  if (!alone && state === "up" && typeof echo === "number" && echo > 5000)
    details.push(`Nothing came back through Redis for ${Math.round(echo / 1000)} s.`);
  setText("nodes-detail", details.join(" "));
  byId("nodes").replaceChildren(...nodes.map(nodeItem));
  if (known) logChanges(now);
  known = now;
}

/* --- clients and rooms --------------------------------------------------------------------------- */

function clientItem({ id, node, rooms, data }) {
  const item = element("li", id);
  const places = rooms.filter((room) => room !== id);
  const text = JSON.stringify(data);

  item.append(element("span", `${node ? `on ${node}` : "on a server without a name"}${
    places.length ? `, in ${shortened(places.join(", "), TEXT_CEILING)}` : ", in no room"}`));
  if (data && text !== "{}") item.append(element("span", shortened(text, TEXT_CEILING)));
  return item;
}

function roomItem(name) {
  const item = element("li");
  const button = element("button", shortened(name, TEXT_CEILING));

  button.type = "button";
  button.addEventListener("click", () => {
    const field = byId("rooms");
    const lines = field.value.split("\n").filter((line) => line !== "");
    if (!lines.includes(name)) field.value = [...lines, name].join("\n");
    field.focus();
  });
  item.append(button);
  return item;
}

export async function look() {
  const namespace = byId("look").value.trim() || "/";
  const current = session;

  if (looking) return;
  looking = true;
  try {
    const [clients, rooms] = await Promise.all([
      get("/api/sockets", { namespace, limit: LIST_LIMIT }),
      get("/api/rooms", { namespace, limit: LIST_LIMIT }),
    ]);
    if (current !== session) return;
    const count = clients.total ?? clients.sockets.length;
    const roomCount = rooms.total ?? rooms.rooms.length;
    const failed = clients.error ?? rooms.error;

    many = count > BY_ITSELF;
    setText("look-summary", `${plural(count, "client")} and ${plural(roomCount, "room")}` +
      `${count > LIST_LIMIT || roomCount > LIST_LIMIT ? `, the first ${LIST_LIMIT} of each` : ""}.` +
      `${failed ? ` Not all servers answered: ${typeof failed === "string" ? failed : failed.message}.` : ""}`);
    if (!byId("room-list").contains(document.activeElement))
      byId("room-list").replaceChildren(...rooms.rooms.map(roomItem));
    byId("client-list").replaceChildren(...clients.sockets.map(clientItem));
  } catch (error) {
    if (current !== session) return;
    if (error.status === 401) throw error;
    setText("look-summary", `It cannot be listed: ${error.message}.`);
  } finally {
    if (current === session) looking = false;
  }
}

export async function lookAgain() {
  if (!many) await look();
}

/* Nothing that was shown to one key stays for the next. */
export function resetCluster() {
  session++;
  known = null;
  looking = false;
  many = false;
  for (const id of ["nodes", "room-list", "client-list"]) byId(id).replaceChildren();
  for (const id of ["nodes-summary", "nodes-detail", "look-summary"]) setText(id, "");
}
