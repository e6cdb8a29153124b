"use strict";
// The page of a recorded conversation. Reads downward: data, search, sound, view, drawing, lists,
// mouse and keys. Places are samples. Text from outside goes into text nodes and canvases only.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const RATE = data.rate;
const END = Math.max(data.end, RATE);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Search in sorted columns ------------------------------------------------------------------------

/** Index of the first of `count` items whose key, `keyOf(index)`, is not less than `place`. */
function firstFrom(count, keyOf, place) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyOf(middle) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Items of a list sorted by begin, of which the longest has `longest` samples, that are in view. */
function* inView(spans, longest, view) {
  let index = firstFrom(spans.length, (i) => spans[i][0], view.begin - longest);
  for (; index < spans.length && spans[index][0] <= view.end; index++) {
    if (spans[index][1] >= view.begin) yield spans[index];
  }
}

const longestOf = (spans) => spans.reduce((most, span) => Math.max(most, span[1] - span[0]), 0);

function clock(place, digits = 1) {
  const s = Math.max(0, place) / RATE;
  const whole = Math.floor(s);
  const fraction = digits ? (s - whole).toFixed(digits + 3).slice(1, 2 + digits) : "";
  const [h, m] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (n) => String(n).padStart(2, "0");
  return `${h ? `${h}:${two(m)}` : m}:${two(whole % 60)}${fraction}`;
}

const milliseconds = (samples) => (samples * 1000) / RATE;

// What is shown -----------------------------------------------------------------------------------

const ROLES = ["user", "assistant"];
const NAMES = { user: "You", assistant: "Assistant" };
const turns = data.turns;
for (const turn of turns) {
  const last = turn.words.length ? turn.words[turn.words.length - 1][0] : turn.begin;
  turn.end ??= last + RATE / 2;
  turn.text = turn.words.map((word) => word[1]).join("").trim();
}
const words = {};
for (const role of ROLES) {
  const mine = turns.filter((turn) => turn.role === role);
  words[role] = mine
    .flatMap((turn) =>
      turn.words.map(([place, text], i) => [place, turn.words[i + 1]?.[0] ?? turn.end, text.trim()]),
    )
    .sort((a, b) => a[0] - b[0]);
}
const cuts = data.cuts.map(([place, noticed, latency, generation, item, heard]) => ({
  place, noticed, latency, generation, item, heard,
}));
const { kinds, place: momentPlaces, kind: momentKinds, text: momentTexts } = data.moments;
const LONGEST = {
  speech: longestOf(data.speech),
  sounds: longestOf(data.sounds),
  waits: longestOf(data.waits),
  user: longestOf(words.user),
  assistant: longestOf(words.assistant),
};
const COLOURS = {
  listening: "you", processing: "you", user_said: "you", assistant_done: "assistant",
  sound: "assistant", interrupted: "cut", cut: "cut", lost: "cut", notice: "mark", marked: "mark",
};

// Waveforms: each level halves the one below, least and greatest value in turn ----------------------

function bytes(base64) {
  const text = atob(base64);
  const made = new Int8Array(text.length);
  for (let i = 0; i < text.length; i++) made[i] = text.charCodeAt(i);
  return made;
}

function pyramid(base) {
  const levels = [base];
  while (levels[levels.length - 1].length > 512) {
    const below = levels[levels.length - 1];
    const above = new Int8Array(2 * Math.ceil(below.length / 4));
    for (let to = 0, from = 0; to < above.length; to += 2, from += 4) {
      const pair = from + 2 < below.length;
      above[to] = pair ? Math.min(below[from], below[from + 2]) : below[from];
      above[to + 1] = pair ? Math.max(below[from + 1], below[from + 3]) : below[from + 1];
    }
    levels.push(above);
  }
  return levels;
}

const waves = data.peaks ? data.peaks.sides.map((side) => pyramid(bytes(side))) : [];
const loudest = waves.map((levels) => {
  let most = 8; // what is nearly silent stays small
  for (const value of levels[levels.length - 1]) most = Math.max(most, Math.abs(value));
  return most;
});

function drawWave(c, side, box, view) {
  if (!waves[side]) return;
  const perPixel = (view.end - view.begin) / box.width;
  const middle = box.top + box.height / 2;
  const scale = (box.height / 2 - 1) / loudest[side];
  c.save();
  c.globalAlpha = 0.3;
  c.fillRect(box.left, middle - 0.5, box.width, 1);
  c.restore();
  if (perPixel * 4 < data.peaks.bucket && samples()) return drawSamples(c, side, box, view, scale);
  let level = 0;
  let bucket = data.peaks.bucket;
  while (level + 1 < waves[side].length && bucket * 2 <= perPixel) {
    level++;
    bucket *= 2;
  }
  const values = waves[side][level];
  const step = Math.max(1, bucket / perPixel); // pixels of a bucket, when zoomed in beyond them
  for (let x = 0; x < box.width; x += step) {
    const from = Math.floor((view.begin + x * perPixel) / bucket);
    const to = Math.max(from + 1, Math.floor((view.begin + (x + 1) * perPixel) / bucket));
    let least = 127;
    let greatest = -128;
    for (let i = Math.max(0, from); i < to && 2 * i < values.length; i++) {
      least = Math.min(least, values[2 * i]);
      greatest = Math.max(greatest, values[2 * i + 1]);
    }
    if (greatest < least || (least === 0 && greatest === 0)) continue;
    const top = middle - greatest * scale;
    c.fillRect(box.left + x, top, Math.max(1, step), Math.max(1, (greatest - least) * scale));
  }
  return undefined;
}

// Single samples are drawn once the sound is decoded, which happens when somebody looks closely.
let decoded = null;

function samples() {
  if (decoded === null && data.sound.embedded && END <= 300 * RATE) {
    decoded = [];
    fetchSound()
      .then((buffer) => new OfflineAudioContext(2, 1, RATE).decodeAudioData(buffer))
      .then((audio) => {
        decoded = [audio.getChannelData(0), audio.getChannelData(1)];
        changed();
      })
      .catch(() => {}); // the peaks are shown
  }
  return decoded?.length;
}

const fetchSound = async () => bytes(data.sound.source.split(";base64,")[1]).buffer;

function drawSamples(c, side, box, view, scale) {
  const from = Math.max(0, Math.floor(view.begin));
  const to = Math.min(decoded[side].length, Math.ceil(view.end) + 1);
  const pixels = box.width / (view.end - view.begin);
  c.strokeStyle = c.fillStyle;
  c.lineWidth = 1.5;
  c.beginPath();
  for (let i = from; i < to; i++) {
    const x = box.left + (i - view.begin) * pixels;
    const y = box.top + box.height / 2 - decoded[side][i] * 128 * scale;
    c.lineTo(x, y);
    if (pixels > 6) c.rect(x - 1, y - 1, 2, 2);
    c.moveTo(x, y);
  }
  c.stroke();
  c.lineWidth = 1;
}

// Sound -------------------------------------------------------------------------------------------

const sound = $("sound");
if (data.sound.embedded) {
  const [type, base64] = data.sound.source.slice(5).split(";base64,");
  sound.src = URL.createObjectURL(new Blob([bytes(base64)], { type }));
} else if (data.sound.source) {
  sound.src = data.sound.source;
}
let position = 0; // where the cursor is; while the sound plays, the sound tells
let playable = Boolean(data.sound.source);

function seek(place, { reveal = true } = {}) {
  position = Math.min(END, Math.max(0, place));
  if (playable) sound.currentTime = position / RATE;
  if (reveal) showPlace(position);
  say();
  changed();
}

function togglePlay() {
  if (!playable) return;
  if (!sound.paused) sound.pause();
  else sound.play().catch((error) => fail(error.message));
}

function fail(reason) {
  playable = false;
  $("play").disabled = true;
  $("play").textContent = "No sound";
  if (data.sound.source) note(`The sound cannot be played: ${reason}`);
}

for (const event of ["play", "pause", "ended"]) {
  sound.addEventListener(event, () => {
    $("play").textContent = sound.paused ? "Play" : "Pause";
    $("spoken").textContent = sound.paused ? `Paused at ${clock(position)}` : "Playing";
    changed();
  });
}
sound.addEventListener("error", () => fail("the file is missing, or this browser cannot read it."));
if (!playable) fail("");

// View --------------------------------------------------------------------------------------------

const view = { begin: 0, end: END };
const LEAST_VIEW = RATE / 500; // 2 ms
let follows = true;

function setView(begin, length) {
  const wanted = Math.min(END, Math.max(LEAST_VIEW, length));
  view.begin = Math.min(Math.max(0, begin), END - wanted);
  view.end = view.begin + wanted;
  changed();
}

/** Zoom so that `around` stays where it is; a factor below 1 shows less. */
function zoom(factor, around = inSight(position) ? position : (view.begin + view.end) / 2) {
  const length = Math.min(END, Math.max(LEAST_VIEW, (view.end - view.begin) * factor));
  const share = (around - view.begin) / (view.end - view.begin);
  setView(around - share * length, length);
}

const inSight = (place) => place >= view.begin && place <= view.end;

function showPlace(place) {
  const length = view.end - view.begin;
  if (!inSight(place)) setView(place - length / 3, length);
}

function keepUp() {
  const length = view.end - view.begin;
  if (!follows || position < view.begin || length >= END) return;
  if (calm.matches || length < RATE) {
    if (position > view.end - length / 20) setView(position - length / 20, length);
  } else if (position > view.begin + (length * 2) / 3) {
    setView(position - (length * 2) / 3, length);
  }
}

// Drawing -----------------------------------------------------------------------------------------

const canvas = $("timeline");
const overview = $("overview");
let colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["page", "panel", "line", "ink", "soft", "you", "you-tint", "assistant",
    "assistant-tint", "cut", "wait", "mark", "cursor"]) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  changed();
});

const LANES = { // top and height
  ruler: [0, 24], user: [26, 92], userWords: [118, 24], between: [146, 30], assistant: [180, 92],
  assistantWords: [272, 24], generation: [300, 14], moments: [318, 26],
};
const GUTTER = 8;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Fit a canvas to its place on the page; returns its context, in CSS pixels. */
function prepared(target) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [target.clientWidth, target.clientHeight];
  if (target.width !== Math.round(width * scale) || target.height !== Math.round(height * scale)) {
    target.width = Math.round(width * scale);
    target.height = Math.round(height * scale);
  }
  const c = target.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = FONT;
  c.textBaseline = "middle";
  return c;
}

const laneBox = (name) => ({
  left: GUTTER, width: Math.max(1, canvas.clientWidth - 2 * GUTTER),
  top: LANES[name][0], height: LANES[name][1],
});
const xOf = (place, box) =>
  box.left + ((place - view.begin) / (view.end - view.begin)) * box.width;
const placeAt = (x, box) => view.begin + ((x - box.left) / box.width) * (view.end - view.begin);

/** Paint a canvas anew if its key has changed, else as it was; returns its context. */
const painted = {};
function paint(target, key, paintAll) {
  const c = prepared(target);
  const whole = `${key} ${target.width} ${target.height} ${colours.ink}`;
  const kept = (painted[target.id] ??= { key: "", image: document.createElement("canvas") });
  if (kept.key === whole) {
    c.drawImage(kept.image, 0, 0, target.clientWidth, target.clientHeight);
    return c;
  }
  kept.key = whole;
  paintAll(c);
  kept.image.width = target.width;
  kept.image.height = target.height;
  kept.image.getContext("2d").drawImage(target, 0, 0);
  return c;
}

const wordAt = (role, place) => firstFrom(words[role].length, (i) => words[role][i][0], place + 1) - 1;

/** While the sound plays, most frames only move the cursor. */
function draw() {
  const sounding = ROLES.map((role) => wordAt(role, position)).join(" ");
  const key = `${view.begin} ${view.end} ${sounding} ${decoded?.length}`;
  drawCursor(paint(canvas, key, drawScene));
  drawOverview();
}

function drawScene(c) {
  drawRuler(c);
  drawLane(c, "user", "you", 0, data.speech, LONGEST.speech);
  drawLane(c, "assistant", "assistant", 1, data.sounds, LONGEST.sounds);
  drawWords(c, "user", "you");
  drawWords(c, "assistant", "assistant");
  drawBetween(c);
  drawGenerations(c);
  drawMoments(c);
  drawCuts(c);
  label(c, "You", "user", "you");
  label(c, "Assistant", "assistant", "assistant");
}

function drawRuler(c) {
  const box = laneBox("ruler");
  const wanted = ((view.end - view.begin) / box.width) * 90 / RATE; // seconds between two labels
  const steps = [1, 2, 5].flatMap((n) => [-3, -2, -1, 0].map((p) => n * 10 ** p));
  const step = [...steps, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]
    .sort((a, b) => a - b).find((s) => s >= wanted) ?? 86400;
  const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step) - 1e-9);
  c.lineWidth = 1;
  for (let n = Math.ceil(view.begin / RATE / step); n * step * RATE <= view.end; n++) {
    const x = Math.round(xOf(n * step * RATE, box)) + 0.5;
    c.strokeStyle = colours.line;
    c.beginPath();
    c.moveTo(x, 18);
    c.lineTo(x, canvas.clientHeight);
    c.stroke();
    c.fillStyle = colours.soft;
    const text = clock(n * step * RATE + 0.5, digits);
    const width = c.measureText(text).width;
    if (x + width + 4 < box.left + box.width) c.fillText(text, x + 4, 13);
  }
}

function drawLane(c, name, colour, side, spans, longest) {
  const box = laneBox(name);
  c.save();
  clip(c, box);
  let drawnTo = -1;
  for (const [begin, end] of inView(spans, longest, view)) {
    const left = Math.max(box.left - 9, xOf(begin, box));
    const right = Math.min(box.left + box.width + 9, xOf(end, box));
    if (right < drawnTo + 0.5) continue; // within the pixel before
    drawnTo = right;
    c.fillStyle = colours[`${colour}-tint`];
    if (right - left < 6) {
      c.fillRect(left, box.top, Math.max(1, right - left), box.height);
      continue;
    }
    c.beginPath();
    c.roundRect(left, box.top, right - left, box.height, 6);
    c.fill();
  }
  c.fillStyle = colours[colour];
  drawWave(c, side, box, view);
  c.restore();
}

function clip(c, box) {
  c.beginPath();
  c.rect(box.left, box.top, box.width, box.height);
  c.clip();
}

function label(c, text, lane, colour) {
  const box = laneBox(lane);
  c.font = `600 ${FONT}`;
  const width = c.measureText(text).width;
  c.fillStyle = colours.panel;
  c.globalAlpha = 0.82;
  c.beginPath();
  c.roundRect(box.left + 2, box.top + 2, width + 12, 18, 5);
  c.fill();
  c.globalAlpha = 1;
  c.fillStyle = colours[colour];
  c.fillText(text, box.left + 8, box.top + 11.5);
  c.font = FONT;
}

function drawWords(c, role, colour) {
  const box = laneBox(`${role}Words`);
  const middle = box.top + box.height / 2;
  c.save();
  clip(c, box);
  if ((view.end - view.begin) / box.width > RATE / 80) { // words would not fit
    drawTurnTexts(c, role, colour, box, middle);
  } else {
    let free = -Infinity;
    for (const [begin, end, text] of inView(words[role], LONGEST[role], view)) {
      const x = xOf(begin, box);
      const now = position >= begin && position < end;
      c.fillStyle = now ? colours.ink : colours[colour];
      c.fillRect(x, box.top, 1, 4);
      if (x < free) continue;
      c.font = now ? `600 ${FONT}` : FONT;
      c.fillText(text, x + 1, middle + 3);
      free = x + c.measureText(text).width + 5;
    }
    c.font = FONT;
  }
  c.restore();
}

const turnSpans = {};
for (const role of ROLES) {
  turnSpans[role] = turns.filter((turn) => turn.role === role)
    .map((turn) => [turn.begin, turn.end, turn.text]);
  LONGEST[`${role}Turns`] = longestOf(turnSpans[role]);
}

/** The beginning of a text that is no wider than `room`. */
function fitting(c, text, room) {
  if (text.length < room && c.measureText(text).width <= room) return text;
  let most = firstFrom(Math.min(text.length, Math.ceil(room)), (n) =>
    c.measureText(`${text.slice(0, n)}…`).width, room);
  while (most > 0 && c.measureText(`${text.slice(0, most)}…`).width > room) most--;
  return most > 0 ? `${text.slice(0, most).trimEnd()}…` : "";
}

function drawTurnTexts(c, role, colour, box, middle) {
  let free = -Infinity;
  c.fillStyle = colours[colour];
  const spans = turnSpans[role];
  const first = firstFrom(spans.length, (i) => spans[i][0], view.begin - LONGEST[`${role}Turns`]);
  for (let i = first; i < spans.length && spans[i][0] <= view.end; i++) {
    const x = Math.max(box.left, xOf(spans[i][0], box));
    const next = i + 1 < spans.length ? xOf(spans[i + 1][0], box) : box.left + box.width;
    if (x < free || next - x < 24) continue;
    c.fillText(fitting(c, spans[i][2], next - x - 8), x + 1, middle + 2);
    free = next;
  }
}

/** Between the voices: how long an answer took, and how long a cut. */
function drawBetween(c) {
  const box = laneBox("between");
  const middle = box.top + box.height / 2;
  c.save();
  clip(c, box);
  let drawnTo = -Infinity;
  for (const [asked, sounded] of inView(data.waits, LONGEST.waits, view)) {
    const [left, right] = [xOf(asked, box), xOf(sounded, box)];
    if (right < drawnTo + 1) continue;
    drawnTo = right;
    c.fillStyle = colours.wait;
    c.fillRect(left, middle - 1, Math.max(1, right - left), 2);
    c.fillRect(left, middle - 5, 1, 10);
    c.fillRect(right - 1, middle - 5, 1, 10);
    written(c, `${Math.round(milliseconds(sounded - asked))} ms`, left, right, middle, "wait");
  }
  c.restore();
}

/** Write a text on its bar, if there is room for it. */
function written(c, text, left, right, middle, colour) {
  const width = c.measureText(text).width;
  if (right - left < width + 12) return;
  const x = (left + right - width) / 2;
  c.fillStyle = colours.panel;
  c.fillRect(x - 5, middle - 9, width + 10, 18);
  c.fillStyle = colours[colour];
  c.fillText(text, x, middle + 0.5);
}

function drawCuts(c) {
  const box = laneBox("between");
  const [top, bottom] = [LANES.user[0], LANES.assistantWords[0]];
  const reach = 2 * RATE;
  let index = firstFrom(cuts.length, (i) => cuts[i].place, view.begin - reach);
  let drawnTo = -Infinity;
  const last = firstFrom(cuts.length, (i) => cuts[i].place, view.end);
  if (last - index > box.width / 16) return drawManyCuts(c, box, index, last);
  for (; index < cuts.length && cuts[index].place <= view.end + reach; index++) {
    const cut = cuts[index];
    const x = xOf(cut.place, box);
    if (x < drawnTo + 1 || x < box.left - 200 || x > box.left + box.width + 200) continue;
    drawnTo = x;
    c.fillStyle = colours.cut;
    if (cut.noticed !== null) {
      const from = xOf(cut.noticed, box);
      c.globalAlpha = 0.16;
      c.fillRect(from, top, Math.max(0, x - from), bottom - top);
      c.globalAlpha = 1;
      if (x - from > 3) dashed(c, from, top, bottom);
    }
    drawFade(c, cut, x, box);
    c.fillRect(x, top, 1.5, bottom - top);
    if (x < box.left || x > box.left + box.width) continue; // only its band or fade is in sight
    const text = cut.latency === null ? "cut" : `cut ${cut.latency.toFixed(1)} ms`;
    const next = cuts[index + 1] ? xOf(cuts[index + 1].place, box) : Infinity;
    const width = c.measureText(text).width;
    if (next - x < width + 14) continue;
    const left = Math.min(x + 5, box.left + box.width - width - 4);
    c.fillStyle = colours.panel;
    c.fillRect(left - 2, box.top + 6, width + 6, 18);
    c.fillStyle = colours.cut;
    c.fillText(text, left + 1, box.top + box.height / 2 + 0.5);
  }
}

/** Where lines from top to bottom would hide everything, a tick is enough. */
function drawManyCuts(c, box, first, last) {
  c.fillStyle = colours.cut;
  let drawnTo = -Infinity;
  for (let i = first; i < last; i++) {
    const x = xOf(cuts[i].place, box);
    if (x < drawnTo + 2 || x < box.left) continue;
    drawnTo = x;
    c.fillRect(x, box.top + box.height - 13, 1, 12);
  }
}

function dashed(c, x, top, bottom) {
  c.strokeStyle = colours.cut;
  c.setLineDash([3, 3]);
  c.beginPath();
  c.moveTo(x + 0.5, top);
  c.lineTo(x + 0.5, bottom);
  c.stroke();
  c.setLineDash([]);
}

/** The answer fades out over 2 ms before it is silent, as a raised cosine. */
const FADE = RATE / 500;
function drawFade(c, cut, x, box) {
  const from = xOf(cut.place - FADE, box);
  if (x - from < 8) return;
  const lane = laneBox("assistant");
  const half = lane.height / 2;
  c.strokeStyle = colours.cut;
  c.lineWidth = 1.5;
  for (const sign of [-1, 1]) {
    c.beginPath();
    for (let step = 0; step <= 24; step++) {
      const gain = (1 + Math.cos((Math.PI * step) / 24)) / 2;
      c.lineTo(from + ((x - from) * step) / 24, lane.top + half + sign * gain * (half - 2));
    }
    c.stroke();
  }
  c.lineWidth = 1;
  if (x - from > 70) {
    c.fillStyle = colours.cut;
    c.fillText("fade 2 ms", from + 6, lane.top + lane.height - 10);
  }
}

/** A stripe for each generation: it grows by one at each interruption. */
function drawGenerations(c) {
  const box = laneBox("generation");
  const middle = box.top + box.height / 2;
  let index = firstFrom(cuts.length, (i) => cuts[i].place, view.begin);
  let begin = view.begin;
  let generation = index > 0 ? cuts[index - 1].generation : Math.max(0, (cuts[0]?.generation ?? 1) - 1);
  c.save();
  clip(c, box);
  for (;;) {
    const cut = cuts[index];
    const end = cut && cut.place < view.end ? cut.place : view.end;
    const [left, right] = [xOf(begin, box), xOf(end, box)];
    c.fillStyle = colours[generation % 2 ? "assistant-tint" : "line"];
    c.fillRect(left, box.top, Math.max(0.5, right - left - 1), box.height);
    const text = [`generation ${generation}`, String(generation)]
      .find((each) => c.measureText(each).width + 10 < right - left);
    c.fillStyle = colours.soft;
    if (text) c.fillText(text, left + 5, middle + 0.5);
    if (end === view.end) break;
    // What does not fit into a pixel is passed over.
    const next = firstFrom(cuts.length, (i) => cuts[i].place, placeAt(right + 0.5, box));
    index = Math.max(index + 1, next);
    begin = end;
    generation = cuts[index - 1].generation;
  }
  c.restore();
}

/** What happened: a sign for each, or columns where there are many. */
function drawMoments(c) {
  const box = laneBox("moments");
  const count = momentPlaces.length;
  const keyOf = (i) => momentPlaces[i];
  const [from, to] = [firstFrom(count, keyOf, view.begin), firstFrom(count, keyOf, view.end)];
  const middle = box.top + box.height / 2;
  if (to - from <= box.width / 3) {
    for (let i = from; i < to; i++) {
      c.fillStyle = colours[COLOURS[kinds[momentKinds[i]]] ?? "soft"];
      c.beginPath();
      c.arc(xOf(momentPlaces[i], box), middle, 3.5, 0, 2 * Math.PI);
      c.fill();
    }
    return;
  }
  const width = 3;
  let index = from;
  let most = 1;
  const bins = [];
  for (let x = box.left; x < box.left + box.width; x += width) {
    const next = firstFrom(count, keyOf, placeAt(x + width, box));
    bins.push(Math.max(0, next - index));
    most = Math.max(most, next - index);
    index = Math.max(index, next);
  }
  c.fillStyle = colours.soft;
  bins.forEach((bin, i) => {
    if (!bin) return;
    const height = Math.max(2, (bin / most) * (box.height - 4));
    c.fillRect(box.left + i * width, box.top + box.height - 2 - height, width - 1, height);
  });
}

function drawCursor(c) {
  const box = laneBox("ruler");
  const x = xOf(position, box);
  if (x < box.left - 1 || x > box.left + box.width + 1) return;
  c.fillStyle = colours.cursor;
  c.fillRect(x - 0.75, 4, 1.5, canvas.clientHeight - 8);
  c.beginPath();
  c.moveTo(x - 5, 2);
  c.lineTo(x + 5, 2);
  c.lineTo(x, 10);
  c.fill();
}

/** The whole recording; the view and the cursor are laid over it. */
function drawOverview() {
  const box = { left: GUTTER, width: Math.max(1, overview.clientWidth - 2 * GUTTER), height: 18 };
  const c = paint(overview, "", (context) => {
    ROLES.forEach((role, side) => {
      context.fillStyle = colours[["you", "assistant"][side]];
      drawWave(context, side, { ...box, top: 4 + 18 * side }, { begin: 0, end: END });
    });
  });
  const at = (place) => box.left + (place / END) * box.width;
  const [left, right] = [at(view.begin), Math.max(at(view.begin) + 2, at(view.end))];
  c.fillStyle = colours.page;
  c.globalAlpha = 0.72;
  c.fillRect(0, 0, left, overview.clientHeight);
  c.fillRect(right, 0, overview.clientWidth - right, overview.clientHeight);
  c.globalAlpha = 1;
  c.strokeStyle = colours.soft;
  c.beginPath();
  c.roundRect(left, 2.5, right - left, overview.clientHeight - 5, 4);
  c.stroke();
  c.fillStyle = colours.cursor;
  c.fillRect(at(position) - 0.5, 2, 1, overview.clientHeight - 4);
}

let due = false;
function changed() {
  if (due) return;
  due = true;
  requestAnimationFrame(frame);
}

function frame() {
  due = false;
  if (!sound.paused) {
    position = Math.min(END, sound.currentTime * RATE);
    keepUp();
    changed(); // the next frame
  }
  draw();
  showTime();
  showTurn();
  showRows();
}

let shownTime = "";
function showTime() {
  const text = clock(position, 2);
  if (text === shownTime) return;
  shownTime = text;
  $("time").firstChild.data = text;
  canvas.setAttribute("aria-valuenow", String(Math.round(position / RATE)));
  const turn = turns[turnAt(position)];
  const who = turn && position <= turn.end ? `, ${NAMES[turn.role]}` : "";
  canvas.setAttribute("aria-valuetext", `${clock(position)} of ${clock(END)}${who}`);
}

function say() {
  if (sound.paused) $("spoken").textContent = "";
}

// Lists -------------------------------------------------------------------------------------------

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function note(text) {
  $("notes").append(element("li", text));
}

const turnAt = (place) => firstFrom(turns.length, (i) => turns[i].begin, place + 1) - 1;
const turnRows = [];
let shownTurn = -1;
let shownWord = -1;

function makeTurns() {
  for (const turn of turns) {
    const row = element("div", "", `turn ${turn.role}`);
    const text = element("p", turn.text);
    row.append(element("time", clock(turn.begin)), element("b", NAMES[turn.role]), text);
    if (turn.cut) text.append(element("span", " —", "dash"));
    row.addEventListener("click", () => seek(turn.begin));
    turnRows.push(row);
  }
  $("turns").append(...turnRows);
  if (!turns.length) $("turns").append(element("p", "No words were recorded.", "ahead"));
}

/** Mark the turn at the cursor, and in it the words that have been said. */
function showTurn() {
  const index = turnAt(position);
  const turn = turns[index];
  const word = turn ? firstFrom(turn.words.length, (i) => turn.words[i][0], position + 1) - 1 : -1;
  if (index === shownTurn && word === shownWord) return;
  if (index !== shownTurn && turnRows[shownTurn]) {
    const old = turns[shownTurn];
    turnRows[shownTurn].classList.remove("now");
    fill(turnRows[shownTurn], old, [element("span", old.text)]);
  }
  if (turn) {
    const spans = turn.words.map(([, text], i) =>
      element("span", text, i > word ? "ahead" : i === word && position < turn.end ? "word-now" : ""),
    );
    fill(turnRows[index], turn, spans);
    if (index !== shownTurn) {
      turnRows[index].classList.add("now");
      reveal($("turns"), turnRows[index].offsetTop, turnRows[index].offsetHeight);
    }
  }
  shownTurn = index;
  shownWord = word;
}

function fill(row, turn, spans) {
  const text = row.lastChild;
  text.replaceChildren(...spans);
  if (turn.cut) text.append(element("span", " —", "dash"));
}

/** Scroll within a list only: the page stays where it is. */
function reveal(list, top, height) {
  if (top < list.scrollTop || top + height > list.scrollTop + list.clientHeight) {
    list.scrollTop = top - list.clientHeight / 3;
  }
}

// Only the rows that are in sight exist.
const ROW = 26;
let chosen = momentPlaces.map((_, i) => i);
let shownRows = "";

function showRows() {
  const list = $("moments");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 2);
  const last = Math.min(chosen.length, first + Math.ceil(list.clientHeight / ROW) + 4);
  const now = firstFrom(chosen.length, (i) => momentPlaces[chosen[i]], position + 1) - 1;
  const key = `${first} ${last} ${now} ${$("filter").value}`;
  if (key === shownRows) return;
  shownRows = key;
  const rows = [];
  for (let i = first; i < last; i++) {
    const moment = chosen[i];
    const kind = kinds[momentKinds[moment]];
    const row = element("div", "", i === now ? "row now" : "row");
    const name = element("b", kind.replaceAll("_", " "));
    name.style.color = `var(--${COLOURS[kind] ?? "ink"})`;
    row.style.top = `${i * ROW}px`;
    row.append(element("time", clock(momentPlaces[moment])), name, element("span", momentTexts[moment]));
    row.title = momentTexts[moment];
    row.addEventListener("click", () => seek(momentPlaces[moment]));
    rows.push(row);
  }
  $("rows").replaceChildren(...rows);
}

function filterMoments() {
  const wanted = $("filter").value.toLowerCase();
  chosen = [];
  for (let i = 0; i < momentPlaces.length; i++) {
    const text = `${kinds[momentKinds[i]].replaceAll("_", " ")} ${momentTexts[i]}`;
    if (text.toLowerCase().includes(wanted)) chosen.push(i);
  }
  $("rows").style.height = `${chosen.length * ROW}px`;
  $("moments").style.height = `${Math.min(420, Math.max(1, chosen.length) * ROW)}px`;
  shownRows = "";
  changed();
}

function makeFigures() {
  const table = $("figures");
  if (data.against) {
    const head = document.createElement("thead");
    const row = document.createElement("tr");
    row.append(element("th"), element("th", data.name), element("th", data.against));
    head.append(row);
    table.append(head);
  }
  const body = document.createElement("tbody");
  for (const [name, value, other] of data.figures) {
    const row = document.createElement("tr");
    row.append(element("th", name), element("td", value));
    if (data.against) row.append(element("td", other));
    body.append(row);
  }
  table.append(body);
}

function makeHeader() {
  document.title = `${data.name} – replay`;
  $("name").textContent = data.name;
  const facts = data.facts.filter(([, fact]) => fact).map(([name, fact]) => `${name}: ${fact}`);
  $("facts").textContent = [data.started, ...facts].filter(Boolean).join("  ·  ");
  const figures = new Map(data.figures.map(([name, value]) => [name, value]));
  const chips = [
    ["long", clock(END)],
    ["turns", String(turns.length)],
    ["cuts", String(cuts.length)],
    ["to silence, p50", figures.get("speech noticed → silence, p50")],
    ["to an answer, p50", figures.get("end of speech → first sound, p50")],
  ];
  for (const [name, value] of chips) {
    if (!value || value === "–") continue;
    const chip = element("div", "", "chip");
    chip.append(element("b", value), name);
    $("chips").append(chip);
  }
  data.notes.forEach(note);
  $("time").append("0:00.00", element("span", ` / ${clock(END)}`));
  canvas.setAttribute("aria-valuemin", "0");
  canvas.setAttribute("aria-valuemax", String(Math.round(END / RATE)));
}

// Mouse -------------------------------------------------------------------------------------------

const box = () => laneBox("ruler");
const localX = (event, target) => event.clientX - target.getBoundingClientRect().left;
let held = null; // where a button went down, and the view at that time

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  held = { x: event.clientX, begin: view.begin, moved: false };
});
canvas.addEventListener("pointermove", (event) => {
  if (!held) return showTip(event);
  const by = event.clientX - held.x;
  if (Math.abs(by) > 3) held.moved = true;
  if (!held.moved) return undefined;
  const length = view.end - view.begin;
  follows = false;
  return setView(held.begin - (by / box().width) * length, length);
});
canvas.addEventListener("pointerup", (event) => {
  if (held && !held.moved) {
    follows = true;
    seek(placeAt(localX(event, canvas), box()), { reveal: false });
  }
  held = null;
});
canvas.addEventListener("pointercancel", () => { held = null; });
canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
canvas.addEventListener("dblclick", (event) => zoom(0.25, placeAt(localX(event, canvas), box())));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : 1;
  const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
  const sideways = event.shiftKey ? dx || dy : Math.abs(dx) > Math.abs(dy) ? dx : 0;
  if (sideways) {
    const length = view.end - view.begin;
    follows = false;
    setView(view.begin + (sideways / box().width) * length, length);
  } else {
    zoom(Math.exp(Math.max(-300, Math.min(300, dy)) * 0.003), placeAt(localX(event, canvas), box()));
  }
}, { passive: false });

function moveOverview(event) {
  const width = overview.clientWidth - 2 * GUTTER;
  const length = view.end - view.begin;
  const place = ((localX(event, overview) - GUTTER) / width) * END;
  follows = false;
  if (length >= END) seek(place);
  else setView(place - length / 2, length);
}
overview.addEventListener("pointerdown", (event) => {
  overview.setPointerCapture(event.pointerId);
  moveOverview(event);
});
overview.addEventListener("pointermove", (event) => { if (event.buttons) moveOverview(event); });

/** Tell what is under the mouse. */
function showTip(event) {
  const place = placeAt(localX(event, canvas), box());
  const near = ((view.end - view.begin) / box().width) * 6;
  const lines = [clock(place, 3), ...underPlace(place, near)];
  const tip = $("tip");
  tip.textContent = lines.join("\n");
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8)}px`;
}

function underPlace(place, near) {
  const lines = [];
  const cut = cuts[firstFrom(cuts.length, (i) => cuts[i].place, place - near)];
  if (cut && cut.place <= place + near) {
    const after = cut.latency === null ? "" : `: silent after ${cut.latency.toFixed(1)} ms`;
    lines.push(`Cut ${cut.generation}${after}; ${(cut.heard / RATE).toFixed(2)} s were heard`);
  }
  for (const role of ROLES) {
    const list = words[role];
    const word = list[wordAt(role, place)];
    if (word && word[1] > place) lines.push(`${NAMES[role]}: ${word[2]}`);
  }
  const from = firstFrom(momentPlaces.length, (i) => momentPlaces[i], place - near);
  const to = firstFrom(momentPlaces.length, (i) => momentPlaces[i], place + near);
  for (let i = from; i < Math.min(to, from + 4); i++) {
    const text = momentTexts[i].slice(0, 120);
    lines.push(`${kinds[momentKinds[i]].replaceAll("_", " ")}${text ? `: ${text}` : ""}`);
  }
  if (to - from > 4) lines.push(`and ${to - from - 4} more`);
  return lines;
}

// Keys --------------------------------------------------------------------------------------------

function jump(places, forward) {
  const ahead = firstFrom(places.length, (i) => places[i], position + 1);
  const behind = firstFrom(places.length, (i) => places[i], position - RATE / 4) - 1;
  const to = places[forward ? ahead : behind];
  if (to !== undefined) seek(to);
  else if (!forward) seek(0);
}
const turnPlaces = turns.map((turn) => turn.begin);
const cutPlaces = cuts.map((cut) => cut.place);

const KEYS = {
  " ": togglePlay,
  ArrowLeft: (event) => seek(position - (event.shiftKey ? RATE / 50 : RATE)),
  ArrowRight: (event) => seek(position + (event.shiftKey ? RATE / 50 : RATE)),
  Home: () => seek(0),
  End: () => seek(END),
  n: () => jump(turnPlaces, true),
  p: () => jump(turnPlaces, false),
  c: (event) => jump(cutPlaces, !event.shiftKey),
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => setView(0, END),
  f: () => { follows = !follows; },
  "?": () => $("keys").showModal(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const on = event.target;
  if (on instanceof HTMLInputElement || on instanceof HTMLSelectElement) return;
  if (on instanceof HTMLButtonElement && event.key === " ") return; // presses the button
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(event);
});

const BUTTONS = {
  play: togglePlay,
  previous: KEYS.p,
  next: KEYS.n,
  "next-cut": () => jump(cutPlaces, true),
  in: KEYS["+"],
  out: KEYS["-"],
  fit: KEYS[0],
  help: KEYS["?"],
  close: () => $("keys").close(),
};
for (const [id, act] of Object.entries(BUTTONS)) $(id).addEventListener("click", act);
$("next-cut").disabled = !cuts.length;
$("speed").addEventListener("change", () => { sound.playbackRate = Number($("speed").value); });
$("filter").addEventListener("input", filterMoments);
$("moments").addEventListener("scroll", changed, { passive: true });
new ResizeObserver(changed).observe(document.body);

readColours();
makeHeader();
makeFigures();
makeTurns();
filterMoments();
