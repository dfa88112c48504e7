"use strict";
/* Live calls and devices: a list by REST at every snapshot, then kept by events. */
const byId = (id) => document.getElementById(id);
const calls = new Map();
const devices = new Map();
let socket = null;
let place = ""; /* EPOCH:SEQ of the last event */
let epoch = "";
let wait = 1000;
let isLoggedIn = false;

async function ask(method, path, body) {
  const options = { method, headers: { "X-Requested-With": "page" }, credentials: "same-origin" };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const box = line.insertCell();
    if (cell instanceof Node) box.append(cell);
    else box.textContent = cell ?? "";
  }
  return line;
}

function word(text, kind) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

function hangUp(callId) {
  const button = document.createElement("button");
  button.textContent = "Hang up";
  button.addEventListener("click", () => ask("DELETE", "/api/calls/" + encodeURIComponent(callId)));
  return button;
}

function show() {
  byId("calls").replaceChildren(...[...calls.values()].map((c) => row([
    c.fromName ? `${c.fromName} (${c.from})` : c.from, c.to,
    word(c.state, c.state === "answered" ? "good" : "quiet"),
    c.startedAt ? new Date(c.startedAt).toLocaleTimeString() : "",
    c.legs.map((l) => l.deviceId || l.number || l.kind).join(", "), hangUp(c.callId)])));
  byId("devices").replaceChildren(...[...devices.values()].map((d) => row([
    d.extension, d.displayName || d.id,
    d.registered ? word("registered", "good") : word("offline", "quiet"),
    d.contacts.map((c) => c.userAgent || c.address).join(", ")])));
  byId("call-count").textContent = calls.size;
  byId("device-count").textContent = devices.size;
  byId("no-calls").hidden = calls.size > 0;
}

async function loadAll(path, key, into) {
  const found = new Map();
  let cursor = null;
  do {
    const page = await ask("GET", path + "?limit=1000" + (cursor ? "&cursor=" + cursor : ""));
    if (page.status !== 200) return;
    for (const item of page.body.items) found.set(item[key], item);
    cursor = page.body.nextCursor;
  } while (cursor);
  into.clear();
  for (const [id, item] of found) into.set(id, item);
}

async function refresh() {
  await Promise.all([loadAll("/api/calls", "callId", calls), loadAll("/api/devices", "id", devices)]);
  show();
}

function take(event) {
  if (event.type === "snapshot") {
    epoch = event.epoch;
    byId("version").textContent = event.status.version;
    refresh();
  } else if (event.type === "call_ended") {
    calls.delete(event.callId);
  } else if (event.call) {
    calls.set(event.callId, event.call);
  }
  if (event.device) devices.set(event.device.id, event.device);
  if (event.type === "config_changed") refresh();
  if (event.seq !== undefined) place = epoch + ":" + event.seq;
  show();
}

function link(text, kind) {
  byId("link").hidden = false;
  byId("link").className = "pill " + kind;
  byId("link").textContent = text;
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  socket = new WebSocket(scheme + location.host + "/api/events" +
    (place ? "?since=" + encodeURIComponent(place) : ""));
  socket.addEventListener("open", () => { wait = 1000; link("live", "good"); });
  socket.addEventListener("message", (message) => take(JSON.parse(message.data)));
  socket.addEventListener("close", () => {
    if (!isLoggedIn) return;
    link("reconnecting", "bad");
    setTimeout(start, wait);
    wait = Math.min(wait * 2, 15000);
  });
}

function showLogin() {
  isLoggedIn = false;
  byId("login").hidden = false;
  byId("live").hidden = byId("logout").hidden = byId("link").hidden = true;
}

async function start() {
  try {
    const me = await ask("GET", "/api/me");
    if (me.status === 401) return showLogin();
    if (me.status !== 200) throw new Error("status " + me.status);
    isLoggedIn = true;
    byId("login").hidden = true;
    byId("live").hidden = false;
    byId("logout").hidden = me.body.by !== "session";
    connect();
  } catch (error) {
    link("not reachable", "bad");
    setTimeout(start, wait);
    wait = Math.min(wait * 2, 15000);
  }
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  byId("fault").textContent = "";
  const answer = await ask("POST", "/api/login", { user: form.get("user"), password: form.get("password") });
  if (answer.status === 200) {
    event.target.reset();
    start();
  } else {
    byId("fault").textContent = answer.body ? answer.body.detail : "Not reachable.";
  }
});

byId("logout").addEventListener("click", async () => {
  await ask("POST", "/api/logout");
  isLoggedIn = false;
  place = "";
  if (socket) socket.close();
  showLogin();
});

start();
