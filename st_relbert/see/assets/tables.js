// Legend, heat map and clusters beside and below the map; then the first drawing.
const svg = byId("confusion");
function element(name, attributes, text = "") {
  const made = document.createElementNS(svg.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function chooseRows(rows) {
  choice.groups.clear();
  choice.relation = -1;
  byId("relation").value = "";
  choice.rows = rows && new Set(rows);
  updateChoice();
}

function updateChoice() {
  [...byId("legend").children].forEach((button, index) => button.setAttribute("aria-pressed", choice.groups.has(index)));
  updateShown();
  showRows(shown.flatMap((is, row) => (is ? [row] : [])));
}

data.groups.forEach((group, index) => {
  const button = document.createElement("button");
  button.type = "button";
  const sample = element("svg", { viewBox: "-1.3 -1.3 2.6 2.6", "aria-hidden": "true" });
  const corners = data.shapes[group.shape].map(([x, y]) => `${x},${-y}`).join(" ");
  sample.append(element("polygon", { points: corners, fill: visible(group.colour) }));
  const name = document.createElement("span");
  name.textContent = group.name;
  const size = document.createElement("small");
  size.textContent = group.size;
  button.append(sample, name, size);
  button.addEventListener("click", () => {
    choice.rows = null;
    if (!choice.groups.delete(index)) choice.groups.add(index);
    updateChoice();
  });
  byId("legend").append(button);
});

data.relations.map((name, index) => [name, index]).sort().forEach(([name, index]) => byId("relation").add(new Option(name, index)));
byId("relation").addEventListener("change", () => {
  choice.rows = null;
  choice.groups.clear();
  choice.relation = byId("relation").value === "" ? -1 : Number(byId("relation").value);
  updateChoice();
});

byId("all").addEventListener("click", () => {
  choice.word = byId("find").value = "";
  chooseRows(null);
});
byId("find").addEventListener("input", () => {
  choice.word = byId("find").value.trim().toLowerCase();
  updateChoice();
});

// By the square root of the share, because most errors are rare.
function shade(share) {
  const light = [247, 251, 255], full = [8, 48, 107], part = Math.sqrt(share);
  return `rgb(${light.map((value, index) => Math.round(value + (full[index] - value) * part)).join(",")})`;
}

function drawConfusion() {
  const count = data.relations.length, cell = count > 150 ? 8 : 14, edge = 8 + 6.6 * Math.max(...data.relationShort.map((name) => name.length));
  const size = edge + count * cell;
  for (const [key, value] of Object.entries({ width: size + 8, height: size + 8 })) svg.setAttribute(key, value);
  const scored = new Set(data.confusion.map(([row]) => row));
  for (let row = 0; row < count; row++) {
    svg.append(element("rect", { x: edge, y: edge + row * cell, width: count * cell, height: cell - 1, class: scored.has(row) ? "scored" : "unscored" }));
  }
  if (cell >= 12) data.relationShort.forEach((name, index) => {
    const middle = edge + (index + 0.5) * cell;
    svg.append(element("text", { x: edge - 4, y: middle + 4, "text-anchor": "end" }, name));
    svg.append(element("text", { transform: `translate(${middle + 4} ${edge - 4}) rotate(-90)` }, name));
  });
  for (const [row, column, share] of data.confusion) {
    const rect = element("rect", { x: edge + column * cell, y: edge + row * cell, width: cell - 1, height: cell - 1, fill: shade(share) });
    svg.append(rect);
  }
  const shares = new Map(data.confusion.map(([row, column, share]) => [row * count + column, share]));
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    const column = Math.floor((event.clientX - frame.left - edge) / cell), row = Math.floor((event.clientY - frame.top - edge) / cell);
    if (Math.min(row, column) < 0 || Math.max(row, column) >= count || !scored.has(row)) return;
    byId("cell").textContent = `${percent(shares.get(row * count + column) ?? 0)} of ${data.relations[row]} are nearest to the prototype of ${data.relations[column]}`;
  });
}

function cellOf(row, text) {
  const cell = row.insertCell();
  cell.textContent = text;
  return cell;
}

function listClusters() {
  const inside = data.clusters.reduce((sum, cluster) => sum + cluster.rows.length, 0);
  byId("clustered").textContent = `HDBSCAN finds ${data.clusters.length} clusters of the vectors themselves, with ${percent(inside / data.pairs.length)} of the pairs; the others lie between.`;
  for (const cluster of data.clusters) {
    const row = byId("clusters").insertRow();
    cellOf(row, cluster.rows.length);
    cellOf(row, cluster.relation);
    cellOf(row, percent(cluster.purity));
    cellOf(row, cluster.rows.slice(0, 5).map(pairText).join(", "));
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Show on map";
    button.addEventListener("click", () => {
      chooseRows(cluster.rows);
      byId("frame").scrollIntoView({ block: "center" });
    });
    cellOf(row, "").append(button);
  }
}

byId("accuracy").textContent = (data.accuracy === null ? "" : `${percent(data.accuracy)} of the pairs are nearest to the prototype of their own relation, which is the mean of its other pairs. `)
  + "True relation down the side, nearest prototype along the top.";
drawConfusion();
listClusters();
// On a phone the map comes first.
if (innerWidth <= 760) for (const part of document.querySelectorAll("details")) part.open = false;
dark.addEventListener("change", () => location.reload());
new ResizeObserver(() => { resize(); keepInView(); redraw(); }).observe(byId("frame"));
resize();
keepInView();
updateChoice();
draw();
