// The viewer page: one state, drawn again whenever it changes.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const player = $("player"), canvas = $("timeline");
const rule = { ...data.rule };
const INSIDE = 0.001; // seconds; times are rounded, and seeking must land on the first frame of an interval
const addresses = new Map(); // object URLs of embedded videos, created when they are first shown
let chosen = -1, video = null, intervals = [], view = [0, 1], still = 0, playable = true, columns = null;

function clock(seconds, digits = 0) {
  const whole = Math.max(0, digits ? seconds : Math.floor(seconds + 1e-6));
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const rest = (whole % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return `${hours ? `${hours}:${String(minutes).padStart(2, "0")}` : minutes}:${rest}`;
}
const element = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
const now = () => (playable ? Math.min(player.currentTime, video.seconds) : still);
const clamped = (value, low, high) => Math.min(Math.max(value, low), high);

function runAt(seconds) { // the last run that begins at or before a time
  const starts = video.timeline.seconds;
  let low = 0, high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= seconds) low = middle; else high = middle - 1;
  }
  return low;
}

function seek(seconds) {
  still = clamped(seconds, 0, video.seconds);
  if (playable) player.currentTime = still;
  else showStill();
  follow();
  draw();
}

function showStill() {
  const nearest = nearestThumbnail(video, still);
  $("still").hidden = !nearest;
  if (nearest) $("still").src = nearest[1];
}

function nearestThumbnail(of, seconds) {
  let best = null;
  for (const each of of.thumbnails) if (!best || Math.abs(each[0] - seconds) < Math.abs(best[0] - seconds)) best = each;
  return best;
}

function addressOf(index) {
  const shown = data.videos[index];
  if (!shown.embedded) return shown.address;
  if (!addresses.has(index)) {
    const text = atob($(`video-${index}`).textContent), bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
    addresses.set(index, URL.createObjectURL(new Blob([bytes], { type: shown.kind })));
  }
  return addresses.get(index);
}

function choose(index) {
  chosen = index;
  video = data.videos[index];
  view = [0, video.seconds];
  still = 0;
  $("name").textContent = video.name;
  const facts = [`video score ${video.videoScore.toFixed(3)}`, clock(video.seconds, 1),
    `${video.frames.toLocaleString("en")} frames at ${+video.fps.toFixed(3)}/s`, `${video.width}×${video.height}`, ...video.notes];
  $("facts").textContent = facts.join(" · ");
  if (video.width && video.height) $("stage").style.aspectRatio = `${video.width} / ${video.height}`;
  canvas.setAttribute("aria-valuemax", video.seconds.toFixed(2));
  $("attention-key").hidden = !video.timeline.attention;
  document.querySelectorAll("#videos button").forEach((button, number) => button.setAttribute("aria-current", number === index));
  const address = addressOf(index);
  setPlayable(Boolean(address));
  if (address) player.src = address; else player.removeAttribute("src");
  const poster = nearestThumbnail(video, 0);
  player.poster = poster ? poster[1] : "";
  showTexts();
  updateIntervals();
}

function stepPath(levels) { // in a box of 20 units of height, a unit per column
  return `M0 20${levels.map((level, column) => `V${(20 * (1 - level)).toFixed(1)}H${column + 1}`).join("")}V20Z`;
}

function showTexts() { // a row per text, each on a scale of its own
  const { similarity, seconds } = video.timeline, columns = 300;
  $("texts").hidden = !similarity.length;
  $("texts").querySelector("ol").replaceChildren(...similarity.map(([text, values]) => {
    const low = values.reduce((one, other) => Math.min(one, other)), high = values.reduce((one, other) => Math.max(one, other));
    const score = values.map((value) => (value - low) / Math.max(high - low, 1e-9));
    const row = element("li");
    row.append(element("span", text), element("small", `cosine ${low.toFixed(3)} to ${high.toFixed(3)}, untrained`));
    row.insertAdjacentHTML("beforeend", `<svg viewBox="0 0 ${columns} 20" preserveAspectRatio="none" aria-hidden="true"><path d="${stepPath(highest({ seconds, score }, 0, video.seconds, columns))}"/></svg>`);
    row.lastChild.addEventListener("click", (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * video.seconds);
    });
    return row;
  }));
}

function setPlayable(possible) {
  playable = possible;
  player.hidden = !possible;
  $("still").hidden = possible;
  $("unplayable").hidden = possible || !video.address && !video.embedded;
  if (!possible) showStill();
}

function updateIntervals() { // after the threshold or the video changed
  intervals = findIntervals(video.timeline, rule, video.eventClasses);
  $("threshold-number").textContent = rule.threshold.toFixed(3);
  $("count").textContent = intervals.length === 1 ? "1 interval" : `${intervals.length || "No"} intervals`;
  $("none").hidden = intervals.length > 0;
  $("intervals").replaceChildren(...intervals.slice(0, 500).map((each) => {
    const row = element("li"), button = element("button"), text = element("span");
    button.type = "button";
    const picture = nearestThumbnail(video, each.peak_seconds);
    const image = Object.assign(element("img"), { alt: "", loading: "lazy" });
    if (picture) image.src = picture[1]; else image.style.visibility = "hidden";
    text.append(element("b", `${clock(each.start_seconds, 1)} – ${clock(each.end_seconds, 1)}`));
    if (each.event_class) text.append(element("b", `${each.event_class} ${each.class_probability.toFixed(2)}`));
    text.append(element("small", `peak ${each.peak_score.toFixed(2)} at ${clock(each.peak_seconds, 1)}`));
    const share = each.attention === null ? "" : ` · ${Math.round(100 * each.attention)} % of attention`;
    text.append(element("small", `mean ${each.mean_score.toFixed(2)}${share}`));
    button.append(image, text);
    button.addEventListener("click", () => seek(each.start_seconds + INSIDE));
    row.append(button);
    return row;
  }));
  if (intervals.length > 500) $("intervals").append(element("li", `and ${intervals.length - 500} more`));
  document.querySelectorAll("#videos small").forEach((label, number) => {
    const count = findIntervals(data.videos[number].timeline, rule, data.videos[number].eventClasses).length;
    label.textContent = count ? `${count} interval${count > 1 ? "s" : ""}` : "none";
    label.className = count ? "alarm" : "";
  });
  columns = null;
  draw();
}

function highest(timeline, begin, end, count) { // score per column, of `count` columns
  const { seconds, score } = timeline, levels = new Array(count).fill(0);
  const scale = count / Math.max(end - begin, 1e-9);
  for (let run = 0; run < score.length; run++) {
    if (seconds[run + 1] <= begin || seconds[run] >= end) continue;
    const first = clamped(Math.floor((seconds[run] - begin) * scale), 0, count - 1);
    const last = clamped(Math.ceil((seconds[run + 1] - begin) * scale) - 1, first, count - 1);
    for (let column = first; column <= last; column++) if (score[run] > levels[column]) levels[column] = score[run];
  }
  return levels;
}

const EDGE = { left: 30, right: 10, top: 12, bottom: 22, band: 6 };

function plotArea() { // inside the canvas, in CSS pixels
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const band = video.timeline.attention ? EDGE.band + 3 : 0;
  return { left: EDGE.left, right: width - EDGE.right, top: EDGE.top, bottom: height - EDGE.bottom - band, width, height };
}
const toX = (seconds, at) => at.left + ((seconds - view[0]) / Math.max(view[1] - view[0], 1e-9)) * (at.right - at.left);
const toSeconds = (x, at) => view[0] + clamped((x - at.left) / Math.max(at.right - at.left, 1), 0, 1) * (view[1] - view[0]);

function background(at, ratio) { // everything except the playhead
  const layer = document.createElement("canvas");
  layer.width = at.width * ratio;
  layer.height = at.height * ratio;
  const pen = layer.getContext("2d"), style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const toY = (score) => at.bottom - score * (at.bottom - at.top);
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = color("soft");
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const level of [0, 0.5, 1]) {
    pen.fillText(String(level), at.left - 6, toY(level));
    pen.fillRect(at.left, toY(level), at.right - at.left, 0.25);
  }
  pen.save();
  pen.beginPath();
  pen.rect(at.left, 0, at.right - at.left, at.height);
  pen.clip();
  const alarms = new Path2D();
  pen.fillStyle = color("alarm");
  for (const each of intervals) {
    const left = toX(each.start_seconds, at), width = Math.max(toX(each.end_seconds, at) - left, 1.5);
    alarms.rect(left, at.top - 3, width, at.bottom - at.top + 3);
    pen.fillRect(left, at.top - 6, width, 3);
  }
  const count = Math.max(1, Math.round((at.right - at.left) * ratio)), levels = highest(video.timeline, view[0], view[1], count);
  const step = (at.right - at.left) / count;
  const curve = new Path2D();
  curve.moveTo(at.left, at.bottom);
  levels.forEach((level, column) => {
    curve.lineTo(at.left + column * step, toY(level));
    curve.lineTo(at.left + (column + 1) * step, toY(level));
  });
  curve.lineTo(at.right, at.bottom);
  const area = (name) => {
    pen.fillStyle = pen.strokeStyle = color(name);
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.35;
    pen.fill(curve);
    pen.globalAlpha = 1;
    pen.stroke(curve);
  };
  area("score");
  pen.save();
  pen.clip(alarms);
  pen.fillStyle = color("alarm-soft");
  pen.fillRect(at.left, at.top - 3, at.right - at.left, at.bottom - at.top + 3);
  area("alarm");
  pen.restore();
  const { attention, seconds } = video.timeline;
  if (attention) {
    const density = attention.map((share, run) => share / Math.max(seconds[run + 1] - seconds[run], 1e-9));
    const most = density.reduce((one, other) => Math.max(one, other), 1e-12);
    pen.fillStyle = color("attention");
    density.forEach((each, run) => {
      pen.globalAlpha = each / most;
      pen.fillRect(toX(seconds[run], at), at.bottom + 3, toX(seconds[run + 1], at) - toX(seconds[run], at), EDGE.band);
    });
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = color("soft");
  pen.setLineDash([5, 4]);
  pen.beginPath();
  pen.moveTo(at.left, toY(rule.threshold));
  pen.lineTo(at.right, toY(rule.threshold));
  pen.stroke();
  pen.restore();
  pen.fillStyle = color("soft");
  pen.textAlign = "center";
  const least = (view[1] - view[0]) / Math.max(1, (at.right - at.left) / 90); // a label per 90 pixels
  const apart = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((each) => each >= least) || 14400;
  for (let number = Math.ceil(view[0] / apart); number * apart <= view[1] + 1e-9; number++) {
    const x = clamped(toX(number * apart, at), at.left + 8, at.right - 8);
    pen.fillText(clock(number * apart, apart < 1 ? 1 : 0), x, at.height - 9);
  }
  return { layer, ink: color("ink"), paper: color("paper") };
}

function draw() {
  if (!video) return; // all videos failed, and the page lists the reasons
  const at = plotArea(), ratio = window.devicePixelRatio || 1, key = `${at.width} ${at.height} ${ratio} ${view}`;
  if (!columns || columns.key !== key) {
    columns = { key, ...background(at, ratio) };
    canvas.width = Math.max(1, at.width * ratio);
    canvas.height = Math.max(1, at.height * ratio);
  }
  const pen = canvas.getContext("2d"), seconds = now(), x = toX(seconds, at);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (columns.layer.width && columns.layer.height) pen.drawImage(columns.layer, 0, 0);
  pen.scale(ratio, ratio);
  if (x >= at.left - 1 && x <= at.right + 1) {
    pen.fillStyle = columns.paper;
    pen.fillRect(x - 2.5, 2, 5, at.height - EDGE.bottom);
    pen.fillStyle = columns.ink;
    pen.fillRect(x - 1, 2, 2, at.height - EDGE.bottom);
    pen.beginPath();
    pen.arc(x, 6, 5, 0, 7);
    pen.fill();
  }
  const score = video.timeline.score[runAt(seconds)], shown = element("b", score.toFixed(2));
  shown.classList.toggle("alarm", score >= rule.threshold);
  $("now").replaceChildren(`${clock(seconds, 1)} / ${clock(video.seconds, 1)} · score `, shown);
  canvas.setAttribute("aria-valuenow", seconds.toFixed(2));
  canvas.setAttribute("aria-valuetext", `${clock(seconds, 1)}, score ${score.toFixed(2)}`);
  [...$("intervals").querySelectorAll("button")].forEach((button, number) => {
    const each = intervals[number];
    button.setAttribute("aria-current", String(seconds >= each.start_seconds - 1e-3 && seconds < each.end_seconds));
  });
}

function follow() { // keeps the playhead inside a zoomed view
  const width = view[1] - view[0], seconds = now();
  if (seconds >= view[0] && seconds <= view[1]) return;
  const begin = clamped(seconds - width * 0.1, 0, Math.max(0, video.seconds - width));
  view = [begin, begin + width];
}

function zoom(factor) {
  const width = clamped((view[1] - view[0]) * factor, Math.min(2, video.seconds), video.seconds), middle = now();
  const begin = clamped(middle - width / 2, 0, video.seconds - width);
  view = [begin, begin + width];
  draw();
}

function jump(direction) {
  const seconds = now();
  const next = direction > 0
    ? intervals.find((each) => each.start_seconds > seconds + 0.05)
    : [...intervals].reverse().find((each) => each.start_seconds < seconds - 0.5);
  if (next) seek(next.start_seconds + INSIDE);
}

function hover(event) {
  const at = plotArea(), box = canvas.getBoundingClientRect(), seconds = toSeconds(event.clientX - box.left, at);
  const picture = nearestThumbnail(video, seconds), label = $("hover");
  label.hidden = false;
  label.querySelector("img").hidden = !picture;
  if (picture) label.querySelector("img").src = picture[1];
  label.querySelector("span").textContent = `${clock(seconds, 1)}  score ${video.timeline.score[runAt(seconds)].toFixed(2)}`;
  label.style.left = `${clamped(event.clientX - box.left - label.offsetWidth / 2, 0, box.width - label.offsetWidth)}px`;
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  seek(toSeconds(event.clientX - canvas.getBoundingClientRect().left, plotArea()));
});
canvas.addEventListener("pointermove", (event) => {
  if (canvas.hasPointerCapture(event.pointerId)) seek(toSeconds(event.clientX - canvas.getBoundingClientRect().left, plotArea()));
  if (event.pointerType === "mouse") hover(event);
});
canvas.addEventListener("pointerleave", () => { $("hover").hidden = true; });
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select"), inPlayer = event.target === player;
  if (!video || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const step = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowLeft: () => seek(now() - step), ArrowRight: () => seek(now() + step),
    n: () => jump(1), N: () => jump(1), p: () => jump(-1), P: () => jump(-1),
  };
  if (event.target === canvas) {
    Object.assign(actions, {
      ArrowDown: () => seek(now() - step), ArrowUp: () => seek(now() + step),
      Home: () => seek(0), End: () => seek(video.seconds), PageUp: () => jump(-1), PageDown: () => jump(1),
    });
  }
  if (event.key === " " && playable && !inPlayer && !event.target.matches("button")) {
    actions[" "] = () => (player.paused ? player.play() : player.pause());
  }
  if (!actions[event.key] || inPlayer && event.key.startsWith("Arrow")) return;
  event.preventDefault();
  actions[event.key]();
});
$("threshold").addEventListener("input", (event) => { rule.threshold = Number(event.target.value); updateIntervals(); });
$("previous").addEventListener("click", () => jump(-1));
$("next").addEventListener("click", () => jump(1));
$("closer").addEventListener("click", () => zoom(0.5));
$("farther").addEventListener("click", () => zoom(2));
player.addEventListener("error", () => { if (player.hasAttribute("src")) { setPlayable(false); draw(); } });
for (const name of ["seeked", "timeupdate", "loadedmetadata"]) player.addEventListener(name, () => { follow(); draw(); });
player.addEventListener("play", function tick() {
  follow();
  draw();
  if (!player.paused && !player.ended) requestAnimationFrame(tick);
});
new ResizeObserver(() => draw()).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { columns = null; draw(); });

$("subtitle").textContent = data.subtitle;
$("threshold").value = rule.threshold;
for (const [name, reason] of Object.entries(data.failures)) $("failures").append(element("li", `${name}: ${reason}`));
$("failures").hidden = !$("failures").children.length;
if (data.videos.length > 1) {
  $("videos").hidden = false;
  $("layout").classList.add("several");
  $("videos").firstElementChild.append(...data.videos.map((each, number) => {
    const row = element("li"), button = element("button");
    button.type = "button";
    const levels = highest(each.timeline, 0, each.seconds, 60).map((level) => Math.max(level, 0.06));
    button.append(element("span", each.name), element("small"));
    button.insertAdjacentHTML("beforeend", `<svg viewBox="0 0 60 20" preserveAspectRatio="none" aria-hidden="true"><path d="${stepPath(levels)}"/></svg>`);
    button.addEventListener("click", () => choose(number));
    row.append(button);
    return row;
  }));
}
if (data.videos.length) choose(0);
else document.querySelector("footer").hidden = $("layout").hidden = true;
