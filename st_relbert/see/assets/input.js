// Mouse, fingers and keys on the map.
const pointers = new Map();
let moved = 0;

const place = (event) => {
  const frame = canvas.getBoundingClientRect();
  return [event.clientX - frame.left, event.clientY - frame.top];
};

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, place(event));
  moved = 0;
});

canvas.addEventListener("pointermove", (event) => {
  const [x, y] = place(event);
  const before = pointers.get(event.pointerId);
  if (!before) {
    select(nearest(x, y, 18));
    return;
  }
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
  pointers.set(event.pointerId, [x, y]);
  if (others.length) {
    const [ox, oy] = others[0];
    zoomAt(Math.hypot(x - ox, y - oy) / Math.max(1, Math.hypot(before[0] - ox, before[1] - oy)), (x + ox) / 2, (y + oy) / 2);
    moved = 99;
  } else {
    moveBy(x - before[0], y - before[1]);
    moved += Math.hypot(x - before[0], y - before[1]);
  }
  redraw();
});

canvas.addEventListener("pointerup", (event) => {
  // A finger covers what it points at, so it reaches further than a mouse.
  if (moved < 8) select(nearest(...place(event), event.pointerType === "mouse" ? 18 : 28));
  pointers.delete(event.pointerId);
});
canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") select(-1); });

canvas.addEventListener("wheel", (event) => {
  const factor = Math.exp(-event.deltaY / (event.deltaMode ? 8 : 400));
  // When the map is zoomed out fully, the wheel scrolls the page.
  if (factor < 1 && view.scale === 1) return;
  event.preventDefault();
  zoomAt(factor, ...place(event));
  redraw();
}, { passive: false });

function zoomButton(factor) {
  if (factor) zoomAt(factor, view.width / 2, view.height / 2);
  else showAll();
  redraw();
}
for (const button of byId("zoom").children) button.addEventListener("click", () => zoomButton(Number(button.dataset.zoom)));

// Select the nearest mark in the direction of the key. Distance to the side counts twice.
function step(dx, dy) {
  const from = current >= 0 ? toScreen(data.points[current]) : [view.width / 2, view.height / 2];
  let best = Infinity, found = current < 0 ? nearest(...from, 1e9) : current;
  if (current >= 0) data.points.forEach((point, row) => {
    if (!shown[row] || row === current) return;
    const [x, y] = toScreen(point);
    const along = (x - from[0]) * dx + (y - from[1]) * dy;
    const aside = Math.abs((x - from[0]) * dy) + Math.abs((y - from[1]) * dx);
    if (along > 0 && along + 2 * aside < best) { best = along + 2 * aside; found = row; }
  });
  select(found);
  if (found < 0) return;
  const [x, y] = toScreen(data.points[found]);
  if (x < 0 || y < 0 || x > view.width || y > view.height) moveBy(view.width / 2 - x, view.height / 2 - y);
}

canvas.addEventListener("keydown", (event) => {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const zooms = { "+": 1.6, "=": 1.6, "-": 0.625, "0": 0 };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in arrows) step(...arrows[event.key]);
  else if (event.key in zooms) zoomButton(zooms[event.key]);
  else if (event.key === "Escape") select(-1);
  else return;
  event.preventDefault();
});
