"use strict";
// Data: `head` is JSON; `gridN` and `chunkN` are base64 of gzip, unpacked when they are needed.
const $ = (id) => document.getElementById(id);
const head = JSON.parse($("head").textContent);
const style = getComputedStyle(document.documentElement);
const color = (name) => style.getPropertyValue(name).trim();
const COLORS = { read: color("--read"), write: color("--write"), bad: color("--bad"), poll: color("--poll") };
const INK = "#888", LINE = "#8882";
const EXACT_CHUNKS = 4; // Single accesses are drawn when no more than this many pieces are in view.

async function unpack(id) {
  const text = atob($(id).textContent);
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const grids = head.grids.map((grid, n) => ({ ...grid, cells: null, load: () => unpack("grid" + n) }));
const chunks = new Map(); // number -> decoded piece, oldest first
let base = 0;
head.chunks.forEach((chunk) => { chunk.base = base; base += chunk.n; });

async function chunk(number) {
  let piece = chunks.get(number);
  if (!piece) {
    const { n, start } = head.chunks[number];
    const bytes = await unpack("chunk" + number);
    const view = new DataView(bytes.buffer);
    const flags = bytes.subarray(0, n), track = new Uint32Array(n), time = new Float64Array(n);
    const low = new Uint32Array(n), high = new Uint32Array(n);
    let at = n;
    for (let i = 0; i < n; i++, at += 4) track[i] = view.getUint32(at, true);
    let now = start;
    for (let i = 0; i < n; i++) {
      let number = 0, scale = 1, byte;
      do { byte = bytes[at++]; number += (byte & 0x7f) * scale; scale *= 128; } while (byte & 0x80);
      now += number % 2 ? -(number + 1) / 2 : number / 2;
      time[i] = now;
    }
    for (let i = 0; i < n; i++, at += 4) low[i] = view.getUint32(at, true);
    for (let i = 0; i < n; i++) if (flags[i] & 4) { high[i] = view.getUint32(at, true); at += 4; }
    piece = { n, base: head.chunks[number].base, flags, track, time, low, high };
  }
  chunks.delete(number);
  chunks.set(number, piece);
  if (chunks.size > 4 * EXACT_CHUNKS) chunks.delete(chunks.keys().next().value);
  return piece;
}

const hex = (piece, i) => piece.flags[i] & 2 ? "unknown"
  : "0x" + ((BigInt(piece.high[i]) << 32n) | BigInt(piece.low[i])).toString(16);
const seconds = (ns) => (ns / 1e9).toFixed(6) + " s";

// The view: which part of the axis is shown. Order counts accesses, time nanoseconds.
let axis = "order", from = 0, to = 1, exact = [], chosen = [];
// Rows of the map: rank -> row. Single accesses show only the registers in view, one row each.
let rowOf = (rank) => rank, rowCount = 1, rowRanks = [];
const trackOfRank = [];
head.ranks.forEach((rank, track) => { trackOfRank[rank] = track; });
const limits = () => axis === "time" ? [head.first, head.last + 1] : [0, Math.max(1, head.accesses)];
const position = (piece, i) => axis === "time" ? piece.time[i] : piece.base + i;
const markAt = (mark) => axis === "time" ? mark.t : mark.i;

function show(a, b) {
  const [low, high] = limits();
  const span = Math.min(Math.max(b - a, axis === "time" ? 10 : 4), high - low);
  from = Math.min(Math.max(a, low), high - span);
  to = from + span;
  $("place").textContent = axis === "time" ? `${seconds(from)} to ${seconds(to)}`
    : `accesses ${Math.floor(from)} to ${Math.ceil(to)} of ${head.accesses}`;
  draw();
}

function inView() {
  const numbers = [];
  head.chunks.forEach((chunk, number) => {
    const [low, high] = axis === "time" ? [chunk.t0, chunk.t1] : [chunk.base, chunk.base + chunk.n];
    if (high >= from && low <= to) numbers.push(number);
  });
  return numbers;
}

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return { pen, width, height };
}

let drawing = 0;
async function draw() {
  const turn = ++drawing;
  const numbers = inView();
  const isExact = numbers.length <= EXACT_CHUNKS;
  const pieces = isExact ? await Promise.all(numbers.map(chunk)) : [];
  let grid = null;
  if (!isExact) {
    const share = (to - from) / (limits()[1] - limits()[0]);
    const levels = grids.filter((grid) => grid.axis === axis);
    grid = levels.find((grid) => grid.columns * share >= 400) || levels[levels.length - 1];
    grid.cells = grid.cells || await grid.load();
  }
  if (turn !== drawing) return; // A newer view has been asked for.
  exact = pieces;
  placeRows(isExact);
  const { pen, width, height } = prepare($("map"));
  const x = (p) => (p - from) / (to - from) * width;
  drawRuler(pen, x, height);
  drawNames();
  if (isExact) drawAccesses(pen, pieces, x, width, height); else drawGrid(pen, grid, x, width, height);
  drawBars(pen, x, height);
  drawMarks(pen, x, height);
  drawLanes(x, width);
  $("map").dataset.drawn = String(Number($("map").dataset.drawn || 0) + 1);
  $("map").dataset.detail = isExact ? "exact" : "grid";
}

function placeRows(isExact) {
  rowCount = Math.max(1, head.rows.length);
  rowOf = (rank) => rank;
  rowRanks = [];
  if (!isExact) return;
  const seen = new Set();
  for (const piece of exact) for (let i = 0; i < piece.n; i++) {
    const at = position(piece, i);
    if (at >= from && at <= to) seen.add(head.ranks[piece.track[i]]);
  }
  rowRanks = [...seen].sort((a, b) => a - b);
  const rows = new Map(rowRanks.map((rank, row) => [rank, row]));
  rowCount = Math.max(8, rowRanks.length);
  rowOf = (rank) => rows.get(rank);
}

// Beside the map: which register a row is. Where rows are too low for a name each, some have one.
function drawNames() {
  const { pen, width, height } = prepare($("names")), step = height / rowCount;
  const count = rowRanks.length || head.rows.length;
  pen.font = "11px ui-monospace, monospace";
  pen.fillStyle = INK;
  pen.textAlign = "right";
  let free = -Infinity;
  for (let row = 0; row < count; row++) {
    const middle = (row + .5) * step, at = Math.min(Math.max(middle, 6), height - 6);
    if (at - 6 < free) continue;
    const name = head.labels[trackOfRank[rowRanks.length ? rowRanks[row] : row]];
    const most = Math.floor((width - 12) / 6.7);
    pen.fillText(name.length > most ? name.slice(0, most - 1) + "…" : name, width - 8, at + 4);
    pen.fillRect(width - 4, middle, 4, 1);
    free = at + 7;
  }
}

// Below the map: what the axis counts, at round numbers, with faint lines through the map.
function drawRuler(map, x, height) {
  const { pen, width } = prepare($("ruler"));
  const unit = axis === "time" ? 1e9 : 1, origin = axis === "time" ? head.first : 0, span = (to - from) / unit;
  const rough = span / Math.max(2, width / 110), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  const low = Math.ceil((from - origin) / unit / step), high = Math.floor((to - origin) / unit / step);
  for (let tick = low; tick <= high; tick++) {
    const at = x(tick * step * unit + origin);
    map.fillStyle = LINE;
    map.fillRect(at, 0, 1, height);
    pen.fillStyle = INK;
    pen.fillRect(at, 0, 1, 4);
    const value = tick * step;
    if (at > 20 && at < width - 50) pen.fillText(axis === "time" ? (value < 0 ? "" : "+") + value.toFixed(digits) : value.toLocaleString("en", { maximumFractionDigits: digits }), at, 15);
  }
  pen.textAlign = "right";
  pen.fillStyle = INK;
  pen.fillText(axis === "time" ? "seconds" : "accesses", width - 2, 15);
}

function drawAccesses(pen, pieces, x, width, height) {
  const step = height / rowCount, size = Math.max(2, Math.min(6, step));
  for (const [flag, name] of [[0, "read"], [1, "write"]]) {
    pen.fillStyle = COLORS[name];
    for (const piece of pieces) for (let i = 0; i < piece.n; i++) {
      if ((piece.flags[i] & 1) !== flag) continue;
      const px = x(position(piece, i));
      const row = rowOf(head.ranks[piece.track[i]]);
      if (row !== undefined && px >= -size && px <= width + size) pen.fillRect(px - size / 2, row * step + (step - size) / 2, size, size);
    }
  }
}

function drawGrid(pen, grid, x, width, height) {
  const [low, high] = limits(), cell = (high - low) / grid.columns, step = height / grid.rows;
  const plane = grid.rows * grid.columns;
  const first = Math.max(0, Math.floor((from - low) / cell)), last = Math.min(grid.columns - 1, Math.ceil((to - low) / cell));
  for (let row = 0; row < grid.rows; row++) for (let column = first; column <= last; column++) {
    const at = row * grid.columns + column, reads = grid.cells[at], writes = grid.cells[plane + at];
    if (!reads && !writes) continue;
    const left = x(low + column * cell), wide = Math.max(1, cell / (to - from) * width);
    const half = Math.max(1, step / 2);
    if (reads) { pen.globalAlpha = Math.min(1, .3 + Math.log2(reads + 1) / 8); pen.fillStyle = COLORS.read; pen.fillRect(left, row * step, wide, writes ? half : Math.max(1, step)); }
    if (writes) { pen.globalAlpha = Math.min(1, .3 + Math.log2(writes + 1) / 8); pen.fillStyle = COLORS.write; pen.fillRect(left, row * step + (reads ? half : 0), wide, reads ? half : Math.max(1, step)); }
  }
  pen.globalAlpha = 1;
}

function drawBars(pen, x, height) {
  const step = height / rowCount;
  pen.fillStyle = COLORS.poll;
  pen.globalAlpha = .35;
  for (const bar of head.bars) {
    const [a, b] = axis === "time" ? bar.t : bar.i;
    const row = rowOf(head.ranks[bar.track]);
    if (b < from || a > to || row === undefined) continue;
    pen.fillRect(x(a), row * step, Math.max(2, x(b) - x(a)), Math.max(3, step));
  }
  pen.globalAlpha = 1;
}

function drawMarks(pen, x, height) {
  let blind = null;
  // Above the map: the texts, in lines; where the last of each line ends.
  const { pen: labels, height: room } = prepare($("labels")), ends = Array(Math.floor(room / 14)).fill(-1);
  labels.font = "11px system-ui, sans-serif";
  for (const mark of head.marks) {
    const at = markAt(mark), px = x(at);
    if (mark.kind === "blind-begin") blind = at;
    if (mark.kind === "blind-end" && blind !== null) {
      pen.globalAlpha = .2; pen.fillStyle = COLORS.bad; pen.fillRect(x(blind), 0, Math.max(1, px - x(blind)), height); pen.globalAlpha = 1; blind = null;
    }
    if (at < from || at > to || mark.kind === "map") continue;
    pen.fillStyle = mark.kind === "mark" ? "#888" : COLORS.bad;
    pen.fillRect(px, 0, mark.kind === "mark" ? 1 : 2, height);
    // A text that would lie over another is left to the table of marks.
    const text = mark.text.slice(0, 40), line = ends.findIndex((end) => end < px);
    if (line < 0) continue;
    ends[line] = px + labels.measureText(text).width + 8;
    labels.fillStyle = pen.fillStyle;
    labels.fillRect(px, line * 14 + 2, 1, room);
    labels.fillText(text, px + 4, line * 14 + 11);
  }
  if (blind !== null) { pen.globalAlpha = .2; pen.fillStyle = COLORS.bad; pen.fillRect(x(blind), 0, x(to) - x(blind), height); pen.globalAlpha = 1; }
}

// Lanes: the value of a chosen register as steps. Drawn from single accesses only.
function choose(track) {
  chosen = chosen.includes(track) ? chosen.filter((other) => other !== track) : [...chosen, track];
  const lanes = chosen.map((track) => {
    const lane = document.createElement("div");
    lane.className = "lane";
    const name = document.createElement("span"), canvas = document.createElement("canvas"), close = document.createElement("button");
    name.textContent = head.labels[track];
    close.textContent = "×";
    close.setAttribute("aria-label", "close " + head.labels[track]);
    close.onclick = () => choose(track);
    canvas.dataset.track = track;
    lane.append(name, canvas, close);
    return lane;
  });
  $("lanes").replaceChildren(...lanes);
  draw();
}

function drawLanes() {
  for (const canvas of document.querySelectorAll(".lane canvas")) {
    const track = Number(canvas.dataset.track), { pen, width, height } = prepare(canvas);
    const points = [];
    for (const piece of exact) for (let i = 0; i < piece.n; i++) {
      if (piece.track[i] === track && !(piece.flags[i] & 2)) points.push([position(piece, i), piece.high[i] * 2 ** 32 + piece.low[i], piece.flags[i] & 1]);
    }
    pen.font = "11px sans-serif";
    pen.fillStyle = "#888";
    if (!exact.length) { pen.fillText("zoom in to see values", 6, 20); continue; }
    const top = points.reduce((most, point) => Math.max(most, point[1]), 1);
    const x = (p) => (p - from) / (to - from) * width, y = (value) => height - 4 - value / top * (height - 16);
    pen.strokeStyle = "#888";
    pen.beginPath();
    points.forEach(([at, value], n) => { if (n) pen.lineTo(x(at), y(points[n - 1][1])); pen.lineTo(x(at), y(value)); });
    pen.stroke();
    for (const [at, value, write] of points) { pen.fillStyle = write ? COLORS.write : COLORS.read; pen.fillRect(x(at) - 1.5, y(value) - 1.5, 3, 3); }
    pen.fillStyle = "#888";
    pen.fillText("0x" + top.toString(16), 6, 10);
  }
}

// Pointing, zooming, panning.
function nearest(px, py) {
  const canvas = $("map"), step = canvas.clientHeight / rowCount, width = canvas.clientWidth;
  let best = null, distance = 100;
  for (const piece of exact) for (let i = 0; i < piece.n; i++) {
    const dx = (position(piece, i) - from) / (to - from) * width - px;
    if (dx * dx > distance) continue;
    const dy = (rowOf(head.ranks[piece.track[i]]) + .5) * step - py, d = dx * dx + dy * dy;
    if (d < distance) { distance = d; best = [piece, i]; }
  }
  return best;
}

function point(event) {
  const tip = $("tip"), found = nearest(event.offsetX, event.offsetY);
  const canvas = $("map"), at = from + event.offsetX / canvas.clientWidth * (to - from);
  const row = Math.floor(event.offsetY / canvas.clientHeight * rowCount);
  const bar = head.bars.find((bar) => {
    const [a, b] = axis === "time" ? bar.t : bar.i;
    return a <= at && at <= b && rowOf(head.ranks[bar.track]) === row;
  });
  if (found) {
    const [piece, i] = found, row = head.rows[piece.track[i]];
    tip.textContent = `${piece.flags[i] & 1 ? "write" : "read"} ${head.labels[piece.track[i]]} = ${hex(piece, i)}\n${seconds(piece.time[i])}   access ${piece.base + i}   ${row.phys}` + (bar ? "\n" + bar.text : "");
  } else if (bar) tip.textContent = `${head.labels[bar.track]}: ${bar.text}`;
  else if (!exact.length) tip.textContent = head.labels[trackOfRank[row]] || "";
  else tip.textContent = "";
  tip.hidden = !tip.textContent;
  tip.style.left = canvas.offsetLeft + Math.min(event.offsetX + 12, canvas.clientWidth - 260) + "px";
  tip.style.top = event.offsetY + 12 + "px";
}

let drag = null;
$("map").addEventListener("wheel", (event) => {
  event.preventDefault();
  const at = from + event.offsetX / $("map").clientWidth * (to - from), scale = Math.exp(event.deltaY / 300);
  show(at - (at - from) * scale, at + (to - at) * scale);
}, { passive: false });
$("map").addEventListener("pointerdown", (event) => { drag = { x: event.offsetX, from, to, moved: false }; $("map").setPointerCapture(event.pointerId); });
$("map").addEventListener("pointermove", (event) => {
  if (!drag) return point(event);
  const shift = (drag.x - event.offsetX) / $("map").clientWidth * (drag.to - drag.from);
  if (Math.abs(event.offsetX - drag.x) > 3) drag.moved = true;
  if (drag.moved) show(drag.from + shift, drag.to + shift);
});
$("map").addEventListener("pointerup", (event) => {
  const found = drag && !drag.moved && nearest(event.offsetX, event.offsetY);
  drag = null;
  if (found) choose(found[0].track[found[1]]);
});
$("map").addEventListener("pointerleave", () => { $("tip").hidden = true; });
$("map").addEventListener("keydown", (event) => {
  const span = to - from, moves = { ArrowLeft: [-.2, -.2], ArrowRight: [.2, .2], "+": [.2, -.2], "-": [-.3, .3] }[event.key];
  if (moves) { event.preventDefault(); show(from + moves[0] * span, to + moves[1] * span); }
});
$("axis").onchange = () => { axis = $("axis").value; show(...limits()); };
$("all").onclick = () => show(...limits());

// Tables that sort by any column. At most a thousand rows are shown; the filter finds the others.
function table(id, columns, rows, click) {
  let sorted = null, descending = false, words = "";
  const body = $(id).tBodies[0];
  const fill = () => {
    let list = rows.filter((row) => columns.some((column) => String(column.get(row)).toLowerCase().includes(words)));
    if (sorted) list.sort((a, b) => { const [p, q] = [sorted.get(a), sorted.get(b)]; return (p < q ? -1 : p > q ? 1 : 0) * (descending ? -1 : 1); });
    if (id === "registers") $("count").textContent = `${list.length} of ${rows.length}`;
    body.replaceChildren(...list.slice(0, 1000).map((row) => {
      const line = document.createElement("tr");
      line.className = row.kind || "";
      for (const column of columns) {
        const cell = document.createElement("td"), value = column.get(row);
        cell.textContent = column.print ? column.print(value) : value;
        if (typeof value === "number") cell.className = "n";
        line.append(cell);
      }
      line.onclick = () => click(row);
      return line;
    }));
  };
  $(id).tHead.rows[0].replaceChildren(...columns.map((column) => {
    const cell = document.createElement("th");
    cell.textContent = column.name;
    if (rows.length && typeof column.get(rows[0]) === "number") cell.className = "n";
    cell.onclick = () => {
      descending = sorted === column ? !descending : typeof column.get(rows[0] || {}) === "number";
      sorted = column;
      for (const other of cell.parentNode.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      fill();
    };
    return cell;
  }));
  fill();
  return (text) => { words = text.toLowerCase(); fill(); };
}

$("title").textContent = head.title;
$("verdict").replaceChildren(...head.verdict.map((line) => {
  const item = document.createElement("li");
  item.className = line.severity;
  item.textContent = line.text;
  return item;
}));
head.rows.forEach((row, track) => { row.track = track; });
const filter = table("registers", [
  ...(head.rows.some((row) => row.device) ? [{ name: "device", get: (row) => row.device ? `${row.device} BAR${row.bar}` : "" }] : []),
  { name: "register", get: (row) => row.name }, { name: "address", get: (row) => row.phys }, { name: "map", get: (row) => row.map },
  { name: "width", get: (row) => row.width }, { name: "reads", get: (row) => row.reads }, { name: "writes", get: (row) => row.writes },
  { name: "changes", get: (row) => row.changes }, { name: "last value", get: (row) => row.last },
], [...head.rows].sort((a, b) => b.reads + b.writes - a.reads - a.writes), (row) => choose(row.track));
$("filter").oninput = () => filter($("filter").value);
table("marks", [
  { name: "time", get: (mark) => mark.t, print: seconds }, { name: "after access", get: (mark) => mark.i },
  { name: "kind", get: (mark) => mark.kind }, { name: "text", get: (mark) => mark.text },
], head.marks, (mark) => { const half = (to - from) / 20; show(markAt(mark) - half, markAt(mark) + half); });
window.addEventListener("resize", () => draw());
show(...limits());
