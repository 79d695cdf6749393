// The map: marks on a canvas, the groups' names above them, and the pair under the pointer.
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
  rows.filter((row) => !shown[row]).forEach((row) => drawMark(row, radius * 0.7, colour("faint"), ratio));
  rows.filter((row) => shown[row]).forEach((row) => drawMark(row, radius, visible(data.groups[data.groupOf[row]].colour), ratio));
  if (current >= 0) {
    const [x, y] = toScreen(data.points[current]);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineWidth = 2;
    context.strokeStyle = colour("ink");
    context.beginPath();
    context.arc(x, y, radius + 5, 0, 7);
    context.stroke();
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  placeLabels(radius);
  drawWords(radius);
  placeTip();
}

function drawMark(row, radius, fill, ratio) {
  const [x, y] = toScreen(data.points[row]);
  if (x < -9 || y < -9 || x > view.width + 9 || y > view.height + 9) return;
  context.setTransform(ratio * radius, 0, 0, ratio * radius, ratio * x, ratio * y);
  const outline = outlines[data.groups[data.groupOf[row]].shape];
  context.fillStyle = fill;
  context.fill(outline);
  context.lineWidth = 0.6 / radius;
  context.strokeStyle = colour("page");
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

// Large clouds first. A name goes as near to its cloud as it can without covering a mark; without room, it is left out.
const labels = data.clouds.map((cloud) => {
  const span = document.createElement("span");
  const example = document.createElement("small");
  example.textContent = pairText(cloud.row);
  span.append(cloud.name, example);
  span.style.borderColor = visible(data.groups[data.groupOf[cloud.row]].colour);
  byId("labels").append(span);
  return { cloud, span };
});
const shifts = [];
for (let dx = -4; dx <= 4; dx++) for (let dy = -8; dy <= 8; dy++) shifts.push([dx / 2, dy / 2]);
shifts.sort((a, b) => Math.hypot(...a) - Math.hypot(...b));

// Occupied places, in squares of 6 pixels.
const SQUARE = 6;
const squares = ([left, top, width, height]) => {
  const found = [];
  for (let x = Math.floor(left / SQUARE); x <= (left + width) / SQUARE; x++)
    for (let y = Math.floor(top / SQUARE); y <= (top + height) / SQUARE; y++) found.push(x * 4096 + y);
  return found;
};
let taken = new Set();
const isFree = (box) => box[0] >= 0 && box[1] >= 0 && box[0] + box[2] <= view.width && box[1] + box[3] <= view.height
  && !squares(box).some((square) => taken.has(square));
const take = (box) => squares(box).forEach((square) => taken.add(square));

function placeLabels(radius) {
  const buttons = byId("zoom");
  taken = new Set(squares([buttons.offsetLeft, buttons.offsetTop, buttons.offsetWidth, buttons.offsetHeight]));
  data.points.forEach((point) => {
    const [x, y] = toScreen(point);
    if (x >= 0 && y >= 0 && x <= view.width && y <= view.height) take([x - radius / 2, y - radius / 2, radius, radius]);
  });
  const sizes = labels.map(({ span }) => [span.offsetWidth, span.offsetHeight]);
  labels.forEach(({ cloud, span }, index) => {
    const [width, height] = sizes[index];
    const [x, y] = toScreen(cloud.place);
    const inside = x >= 0 && y >= 0 && x <= view.width && y <= view.height && shown[cloud.row];
    const box = (inside ? shifts : [])
      .map(([dx, dy]) => [x + dx * (width / 2 + height) - width / 2, y + dy * height - height / 2, width, height]).find(isFree);
    span.style.visibility = box ? "visible" : "hidden";
    if (!box) return;
    take(box);
    span.style.transform = `translate(${Math.round(box[0])}px, ${Math.round(box[1])}px)`;
    context.strokeStyle = visible(data.groups[data.groupOf[cloud.row]].colour);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(box[0] + width / 2, box[1] + height / 2);
    context.stroke();
  });
}

// The words of the marks, if few enough are in view.
function drawWords(radius) {
  const seen = data.points.map((point, row) => [row, ...toScreen(point)])
    .filter(([row, x, y]) => shown[row] && x > 0 && y > 0 && x < view.width && y < view.height);
  if (seen.length > 120) return;
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colour("ink");
  for (const [row, x, y] of seen) {
    const words = pairText(row), width = context.measureText(words).width;
    const gap = radius / 2 + SQUARE + 3; // so that a mark and its words never share a square
    const corners = [[x + gap, y - 7], [x - gap - width, y - 7], [x - width / 2, y - gap - 14], [x - width / 2, y + gap]];
    const box = corners.map((corner) => [...corner, width, 14]).find(isFree);
    if (!box) continue;
    take(box);
    context.fillText(words, box[0], box[1] + 11);
  }
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
    if (data.neighbours[row]?.length) {
      const near = document.createElement("span");
      near.textContent = `nearest: ${data.neighbours[row].map(pairText).join(", ")}`;
      tip.append(near);
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
