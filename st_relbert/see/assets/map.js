// The map: marks on a canvas, names of groups above it, the pair that is pointed at.
const canvas = byId("map");
const context = canvas.getContext("2d");
const outlines = data.shapes.map((corners) => {
  const path = new Path2D();
  corners.forEach(([x, y], index) => (index ? path.lineTo(x, -y) : path.moveTo(x, -y)));
  path.closePath();
  return path;
});
const samePair = new Map();
data.pairs.forEach((pair, row) => {
  const key = JSON.stringify(pair);
  samePair.set(key, [...(samePair.get(key) ?? []), row]);
});
let shown = [];
let current = -1;
let scheduled = false;

function draw() {
  scheduled = false;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = view.width * ratio;
  canvas.height = view.height * ratio;
  const small = data.pairs.length > 2000 ? 3.2 : view.width < 500 ? 3.4 : 4.6;
  const radius = Math.min(9, small * Math.sqrt(view.scale));
  const rows = data.pairs.map((_, row) => row);
  rows.filter((row) => !shown[row]).forEach((row) => drawMark(row, radius * 0.7, "#d4d4d4", ratio));
  rows.filter((row) => shown[row]).forEach((row) => drawMark(row, radius, data.groups[data.groupOf[row]].colour, ratio));
  if (current >= 0) {
    const [x, y] = toScreen(data.points[current]);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineWidth = 2;
    context.strokeStyle = "#222";
    context.beginPath();
    context.arc(x, y, radius + 5, 0, 7);
    context.stroke();
  }
  placeLabels();
  placeTip();
}

function drawMark(row, radius, colour, ratio) {
  const [x, y] = toScreen(data.points[row]);
  if (x < -9 || y < -9 || x > view.width + 9 || y > view.height + 9) return;
  context.setTransform(ratio * radius, 0, 0, ratio * radius, ratio * x, ratio * y);
  const outline = outlines[data.groups[data.groupOf[row]].shape];
  context.fillStyle = colour;
  context.fill(outline);
  context.lineWidth = 0.6 / radius;
  context.strokeStyle = "#fff";
  context.stroke(outline);
}

function redraw() {
  if (!scheduled) requestAnimationFrame(draw);
  scheduled = true;
}

function updateShown() {
  shown = data.pairs.map((_, row) => isShown(row));
  const count = shown.filter(Boolean).length;
  byId("shown").textContent = `${count.toLocaleString("en")} of ${data.pairs.length.toLocaleString("en")} pairs`;
  if (current >= 0 && !shown[current]) current = -1;
  redraw();
}

// Large groups first; each name at its place or as near to it as there is room, else left out.
const labels = data.groups.map((group) => {
  const span = document.createElement("span");
  span.textContent = group.short;
  span.style.borderColor = group.colour;
  byId("labels").append(span);
  return { group, span };
});
labels.sort((a, b) => b.group.size - a.group.size);
const shifts = [];
for (let dx = -4; dx <= 4; dx++) for (let dy = -6; dy <= 6; dy++) shifts.push([dx / 4, dy / 2]);
shifts.sort((a, b) => Math.hypot(a[0] * 4, a[1]) - Math.hypot(b[0] * 4, b[1]));

function placeLabels() {
  const sizes = labels.map(({ span }) => [span.offsetWidth + 2, span.offsetHeight + 2]);
  const buttons = byId("zoom");
  const placed = [[buttons.offsetLeft, buttons.offsetTop, buttons.offsetWidth, buttons.offsetHeight]];
  const groups = new Set(data.groupOf.filter((_, row) => shown[row]));
  labels.forEach(({ group, span }, index) => {
    const [width, height] = sizes[index];
    const [x, y] = toScreen(group.anchor);
    const box = (groups.has(data.groups.indexOf(group)) ? shifts : [])
      .map(([dx, dy]) => [x + (dx - 0.5) * width, y + (dy - 0.5) * height, width, height])
      .find(([left, top]) => left >= 0 && top >= 0 && left + width <= view.width && top + height <= view.height
        && !placed.some((other) => left < other[0] + other[2] && other[0] < left + width
          && top < other[1] + other[3] && other[1] < top + height));
    span.style.visibility = box ? "visible" : "hidden";
    if (!box) return;
    placed.push(box);
    span.style.transform = `translate(${Math.round(box[0])}px, ${Math.round(box[1])}px)`;
  });
}

function nearest(x, y, reach) {
  let best = reach * reach, found = -1;
  data.points.forEach((point, row) => {
    if (!shown[row]) return;
    const [px, py] = toScreen(point);
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < best) { best = distance; found = row; }
  });
  return found;
}

function select(row) {
  if (row === current) return;
  current = row;
  const tip = byId("tip");
  tip.replaceChildren();
  if (row >= 0) {
    const pair = document.createElement("strong");
    pair.textContent = pairText(row);
    tip.append(pair);
    for (const same of samePair.get(JSON.stringify(data.pairs[row]))) {
      const relation = document.createElement("span");
      relation.textContent = data.relations[data.relationOf[same]];
      tip.append(relation);
    }
  }
  redraw();
}

function placeTip() {
  const tip = byId("tip");
  tip.hidden = current < 0;
  if (tip.hidden) return;
  const [x, y] = toScreen(data.points[current]);
  const left = Math.max(4, Math.min(x + 14, view.width - tip.offsetWidth - 4));
  const below = y + 14 + tip.offsetHeight < view.height;
  const top = below ? y + 14 : Math.max(4, y - 14 - tip.offsetHeight);
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
