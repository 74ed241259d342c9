/*
 * The live view of the operators: asks for the key of the API once, then every two seconds for the nodes and metrics.
 *
 * Whenever the node refuses the key, what was shown is taken away and the key is asked for again.
 */
import { forget, get, isKey, keep, keyOf, metrics } from "./live_api.mjs";
import { resetCharts, showMetrics, wanted } from "./live_charts.mjs";
import { look, lookAgain, resetCluster, showNodes } from "./live_cluster.mjs";
import { resetEmit, send } from "./live_emit.mjs";
import { byId, clearLog, log, setState } from "./live_page.mjs";

const REFRESH_MS = 2000;
/* Clients and rooms are listed at every fifth time. */
const LIST_EVERY = 5;

let timer = 0;
let rounds = 0;
let session = 0; /* counts who is signed in: what was asked before is not for the next */
let reached = true;

function signOut(reason) {
  session++;
  clearTimeout(timer);
  forget();
  resetCluster();
  resetCharts();
  resetEmit();
  clearLog();
  byId("live").hidden = true;
  byId("sign-in").hidden = false;
  byId("key-error").textContent = reason;
  byId("key").setAttribute("aria-invalid", String(reason !== ""));
  setState("off", "Not signed in");
  byId("key").focus();
}

/* True when the key was refused, and is asked for again. */
function isOver(error) {
  if (error.status === 401) signOut("The node refuses this key.");
  return error.status === 401;
}

function unreachable(error) {
  setState("wait", "Not reachable, trying…");
  if (reached) log("bad", "error", `the node cannot be asked: ${error.message}`);
  reached = false;
}

async function round(current) {
  try {
    if (!document.hidden) {
      const [nodes, sums] = await Promise.all([get("/api/nodes"), metrics(wanted)]);
      if (current !== session) return;
      showNodes(nodes);
      showMetrics(sums);
      setState("on", "Live");
      reached = true;
      /* Not waited for: a node that is silent holds the lists up. */
      if (rounds++ % LIST_EVERY === 0) lookAgain().catch(isOver);
    }
  } catch (error) {
    if (current !== session || isOver(error)) return;
    unreachable(error);
  }
  if (current === session) timer = setTimeout(round, REFRESH_MS, current);
}

/* The first question shows whether the key is right. */
async function signIn(focus) {
  const current = ++session;

  setState("wait", "Asking…");
  try {
    const nodes = await get("/api/nodes");
    if (current !== session) return;
    showNodes(nodes);
  } catch (error) {
    if (current !== session || isOver(error)) return;
    signOut(error.status === 404 ? "This node has no API key: start it with PEAL_API_KEY or --api-key-file."
      : `The node cannot be asked: ${error.message}`);
    return;
  }
  byId("key").value = "";
  byId("key-error").textContent = "";
  byId("sign-in").hidden = true;
  byId("live").hidden = false;
  if (focus) byId("live").focus();
  rounds = 0;
  round(current);
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    Promise.resolve(action()).catch((error) => {
      if (!isOver(error)) throw error;
    });
  });
}

onSubmit("key-form", () => {
  const key = byId("key").value.trim();

  if (!isKey(key)) return signOut("A key is 1 to 1000 characters of ASCII, without blanks.");
  keep(key);
  return signIn(true);
});
onSubmit("emit-form", send);
onSubmit("look-form", look);
byId("ask").addEventListener("change", () => {
  byId("timeout").disabled = !byId("ask").checked;
});
byId("forget").addEventListener("click", () => signOut(""));
byId("clear").addEventListener("click", clearLog);

resetCharts();
if (keyOf()) signIn(false);
else signOut("");
