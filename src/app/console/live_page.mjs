/*
 * What the parts of the live view share: elements, the log, and numbers as text.
 *
 * Everything that came from others is shown through textContent, never as HTML.
 */
const LOG_CEILING = 500;

export const byId = (id) => document.getElementById(id);

export function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

export function plural(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

export function shortened(text, ceiling) {
  return text.length > ceiling ? `${text.slice(0, ceiling)}…` : text;
}

/* Writes only what changed: a status that is written again may be read aloud again. */
export function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

export function setState(state, text) {
  byId("state").dataset.state = state;
  setText("state-text", text);
}

/* One line of the log. The kind is its look: "note", "in" or "bad". */
export function log(kind, label, text) {
  const list = byId("log");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const now = new Date();
  const item = element("li", undefined, kind);
  const time = element("time", now.toLocaleTimeString([], { hour12: false }));
  const what = element("span", undefined, "what");

  time.dateTime = now.toISOString();
  what.append(element("span", text, "text"));
  item.append(time, element("span", label, "kind"), what);
  list.append(item);
  while (list.childElementCount > LOG_CEILING) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
  byId("log-empty").hidden = true;
}

export function clearLog() {
  byId("log").replaceChildren();
  byId("log-empty").hidden = false;
}
