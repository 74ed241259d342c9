/*
 * The charts: what /metrics says of this node, as numbers and lines of the last minutes.
 */
import { byId, element, log, plural } from "./live_page.mjs";

const POINTS = 90;
const WIDTH = 180;
const HEIGHT = 48;
const SVG = "http://www.w3.org/2000/svg";

export const wanted = [
  "peal_emits_total", "peal_deliveries_total", "peal_sessions", "peal_connects_total", "peal_disconnects_total",
];

const rate = (name) => (now, before) => {
  const seconds = (now.at - before.at) / 1000;
  const difference = (now.sums.get(name) ?? 0) - (before.sums.get(name) ?? 0);
  /* A counter that went back is that of a new process. */
  return seconds > 0 && difference >= 0 ? difference / seconds : null;
};

const charts = [
  { title: "Emits / s", of: rate("peal_emits_total") },
  { title: "Deliveries / s", of: rate("peal_deliveries_total") },
  { title: "Clients", of: (now) => now.sums.get("peal_sessions") ?? 0 },
];

let before = null;

function svg(tag, className) {
  const node = document.createElementNS(SVG, tag);
  node.setAttribute("class", className);
  return node;
}

function build() {
  byId("charts").replaceChildren(...charts.map((chart) => {
    const box = element("div", undefined, "chart");
    const drawing = svg("svg", "drawing");

    chart.points = [];
    chart.value = element("p", "–");
    chart.line = svg("polyline", "line");
    chart.area = svg("polygon", "area");
    chart.drawing = drawing;
    drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", `${chart.title}: no values yet`);
    drawing.append(chart.area, chart.line);
    box.append(element("h3", chart.title), chart.value, drawing);
    return box;
  }));
}

function shown(number) {
  return number >= 100 || Number.isInteger(number) ? Math.round(number).toLocaleString("en") : number.toFixed(1);
}

function draw(chart) {
  const highest = Math.max(...chart.points, 1);
  const step = WIDTH / (POINTS - 1);
  const left = WIDTH - (chart.points.length - 1) * step;
  const points = chart.points.map((value, i) =>
    `${(left + i * step).toFixed(1)},${(HEIGHT - 2 - (value / highest) * (HEIGHT - 6)).toFixed(1)}`);

  chart.value.textContent = shown(chart.points.at(-1));
  chart.line.setAttribute("points", points.join(" "));
  chart.area.setAttribute("points", `${left.toFixed(1)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`);
  chart.drawing.setAttribute("aria-label",
    `${chart.title}: now ${shown(chart.points.at(-1))}, at most ${shown(Math.max(...chart.points))} in the time shown`);
}

function logClients(now) {
  const difference = (name) => (now.sums.get(name) ?? 0) - (before.sums.get(name) ?? 0);
  const came = difference("peal_connects_total");
  const left = difference("peal_disconnects_total");

  if (came > 0) log("in", "clients", `${plural(came, "socket")} connected to this node`);
  if (left > 0) log("in", "clients", `${plural(left, "socket")} of this node disconnected`);
}

export function resetCharts() {
  before = null;
  build();
}

export function showMetrics(sums) {
  const now = { at: performance.now(), sums };

  if (before) logClients(now);
  for (const chart of charts) {
    const value = before || chart.of.length === 1 ? chart.of(now, before) : null;
    if (value === null) continue;
    chart.points.push(value);
    if (chart.points.length > POINTS) chart.points.shift();
    draw(chart);
  }
  before = now;
}
