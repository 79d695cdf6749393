// Which part of the plane is shown, and which pairs. The other scripts draw from this.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const pairText = (row) => data.pairs[row].join(" : ");

const view = { scale: 1, x: 0, y: 0, width: 0, height: 0, fit: 1 };
const extent = [0, 1].map((axis) => {
  let low = Infinity, high = -Infinity;
  for (const point of data.points) { low = Math.min(low, point[axis]); high = Math.max(high, point[axis]); }
  return { middle: (low + high) / 2, size: Math.max(high - low, 1e-6) };
});

// From the plane, y upwards, to pixels of the frame.
function toScreen([x, y]) {
  const scale = view.fit * view.scale;
  return [view.width / 2 + (x - extent[0].middle) * scale + view.x, view.height / 2 - (y - extent[1].middle) * scale + view.y];
}

function resize() {
  const frame = byId("frame");
  view.width = frame.clientWidth;
  view.height = frame.clientHeight;
  const margin = 24;
  view.fit = Math.min((view.width - margin * 2) / extent[0].size, (view.height - margin * 2) / extent[1].size);
}

// Zoom, and keep the point under a pixel in place.
function zoomAt(factor, x, y) {
  const scale = Math.min(40, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  view.x = (x - view.width / 2) * (1 - ratio) + view.x * ratio;
  view.y = (y - view.height / 2) * (1 - ratio) + view.y * ratio;
  view.scale = scale;
  keepInView();
}

function moveBy(x, y) {
  view.x += x;
  view.y += y;
  keepInView();
}

function keepInView() {
  const [x, y] = extent.map((axis) => (axis.size * view.fit * (view.scale - 1)) / 2);
  view.x = Math.min(x, Math.max(-x, view.x));
  view.y = Math.min(y, Math.max(-y, view.y));
  // A finger moves the map only if part of it is out of view. Otherwise it scrolls the page.
  byId("map").style.touchAction = view.scale > 1 ? "none" : "pan-y";
}

function showAll() {
  Object.assign(view, { scale: 1, x: 0, y: 0 });
  keepInView();
}

// Show these rows as large as they fit.
function showRows(rows) {
  showAll();
  if (!rows.length || rows.length === data.points.length) return;
  const [x, y] = [0, 1].map((axis) => {
    const values = rows.map((row) => data.points[row][axis]);
    const low = Math.min(...values), high = Math.max(...values);
    return { middle: (low + high) / 2, size: Math.max(high - low, 1e-6) };
  });
  const fit = 0.75 * Math.min(view.width / x.size, view.height / y.size);
  view.scale = Math.min(12, Math.max(1, fit / view.fit));
  view.x = -(x.middle - extent[0].middle) * view.fit * view.scale;
  view.y = (y.middle - extent[1].middle) * view.fit * view.scale;
  keepInView();
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
// Black is invisible on a dark page.
const visible = (hue) => (dark.matches && hue === "#000000" ? "#e8e8e8" : hue);

// Which pairs are shown in colour: those of the chosen groups or cluster that contain the word.
const choice = { groups: new Set(), relation: -1, rows: null, word: "" };

function isShown(row) {
  if (choice.rows && !choice.rows.has(row)) return false;
  if (choice.relation >= 0 && choice.relation !== data.relationOf[row]) return false;
  if (choice.groups.size && !choice.groups.has(data.groupOf[row])) return false;
  return !choice.word || data.pairs[row].some((word) => word.toLowerCase().includes(choice.word));
}
