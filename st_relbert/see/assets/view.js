// What part of the plane is shown, and which pairs: everything else draws from it.
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

// Keep what is at a pixel where it is.
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
  // A finger moves the map only where there is more of it than is shown; else it scrolls the page.
  byId("map").style.touchAction = view.scale > 1 ? "none" : "pan-y";
}

function showAll() {
  Object.assign(view, { scale: 1, x: 0, y: 0 });
  keepInView();
}

// Which pairs are shown in colour: of the chosen groups, or of a cluster, and with the word.
const choice = { groups: new Set(), rows: null, word: "" };

function isShown(row) {
  if (choice.rows && !choice.rows.has(row)) return false;
  if (choice.groups.size && !choice.groups.has(data.groupOf[row])) return false;
  return !choice.word || data.pairs[row].some((word) => word.toLowerCase().includes(choice.word));
}
