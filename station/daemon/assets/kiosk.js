// A window on the station: shows what it is sent, sends back what somebody pressed, knows nothing else.
"use strict";

const app = document.getElementById("app");
const lost = document.getElementById("lost");
const page = document.querySelector("meta[name=page]").content;
// The one place where text becomes elements; it takes what the station sends and nothing else.
const trusted = window.trustedTypes?.createPolicy("kiosk", { createHTML: (html) => html });
let frame = { turn: 0, screen: app.dataset.screen };

history.replaceState(null, "", "/");

// ---- Showing

function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = trusted ? trusted.createHTML(html) : html;
  return holder.content;
}

/** Makes `old` like `fresh`, keeping what is the same: the focus, what was typed, what is moving. */
function morph(old, fresh) {
  const next = [...fresh.childNodes];
  next.forEach((node, at) => {
    let mine = old.childNodes[at];
    if (node.id && mine?.id !== node.id) {
      const kept = [...old.children].find((child) => child.id === node.id);
      if (kept) {
        old.insertBefore(kept, mine ?? null);
        mine = kept;
      }
    }
    if (!mine) old.append(node);
    else if (mine.nodeName !== node.nodeName || (mine.id ?? "") !== (node.id ?? "")) old.insertBefore(node, mine);
    else if (node.nodeType === Node.TEXT_NODE) {
      if (mine.data !== node.data) mine.data = node.data;
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      for (const { name } of [...mine.attributes]) if (!node.hasAttribute(name)) mine.removeAttribute(name);
      for (const { name, value } of node.attributes) {
        if (mine.getAttribute(name) !== value) mine.setAttribute(name, value);
      }
      morph(mine, node);
    }
  });
  while (old.childNodes.length > next.length) old.lastChild.remove();
}

function show(now) {
  const isNew = now.screen !== frame.screen || now.visit !== frame.visit;
  const root = document.documentElement;
  root.lang = now.lang;
  root.dir = now.dir;
  root.dataset.theme = now.theme;
  document.title = now.title;
  const fresh = parsed(now.html);
  if (isNew) app.replaceChildren(fresh);
  else morph(app, fresh);
  app.dataset.screen = now.screen;
  app.dataset.turn = now.turn;
  const before = frame;
  frame = now;
  if (isNew || !document.activeElement || document.activeElement === document.body) focus(isNew);
  camera();
  if (now.cue && now.cue !== before.cue) sound(now.cue);
}

/** Whoever listens instead of looking begins at the top of a new screen. */
function focus(isNew) {
  const target = app.querySelector("[data-focus]") ?? (isNew ? app.querySelector("h1") : null);
  target?.focus({ preventScroll: true });
}

// ---- Hearing: server-sent events by fetch, so that no address carries the page's token

async function follow(signal) {
  const answer = await fetch("/events", { headers: { "x-bandstand-page": page }, cache: "no-store", signal });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length) heard(JSON.parse(data.map((line) => line.slice(6)).join("\n")));
    }
  }
}

let gone = 0;

function heard(now) {
  clearTimeout(gone);
  gone = 0;
  lost.hidden = true;
  show(now);
}

/** Nobody's name stays on a screen that the station has left. */
function miss() {
  gone ||= setTimeout(() => {
    lost.hidden = false;
    clear();
  }, 2000);
}

function clear() {
  app.replaceChildren();
  app.dataset.turn = 0;
  frame = { turn: 0, screen: "" };
  camera();
}

async function live() {
  const { signal } = (line = new AbortController());
  while (!signal.aborted) {
    try {
      await follow(signal);
    } catch {
      // The station says nothing: it starts again, most of the time.
    }
    if (signal.aborted) return;
    miss();
    await new Promise((later) => setTimeout(later, 400));
  }
}

// Browsers keep a page that is left for the way back, with its connections: it would keep its seat and somebody's name.
let line = null;
addEventListener("pagehide", () => {
  line?.abort();
  clearTimeout(gone);
  gone = 0;
  clear();
});
addEventListener("pageshow", (event) => event.persisted && live());

// ---- Doing

async function act(what) {
  const headers = { "content-type": "application/json", "x-bandstand-page": page };
  const body = JSON.stringify({ turn: frame.turn, what });
  try {
    await fetch("/act", { method: "POST", headers, body, cache: "no-store" });
  } catch {
    miss();
  }
}

function fields(element) {
  const { act: name, ...others } = element.dataset;
  return { act: name, ...others };
}

let lastField = null;
app.addEventListener("focusin", (event) => {
  if (event.target.matches("input")) lastField = event.target;
});

function press(key) {
  const field = lastField?.isConnected ? lastField : app.querySelector("form input");
  if (!field) return;
  field.value = key === "back" ? field.value.slice(0, -1) : field.value + key;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

app.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.key) press(button.dataset.key);
  else if (button.dataset.act) act(fields(button));
});

app.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const said = fields(form);
  for (const [name, value] of new FormData(form)) said[name] = value;
  for (const input of form.querySelectorAll("input")) if (input.type !== "hidden") input.value = "";
  act(said);
});

// Somebody is there, which matters where the screen would be cleared.
let told = 0;
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => {
    if (frame.idle && performance.now() - told > 4000) {
      told = performance.now();
      act({ act: "stay" });
    }
  }, { passive: true });
}

// A scanner that types like a keyboard works on every screen on which a ticket may be shown.
let typed = "";
let typedAt = 0;
addEventListener("keydown", (event) => {
  if (!frame.tickets || event.target.closest?.("input, textarea")) return;
  const now = performance.now();
  if (now - typedAt > 500) typed = "";
  typedAt = now;
  if (event.key === "Enter" && typed.length >= 10) {
    event.preventDefault();
    act({ act: "code", text: typed });
    typed = "";
  } else if (event.key.length === 1) typed += event.key;
}, true);

// ---- The camera, only while a ticket is looked for

let stream = null;
let looking = false;

async function camera() {
  const video = app.querySelector("video[data-camera]");
  if (!video) {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    return;
  }
  if (video.srcObject || looking) return;
  looking = true;
  try {
    stream ??= await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "environment" } });
    video.srcObject = stream;
    await video.play();
    picture(video);
  } catch {
    if (video.isConnected) act({ act: "no_camera" });
  } finally {
    looking = false;
    if (!app.querySelector("video[data-camera]")) camera();
  }
}

/** Sends one gray picture after the other: the middle of what the camera sees. */
async function picture(video) {
  const side = 480;
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  while (video.isConnected && stream) {
    const edge = Math.min(video.videoWidth, video.videoHeight);
    if (edge > 0) {
      const [x, y] = [(video.videoWidth - edge) / 2, (video.videoHeight - edge) / 2];
      context.drawImage(video, x, y, edge, edge, 0, 0, side, side);
      const { data } = context.getImageData(0, 0, side, side);
      const gray = new Uint8Array(side * side);
      for (let at = 0; at < gray.length; at++) {
        gray[at] = (data[4 * at] * 77 + data[4 * at + 1] * 150 + data[4 * at + 2] * 29) >> 8;
      }
      const headers = { "content-type": "application/octet-stream", "x-bandstand-page": page, "x-width": String(side) };
      try {
        await fetch("/picture", { method: "POST", headers, body: gray, cache: "no-store" });
      } catch {
        miss();
      }
    }
    await new Promise((later) => setTimeout(later, 120));
  }
}

// ---- Sounds, off until somebody wants them

let audio = null;
const tunes = { good: [660], bad: [220, 180], done: [520, 660, 880] };

function sound(cue) {
  const tune = tunes[cue.split(":")[0]];
  if (!tune) return;
  audio ??= new AudioContext();
  tune.forEach((pitch, at) => {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    const from = audio.currentTime + at * 0.14;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.15, from);
    volume.gain.exponentialRampToValueAtTime(0.001, from + 0.13);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 0.14);
  });
}

// ---- Staying here: no menus, no dragging, no other page

for (const kind of ["contextmenu", "dragstart", "dragover", "drop"]) {
  addEventListener(kind, (event) => event.preventDefault());
}
addEventListener("keydown", (event) => {
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
  if (!plain || /^F\d+$/.test(event.key)) event.preventDefault();
});
addEventListener("wheel", (event) => event.ctrlKey && event.preventDefault(), { passive: false });

live();
