/*
 * The console page: one Socket.IO connection to the node that served it. When the page came from the operators'
 * listener (--internal-listen), Socket.IO is on another port of the same node.
 *
 * Everything that came from others is shown through textContent, never as HTML.
 */
"use strict";

(() => {
  const LOG_CEILING = 500;
  const byId = (id) => document.getElementById(id);
  const { path, host, port } = document.documentElement.dataset;
  const REFRESH_MS = 2000;

  let socket = null;
  let server = "";
  let refresh = 0;
  let maxText = 4096;
  const rooms = new Set();

  /* --- small helpers ----------------------------------------------------------------------------- */

  function element(tag, text, className) {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    return node;
  }

  function show(id, visible) {
    byId(id).hidden = !visible;
  }

  function notice(text) {
    byId("notice").textContent = text || "";
    show("notice", Boolean(text));
  }

  /* One line of the log: what happened, and where useful who did it and to whom it went. */
  function log(kind, label, text, { who, route } = {}) {
    const list = byId("log");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const now = new Date();
    const item = element("li", undefined, kind);
    const time = element("time", now.toLocaleTimeString([], { hour12: false }));
    const what = element("span", undefined, "what");

    time.dateTime = now.toISOString();
    if (who) what.append(element("strong", who));
    what.append(element("span", text, "text"));
    if (route) what.append(element("span", route, "route"));
    item.append(time, element("span", label, "kind"), what);
    list.append(item);
    while (list.childElementCount > LOG_CEILING) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
    show("log-empty", false);
  }

  /* The demo answers { ok, error }; shows what was wrong. */
  function isOk(answer, what) {
    if (answer && answer.ok) return true;
    log("bad", "error", `${what}: ${(answer && answer.error) || "no answer"}`);
    return false;
  }

  /* Undefined: where the page came from. */
  function address() {
    if (!port) return undefined;
    const name = !host ? location.hostname : host.includes(":") ? `[${host}]` : host;
    return `${location.protocol}//${name}:${port}`;
  }

  function bytes(text) {
    return new TextEncoder().encode(text).length;
  }

  /* --- connection -------------------------------------------------------------------------------- */

  function setState(state, text) {
    const connected = state === "on";

    byId("state").dataset.state = state;
    byId("state-text").textContent = text;
    byId("connect").textContent = connected ? "Change name" : "Connect";
    byId("connect").disabled = state === "wait";
    byId("disconnect").disabled = state === "off";
    byId("transport").disabled = state !== "off";
    byId("join").disabled = !connected;
    byId("send").disabled = !connected;
    if (!connected) {
      for (const fact of ["id", "server", "transport"]) byId(`fact-${fact}`).textContent = "–";
      clearTimeout(refresh);
      byId("nodes").replaceChildren();
      byId("nodes-summary").textContent = "Connect to see its nodes.";
    }
  }

  function showTransport() {
    byId("fact-transport").textContent = socket.io.engine.transport.name;
  }

  function onConnect() {
    setState("on", "Connected");
    byId("fact-id").textContent = socket.id;
    showTransport();
    socket.io.engine.on("upgrade", showTransport);
    log("note", "connected", `id ${socket.id}`);
    /* A new connection is in no room; take up the ones from before. */
    const before = [...rooms];
    setRooms([]);
    before.forEach(join);
    askNodes();
  }

  function onDisconnect(reason) {
    /* The client comes back by itself unless one side ended the connection on purpose. */
    const returns = socket.active;

    setState(returns ? "wait" : "off", returns ? "Reconnecting…" : "Not connected");
    log(returns ? "bad" : "note", "closed", reason);
    if (!returns) setRooms([]);
  }

  function onConnectError(error) {
    const returns = socket.active;

    setState(returns ? "wait" : "off", returns ? "Trying to connect…" : "Not connected");
    log("bad", "error", `cannot connect: ${error.message}`);
  }

  function routeOf({ to, room, local }) {
    const who = to === "room" ? `room ${room}` : to === "others" ? "everyone else" : "everyone";

    return `to ${who}${local ? " on this node" : ""}`;
  }

  function onMessage(...args) {
    const answer = typeof args.at(-1) === "function" ? args.pop() : null;
    const answers = answer && byId("answer").checked;
    const result = answers ? ", you answered" : answer ? ", you did not answer" : "";
    const [message] = args;

    /* Others may send anything under this name. */
    if (typeof message?.text === "string")
      log("in", "message", message.text, { who: message.name, route: routeOf(message) + result });
    else
      log("in", "event", JSON.stringify(message) ?? "", { who: "message" });
    if (answers) answer({ id: socket.id, name: byId("name").value.trim(), server });
  }

  function connect() {
    const transport = byId("transport").value;
    const options = {
      path,
      auth: (use) => use({ name: byId("name").value.trim() }),
    };

    if (transport) options.transports = [transport];
    /* Another port is another origin: polling needs --cors-origin there, WebSocket does not. */
    else if (port) options.transports = ["websocket"];
    if (socket) socket.removeAllListeners();
    socket = io(address(), options);
    setState("wait", "Connecting…");
    socket.on("connect", onConnect);
    socket.on("disconnect", onDisconnect);
    socket.on("connect_error", onConnectError);
    socket.on("message", onMessage);
    socket.on("welcome", (welcome) => {
      server = welcome.server;
      byId("fact-server").textContent = server;
      maxText = welcome.limits.text;
    });
    socket.onAny((event, ...args) => {
      if (event !== "message" && event !== "welcome")
        log("in", "event", JSON.stringify(args), { who: event });
    });
  }

  function changeName() {
    const name = byId("name").value.trim();

    socket.emit("name", name, (answer) => {
      if (isOk(answer, "name")) log("note", "name", answer.name);
    });
  }

  /* --- rooms ------------------------------------------------------------------------------------- */

  function setRooms(names) {
    const list = byId("rooms");
    const options = byId("target-rooms");

    rooms.clear();
    names.forEach((name) => rooms.add(name));
    list.replaceChildren();
    options.replaceChildren();
    for (const name of rooms) {
      const item = element("li", name);
      const button = element("button", "Leave");
      const option = element("option");

      button.type = "button";
      button.setAttribute("aria-label", `Leave ${name}`);
      button.addEventListener("click", () => leave(name));
      item.append(button);
      list.append(item);
      option.value = name;
      options.append(option);
    }
    show("rooms-empty", rooms.size === 0);
  }

  function join(room) {
    socket.emit("join", room, (answer) => {
      if (!isOk(answer, `join ${room}`)) return;
      setRooms(answer.rooms);
      log("note", "joined", room);
    });
  }

  function leave(room) {
    socket.emit("leave", room, (answer) => {
      if (!isOk(answer, `leave ${room}`)) return;
      setRooms(answer.rooms);
      log("note", "left", room);
      byId("room").focus();
    });
  }

  /* --- the cluster -------------------------------------------------------------------------------- */

  function showNodes({ state, count, unnamed, nodes }) {
    const others = unnamed ? `, and ${unnamed} servers without a name` : "";

    byId("nodes-summary").textContent =
      state === "alone" ? "This node is alone." : `${count} nodes${others}. Redis: ${state}.`;
    byId("nodes-summary").dataset.state = state;
    byId("nodes").replaceChildren(...nodes.map((node) => {
      const item = element("li", undefined, node.silent ? "silent" : node.self ? "self" : "");
      const clients = node.clients === 1 ? "1 client" : `${node.clients} clients`;

      item.append(element("strong", node.name));
      item.append(element("span", node.silent ? "silent" : node.self ? `${clients}, you are here` : clients));
      return item;
    }));
  }

  function askNodes() {
    const asked = socket;

    clearTimeout(refresh);
    asked.timeout(REFRESH_MS * 5).emit("nodes", (error, answer) => {
      if (asked !== socket || !socket.connected) return;
      if (!error && answer.ok) showNodes(answer);
      refresh = setTimeout(askNodes, REFRESH_MS);
    });
  }

  /* --- broadcasts -------------------------------------------------------------------------------- */

  function fillPeople(id, names) {
    const list = byId(id);

    list.replaceChildren(...names.map((name) => element("li", name)));
    if (!names.length) list.append(element("li", "nobody", "none"));
  }

  function showAnswers(answer) {
    const { expected, answered } = answer.clients;
    const several = answer.servers.expected > 1;
    const servers = several ? ` on ${answer.servers.answered} of ${answer.servers.expected} nodes` : "";
    const summary =
      (expected === 0 ? "Nobody was asked" : `${answered} of ${expected} answered${servers}`) +
      (answer.error ? `: ${answer.error}` : "");
    const silent = answer.missingServers.map((name) => `node ${name}`);
    const nameOf = (one) => {
      const name = String((one && one.name) ?? JSON.stringify(one));
      return several && typeof one?.server === "string" ? `${name} on ${one.server}` : name;
    };

    if (answer.unnamedMissing) silent.push(`${answer.unnamedMissing} servers without a name`);

    byId("answers-summary").textContent = summary;
    fillPeople("answered", answer.responses.map(nameOf));
    fillPeople("missing", answer.missing.map((one) => one.name || one.id).concat(silent));
    show("answers", true);
    log(answer.error ? "bad" : "note", "answers", summary);
  }

  function broadcast() {
    const form = byId("broadcast-form");
    const order = { to: form.elements.to.value, text: byId("text").value };

    if (bytes(order.text) > maxText) {
      log("bad", "error", `the message is longer than ${maxText} bytes`);
      return;
    }
    if (order.to === "room") order.room = byId("target").value;
    if (form.elements.reach.value === "local") order.local = true;
    if (byId("ask").checked) {
      order.timeout = byId("timeout").valueAsNumber;
      byId("answers-summary").textContent = "Waiting for answers…";
      show("answers", false);
    }
    socket.emit("broadcast", order, (answer) => {
      if (answer && answer.clients) showAnswers(answer);
      else if (!isOk(answer, "broadcast") && order.timeout)
        byId("answers-summary").textContent = "The broadcast was refused.";
    });
    log("note", "sent", order.text, { route: routeOf(order) });
    byId("text").value = "";
    byId("text").focus();
  }

  /* --- the controls ------------------------------------------------------------------------------ */

  function showTarget() {
    const toRoom = byId("broadcast-form").elements.to.value === "room";

    show("target-field", toRoom);
    byId("target").required = toRoom;
    byId("target").disabled = !toRoom;
    if (toRoom && !byId("target").value) byId("target").value = [...rooms].pop() || "";
  }

  function onSubmit(id, action) {
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      action();
    });
  }

  onSubmit("connect-form", () => (socket && socket.connected ? changeName() : connect()));
  onSubmit("join-form", () => {
    join(byId("room").value);
    byId("room").value = "";
  });
  onSubmit("broadcast-form", broadcast);
  byId("disconnect").addEventListener("click", () => {
    const wasConnected = socket.connected;

    socket.disconnect();
    /* While it only tries to connect there is no event that tells the end. */
    if (!wasConnected) {
      setState("off", "Not connected");
      setRooms([]);
    }
  });
  byId("broadcast-form").addEventListener("change", showTarget);
  byId("ask").addEventListener("change", () => {
    byId("timeout").disabled = !byId("ask").checked;
  });
  byId("text").addEventListener("keydown", (event) => {
    /* Enter sends, Shift+Enter begins a line; not while an input method composes. */
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!byId("send").disabled) byId("broadcast-form").requestSubmit();
  });
  byId("clear").addEventListener("click", () => {
    byId("log").replaceChildren();
    show("log-empty", true);
  });

  setState("off", "Not connected");
  showTarget();
  if (typeof io === "undefined") {
    byId("connect").disabled = true;
    notice("The Socket.IO client is not installed on the server. Run scripts/setup, or start peal with --client-dir.");
  }
  byId("name").focus();
})();
