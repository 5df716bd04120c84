"use strict";
// Asks for what is new once a second. Everything that comes from outside is set as text, never as HTML.
const POLL = 1000, FEW = matchMedia("(min-width: 60rem)").matches ? 8 : 2; // alerts that are over, at first
const $ = (id) => document.getElementById(id);
const canSay = document.body.dataset.canSay === "yes";
const WORDS = { live: "live", lost: "lost", connecting: "connecting", ended: "ended" };
const VERDICTS = { acknowledged: "Acknowledged", "false alarm": "False alarm", missed: "Missed, reported by hand", confirmed: "Confirmed" };
let sequence = 0, alertsVersion = -1, cards = [], alerts = [], showAll = false, failures = 0, now = 0, stripSeconds = 300;

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
// Of another day with its date: a folder may hold alerts of a month.
const moment = (seconds) => (new Date(seconds * 1000).toDateString() === new Date(now * 1000).toDateString() ? "" : `${new Date(seconds * 1000).toLocaleDateString()} `) + clock(seconds);
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function newCard(number) {
  const item = $("camera-template").content.cloneNode(true).firstElementChild;
  const card = { number, item, points: [], camera: null, asked: null, loading: false, visible: true,
    image: item.querySelector("img"), strip: item.querySelector(".strip") };
  item.querySelector(".missed").hidden = !canSay;
  item.querySelector(".missed").addEventListener("click", () => say({
    title: "Missed something", what: `${card.camera.name}: keep a clip, and label it as an anomaly.`, seconds: true,
    path: `/cameras/${number}/missed`,
  }));
  card.image.addEventListener("load", () => { card.loading = false; card.image.hidden = false; item.querySelector(".waiting").hidden = true; });
  card.image.addEventListener("error", () => { card.loading = false; });
  new IntersectionObserver((entries) => { card.visible = entries.at(-1).isIntersecting; }).observe(item);
  $("camera-list").append(item);
  return card;
}

function showCamera(card, camera) {
  card.camera = camera;
  card.points.push(...camera.points);
  while (card.points.length && card.points[0][0] < now - stripSeconds) card.points.shift();
  const { item } = card, high = camera.threshold !== null && camera.score !== null && camera.score >= camera.threshold;
  const isOpen = alerts.some((each) => each.open && each.camera === camera.name);
  item.className = `camera ${camera.connection}${isOpen ? " alarm" : ""}`;
  item.querySelector("h3").textContent = camera.name;
  item.querySelector(".badge").className = `badge ${camera.connection}`;
  item.querySelector(".badge").textContent = WORDS[camera.connection] || camera.connection;
  item.querySelector(".place").textContent = camera.place;
  item.querySelector(".place").hidden = !camera.place;
  item.querySelector(".detail").textContent = camera.detail;
  item.querySelector(".detail").hidden = !camera.detail || camera.connection === "live";
  const facts = item.querySelector(".facts"), score = document.createElement("b");
  score.textContent = camera.score === null ? "–" : camera.score.toFixed(2);
  score.className = high ? "alarm" : "";
  const parts = [];
  if (camera.threshold !== null) parts.push(`threshold ${camera.threshold.toFixed(2)}`);
  if (camera.fps !== null) parts.push(`${camera.fps} fps, ${camera.scored_fps} scored`);
  if (camera.latency) parts.push(`${camera.latency[0].toFixed(1)} s behind`);
  if (camera.skipped) parts.push(`${camera.skipped} skipped`);
  facts.replaceChildren("score ", score, parts.length ? ` · ${parts.join(" · ")}` : "");
  card.image.alt = `Current picture of ${camera.name}`;
  card.strip.setAttribute("aria-label", `Scores of ${camera.name} in the last minutes; now ${score.textContent}`);
  draw(card);
  // One picture at a time, only where somebody looks.
  if (camera.frame !== null && camera.frame !== card.asked && !card.loading && card.visible && !document.hidden) {
    card.asked = camera.frame;
    card.loading = true;
    card.image.src = `/cameras/${card.number}/frame.jpg?n=${camera.frame}`;
  }
}

function draw(card) {
  const { strip, points, camera } = card, ratio = devicePixelRatio || 1;
  const width = Math.round(strip.clientWidth * ratio), height = Math.round(strip.clientHeight * ratio);
  if (!width || !height) return;
  if (strip.width !== width || strip.height !== height) Object.assign(strip, { width, height });
  const pen = strip.getContext("2d"), inset = 2 * ratio;
  const x = (when) => width * (1 - (now - when) / stripSeconds), y = (score) => inset + (height - 2 * inset) * (1 - score);
  pen.clearRect(0, 0, width, height);
  const threshold = camera.threshold;
  if (threshold !== null) {
    pen.fillStyle = style("--alarm-soft");
    points.forEach(([when, score], index) => {
      if (score < threshold) return;
      const next = points[index + 1], end = next && !next[2] ? x(next[0]) : x(when) + 2 * ratio;
      pen.fillRect(x(when), 0, Math.max(end - x(when), ratio), height);
    });
    pen.strokeStyle = style("--alarm");
    pen.lineWidth = ratio;
    pen.setLineDash([4 * ratio, 4 * ratio]);
    pen.beginPath(); pen.moveTo(0, y(threshold)); pen.lineTo(width, y(threshold)); pen.stroke();
    pen.setLineDash([]);
  }
  pen.strokeStyle = style("--score");
  pen.lineWidth = 2 * ratio;
  pen.lineJoin = "round";
  pen.beginPath();
  points.forEach(([when, score, gap], index) => (gap || !index ? pen.moveTo(x(when), y(score)) : pen.lineTo(x(when), y(score))));
  pen.stroke();
}

function showAlerts() {
  $("no-alerts").hidden = alerts.length > 0;
  const shown = showAll ? alerts : [...alerts.filter((each) => each.open), ...alerts.filter((each) => !each.open).slice(0, FEW)];
  $("more").hidden = shown.length === alerts.length;
  $("more").textContent = `Show all ${alerts.length} alerts`;
  $("alert-list").replaceChildren(...shown.map(alertItem));
}

function alertItem(alert) {
  const item = $("alert-template").content.cloneNode(true).firstElementChild;
  item.className = `alert${alert.open ? " is-open" : ""}`;
  item.dataset.id = alert.id;
  const begin = Date.parse(alert.start) / 1000, seconds = Math.max(0, Date.parse(alert.end) / 1000 - begin);
  item.querySelector("h3").textContent = alert.camera;
  const badge = item.querySelector(".badge");
  badge.className = `badge ${alert.open ? "open" : "ended"}`;
  badge.textContent = alert.open ? "open" : alert.event === "missed" ? "kept by hand" : "over";
  const facts = [moment(begin), `${seconds.toFixed(0)} s`, `peak ${Number(alert.peak_score).toFixed(2)}`];
  if (alert.place) facts.unshift(alert.place);
  if (alert.event_class) facts.push(alert.event_class);
  item.querySelector(".facts").textContent = facts.join(" · ");
  item.querySelector(".verdicts").replaceChildren(...alert.verdicts.map((each) => {
    const line = document.createElement("li");
    line.textContent = (VERDICTS[each.kind] || each.kind) + (each.note ? `: ${each.note}` : "");
    return line;
  }));
  const image = item.querySelector("img");
  if (alert.picture) {
    // The picture of an open alert may be replaced by that of a higher score.
    image.src = `/alerts/${alert.id}/picture.jpg?n=${encodeURIComponent(alert.peak_score)}`;
    image.alt = `Frame of the highest score, ${alert.camera}`;
    image.hidden = false;
    item.querySelector(".none").hidden = true;
    image.addEventListener("error", () => { image.hidden = true; item.querySelector(".none").hidden = false; });
  }
  item.querySelector(".look").disabled = !alert.picture && !alert.clip;
  item.querySelector(".look").setAttribute("aria-label", `Look at the alert of ${alert.camera}`);
  item.querySelector(".look").addEventListener("click", () => showMedia(alert));
  item.querySelector(".clip").hidden = !alert.clip;
  item.querySelector(".clip").addEventListener("click", () => showMedia(alert));
  const said = new Set(alert.verdicts.map((each) => each.kind));
  for (const [name, kind, title] of [["acknowledge", "acknowledged", "Acknowledge"], ["false-alarm", "false alarm", "False alarm"]]) {
    const button = item.querySelector(`.${name}`);
    button.hidden = !canSay || said.has(kind) || alert.event === "missed";
    button.addEventListener("click", () => say({ title, what: `${alert.camera}, ${moment(begin)}`, path: `/alerts/${alert.id}/verdict`, kind }));
  }
  return item;
}

function showMedia(alert) {
  $("show-title").textContent = `${alert.camera}, ${new Date(alert.start).toLocaleString()}`;
  const media = document.createElement(alert.clip ? "video" : "img");
  if (alert.clip) Object.assign(media, { controls: true, autoplay: true, muted: true, loop: true, playsInline: true });
  media.src = `/alerts/${alert.id}/${alert.clip ? "clip.mp4" : "picture.jpg"}`;
  $("show-media").replaceChildren(media);
  $("show").showModal();
}
$("show").addEventListener("close", () => $("show-media").replaceChildren());

let saying = null;
function say(what) {
  saying = what;
  $("say-title").textContent = what.title;
  $("say-what").textContent = what.what;
  $("say-seconds-label").hidden = !what.seconds;
  $("say-note").value = "";
  $("say-problem").hidden = true;
  $("say-save").disabled = false;
  $("say").showModal();
  $("say-note").focus();
}
$("say-cancel").addEventListener("click", () => $("say").close());
$("say").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("say-save").disabled = true;
  const note = $("say-note").value;
  const body = saying.seconds ? { seconds: Number($("say-seconds").value), note } : { kind: saying.kind, note };
  try {
    const answer = await fetch(saying.path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error((await answer.json()).error);
    $("say").close();
    await poll();
  } catch (error) {
    $("say-problem").textContent = `Not saved: ${error.message}`;
    $("say-problem").hidden = false;
    $("say-save").disabled = false;
  }
});
$("more").addEventListener("click", () => { showAll = true; showAlerts(); });

function trouble(text) { $("trouble").textContent = text; $("trouble").hidden = !text; }

async function poll() {
  let found;
  try {
    const answer = await fetch(`/live?after=${sequence}&alerts=${alertsVersion}`, { signal: AbortSignal.timeout(10000) });
    if (answer.status === 401) { location.assign("/login"); return; }
    found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    failures = 0;
  } catch {
    failures += 1;
    if (failures > 2) trouble("The watch does not answer. What is shown is old; trying again.");
    return;
  }
  if (found.sequence < sequence) { location.reload(); return; } // the watch was started again
  trouble(found.over ? "The watch has ended." : "");
  ({ now, sequence, strip_seconds: stripSeconds, alerts_version: alertsVersion } = found);
  if (found.alerts) { alerts = found.alerts; showAlerts(); }
  $("no-cameras").hidden = found.cameras.length > 0;
  found.cameras.forEach((camera, number) => { cards[number] ||= newCard(number); showCamera(cards[number], camera); });
  const live = found.cameras.filter((each) => each.connection === "live").length, open = alerts.filter((each) => each.open).length;
  const summary = `${live} of ${found.cameras.length} live, ${open} open ${open === 1 ? "alert" : "alerts"}`;
  if ($("summary").textContent !== summary) $("summary").textContent = summary;
  document.title = open ? `(${open}) Live cameras` : "Live cameras";
}
async function run() { for (;;) { await poll(); await new Promise((resolve) => setTimeout(resolve, POLL)); } }
addEventListener("resize", () => cards.forEach((card) => card.camera && draw(card)));
run();
